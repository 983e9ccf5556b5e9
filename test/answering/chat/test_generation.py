"""The chat model's plumbing against transformers' own, on tiny random checkpoints."""

import time

import numpy as np
import pytest
import torch
from tiny_chat_models import CHAT_SAVERS, NEED_TORCHVISION
from transformers import AutoModelForImageTextToText, AutoProcessor

from vlm_robot.answering import AnswerCancelled, CancelToken, DeadlineExceeded
from vlm_robot.answering.chat.generation import within
from vlm_robot.answering.loading import load_chat_model
from vlm_robot.models.checkpoint import ModelError, find_checkpoint

IMAGE = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
PROMPT = "What is on the table?"


@pytest.fixture(scope="module", params=sorted(CHAT_SAVERS))
def folder(request, tmp_path_factory):
    if request.param in NEED_TORCHVISION:
        pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    folder = tmp_path_factory.mktemp(request.param)
    CHAT_SAVERS[request.param](folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return load_chat_model(
        find_checkpoint(str(folder)), device=torch.device("cpu"), dtype=torch.float32
    )


def own_tokens(folder, most):
    """What transformers alone writes: its processor, its template, its greedy generation."""
    from PIL import Image

    processor = AutoProcessor.from_pretrained(folder)
    plain = AutoModelForImageTextToText.from_pretrained(folder).eval()
    messages = [
        {
            "role": "user",
            "content": [
                {"type": "image", "image": Image.fromarray(IMAGE)},
                {"type": "text", "text": PROMPT},
            ],
        }
    ]
    inputs = processor.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    written = plain.generate(**inputs, max_new_tokens=most, do_sample=False)
    return processor, written[0, inputs["input_ids"].shape[1] :]


def test_the_reply_is_transformers_own(folder, model):
    processor, tokens = own_tokens(folder, 12)
    reply = model.reply(model.inputs(IMAGE, PROMPT), most_tokens=12, cancel=CancelToken())
    assert reply.text == processor.decode(tokens, skip_special_tokens=True).strip()
    assert reply.tokens == len(tokens)


def test_probability_and_entropy_are_those_of_the_tokens(folder, model):
    inputs = model.inputs(IMAGE, PROMPT)
    reply = model.reply(inputs, most_tokens=5, cancel=CancelToken())
    plain = AutoModelForImageTextToText.from_pretrained(folder).eval()
    made = plain.generate(
        **inputs, max_new_tokens=5, do_sample=False, return_dict_in_generate=True,
        output_logits=True,
    )  # fmt: skip
    logs = torch.stack(made.logits)[:, 0].log_softmax(-1)
    tokens = made.sequences[0, inputs["input_ids"].shape[1] :]
    mean = logs.gather(1, tokens[:, None]).mean().exp()
    assert reply.probability == pytest.approx(float(mean), rel=1e-4)
    assert reply.entropy == pytest.approx(float(-(logs.exp() * logs).sum(-1).mean()), rel=1e-4)


def test_streamed_pieces_make_the_reply(model):
    pieces = []
    reply = model.reply(
        model.inputs(IMAGE, PROMPT), most_tokens=12, cancel=CancelToken(), on_text=pieces.append
    )
    assert " ".join(reply.text.split()).startswith("".join(pieces).strip())


def test_a_cancel_ends_generation_within_one_token(model):
    cancel = CancelToken()
    steps = []
    inputs = model.inputs(IMAGE, PROMPT)

    def count(*_):
        steps.append(1)
        if len(steps) == 3:
            cancel.cancel()

    hook = model._model.register_forward_pre_hook(count)
    try:
        with pytest.raises(AnswerCancelled):
            model.reply(inputs, most_tokens=200, cancel=cancel)
    finally:
        hook.remove()
    assert len(steps) == 3


def test_the_deadline_ends_generation(model):
    inputs = model.inputs(IMAGE, PROMPT)
    model.reply(inputs, most_tokens=2, cancel=CancelToken())
    slow = model._model.register_forward_hook(lambda *_: time.sleep(0.05))
    start = time.monotonic()
    try:
        with pytest.raises(DeadlineExceeded):
            model.reply(inputs, most_tokens=100_000, cancel=CancelToken.after(0.2))
    finally:
        slow.remove()
    assert time.monotonic() - start < 5.0


def test_options_probabilities_add_up_and_follow_the_logits(folder, model):
    inputs = model.inputs(IMAGE, PROMPT)
    chances = model.choose(inputs, ("yes", "no"))
    assert sum(chances) == pytest.approx(1.0)
    plain = AutoModelForImageTextToText.from_pretrained(folder).eval()
    tokenizer = AutoProcessor.from_pretrained(folder).tokenizer
    ids = {w: tokenizer.convert_tokens_to_ids(w) for w in ("yes", "Yes", "no", "No")}
    with torch.inference_mode():
        last = plain(**inputs).logits[0, -1].softmax(-1)
    yes, no = (float(last[ids[w]] + last[ids[w.capitalize()]]) for w in ("yes", "no"))
    assert chances[0] == pytest.approx(yes / (yes + no), rel=1e-4)


def test_samples_are_drawn_at_random_and_end_on_a_cancel(model):
    torch.manual_seed(0)
    inputs = model.inputs(IMAGE, PROMPT)
    drawn = model.sample(inputs, count=3, most_tokens=6, cancel=CancelToken())
    assert len(set(drawn)) == 3
    cancel = CancelToken()
    hook = model._model.register_forward_pre_hook(lambda *_: cancel.cancel())
    with pytest.raises(AnswerCancelled):
        model.sample(inputs, count=3, most_tokens=6, cancel=cancel)
    hook.remove()


def test_a_checkpoints_own_nucleus_does_not_narrow_samples(model, monkeypatch):
    monkeypatch.setattr(model._model.generation_config, "top_p", 1e-6)
    torch.manual_seed(0)
    drawn = model.sample(model.inputs(IMAGE, PROMPT), count=3, most_tokens=6, cancel=CancelToken())
    assert len(set(drawn)) > 1


def test_questions_on_one_image_share_its_features(folder):
    model = load_chat_model(
        find_checkpoint(str(folder)), device=torch.device("cpu"), dtype=torch.float32
    )
    looked = []
    inner = model._model.model
    tower = getattr(inner, "vision_tower", None) or getattr(inner, "vision_model", inner)
    tower = getattr(inner, "visual", tower)
    tower.register_forward_hook(lambda *_: looked.append(1))
    first = model.reply(model.inputs(IMAGE, PROMPT), most_tokens=4, cancel=CancelToken())
    again = model.reply(model.inputs(IMAGE, PROMPT), most_tokens=4, cancel=CancelToken())
    assert (first.text, len(looked)) == (again.text, 1)
    model.reply(model.inputs(255 - IMAGE, PROMPT), most_tokens=4, cancel=CancelToken())
    assert len(looked) == 2


def test_options_that_begin_alike_are_not_told_apart_by_one_pass(model):
    assert model.choose(model.inputs(IMAGE, PROMPT), ("left of", "left behind")) is None


def test_a_folder_that_is_no_chat_model_is_told_so(tmp_path):
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
        intermediate_size=8,
    )  # fmt: skip
    BertModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="image-text-to-text"):
        load_chat_model(
            find_checkpoint(str(tmp_path)), device=torch.device("cpu"), dtype=torch.float32
        )


def test_the_budget_bounds_the_pixels():
    image = np.zeros((480, 640, 3), np.uint8)
    assert within(image, 640 * 480) is image
    small = within(image, 10_000)
    assert small.shape[0] * small.shape[1] <= 10_000
    assert small.shape[1] / small.shape[0] == pytest.approx(4 / 3, rel=0.03)


def test_the_stream_leaves_out_the_boxes_and_half_characters(folder):
    from vlm_robot.answering.chat.generation import _Streamer

    processor = AutoProcessor.from_pretrained(folder)
    pieces = []
    streamer = _Streamer(processor, pieces.append)
    streamer.put(torch.tensor([[1, 2, 3]]))  # the prompt
    for token in processor.tokenizer('Ein Küchentisch.\n[{"box": [1, 2, 3, 4]}]')["input_ids"]:
        streamer.put(torch.tensor([token]))
    streamer.end()
    assert "".join(pieces) == "Ein Küchentisch."
    assert all("\ufffd" not in piece for piece in pieces)
