import json
import sys

import numpy as np
import pytest
from kitchen import VOCABULARY, FakeDetector
from rendered_scenes import write_scenes

from vlm_robot.answering import AnswerOptions
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.loading import FITS_FILE, fitted_temperature
from vlm_robot.answering.proposal import FreeOptions, Proposal
from vlm_robot.answering.trust import read_trust
from vlm_robot.evaluation import trust
from vlm_robot.evaluation.questions import Question, make_questions
from vlm_robot.evaluation.trust import Weighed, contradictions, fit, observe, write_trust
from vlm_robot.models.checkpoint import Checkpoint
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.shots import load_shots


class Yes:
    """Stands for a model that says yes to everything."""

    name = "yes"

    def propose(self, question, frame, *, cancel, on_text=None):
        return Proposal("yes", 0.7, None)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    return write_scenes(tmp_path_factory.mktemp("scenes"))


@pytest.fixture(scope="module")
def answerer():
    options = AnswerOptions(vocabulary=VOCABULARY)
    verifier = EvidenceAnswerer(FakeDetector(), options=options, encoder=SentenceEncoder())
    return CheckedAnswerer(Yes(), verifier=verifier, options=FreeOptions(second_look=0.0))


def test_answers_are_observed_that_both_have_a_say_in(answerer, scenes):
    shots = load_shots(scenes)
    questions = [q for q in make_questions(shots, seed=0, at_most=200) if q.form == "exists"]
    unclear = Question(0, "What is the meaning of this?", "exists", None)
    seen = observe(answerer, shots, [*questions, unclear])
    assert len(seen) == len(questions)
    assert all(w.right and w.own == 0.7 and w.evidence > 0.5 for w in seen)


def made(count, *, own, evidence, kind="Exists"):
    """Answers that are as often right as a logistic of both log-odds says."""
    pick = np.random.default_rng(0)
    odds = pick.normal(0.0, 2.0, (count, 2))
    right = pick.random(count) < 1 / (1 + np.exp(-odds @ [own, evidence]))
    chance = 1 / (1 + np.exp(-odds))
    return [Weighed(kind, *map(float, c), bool(r)) for c, r in zip(chance, right, strict=True)]


@pytest.mark.parametrize(("own", "evidence"), [(1.0, 0.2), (0.3, 1.0)])
def test_the_fit_finds_whom_to_believe(own, evidence):
    others = made(6000, own=evidence, evidence=own, kind="Colour")
    found = fit([*made(6000, own=own, evidence=evidence), *others])

    def weight(name, kind):
        return found[name] + found[f"{name}, {kind}"]

    for kind, ratio in (("Exists", evidence / own), ("Colour", own / evidence)):
        assert weight("evidence", kind) / weight("own", kind) == pytest.approx(ratio, rel=0.25)


def test_fewer_right_answers_are_contradicted_by_the_fit():
    weighed = made(2000, own=1.0, evidence=0.1)
    count, wrong = contradictions(weighed, None)
    fewer, still_wrong = contradictions(weighed, fit(weighed))
    assert fewer < count
    assert still_wrong / fewer > wrong / count + 0.2


def test_the_command_writes_the_fit(answerer, scenes, tmp_path, monkeypatch, capsys):
    file = tmp_path / "parts.json"
    file.write_text('{"scale": 2}')
    monkeypatch.setattr(trust, "load_answerer", lambda *_, **__: answerer)
    monkeypatch.setattr(
        sys, "argv", ["trust", "--scenes", str(scenes), "--questions", "60", "--into", str(file)]
    )
    trust.main()
    content = json.loads(file.read_text())
    assert content["scale"] == 2
    assert {"answer", "own", "evidence", "evidence, Exists"} <= set(content["trust"])
    assert json.dumps(content["trust"]) in capsys.readouterr().out


def test_a_checkpoint_without_fits_gets_a_file_that_the_backend_reads(tmp_path):
    write_trust(tmp_path / FITS_FILE, {"own": 0.5})
    assert read_trust(tmp_path / FITS_FILE) == {"own": 0.5}
    assert fitted_temperature(Checkpoint("mine", tmp_path, {})) == 1.0
