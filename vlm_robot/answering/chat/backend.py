"""Free questions to a chat model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.chat.boxes import answer_part, written_boxes
from vlm_robot.answering.chat.generation import ChatModel, within
from vlm_robot.answering.proposal import (
    FreeOptions,
    Proposal,
    answer_options,
    closed_prompt,
    entropy,
    family_scale,
    free_prompt,
)
from vlm_robot.types import Frame, Image


class ChatProposer:
    """Asks a chat model in its template; closed questions take one forward pass."""

    def __init__(self, model: ChatModel, *, name: str, options: FreeOptions | None = None) -> None:
        self._model = model
        self._name = name
        self._options = options or FreeOptions()
        self._scale = family_scale(model.family)

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self._name

    def choose(self, image: Image, prompt: str, options: Sequence[str]) -> list[float] | None:
        """Probabilities of answers to a question about any picture; None: it can't tell them."""
        inputs = self._model.inputs(within(image, self._options.most_pixels), prompt)
        return self._model.choose(inputs, options)

    def propose(
        self,
        question: str,
        frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Proposal:
        """Answer by the likeliest words; see `Proposer`."""
        image = within(frame.image, self._options.most_pixels)
        options = answer_options(question)
        if options:
            inputs = self._model.inputs(image, closed_prompt(question, options))
            chances = self._model.choose(inputs, options)
            cancel.check()
            if chances is not None:
                best = int(np.argmax(chances))
                if on_text is not None:
                    on_text(options[best])
                return Proposal(options[best], chances[best], entropy(chances))
        inputs = self._model.inputs(image, free_prompt(question, self._scale))
        most = self._options.most_tokens
        reply = self._model.reply(inputs, most_tokens=most, cancel=cancel, on_text=on_text)
        boxes = written_boxes(
            reply.text,
            scale=self._scale,
            image_size=frame.size,
            seen_size=self._seen_size(inputs, image),
        )
        return Proposal(answer_part(reply.text), reply.probability, reply.entropy, boxes)

    def sample(
        self, question: str, frame: Frame, *, count: int, cancel: CancelToken
    ) -> tuple[str, ...]:
        """`count` answers drawn at random; see `Proposer`."""
        image = within(frame.image, self._options.most_pixels)
        options = answer_options(question)
        prompt = closed_prompt(question, options) if options else free_prompt(question, self._scale)
        most = self._options.most_tokens
        inputs = self._model.inputs(image, prompt)
        texts = self._model.sample(inputs, count=count, most_tokens=most, cancel=cancel)
        return tuple(answer_part(text) for text in texts)

    def _seen_size(self, inputs: dict[str, Tensor], image: Image) -> tuple[int, int]:
        return self._model.seen_size(inputs) or (image.shape[1], image.shape[0])
