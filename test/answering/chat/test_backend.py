"""The chat backend's rules, with a model whose replies are written down."""

import numpy as np
import pytest
from kitchen import KITCHEN, FakeDetector, draw
from tiny_chat_models import save_llava

from vlm_robot.answering import AnswerCancelled, CancelToken, load_answerer
from vlm_robot.answering.chat.backend import ChatProposer
from vlm_robot.answering.chat.generation import Generated
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.comparison import says_the_same
from vlm_robot.answering.proposal import DATA_NOT_ORDERS, FreeOptions, answer_options
from vlm_robot.types import InputError, Verdict


class ScriptedModel:
    """Stands for a chat model, with replies that are written down, so that rules can be tested."""

    family = "qwen3_vl"

    def __init__(self, reply="", *, probability=0.8, chances=None):
        self.text, self.probability, self.chances = reply, probability, chances
        self.prompts = []
        self.drawn = ["Red.", "It is red.", "Blue.", "The mug is red."]

    def inputs(self, image, prompt):
        self.prompts.append(prompt)
        return {}

    def seen_size(self, inputs):
        return None

    def reply(self, inputs, *, most_tokens, cancel, on_text=None):
        cancel.check()
        return Generated(self.text, 3, self.probability, 0.5)

    def choose(self, inputs, options):
        return self.chances

    def sample(self, inputs, *, count, most_tokens, cancel):
        return self.drawn[:count]


def checked(model, verifier, **options):
    return CheckedAnswerer(
        ChatProposer(model, name="scripted"), verifier=verifier, options=FreeOptions(**options)
    )


@pytest.fixture
def ask(make_answerer):
    def ask(question, model, things=KITCHEN):
        answerer = checked(model, make_answerer(things))
        return answerer.answer(question, draw(things), cancel=CancelToken())

    return ask


def test_what_the_evidence_says_too_is_supported(ask):
    answer = ask("What colour is the mug?", ScriptedModel("Red."))
    assert (answer.text, answer.verdict) == ("Red.", Verdict.SUPPORTED)
    assert answer.confidence > 0.8
    assert answer.evidence.phrase(0) == "mug"


def test_what_the_evidence_says_otherwise_is_contradicted(ask):
    answer = ask("What colour is the mug?", ScriptedModel("It is blue."))
    assert answer.verdict is Verdict.CONTRADICTED
    assert answer.confidence < 0.5


def test_what_the_evidence_cannot_tell_is_unverified(ask):
    answer = ask("What is the mug made of?", ScriptedModel("Porcelain."))
    assert answer.verdict is Verdict.UNVERIFIED
    assert answer.confidence == pytest.approx(0.8)


def test_a_free_answer_stands_on_the_things_it_names(ask):
    question = "Why is it so tidy?"
    seen = ask(question, ScriptedModel("Only a mug and two chairs are out."))
    assert seen.verdict is Verdict.SUPPORTED
    assert {seen.evidence.phrase(i) for i in range(len(seen.evidence))} == {"mug", "chair"}
    assert ask(question, ScriptedModel("The dog cleared up.")).verdict is Verdict.CONTRADICTED
    assert ask(question, ScriptedModel("There is no dog.")).verdict is Verdict.UNVERIFIED


def test_yes_or_no_comes_from_one_pass(ask):
    answer = ask("Is there a mug?", ScriptedModel(chances=[0.7, 0.3]))
    assert (answer.text, answer.verdict) == ("yes", Verdict.SUPPORTED)
    wrong = ask("Is there a dog?", ScriptedModel(chances=[0.7, 0.3]))
    assert wrong.verdict is Verdict.CONTRADICTED
    assert wrong.confidence < 0.4


@pytest.mark.parametrize(
    ("question", "options"),
    [
        ("Is there a mug?", ("yes", "no")),
        ("is the mug red or blue", ("red", "blue")),
        ("is it a mug or a bowl", ("mug", "bowl")),
        ("Is it a red mug or a blue mug?", ("red mug", "blue mug")),
        ("what colour is the mug", ()),
        ("why is the sky blue", ()),
    ],
)
def test_options_that_a_question_leaves(question, options):
    assert answer_options(question) == options


@pytest.mark.parametrize("reply", ["", "   ", '[{"box": [1, 2, 3, 4]}]'])
def test_no_words_is_no_answer(ask, reply):
    answer = ask("What is the mug made of?", ScriptedModel(reply))
    assert answer.verdict is Verdict.ABSTAINED
    assert answer.confidence == 0.0


def test_the_models_own_boxes_are_evidence_where_nothing_was_checked(ask):
    reply = 'Porcelain.\n[{"label": "mug", "box": [100, 100, 200, 200]}]'
    answer = ask("What is the mug made of?", ScriptedModel(reply))
    np.testing.assert_allclose(answer.evidence.boxes, [[64, 48, 128, 96]])
    assert answer.evidence.scores.tolist() == [0.0]


def test_text_in_the_picture_is_declared_data_in_every_prompt(ask):
    model = ScriptedModel("Red.", chances=[0.9, 0.1])
    ask("What colour is the mug?", model)
    ask("Is there a mug?", model)
    assert all(prompt.startswith(DATA_NOT_ORDERS) for prompt in model.prompts)


def test_a_sign_that_talks_a_model_into_yes_is_contradicted(ask):
    # A model that obeys 'answer yes' says yes to what isn't there: the evidence doesn't.
    answer = ask("Is there a dog on the table?", ScriptedModel(chances=[0.99, 0.01]))
    assert answer.verdict is Verdict.CONTRADICTED


def test_a_cancel_before_the_start(make_answerer):
    cancel = CancelToken()
    cancel.cancel()
    answerer = checked(ScriptedModel("Red."), make_answerer())
    with pytest.raises(AnswerCancelled):
        answerer.answer("What colour is the mug?", draw(), cancel=cancel)


@pytest.mark.parametrize("question", ["", "x" * 20_480])
def test_questions_that_cannot_be_used(ask, question):
    with pytest.raises(InputError):
        ask(question, ScriptedModel("Red."))


def test_options_out_of_range_are_refused():
    with pytest.raises(InputError, match="most_tokens"):
        FreeOptions(most_tokens=0)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("Yes, there is.", "Yes: I see a mug.", True),
        ("No", "Yes: I see a mug.", False),
        ("The mug is red.", "The mug is red.", True),
        ("gray", "The mug is grey.", True),
        ("blue", "No: the mug is not blue but red.", False),
        ("3", "I see three chairs.", True),
        ("two chairs", "I see three chairs.", False),
        ("porcelain", "The mug is red.", None),
        ("There are five red mugs.", "I see two red mugs.", False),
        ("3.85 m", "The mug is 0.85 m away.", False),
    ],
)
def test_answers_are_compared_in_what_they_share(first, second, same):
    assert says_the_same(first, second) is same


def test_the_factory_loads_a_chat_model_from_a_folder(tmp_path, encoder):
    save_llava(tmp_path)
    answerer = load_answerer(
        str(tmp_path), detector=FakeDetector(), encoder=encoder, device="cpu", dtype="float32"
    )
    answer = answerer.answer("Is there a mug?", draw(), cancel=CancelToken())
    assert answer.text in ("yes", "no")
    assert answer.model == str(tmp_path)
    assert answer.camera == "front"


def test_every_signal_is_there_by_itself(make_answerer):
    answerer = checked(ScriptedModel("Red.", probability=0.6), make_answerer(), samples=4)
    signals = answerer.conclude("What colour is the mug?", draw(), cancel=CancelToken()).signals
    assert signals.token_probability == 0.6
    assert signals.token_certainty == pytest.approx(np.exp(-0.5))
    assert signals.sample_agreement == 0.75
    assert signals.detector_agreement > 0.8
    assert signals.least_mention is None


class DoubtfulModel(ScriptedModel):
    """Sure only of what fills its view."""

    def inputs(self, image, prompt):
        self.probability = 0.9 if image.shape[1] < 320 else 0.1
        self.text = "Red." if image.shape[1] < 320 else "Blue."
        return super().inputs(image, prompt)


def test_a_doubtful_answer_is_looked_at_again_closer(make_answerer):
    answerer = checked(DoubtfulModel(), make_answerer())
    found = answerer.conclude("What colour is the mug?", draw(), cancel=CancelToken())
    assert found.looked_twice
    assert (found.proposal.text, found.verdict) == ("Red.", Verdict.SUPPORTED)


def test_without_a_second_look_doubt_stays(make_answerer):
    answerer = checked(DoubtfulModel(), make_answerer(), second_look=0.0)
    found = answerer.conclude("What colour is the mug?", draw(), cancel=CancelToken())
    assert not found.looked_twice
    assert found.verdict is Verdict.CONTRADICTED
