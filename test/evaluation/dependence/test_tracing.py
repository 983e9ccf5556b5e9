"""Causal tracing, checked on models whose answer is known to pass through one layer."""

import numpy as np
import pytest
import torch
from tiny_chat_models import save_llava
from tiny_vqa_model import save_blip

from vlm_robot.evaluation.dependence.answerers import load_answering
from vlm_robot.evaluation.dependence.plots import plot_traces
from vlm_robot.evaluation.dependence.traceable import traceable
from vlm_robot.evaluation.dependence.tracing import mean_by_layer, trace
from vlm_robot.types import InputError

IMAGE = np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llava")
    save_llava(folder, layers=4)
    return folder


@pytest.fixture(scope="module")
def blip_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blip")
    save_blip(folder)
    return folder


def silence(module):
    """What the module adds becomes nothing."""
    with torch.no_grad():
        for weights in module.parameters():
            weights.zero_()


@pytest.mark.parametrize("only", [1, 2])
def test_the_one_layer_that_moves_what_is_seen_is_found_in_a_chat_model(chat_folder, only):
    answering = load_answering(str(chat_folder))
    for number, layer in enumerate(answering.model.get_decoder().layers):
        if number != only:
            silence(layer.self_attn.o_proj)
    found = trace(traceable(answering, IMAGE, "is there a mug?", "Yes"))
    scores = found.scores["words"]
    assert found.tokens["words"][0] == "image"
    assert found.clean != pytest.approx(found.corrupt, rel=1e-3)
    before, after = slice(0, only), slice(only, None)
    assert scores[before, 0] == pytest.approx(1.0, abs=1e-3)  # still with the image's tokens
    assert scores[after, 0] == pytest.approx(0.0, abs=1e-3)
    assert scores[before, -1] == pytest.approx(0.0, abs=1e-3)
    assert scores[after, -1] == pytest.approx(1.0, abs=1e-3)  # has come to the last token
    assert scores[:, 1:-1] == pytest.approx(0.0, abs=1e-3)


def test_the_one_layer_that_looks_at_the_image_is_found_in_blip(blip_folder):
    answering = load_answering(str(blip_folder))
    model, looks, writes = answering.model, 1, 2
    for stack, only in (
        (model.text_encoder.encoder.layer, looks),
        (model.text_decoder.bert.encoder.layer, writes),
    ):
        for number, layer in enumerate(stack):
            if number != only:
                silence(layer.crossattention.output.dense)
    found = trace(traceable(answering, IMAGE, "is there a red circle ?", "yes"))
    question, answer = found.scores["question"], found.scores["answer"]
    assert found.tokens["question"][0] == "[CLS]"
    assert found.tokens["answer"] == ("[start]",)
    assert question[:looks] == pytest.approx(0.0, abs=1e-3)
    assert np.abs(question[looks:]).max() > 0.05
    assert answer[:writes, 0] == pytest.approx(0.0, abs=1e-3)
    assert answer[writes:, 0] == pytest.approx(1.0, abs=1e-3)


def test_a_model_that_does_not_look_gives_no_score(blip_folder):
    answering = load_answering(str(blip_folder))
    for layer in answering.model.text_encoder.encoder.layer:
        silence(layer.crossattention.output.dense)
    found = trace(traceable(answering, IMAGE, "is there a red circle ?", "yes"))
    assert np.isnan(found.scores["question"]).all()
    assert mean_by_layer([found]) == {}


def test_nothing_of_the_tracing_stays_in_the_model(chat_folder):
    answering = load_answering(str(chat_folder))
    ready = traceable(answering, IMAGE, "is there a mug?", "Yes")
    before = ready.probability()
    trace(ready, draws=1)
    assert ready.probability() == before


def test_heat_maps_are_drawn(blip_folder, tmp_path):
    answering = load_answering(str(blip_folder))
    found = trace(traceable(answering, IMAGE, "is there a red circle ?", "yes"), draws=1)
    plot_traces([("a", found), ("b", found)], tmp_path / "traces.png")
    assert (tmp_path / "traces.png").read_bytes().startswith(b"\x89PNG")


def test_an_answer_without_tokens_is_refused(blip_folder):
    with pytest.raises(InputError, match="nothing to trace"):
        traceable(load_answering(str(blip_folder)), IMAGE, "is there a red circle ?", "")
