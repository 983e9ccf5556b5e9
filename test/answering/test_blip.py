"""BLIP's plumbing against transformers' own, on a tiny random checkpoint."""

import json

import numpy as np
import pytest
import torch
from kitchen import FakeDetector, draw
from PIL import Image
from tiny_chat_models import save_blip
from transformers import AutoProcessor, BlipForQuestionAnswering

from vlm_robot.answering import AnswerCancelled, CancelToken, load_answerer
from vlm_robot.answering.loading import FITS_FILE, fitted_temperature, load_proposer
from vlm_robot.answering.proposal import FreeOptions
from vlm_robot.models.checkpoint import ModelError, find_checkpoint

OPEN, CLOSED = "what is the colour of the mug?", "is there a dog?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blip")
    save_blip(folder)
    return folder


@pytest.fixture(scope="module")
def proposer(folder):
    return load_proposer(
        find_checkpoint(str(folder)),
        device=torch.device("cpu"),
        dtype=torch.float32,
        options=FreeOptions(most_tokens=6),
        encoder=None,
    )


@pytest.fixture(scope="module")
def own(folder):
    """Transformers alone: its processor, its model and the inputs of a question."""
    processor = AutoProcessor.from_pretrained(folder)
    model = BlipForQuestionAnswering.from_pretrained(folder).eval()

    def inputs(question):
        image = Image.fromarray(draw().image)
        return processor(images=image, text=question, return_tensors="pt")

    return processor, model, inputs


def test_the_answer_is_transformers_own(proposer, own):
    processor, model, inputs = own
    tokens = model.generate(**inputs(OPEN), max_new_tokens=6)[0]
    found = proposer.propose(OPEN, draw(), cancel=CancelToken())
    assert found.text == processor.decode(tokens, skip_special_tokens=True)
    assert len(found.text) > 0


def test_options_chances_are_those_of_the_first_token(proposer, own):
    processor, model, inputs = own
    start = torch.tensor([[model.decoder_start_token_id]])
    with torch.inference_mode():
        given = inputs(CLOSED)
        seen = model.vision_model(pixel_values=given["pixel_values"])[0]
        asked = model.text_encoder(input_ids=given["input_ids"], encoder_hidden_states=seen)[0]
        logits = model.text_decoder(input_ids=start, encoder_hidden_states=asked).logits[0, -1]
    ids = processor.tokenizer.convert_tokens_to_ids(["yes", "no"])
    found = proposer.propose(CLOSED, draw(), cancel=CancelToken())
    assert found.probability == pytest.approx(float(logits[ids].softmax(0).max()), rel=1e-4)
    assert found.text in ("yes", "no")


def test_questions_on_one_frame_look_at_it_once(proposer):
    looked = []
    vision = proposer._model.vision_model
    hook = vision.register_forward_hook(lambda *_: looked.append(1))
    frame = draw()
    for question in (OPEN, CLOSED, OPEN):
        proposer.propose(question, frame, cancel=CancelToken())
    hook.remove()
    assert len(looked) == 1


def test_samples_are_answers_of_the_model(proposer):
    torch.manual_seed(0)
    drawn = proposer.sample(OPEN, draw(), count=5, cancel=CancelToken())
    assert len(drawn) == 5
    assert len(set(drawn)) > 1


def test_a_checkpoints_own_nucleus_does_not_narrow_samples(proposer, monkeypatch):
    decoder = proposer._model.text_decoder
    monkeypatch.setattr(decoder.generation_config, "top_p", 1e-6)
    torch.manual_seed(0)
    assert len(set(proposer.sample(OPEN, draw(), count=5, cancel=CancelToken()))) > 1


def test_of_a_question_that_is_too_long_the_beginning_counts(proposer):
    places = proposer._model.config.text_config.max_position_embeddings
    long = "what colour is the mug " * places
    assert proposer.propose(long, draw(), cancel=CancelToken()).text
    assert proposer.attention(long, draw()).shape == (2, 2)
    assert proposer.understood(long, draw().image).shape[1] == places


def test_attention_is_that_of_the_models_own_forward_pass(proposer, own):
    _, model, inputs = own
    given = inputs(OPEN)
    seen = model.vision_model(pixel_values=given["pixel_values"])[0]
    weights = []
    layer = model.text_encoder.encoder.layer[-1].crossattention
    layer.self.register_forward_hook(lambda _, __, output: weights.append(output[1]))
    model.text_encoder(input_ids=given["input_ids"], encoder_hidden_states=seen)
    places = weights[0][0, :, :, 1:].mean((0, 1)).detach().numpy()
    grid = proposer.attention(OPEN, draw())
    assert grid.shape == (2, 2)
    np.testing.assert_allclose(grid.ravel(), places / places.sum(), rtol=1e-4)


def test_a_cancel_ends_it_within_one_token(proposer):
    cancel = CancelToken()
    steps = []

    def count(*_):
        steps.append(1)
        cancel.cancel()

    hook = proposer._model.text_decoder.register_forward_pre_hook(count)
    with pytest.raises(AnswerCancelled):
        proposer.propose(OPEN, draw(), cancel=cancel)
    hook.remove()
    assert len(steps) == 1


def test_the_factory_loads_it_and_its_temperature(folder, encoder):
    (folder / FITS_FILE).write_text(json.dumps({"temperature": 2.5}))
    answerer = load_answerer(
        str(folder), detector=FakeDetector(), encoder=encoder, device="cpu", dtype="float32"
    )
    found = answerer.answer(CLOSED, draw(), cancel=CancelToken())
    assert found.text in ("yes", "no")
    assert fitted_temperature(find_checkpoint(str(folder))) == 2.5


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"temperature": "hot"}', '{"temperature": 0}']
)
def test_a_temperature_that_is_none(folder, content):
    (folder / FITS_FILE).write_text(content)
    with pytest.raises(ModelError, match="fit it again"):
        fitted_temperature(find_checkpoint(str(folder)))
    (folder / FITS_FILE).unlink()
