"""The fitted confidence: which signals it rests on, and what it makes of them."""

import numpy as np
import pytest

from vlm_robot.answering import queries as q
from vlm_robot.answering.confidence import fitted, signals
from vlm_robot.answering.reasoning import Finding
from vlm_robot.types import Detections

CUP = q.Noun("cup")


def detections(*scores):
    boxes = np.tile(np.array([[0, 0, 10, 10]], np.float32), (len(scores), 1))
    return Detections(
        boxes, np.array(scores, np.float32), np.zeros(len(scores), np.int64), ("cup",)
    )


def test_the_form_of_the_question_and_its_answer_are_a_signal():
    yes = signals(q.Exists(CUP), Finding("", 0.9, 1.0, (0,), yes=True), detections(0.5))
    no = signals(q.Exists(CUP), Finding("", 0.9, 1.0, (), yes=False), detections())
    assert "Exists, yes" in yes
    assert "Exists, no" in no
    assert "Count" in signals(q.Count(CUP), Finding("", 1.0, 0.6, ()), detections())


def test_signals_of_evidence_are_of_the_boxes_that_the_answer_rests_on():
    found = signals(q.Count(CUP), Finding("", 1.0, 0.6, (1, 2)), detections(0.9, 0.5, 0.2))
    assert found["best score"] == pytest.approx(np.log(9), abs=1e-6)
    assert found["strongest evidence"] == pytest.approx(0.0, abs=1e-6)
    assert found["weakest evidence"] == pytest.approx(np.log(0.25), abs=1e-6)
    assert found["boxes"] == pytest.approx(np.log(4))


def test_no_box_and_certainty_give_finite_signals():
    found = signals(q.Exists(CUP), Finding("", 1.0, 0.0, (), yes=False), detections())
    assert np.isfinite(list(found.values())).all()


def test_a_signal_without_a_weight_counts_for_nothing():
    assert fitted({"answer": np.log(3)}, {"answer": 1.0, "unheard of": 9.0}) == pytest.approx(0.75)
