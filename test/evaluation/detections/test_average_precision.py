"""Average precision of phrases, against cases worked by hand."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from vlm_robot.evaluation.detections.average_precision import average_precision
from vlm_robot.evaluation.detections.calibration import best_f1, expected_error, fit, right
from vlm_robot.evaluation.detections.corruptions import NAMES, corrupt, moved
from vlm_robot.evaluation.detections.report import table
from vlm_robot.evaluation.detections.seen import Named, without_ignored
from vlm_robot.training.dataset import Scene

BOXES = np.array([[0, 0, 10, 10], [20, 20, 40, 40]], np.float32)
NO_BOXES = np.zeros((0, 4), np.float32)
TRUTH = np.array([[True, False], [False, True]])


def scene(boxes: np.ndarray = BOXES, ignored: np.ndarray = NO_BOXES) -> Scene:
    names = tuple("ab"[: len(boxes)])
    return Scene(Path("x.jpg"), boxes, names, ignored, np.ones(len(boxes), np.float32))


def named(boxes: list[list[float]], scores: list[float], labels: list[int]) -> Named:
    return Named(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(labels)
    )


def test_right_boxes_give_one() -> None:
    found = named(BOXES.tolist(), [0.9, 0.8], [0, 1])
    precision = average_precision([scene()], [found], [TRUTH], every_iou=True)
    assert precision.ap50 == pytest.approx(1.0)
    assert precision.ap == pytest.approx(1.0)
    assert precision.phrases == 2


def test_a_better_scored_lie_halves_precision() -> None:
    found = named([[20, 20, 40, 40], [0, 0, 10, 10]], [0.9, 0.5], [0, 0])
    precision = average_precision([scene()], [found], [TRUTH])
    assert precision.by_phrase[0] == pytest.approx(0.5)
    assert precision.by_phrase[1] == pytest.approx(0.0)


def test_an_excused_object_counts_neither_way() -> None:
    found = named([[20, 20, 40, 40], [0, 0, 10, 10]], [0.9, 0.5], [0, 0])
    excused = np.array([[False, False], [True, False]])
    precision = average_precision([scene()], [found], [TRUTH], [excused])
    assert precision.by_phrase[0] == pytest.approx(1.0)


def test_a_phrase_without_objects_is_not_measured() -> None:
    truth = np.array([[True, False], [True, False]])
    found = named(BOXES.tolist(), [0.9, 0.8], [0, 0])
    precision = average_precision([scene()], [found], [truth])
    assert precision.phrases == 1
    assert np.isnan(precision.by_phrase[1])


def test_boxes_in_ignored_regions_are_left_out_unless_on_an_object() -> None:
    some = scene(ignored=np.array([[0, 0, 60, 60]], np.float32))
    found = named([[0, 0, 10, 10], [45, 45, 55, 55]], [0.9, 0.8], [0, 0])
    assert without_ignored(found, some).scores.tolist() == pytest.approx([0.9])


def test_the_second_box_on_an_object_is_wrong() -> None:
    found = named([[0, 0, 10, 10], [0, 0, 10, 11], [20, 20, 40, 40]], [0.5, 0.9, 0.7], [0, 0, 0])
    assert right(found, BOXES, TRUTH).tolist() == [False, True, False]


def test_a_fit_calibrates_scores_that_say_too_much() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    correct = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 1)))
    scores = 1 / (1 + np.exp(-logits))
    slope, offset = fit(scores, correct)
    assert (slope, offset) == pytest.approx((0.5, -1.0), abs=0.06)
    after = 1 / (1 + np.exp(-(slope * logits + offset)))
    assert expected_error(scores, correct) > 0.15
    assert expected_error(after, correct) < 0.02


def test_expected_error_by_hand() -> None:
    scores = np.array([0.9, 0.9, 0.1, 0.1])
    correct = np.array([True, False, False, False])
    assert expected_error(scores, correct) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)


def test_the_best_f1_keeps_the_right_and_drops_the_wrong() -> None:
    scores = np.array([0.9, 0.8, 0.3, 0.2])
    assert best_f1(scores, np.array([True, True, False, False]), 2) == pytest.approx(0.8)


@pytest.mark.parametrize("name", NAMES)
def test_a_stronger_corruption_changes_more(name: str) -> None:
    image = np.kron(np.random.default_rng(0).integers(0, 256, (12, 16, 3)), np.ones((8, 8, 1)))
    image = image.astype(np.uint8)
    change = [np.abs(corrupt(image, name, s, 0).astype(float) - image).mean() for s in (1, 5)]
    assert 0 < change[0] < change[1]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strength", [1, 5])
def test_a_box_moves_with_what_is_in_it(strength: int, seed: int) -> None:
    image = np.zeros((240, 320, 3), np.uint8)
    cv2.ellipse(image, (210, 150), (40, 20), 0, 0, 360, (255, 255, 255), -1)
    box = np.array([[170, 130, 250, 170]], np.float32)
    turned = corrupt(image, "tilt", strength, seed)
    x, y, width, height = cv2.boundingRect((turned[..., 0] > 127).astype(np.uint8))
    there = moved(box, (320, 240), "tilt", strength, seed)
    assert np.allclose(there, [[x, y, x + width, y + height]], atol=2)
    assert np.array_equal(moved(box, (320, 240), "noise", strength, seed), box)


def test_the_table_says_what_is_met() -> None:
    text = table({"known_ap50": 0.91, "wrong_names": 0.2})
    assert "| 0.910 | yes |" in text
    assert "| 0.200 | no |" in text
