"""The seam between the skills and the detection models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from vlm_robot.detection.prompts import PromptSet
from vlm_robot.types import Detections, Image


class Presence(NamedTuple):
    """How a score becomes a probability: logistic(slope * (logit(score) - logit(even))).

    Fitted on images in which as many of the phrases asked for are there as aren't.

    Attributes:
        even: the score at which both are as likely.
    """

    even: float
    slope: float = 1.0


class ModelInfo(NamedTuple):
    """What a loaded model is, for /diagnostics and reports.

    Attributes:
        name: the checkpoint's, as it was asked for.
        threshold: the least score that the model's makers mean by 'found', 0..1.
        presence: that the box is on such a thing, as fitted for this model; None: `threshold` is
            taken for even.
        existence: that such a thing is there, be the box on it or not; None: as `presence`.
        answers: weights of `answering.confidence`; None: they weren't fitted.
    """

    name: str
    device: str
    dtype: str
    threshold: float
    presence: Presence | None = None
    existence: Presence | None = None
    answers: Mapping[str, float] | None = None


class DetectionOptions(NamedTuple):
    """How raw boxes become detections.

    Attributes:
        nms_iou: of two boxes that overlap more, the weaker goes; 1 keeps both.
        class_agnostic_nms: boxes of different phrases compete too.
        max_detections: the most boxes kept in one image.
    """

    nms_iou: float = 0.7
    class_agnostic_nms: bool = False
    max_detections: int = 100


@dataclass(frozen=True)
class EncodedPrompts:
    """A prompt set with the form that a detector made of it, once; only that detector reads it."""

    prompts: PromptSet
    payload: Any


class Detector(Protocol):
    """An open-vocabulary detection model. Only one thread calls it at a time."""

    @property
    def info(self) -> ModelInfo:
        """The model's name, device and dtype."""
        ...

    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        """Encode prompts, once for a prompt set.

        Raises:
            InputError: the model can't take one of them (exemplars, say).
        """
        ...

    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        """Detect in all `images` as one batch; boxes in each image's own pixels."""
        ...
