"""A chat model at work: its prompt, its tokens one by one, and how sure it is of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image as Pictures
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.chat.boxes import answer_part
from vlm_robot.types import Image

ROUNDS, LONGEST_ROUND = 4, 24
"""A phrase of so many tokens at most, so many times in a row, is no answer any more."""
_LEAST_REPEATED = 8


class Generated(NamedTuple):
    """A reply.

    Attributes:
        text: without special tokens.
        tokens: how many the model wrote.
        probability: geometric mean of their probabilities at the temperature; 0 for none.
        entropy: mean entropy of the choices that it had, nats.
    """

    text: str
    tokens: int
    probability: float
    entropy: float


class ChatModel:
    """A model, its processor, and how they are asked."""

    def __init__(self, model: Any, processor: Any, *, temperature: float = 1.0) -> None:
        """Args:
        temperature: divides the logits before probabilities are taken of them; fitted so that
            they are as often right as they say. The reply itself is greedy.
        """
        self._model = model.eval()
        self._processor = processor
        self._temperature = temperature
        reuse_image_features(self._model)

    @property
    def family(self) -> str:
        """The model_type of its configuration."""
        return str(self._model.config.model_type)

    def inputs(self, image: Image, prompt: str) -> dict[str, Tensor]:
        """What the chat template and the processor make of one image and one prompt."""
        content = [
            {"type": "image", "image": Pictures.fromarray(image)},
            {"type": "text", "text": self._harmless(prompt)},
        ]
        made = self._processor.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        moved = made.to(self._model.device)
        return {
            name: part.to(self._model.dtype) if part.is_floating_point() else part
            for name, part in moved.items()
            if isinstance(part, Tensor)
        }

    def _harmless(self, prompt: str) -> str:
        """The prompt with the model's marks in it broken up, so that they are but text."""
        image_mark = getattr(self._processor, "image_token", None)
        for mark in {*self._processor.tokenizer.all_special_tokens, image_mark} - {None, ""}:
            prompt = prompt.replace(mark, f"{mark[:1]} {mark[1:]}")
        return prompt

    def seen_size(self, inputs: dict[str, Tensor]) -> tuple[int, int] | None:
        """Width and height that the image was given to the model with, where it varies."""
        grid = inputs.get("image_grid_thw")
        if grid is None:
            return None
        patch = int(self._processor.image_processor.patch_size)
        return int(grid[0, 2]) * patch, int(grid[0, 1]) * patch

    @torch.inference_mode()
    def reply(
        self,
        inputs: dict[str, Tensor],
        *,
        most_tokens: int,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Generated:
        """Write a reply greedily; a cancel or the deadline ends it within one token.

        Raises:
            AnswerCancelled, DeadlineExceeded: it was ended so.
        """
        cancel.check()
        start = inputs["input_ids"].shape[1]
        made = self._model.generate(
            **inputs,
            max_new_tokens=most_tokens,
            do_sample=False,
            stopping_criteria=StoppingCriteriaList([Ended(cancel), Repeats(start)]),
            streamer=_Streamer(self._processor, on_text) if on_text is not None else None,
            return_dict_in_generate=True,
            output_logits=True,
        )
        cancel.check()
        tokens = made.sequences[0, start:]
        tokens = tokens[: once(tokens.tolist())]
        text = self._processor.decode(tokens, skip_special_tokens=True)
        logits = torch.stack(made.logits)[: len(tokens), 0]
        return Generated(text.strip(), len(tokens), *sureness(tokens, logits, self._temperature))

    @torch.inference_mode()
    def sample(
        self, inputs: dict[str, Tensor], *, count: int, most_tokens: int, cancel: CancelToken
    ) -> list[str]:
        """`count` replies drawn at random from the model's probabilities at the temperature.

        Raises:
            AnswerCancelled, DeadlineExceeded: it was ended within one token.
        """
        cancel.check()
        start = inputs["input_ids"].shape[1]
        texts = []
        for _ in range(count):
            made = self._model.generate(
                **inputs,
                max_new_tokens=most_tokens,
                do_sample=True,
                temperature=self._temperature,
                top_k=0,
                top_p=1.0,
                stopping_criteria=StoppingCriteriaList([Ended(cancel)]),
            )
            cancel.check()
            texts.append(self._processor.decode(made[0, start:], skip_special_tokens=True).strip())
        return texts

    @torch.inference_mode()
    def choose(self, inputs: dict[str, Tensor], options: Sequence[str]) -> list[float] | None:
        """Probabilities of `options` as the reply's beginning, from one forward pass.

        An option counts in lower case and with a capital. None where two options begin with the
        same token, so that one pass can't tell them apart.
        """
        logits = self._model(**inputs).logits[0, -1]
        return option_chances(logits, options, self._processor.tokenizer, self._temperature)


def option_chances(
    logits: Tensor, options: Sequence[str], tokenizer: Any, temperature: float
) -> list[float] | None:
    """Probabilities of `options` from the logits (V,) of a reply's first token.

    An option counts in lower case and with a capital. None where two options begin with the same
    token, so that they can't be told apart by it.
    """
    starts = [
        {
            tokenizer(form, add_special_tokens=False)["input_ids"][0]
            for form in (option.lower(), option.capitalize())
        }
        for option in options
    ]
    if sum(map(len, starts)) != len(set().union(*starts)):
        return None
    scaled = logits.float() / temperature
    scores = torch.stack([scaled[list(start)].logsumexp(0) for start in starts])
    return [float(p) for p in scores.softmax(0)]


def sureness(tokens: Tensor, logits: Tensor, temperature: float) -> tuple[float, float]:
    """How sure a model was of what it wrote.

    Args:
        tokens: (N,) that it chose.
        logits: (N, V) that it chose them from.

    Returns:
        Geometric mean of the tokens' probabilities, and mean entropy in nats, at the temperature.
    """
    logs = (logits.float() / temperature).log_softmax(-1)
    chosen = logs.gather(1, tokens[:, None])[:, 0]
    entropy = -(logs.exp() * logs.nan_to_num(neginf=0.0)).sum(-1).mean()
    return float(chosen.mean().exp()), float(entropy)


def reuse_image_features(model: Any) -> None:
    """Keep the features of the last image, so that further questions on it cost no vision tower.

    The families' forward passes ask `get_image_features` for them; a family that doesn't, or that
    mixes the text in, is left as it is.
    """
    inner = getattr(model, "model", None)
    compute = getattr(inner, "get_image_features", None)
    if inner is None or compute is None:
        return
    kept: list[tuple[list[Tensor], Any]] = []

    @functools.wraps(compute)
    def features(*args: Any, **kwargs: Any) -> Any:
        given = [part for part in (*args, *kwargs.values()) if isinstance(part, Tensor)]
        if not kept or not _same(kept[0][0], given):
            kept[:] = [(given, compute(*args, **kwargs))]
        return kept[0][1]

    inner.get_image_features = features


def _same(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return len(first) == len(second) and all(map(torch.equal, first, second))


def within(image: Image, most_pixels: int) -> Image:
    """The image scaled down to at most `most_pixels`: the budget of visual tokens."""
    height, width = image.shape[:2]
    scale = (most_pixels / (width * height)) ** 0.5
    if scale >= 1.0:
        return image
    size = max(1, int(width * scale)), max(1, int(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


class Ended(StoppingCriteria):  # type: ignore[misc]  # transformers is untyped here
    """Ends generation once the answer isn't wanted any more."""

    def __init__(self, cancel: CancelToken) -> None:
        self._cancel = cancel

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """Whether each of the sequences (B, N) ends here: (B,) bool."""
        ended = self._cancel.cancelled or self._cancel.seconds_left <= 0.0
        return torch.full((len(input_ids),), ended, device=input_ids.device)


class Repeats(StoppingCriteria):  # type: ignore[misc]
    """Ends generation once a reply goes round in circles."""

    def __init__(self, start: int) -> None:
        """Args:
        start: tokens of the prompt.
        """
        self._start = start

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """Whether each of the sequences (B, N) ends here: (B,) bool."""
        replies = [row[self._start :].tolist() for row in input_ids]
        ended = [once(reply) < len(reply) for reply in replies]
        return torch.tensor(ended, device=input_ids.device)


def once(tokens: Sequence[int]) -> int:
    """How many tokens of a reply to keep: where it ends with one phrase over and over, that once.

    Four times count, and eight tokens at least: numbers may have four zeros.
    """
    for size in range(1, min(LONGEST_ROUND, len(tokens) // ROUNDS) + 1):
        rounds = max(ROUNDS, -(-_LEAST_REPEATED // size))
        phrase, end = list(tokens[-size:]), list(tokens[-size * rounds :])
        if end == phrase * rounds:
            return len(tokens) - size * (rounds - 1)
    return len(tokens)


class _Streamer(BaseStreamer):  # type: ignore[misc]
    """Hands on the words of the reply as they are written, and leaves out its boxes."""

    def __init__(self, processor: Any, on_text: Callable[[str], None]) -> None:
        self._processor = processor
        self._on_text = on_text
        self._tokens: list[int] = []
        self._sent = ""
        self._prompted = False

    def put(self, value: Tensor) -> None:
        """Take the prompt, then one token at a time."""
        if not self._prompted:
            self._prompted = True
            return
        self._tokens.extend(value.reshape(-1).tolist())
        text = answer_part(self._processor.decode(self._tokens, skip_special_tokens=True))
        text = text.rstrip(" [{<`")  # perhaps the beginning of a box
        # An unfinished character shows as U+FFFD until its last byte is there.
        if text.startswith(self._sent) and text != self._sent and not text.endswith("\ufffd"):
            self._on_text(text[len(self._sent) :])
            self._sent = text

    def end(self) -> None:
        """All tokens came."""
