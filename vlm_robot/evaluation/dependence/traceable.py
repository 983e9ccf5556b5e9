"""BLIP and decoder-only chat models made ready for tracing, by forward hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from vlm_robot.evaluation.dependence.answerers import BlipAnswering, ChatAnswering
from vlm_robot.evaluation.dependence.tracing import Stage, Traceable
from vlm_robot.types import Image, InputError

MOST_TOKENS = 24
"""Tokens after the image that are restored one by one; those before them go together."""


class TraceableBlip:
    """BLIP: question tokens through the encoder that attends to the image, then the answer's."""

    def __init__(self, answering: BlipAnswering, image: Image, question: str, answer: str) -> None:
        self._answering = answering
        self._inputs = answering.inputs(image, question)
        self._answer = answering.answer_tokens(answer)
        _check(self._answer, answer)
        model, tokenizer = answering.model, answering.processor.tokenizer
        asked = tokenizer.convert_ids_to_tokens(self._inputs["input_ids"][0])
        written = ["[start]", *tokenizer.convert_ids_to_tokens(self._answer[:-1])]
        self.stages: Mapping[str, Stage] = {
            "question": Stage(tuple(model.text_encoder.encoder.layer), _one_by_one(asked)),
            "answer": Stage(tuple(model.text_decoder.bert.encoder.layer), _one_by_one(written)),
        }

    def probability(self) -> float:
        """Of all tokens of the answer."""
        return self._answering.probability_of(self._inputs, self._answer)

    @contextmanager
    def on_image(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Change what the vision model gives."""

        def changed(_: Any, __: Any, output: Any) -> Any:
            output.last_hidden_state = change(output.last_hidden_state)
            return output

        handle = self._answering.model.vision_model.register_forward_hook(changed)
        try:
            yield
        finally:
            handle.remove()


class TraceableChat:
    """A decoder-only model: the image's tokens stand among those of the words."""

    def __init__(self, answering: ChatAnswering, image: Image, question: str, answer: str) -> None:
        self._answering = answering
        self._inputs = answering.inputs(image, question)
        self._answer = answering.answer_tokens(answer)
        _check(self._answer, answer)
        config = answering.model.config
        ids = self._inputs["input_ids"][0]
        self._is_image: Tensor = ids == config.image_token_id
        if not self._is_image.any():
            raise InputError(f"'{answering.name}' puts no image tokens among the words")
        self._decoder = answering.model.get_decoder()
        names = [answering.processor.tokenizer.decode([i]) for i in ids.tolist()]
        self.stages: Mapping[str, Stage] = {
            "words": Stage(tuple(self._decoder.layers), _grouped(names, self._is_image))
        }

    def probability(self) -> float:
        """Of the answer's first token."""
        return self._answering.probability_of(self._inputs, self._answer)

    @contextmanager
    def on_image(self, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
        """Change the image's embeddings, and those that Qwen adds in its first layers."""

        def changed(_: Any, arguments: Any, options: dict[str, Any]) -> Any:
            embedded = options["inputs_embeds"].clone()
            embedded[:, self._is_image] = change(embedded[:, self._is_image])
            options["inputs_embeds"] = embedded
            deep = options.get("deepstack_visual_embeds")
            if deep is not None:
                options["deepstack_visual_embeds"] = [change(part) for part in deep]
            return arguments, options

        handle = self._decoder.register_forward_pre_hook(changed, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


def traceable(
    answering: BlipAnswering | ChatAnswering, image: Image, question: str, answer: str
) -> Traceable:
    """One answer of a model, ready for tracing.

    Raises:
        InputError: the answer is empty.
    """
    kind = TraceableBlip if isinstance(answering, BlipAnswering) else TraceableChat
    return kind(answering, image, question, answer)  # type: ignore[arg-type]


def _check(tokens: Tensor, answer: str) -> None:
    if not len(tokens):
        raise InputError(f"the answer '{answer}' has no tokens: there is nothing to trace")


def _one_by_one(names: list[str]) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, (place,)) for place, name in enumerate(names)]


def _grouped(names: list[str], is_image: Tensor) -> list[tuple[str, tuple[int, ...]]]:
    """The image together, the words long before the end together, the last ones each."""
    image = tuple(torch.nonzero(is_image)[:, 0].tolist())
    words = [n for n in range(len(names)) if n not in set(image)]
    before, after = words[:-MOST_TOKENS], words[-MOST_TOKENS:]
    groups: list[tuple[str, tuple[int, ...]]] = [("image", image)]
    if before:
        groups.append((f"{len(before)} before", tuple(before)))
    return groups + [(names[n], (n,)) for n in after]
