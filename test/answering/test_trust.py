"""How a model's probability and the evidence's become one, and who may overrule whom."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kitchen import FakeDetector, draw
from tiny_chat_models import save_llava

from vlm_robot.answering import CancelToken
from vlm_robot.answering.answerer import load_answerer
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.loading import FITS_FILE
from vlm_robot.answering.proposal import Proposal
from vlm_robot.answering.scene import Rule
from vlm_robot.answering.signals import Signals
from vlm_robot.answering.trust import joined, kind_of, read_trust
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.types import Verdict

EVEN = {"answer": 0.0, "own": 1.0, "evidence": 1.0}
OWN = {"answer": 0.0, "own": 1.0, "evidence": 0.0}
QUESTION = "Is there a dog?"
chances = st.floats(0.01, 0.99)


@pytest.mark.parametrize(
    ("signals", "confidence"),
    [
        (Signals(), 0.0),
        (Signals(token_probability=0.8), 0.8),
        (Signals(sample_agreement=0.6), 0.6),
        (Signals(detector_agreement=0.7), 0.7),
        (Signals(token_probability=0.8, sample_agreement=0.1), 0.8),
        (Signals(token_probability=0.8, detector_agreement=0.5), 0.8),
        (Signals(token_probability=0.8, detector_agreement=0.2), 0.5),
        (Signals(token_probability=1.0, detector_agreement=0.0), 0.0),
    ],
)
def test_without_a_fit_the_two_are_taken_as_independent(signals, confidence):
    assert joined(signals, QUESTION) == pytest.approx(confidence)


@given(own=chances, evidence=chances)
def test_weights_of_one_are_independence(own, evidence):
    signals = Signals(token_probability=own, detector_agreement=evidence)
    assert joined(signals, QUESTION, EVEN) == pytest.approx(joined(signals, QUESTION), abs=1e-6)


@pytest.mark.parametrize(
    ("signals", "confidence"),
    [
        (Signals(token_probability=0.8, detector_agreement=0.1), 0.8),
        (Signals(token_probability=0.8), 0.8),
        (Signals(detector_agreement=0.7), 0.7),
        (Signals(sample_agreement=0.8, detector_agreement=0.2), 0.5),
    ],
    ids=["both", "no evidence", "no probability", "samples, which weren't fitted"],
)
def test_a_fit_weighs_the_models_own_probability_only(signals, confidence):
    assert joined(signals, QUESTION, OWN) == pytest.approx(confidence)


def test_a_kind_of_question_may_have_weights_besides():
    signals = Signals(token_probability=0.8, detector_agreement=0.1)
    trust = {"own": 0.5, "own, Exists": 0.5}
    assert joined(signals, QUESTION, trust) == pytest.approx(0.8)
    assert joined(signals, "What colour is the dog?", trust) < 0.7


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        (QUESTION, "Exists"),
        ("What color is the mug?", "ColourOf"),
        ("Is there a mug? Is there a dog?", ""),
        ("Mug, where art thou", ""),
    ],
)
def test_a_questions_kind_is_its_querys(question, kind):
    assert kind_of(question) == kind


class Says:
    """Stands for a model that answers yes, this sure of it."""

    name = "says"

    def __init__(self, sure):
        self._sure = sure

    def propose(self, question, frame, *, cancel, on_text=None):
        return Proposal("yes", self._sure, 0.0)


@pytest.mark.parametrize(
    ("sure", "trust", "rule"),
    [
        (0.99, None, Rule.DISAGREES),
        (0.99, OWN, Rule.OUTWEIGHED),
        (0.4, OWN, Rule.DISAGREES),
    ],
    ids=["not fitted", "fitted and sure", "fitted and unsure"],
)
def test_only_a_model_whose_trust_was_fitted_outweighs_the_evidence(
    make_answerer, sure, trust, rule
):
    answerer = CheckedAnswerer(Says(sure), verifier=make_answerer(), trust=trust)
    found = answerer.conclude(QUESTION, draw(), cancel=CancelToken())
    assert found.verification.rule is rule


def test_an_outweighed_objection_leaves_the_answer_unverified(make_answerer):
    answerer = CheckedAnswerer(Says(0.99), verifier=make_answerer(), trust=OWN)
    answer = answerer.answer(QUESTION, draw(), cancel=CancelToken())
    assert answer.verdict is Verdict.UNVERIFIED
    assert answer.confidence == pytest.approx(0.99)


def test_a_checkpoints_folder_may_hold_the_fit(tmp_path, encoder):
    save_llava(tmp_path)
    (tmp_path / FITS_FILE).write_text(json.dumps({"temperature": 1.0, "trust": OWN}))
    answerer = load_answerer(
        str(tmp_path), detector=FakeDetector(), encoder=encoder, device="cpu", dtype="float32"
    )
    found = answerer.conclude(QUESTION, draw(), cancel=CancelToken())
    assert np.isclose(found.confidence, found.signals.token_probability, atol=0.002)


@pytest.mark.parametrize("content", ["{}", '{"temperature": 2.0}', '{"trust": null}', None])
def test_where_none_was_fitted(tmp_path, content):
    file = tmp_path / FITS_FILE
    if content is not None:
        file.write_text(content)
    assert read_trust(file) is None


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"trust": 1}', '{"trust": {"answer": "much"}}'],
    ids=["empty", "no mapping", "a number", "a word"],
)
def test_a_fit_that_is_none(tmp_path, content):
    file = tmp_path / FITS_FILE
    file.write_text(content)
    with pytest.raises(ModelError, match="isn't numbers by name: fit it again"):
        read_trust(file)
