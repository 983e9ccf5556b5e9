import pytest
from kitchen import VOCABULARY, FakeDetector
from rendered_scenes import write_scenes

from vlm_robot.answering import AnswerOptions
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.proposal import FreeOptions, Proposal
from vlm_robot.evaluation.free_answers import (
    DESCRIBE,
    Told,
    ask,
    describe,
    f1,
    is_right,
    loose_questions,
    named,
    summary,
)
from vlm_robot.evaluation.questions import Expected, make_questions
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.shots import load_shots


class Scripted:
    """Says yes, and describes; sees nothing in a blank picture."""

    name = "scripted"

    def propose(self, question, frame, *, cancel, on_text=None):
        if question == DESCRIBE:
            return Proposal("A mug, two tables and a dog.", 0.9, None)
        return Proposal("Yes" if frame.image.std() > 1 else "No", 0.9, None)


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    return load_shots(write_scenes(tmp_path_factory.mktemp("scenes")))


@pytest.fixture(scope="module")
def verifier(encoder):
    detector = FakeDetector()
    return EvidenceAnswerer(detector, options=AnswerOptions(vocabulary=VOCABULARY), encoder=encoder)


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder()


@pytest.fixture(scope="module")
def answerer(verifier):
    return CheckedAnswerer(Scripted(), verifier=verifier, options=FreeOptions(second_look=0.0))


def test_every_question_is_asked_with_the_picture_and_with_none(answerer, shots):
    questions = [q for q in make_questions(shots, seed=0, at_most=200) if q.form == "exists"]
    told = ask(answerer, shots, questions)
    assert all(t.right and t.says_yes and not t.blank_right for t in told)
    assert summary(told, [], [])["gain over a blank picture"] == 1.0


@pytest.mark.parametrize(
    ("expected", "text", "right"),
    [
        (None, "I can't tell from this picture.", True),
        (None, "There is no mug here.", True),
        (None, "Red", False),
        (Expected("yes_no", "no"), "No", True),
        (Expected("word", "red", ("blue",)), "Red or blue", False),
    ],
    ids=["declined", "not there", "made up", "no", "both"],
)
def test_what_counts_as_right(expected, text, right):
    assert is_right(expected, text) is right


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A mug, two chairs and a table.", ["mug", "chair", "table"]),
        ("Nothing that I recognise.", ["nothing that i recognise"]),
        ("", []),
        ("a mug, a mug", ["mug"]),
    ],
)
def test_names_in_a_description(text, names):
    assert named(text) == names


def test_a_description_is_held_against_the_scene(answerer, verifier, shots):
    first, _, last = describe(answerer, verifier, shots)
    assert first.there.tolist() == [True, True, False]
    assert (first.seen, first.things) == (2, 4)
    assert (last.seen, last.things) == (2, 2)
    figures = summary([], [], [first])
    assert figures["description, precision"] == pytest.approx(2 / 3)
    assert figures["description, recall"] == 0.5
    assert figures["hallucinated names, before"] == 1


def test_f1_is_of_yes_before_or_after_the_check():
    told = [
        Told("exists", True, False, True, True),
        Told("exists", False, False, False, True),
        Told("absent, adversarial", False, False, True, False),
        Told("absent, adversarial", True, False, False, False),
    ]
    assert f1(told, checked=False) == 0.5
    assert f1(told, checked=True) == 1.0


def test_loose_questions_are_such_that_evidence_cant_parse(shots):
    questions = loose_questions(shots, 0)
    assert questions
    assert [q.text for q in questions] == [q.text for q in loose_questions(shots, 0)]
