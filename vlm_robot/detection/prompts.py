"""Prompts: what is looked for, in words or by example."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import Image, InputError

MAX_PROMPTS = 1000
MAX_PHRASE_LENGTH = 1000
"""Characters. A longer phrase is no phrase: every text encoder here would cut it."""


@dataclass(frozen=True)
class Exemplar:
    """A prompt that is shown rather than told.

    Attributes:
        name: what its detections are called.
        image: (height, width, 3) uint8, RGB.
        boxes: (N, 4) float32, xyxy pixels of `image`, N at least 1; they may reach outside.
    """

    name: str
    image: Image
    boxes: NDArray[np.float32]

    def __post_init__(self) -> None:
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise InputError(
                f"exemplar '{self.name}': its image must be (height, width, 3) uint8 and not empty,"
                f" got {image.shape} {image.dtype}"
            )
        height, width = image.shape[:2]
        boxes = np.asarray(self.boxes, dtype=np.float32)
        if not (boxes.size and boxes.size % 4 == 0 and _inside(boxes.reshape(-1, 4), image)):
            raise InputError(
                f"exemplar '{self.name}' needs at least one box (x1, y1, x2, y2) with x2 > x1 and"
                f" y2 > y1 inside its {width}x{height} image"
            )
        object.__setattr__(self, "boxes", boxes.reshape(-1, 4))


def _inside(boxes: NDArray[np.float32], image: Image) -> bool:
    """Whether each box has an area, and some of it in the image. NaN has none."""
    height, width = image.shape[:2]
    solid = boxes[:, 2:] > boxes[:, :2]
    return bool((solid & (boxes[:, :2] < [width, height]) & (boxes[:, 2:] > 0)).all())


@dataclass(frozen=True)
class PromptSet:
    """What a detection is asked for, all at once.

    Attributes:
        phrases: the phrases told.
        thresholds: the least score of each of `labels`, 0..1.
        exemplars: the prompts shown; those of one name are one prompt.
        version: counts the sets that were in force; goes with every result.
    """

    phrases: tuple[str, ...]
    thresholds: tuple[float, ...]
    exemplars: tuple[Exemplar, ...] = ()
    version: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of all prompts: the phrases, then the exemplars' names."""
        return self.phrases + tuple(dict.fromkeys(e.name for e in self.exemplars))

    def with_version(self, version: int) -> PromptSet:
        """The same set under another version."""
        return replace(self, version=version)


def prompt_set(
    phrases: Sequence[str],
    *,
    threshold: float,
    thresholds: Sequence[float] = (),
    exemplars: Sequence[Exemplar] = (),
    version: int = 0,
) -> PromptSet:
    """Check and gather prompts; repeated phrases count once, outer space is cut.

    Args:
        threshold: the least score of a prompt that has none of its own, 0..1.
        thresholds: one for each of `phrases`, or none.

    Raises:
        InputError: a phrase is empty or too long, there are too many, or a threshold is off.
    """
    if isinstance(phrases, str):
        raise InputError(f"prompts must be a list of phrases, got one text: use ['{phrases[:30]}']")
    if len(thresholds) not in (0, len(phrases)):
        raise InputError(
            f"{len(thresholds)} thresholds for {len(phrases)} prompts: send one for each, or none"
        )
    least = thresholds if len(thresholds) else [threshold] * len(phrases)
    told: dict[str, float] = {}
    for phrase, score in zip(phrases, least, strict=True):
        name = _phrase(phrase)
        told.setdefault(name, _threshold(score, name))
    shown = [replace(exemplar, name=_phrase(exemplar.name)) for exemplar in exemplars]
    names = dict.fromkeys(exemplar.name for exemplar in shown)
    for name in names:
        if name in told:
            raise InputError(f"exemplar '{name}' has the name of a phrase: give it one of its own")
    if len(told) + len(names) > MAX_PROMPTS:
        raise InputError(f"{len(told) + len(names)} prompts: {MAX_PROMPTS} are the most at once")
    least_scores = (*told.values(), *(_threshold(threshold, name) for name in names))
    return PromptSet(tuple(told), least_scores, tuple(shown), version)


def _phrase(phrase: str) -> str:
    if not isinstance(phrase, str):
        raise InputError(f"a prompt must be text, got {phrase!r}: put it in quotes")
    text = " ".join(phrase.split())
    if not text:
        raise InputError("a prompt is empty: name what to look for, or send none")
    if len(text) > MAX_PHRASE_LENGTH:
        raise InputError(
            f"prompt '{text[:30]}…' has {len(text)} characters: {MAX_PHRASE_LENGTH} are the most"
        )
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs"):
            raise InputError(
                f"prompt {text[:30]!r} holds U+{ord(character):04X}, which isn't a character of"
                " any text: leave it out"
            )
    return text


def _threshold(value: float, phrase: str) -> float:
    if not 0.0 <= value <= 1.0:  # also false for NaN
        raise InputError(f"threshold {value} of prompt '{phrase}' must be in 0..1")
    return float(value)
