"""Florence-2, asked by its task tokens: it can't talk, but it locates what it is told to.

The question's things are located by <OPEN_VOCABULARY_DETECTION>, one after the other, and the
answer is reasoned from those boxes; 'what do you see?' is answered by <DETAILED_CAPTION>. Tokens
and tasks are those of Florence-2 (Xiao et al., 'Florence-2: Advancing a Unified Representation for
a Variety of Vision Tasks', CVPR 2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image as Pictures
from transformers import StoppingCriteriaList

from vlm_robot.answering import queries as q
from vlm_robot.answering.answerer import AnswerOptions, CancelToken, TextEncoder
from vlm_robot.answering.chat.boxes import BoxScale, WrittenBox, written_boxes
from vlm_robot.answering.chat.generation import (
    Ended,
    Generated,
    reuse_image_features,
    sureness,
    within,
)
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.parsing import NotUnderstoodError, parse
from vlm_robot.answering.proposal import FreeOptions, Proposal
from vlm_robot.answering.scene import Rule
from vlm_robot.detection.detector import DetectionOptions, EncodedPrompts, ModelInfo, Presence
from vlm_robot.detection.prompts import PromptSet
from vlm_robot.types import Detections, Frame, Image, InputError

LOCATE = "<OPEN_VOCABULARY_DETECTION>"
DESCRIBE = "<DETAILED_CAPTION>"
_BEAMS = 1
"""Greedy, so that a token's probability is the model's own."""
_BEYOND = {Rule.NOT_UNDERSTOOD, Rule.OTHER_LANGUAGE, Rule.OUT_OF_REACH}


class Florence:
    """A Florence-2 model and its processor; a detector whose scores are its tokens' probability."""

    def __init__(self, model: Any, processor: Any, *, name: str, options: FreeOptions) -> None:
        self._model = model.eval()
        self._processor = processor
        self._name = name
        self._options = options
        self.cancel = CancelToken()
        reuse_image_features(self._model)

    @property
    def info(self) -> ModelInfo:
        """Its name; scores are probabilities already, so a half is even."""
        place, kind = str(self._model.device), str(self._model.dtype).removeprefix("torch.")
        return ModelInfo(self._name, place, kind, 0.5, Presence(0.5))

    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        """The phrases as they are.

        Raises:
            InputError: there are exemplars, which Florence-2 has no task for.
        """
        if prompts.exemplars:
            raise InputError("Florence-2 takes no exemplars: name the things in words")
        return EncodedPrompts(prompts, None)

    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        """Locate each phrase in each image; boxes in the image's own pixels."""
        return [self._located(image, prompts.prompts, options) for image in images]

    def _located(self, image: Image, prompts: PromptSet, options: DetectionOptions) -> Detections:
        boxes: list[WrittenBox] = []
        scores, labels = list[float](), list[int]()
        for label, (phrase, least) in enumerate(
            zip(prompts.phrases, prompts.thresholds, strict=True)
        ):
            reply = self.write(image, LOCATE + phrase)
            found = read_boxes(reply.text, image) if reply.probability >= least else []
            boxes += found
            scores += [reply.probability] * len(found)
            labels += [label] * len(found)
        kept = np.argsort(-np.array(scores), kind="stable")[: options.max_detections]
        return Detections(
            np.array([boxes[i].box for i in kept], np.float32).reshape(-1, 4),
            np.array(scores, np.float32)[kept],
            np.array(labels, np.int64)[kept],
            prompts.phrases,
            prompt_version=prompts.version,
        )

    @torch.inference_mode()
    def write(self, image: Image, task: str, **sampling: Any) -> Generated:
        """What the model writes for a task token and its input, special tokens but marks kept.

        Raises:
            AnswerCancelled, DeadlineExceeded: through `cancel`, within one token.
        """
        self.cancel.check()
        small = Pictures.fromarray(within(image, self._options.most_pixels))
        inputs = self._processor(images=small, text=task, return_tensors="pt")
        inputs = inputs.to(self._model.device, self._model.dtype)
        made = self._model.generate(
            **inputs,
            max_new_tokens=self._options.most_tokens,
            num_beams=_BEAMS,
            **{"do_sample": False, **sampling},
            stopping_criteria=StoppingCriteriaList([Ended(self.cancel)]),
            return_dict_in_generate=True,
            output_logits=True,
        )
        self.cancel.check()
        tokens = made.sequences[0, -len(made.logits) :]
        text = self._processor.decode(tokens, skip_special_tokens=False)
        for mark in ("<s>", "</s>", "<pad>"):
            text = text.replace(mark, "")
        return Generated(
            text.strip(), len(tokens), *sureness(tokens, torch.stack(made.logits)[:, 0], 1.0)
        )


def read_boxes(text: str, image: Image) -> list[WrittenBox]:
    """Boxes in a reply; `<loc_0>` to `<loc_999>` count thousandths of the image."""
    height, width = image.shape[:2]
    return written_boxes(text, scale=BoxScale.THOUSAND, image_size=(width, height))


class FlorenceProposer:
    """Answers from what Florence-2 locates, or by its caption."""

    def __init__(
        self,
        model: Any,
        processor: Any,
        *,
        name: str,
        encoder: TextEncoder,
        options: FreeOptions | None = None,
        answering: AnswerOptions | None = None,
    ) -> None:
        self._florence = Florence(model, processor, name=name, options=options or FreeOptions())
        self._name = name
        self._reasoner = EvidenceAnswerer(
            self._florence, options=answering or AnswerOptions(), encoder=encoder
        )

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self._name

    def propose(
        self,
        question: str,
        frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Proposal:
        """Answer from its boxes, or by its caption; see `Proposer`. Else the text is empty."""
        self._florence.cancel = cancel
        if asks_for_all(question):
            reply = self._florence.write(frame.image, DESCRIBE)
            found = Proposal(reply.text, reply.probability, reply.entropy)
        else:
            found = self._reasoned(question, frame, cancel)
        if on_text is not None:
            on_text(found.text)
        return found

    def sample(
        self, question: str, frame: Frame, *, count: int, cancel: CancelToken
    ) -> tuple[str, ...]:
        """Captions drawn at random; none for other questions, whose boxes are greedy."""
        self._florence.cancel = cancel
        if not asks_for_all(question):
            return ()
        drawn = {"do_sample": True, "top_k": 0}
        return tuple(
            self._florence.write(frame.image, DESCRIBE, **drawn).text for _ in range(count)
        )

    def _reasoned(self, question: str, frame: Frame, cancel: CancelToken) -> Proposal:
        found = self._reasoner.conclude(question, frame, cancel=cancel)
        if found.rule in _BEYOND:
            return Proposal("", None, None)
        boxes = [
            WrittenBox(found.detections.phrase(i), found.detections.boxes[i])
            for i in found.evidence
        ]
        return Proposal(found.text, found.confidence, None, boxes)


def asks_for_all(question: str) -> bool:
    """Whether the whole picture is asked for ('what do you see?')."""
    try:
        queries = parse(question)
    except NotUnderstoodError:
        return False
    return any(
        isinstance(query, q.Everything) and not query.noun.head and not query.noun.conditions
        for query in queries
    )
