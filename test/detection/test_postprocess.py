import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.postprocess import MOST_COMPARED, detections, iou_matrix, nms
from vlm_robot.detection.prompts import prompt_set

PROMPTS = prompt_set(["chair", "table"], threshold=0.1, version=7)


def greedy(boxes, iou_threshold, groups):
    """Textbook NMS, box by box: what the vectorised one must equal."""
    kept: list[int] = []
    for i in range(len(boxes)):
        rivals = [j for j in kept if groups is None or groups[i] == groups[j]]
        overlaps = iou_matrix(boxes[[i]], boxes[rivals])[0]
        if not (overlaps > iou_threshold).any():
            kept.append(i)
    return kept


@st.composite
def box_lists(draw):
    corners = draw(hnp.arrays(np.int8, (draw(st.integers(0, 25)), 4), elements=st.integers(0, 12)))
    low, high = (
        np.minimum(corners[:, :2], corners[:, 2:]),
        np.maximum(corners[:, :2], corners[:, 2:]),
    )
    return np.concatenate([low, high], axis=1).astype(np.float32)


@given(box_lists(), st.floats(0, 1), st.booleans())
def test_nms_is_greedy_nms(boxes, iou_threshold, grouped):
    groups = np.arange(len(boxes)) % 3 if grouped else None
    assert np.flatnonzero(nms(boxes, iou_threshold, groups)).tolist() == greedy(
        boxes, iou_threshold, groups
    )


@given(box_lists())
def test_iou_is_symmetric_and_one_with_itself(boxes):
    overlaps = iou_matrix(boxes, boxes)
    np.testing.assert_allclose(overlaps, overlaps.T)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    np.testing.assert_allclose(np.diag(overlaps), solid.astype(np.float32))


TWO_ON_ONE = np.array([[10, 10, 50, 50], [11, 10, 50, 50], [60, 10, 90, 50]], np.float32)
SCORES = np.array([0.5, 0.9, 0.4], np.float32)


@pytest.mark.parametrize(
    ("labels", "options", "kept"),
    [
        pytest.param([0, 0, 0], DetectionOptions(), [1, 2], id="same phrase: the weaker goes"),
        pytest.param([0, 1, 0], DetectionOptions(), [1, 0, 2], id="other phrase: both stay"),
        pytest.param(
            [0, 1, 0], DetectionOptions(class_agnostic_nms=True), [1, 2], id="class-agnostic"
        ),
        pytest.param([0, 0, 0], DetectionOptions(nms_iou=1.0), [1, 0, 2], id="nms off"),
        pytest.param([0, 0, 0], DetectionOptions(max_detections=1), [1], id="only the best"),
    ],
)
def test_options_say_which_boxes_stay_best_first(labels, options, kept):
    found = detections(
        TWO_ON_ONE, SCORES, np.array(labels), size=(100, 80), prompts=PROMPTS, options=options
    )
    np.testing.assert_array_equal(found.boxes, TWO_ON_ONE[kept])
    np.testing.assert_array_equal(found.scores, SCORES[kept])
    np.testing.assert_array_equal(found.labels, np.array(labels)[kept])


def test_boxes_are_cut_at_the_edge_and_those_outside_go():
    boxes = np.array([[-5, -5, 20, 20], [90, 70, 120, 200], [0, 80, 40, 120]], np.float32)
    found = detections(
        boxes, SCORES, np.zeros(3, int), size=(100, 80), prompts=PROMPTS, options=DetectionOptions()
    )
    assert found.boxes.tolist() == [[90, 70, 100, 80], [0, 0, 20, 20]]


def test_more_boxes_are_kept_than_nms_compares_when_that_is_asked():
    count = MOST_COMPARED + 500
    corner = np.arange(count, dtype=np.float32)[:, None]
    boxes = np.concatenate([corner, corner, corner + 1, corner + 1], axis=1)
    found = detections(
        boxes,
        np.linspace(1, 0.5, count, dtype=np.float32),
        np.zeros(count, int),
        size=(count, count),
        prompts=PROMPTS,
        options=DetectionOptions(max_detections=count),
    )
    assert len(found) == count


def test_results_carry_the_prompt_sets_phrases_and_version():
    none = np.zeros((0, 4), np.float32)
    found = detections(
        none,
        none[:, 0],
        np.zeros(0, int),
        size=(10, 10),
        prompts=PROMPTS,
        options=DetectionOptions(),
    )
    assert (len(found), found.phrases, found.prompt_version) == (0, ("chair", "table"), 7)
