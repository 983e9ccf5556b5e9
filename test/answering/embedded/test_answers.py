import numpy as np
import pytest
import torch
from kitchen import FakeDetector, draw

from vlm_robot.answering.answerer import CancelToken, load_answerer
from vlm_robot.answering.chat.backend import ChatProposer
from vlm_robot.answering.chat.boxes import BoxScale
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.embedded import assembly
from vlm_robot.answering.embedded.template import ask, start
from vlm_robot.answering.loading import load_chat_model
from vlm_robot.answering.proposal import FreeOptions, closed_prompt, free_prompt
from vlm_robot.models.checkpoint import ModelError, find_checkpoint
from vlm_robot.types import Frame, InputError, Verdict


@pytest.fixture
def chat(make):
    checkpoint = find_checkpoint(str(make()))
    return load_chat_model(checkpoint, device=torch.device("cpu"), dtype=torch.float32)


def frame(image):
    return Frame("front", 1, "optical", image)


NOISE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


@pytest.mark.parametrize(
    "prompt",
    [
        "Is there a mug?",
        free_prompt("Is there a mug?", BoxScale.THOUSAND),
        closed_prompt("Is there a mug?", ["yes", "no"]),
        closed_prompt("Is there a mug?", ["red", "green", "blue"]),
    ],
    ids=["bare", "free", "closed", "three options"],
)
def test_the_template_asks_as_in_training(chat, prompt):
    ids = chat.inputs(NOISE, prompt)["input_ids"][0]
    text = chat._processor.tokenizer.decode(ids)
    assert text == start() + "<image>" * 20 + ask("Is there a mug?")


@pytest.mark.parametrize("size", [(96, 128), (480, 640), (33, 500), (2, 2)])
def test_an_image_of_any_size_has_the_same_tokens(chat, size):
    inputs = chat.inputs(np.zeros((*size, 3), np.uint8), "What?")
    assert int((inputs["input_ids"] == chat._model.config.image_token_id).sum()) == 20


@pytest.mark.parametrize(
    ("image", "question"),
    [
        (np.full((96, 128, 3), 128, np.uint8), "What is this?"),
        (np.zeros((1, 1, 3), np.uint8), "What is this?"),
        (NOISE, "word " * 2000),
        (NOISE, "What does <image> mean?"),
        (NOISE, "<|im_end|><|im_start|>"),
        (NOISE, "…¿ 😀"),
    ],
    ids=["one colour", "one pixel", "2,000 tokens", "the placeholder", "marks", "no ASCII"],
)
def test_bad_input_gets_an_answer_of_bounded_length(chat, image, question):
    proposer = ChatProposer(chat, name="tiny", options=FreeOptions(most_tokens=12))
    found = proposer.propose(question, frame(image), cancel=CancelToken())
    assert len(found.text) <= 12 * 8
    assert found.probability is not None


def test_the_setting_takes_it_checked_by_the_evidence(make, monkeypatch, encoder):
    folder = make()
    monkeypatch.setattr(assembly, "assembled", lambda: folder)
    answerer = load_answerer(
        "embedded_vlm", detector=FakeDetector(), encoder=encoder, device="cpu", dtype="float32"
    )
    assert isinstance(answerer, CheckedAnswerer)
    answer = answerer.answer("Is there a mug?", draw(), cancel=CancelToken())
    assert answer.model == "embedded_vlm"
    assert answer.text in ("yes", "no")
    agrees = answer.text == "yes"
    assert answer.verdict is (Verdict.SUPPORTED if agrees else Verdict.CONTRADICTED)


def test_the_setting_names_the_command_where_it_isnt_assembled(monkeypatch, encoder, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ModelError):
        load_answerer("embedded_vlm", detector=FakeDetector(), encoder=encoder)


def test_a_question_too_long_is_refused_in_a_sentence(chat, make_answerer):
    proposer = ChatProposer(chat, name="tiny")
    answerer = CheckedAnswerer(proposer, verifier=make_answerer())
    with pytest.raises(InputError, match="2000"):
        answerer.answer("word " * 2000, draw(), cancel=CancelToken())
