import cv2
import numpy as np
import pytest
from rendered_scenes import write_scenes

from vlm_robot.evaluation.answers import (
    Record,
    TrueBoxes,
    auroc,
    hits,
    plot_risk,
    pope,
    report,
    risk_coverage,
)
from vlm_robot.evaluation.questions import Expected, make_questions
from vlm_robot.training.shots import load_shots
from vlm_robot.types import InputError


@pytest.fixture
def scenes(tmp_path):
    return write_scenes(tmp_path)


def test_questions_are_the_same_for_the_same_seed(scenes):
    shots = load_shots(scenes)
    first, again = (make_questions(shots, seed=3, at_most=60) for _ in range(2))
    assert [(q.text, q.expected) for q in first] == [(q.text, q.expected) for q in again]
    other = make_questions(shots, seed=4, at_most=60)
    assert [q.text for q in first] != [q.text for q in other]


def test_questions_cover_every_form_and_their_truth_is_that_of_the_scene(scenes):
    shots = load_shots(scenes)
    questions = [q for seed in range(8) for q in make_questions(shots, seed=seed, at_most=500)]
    assert {"exists", "absent, random", "absent, popular", "absent, adversarial", "count",
            "compare counts", "colour", "colour choice", "colour yes or no", "coloured thing",
            "left or right", "in front or behind", "nearer", "distance", "on", "and, or",
            "unanswerable", "premise not there"} <= {q.form for q in questions}  # fmt: skip
    for question in questions:
        if question.form == "exists":
            assert any(t.kind in question.text for t in shots[question.shot].things)
        if question.form.startswith("absent"):
            assert not any(t.kind in question.text for t in shots[question.shot].things)
            assert question.expected == Expected("yes_no", "no")
        if question.form in ("unanswerable", "premise not there"):
            assert question.expected is None


def test_scenes_without_depth_are_refused(tmp_path):
    with pytest.raises(InputError, match="render scenes into it first"):
        load_shots(tmp_path)


@pytest.mark.parametrize(
    ("expected", "right", "wrong"),
    [
        (Expected("yes_no", "yes"), "Yes: I see a mug.", "No: I see no mug."),
        (Expected("count", "2"), "I see two chairs.", "I see three chairs."),
        (Expected("count", "0"), "I see no chairs.", "I see one chair."),
        (Expected("word", "red", ("blue",)), "The mug is red.", "The mug is not blue but red."),
        (Expected("metres", "2.0"), "The mug is 2.20 m away.", "The mug is 2.40 m away."),
    ],
)
def test_an_answer_is_right_by_what_it_says(expected, right, wrong):
    assert expected.matches(right)
    assert not expected.matches(wrong)


def test_hits_take_half_of_the_union():
    box = np.array([[0, 0, 10, 10]], np.float32)
    assert hits(np.array([[0, 0, 10, 8]], np.float32), box)
    assert not hits(np.array([[5, 5, 15, 15]], np.float32), box)
    assert not hits(np.zeros((0, 4), np.float32), box)


def test_auroc_counts_pairs_in_order():
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    assert auroc(scores, np.array([True, False, True, False])) == pytest.approx(0.75)
    assert auroc(np.ones(4), np.array([True, False, True, False])) == pytest.approx(0.5)
    assert np.isnan(auroc(scores, np.ones(4, bool)))


def record(form="exists", *, text="Yes: I see a mug.", answered=True, right=True, confidence=0.9):
    return Record(
        form, "?", text, "SUPPORTED", "", form != "unanswerable", answered, right,
        None, 0.1, confidence, confidence, 1.0, confidence, 0,
    )  # fmt: skip


def test_pope_counts_what_is_not_answered_as_no():
    records = [
        record(),
        record(text="I can't tell.", answered=False),
        record("absent, random", text="Yes: I see a dog."),
        record("absent, random", text="No: I see no dog."),
    ]
    figures = pope(records, "random")
    assert figures["precision"] == figures["recall"] == figures["F1"] == 0.5
    assert figures["questions"] == 4


def test_risk_falls_where_confidence_is_honest():
    records = [record(right=k >= 5, confidence=k / 10) for k in range(10)]
    risks = dict(risk_coverage(records, "confidence"))
    assert risks[0.5] == 0.0
    assert risks[1.0] == 0.5


def test_the_curves_of_a_telling_signal_and_an_idle_one_are_drawn_apart(tmp_path):
    honest = [record(right=k >= 5, confidence=k / 10) for k in range(10)]
    idle = [record(right=k % 2 == 0, confidence=0.5) for k in range(10)]
    pictures = []
    for name, records in (("honest", honest), ("idle", idle)):
        plot_risk(records, tmp_path / f"{name}.png")
        pictures.append(cv2.imread(str(tmp_path / f"{name}.png")))
    assert min(picture.std() for picture in pictures) > 5
    assert not np.array_equal(*pictures)


def test_the_report_names_every_form():
    records = [
        record(),
        record("absent, random", right=False),
        record("unanswerable", answered=False),
    ]
    text = report(records)
    assert "| exists | 1 | 1.000 | 1.000 |" in text
    assert "| unanswerable | 1 | 0.000 | - |" in text


def test_true_boxes_give_what_a_phrase_is_true_of(scenes):
    from vlm_robot.detection.detector import DetectionOptions
    from vlm_robot.detection.prompts import prompt_set

    truth = TrueBoxes()
    truth.shot = load_shots(scenes)[0]
    (found,) = truth.detect(
        [truth.shot.frame().image],
        truth.encode(prompt_set(["mug", "dog"], threshold=0.1)),
        DetectionOptions(),
    )
    assert [found.phrase(i) for i in range(len(found))] == ["mug"]
    np.testing.assert_array_equal(found.boxes, [[100, 110, 130, 150]])
