"""Prompts: what is looked for, in words or by example."""

from __future__ import annotations

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
        boxes: (N, 4) float32, xyxy pixels of `image`, N at least 1.
    """

    name: str
    image: Image
    boxes: NDArray[np.float32]

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes, dtype=np.float32).reshape(-1, 4)
        height, width = self.image.shape[:2]
        inside = (boxes[:, :2] < [width, height]).all() and (boxes[:, 2:] > 0).all()
        if not (len(boxes) and (boxes[:, 2:] > boxes[:, :2]).all() and inside):
            raise InputError(
                f"exemplar '{self.name}' needs at least one box (x1, y1, x2, y2) with x2 > x1 and"
                f" y2 > y1 inside its {width}x{height} image"
            )
        object.__setattr__(self, "boxes", boxes)


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
    if thresholds and len(thresholds) != len(phrases):
        raise InputError(
            f"{len(thresholds)} thresholds for {len(phrases)} prompts: send one for each, or none"
        )
    cleaned: dict[str, float] = {}
    for phrase, least in zip(phrases, thresholds or [threshold] * len(phrases), strict=True):
        cleaned.setdefault(_phrase(phrase), _threshold(least, phrase))
    for exemplar in exemplars:
        name = _phrase(exemplar.name)
        if name in phrases:
            raise InputError(f"exemplar '{name}' has the name of a phrase: give it one of its own")
    names = tuple(cleaned)
    shown = dict.fromkeys(e.name for e in exemplars)
    if len(names) + len(shown) > MAX_PROMPTS:
        raise InputError(f"{len(names) + len(shown)} prompts: {MAX_PROMPTS} are the most at once")
    least_scores = tuple(cleaned.values()) + (_threshold(threshold, "all"),) * len(shown)
    return PromptSet(names, least_scores, tuple(exemplars), version)


def _phrase(phrase: str) -> str:
    text = " ".join(phrase.split())
    if not text:
        raise InputError("a prompt is empty: name what to look for, or send none")
    if len(text) > MAX_PHRASE_LENGTH:
        raise InputError(
            f"prompt '{text[:30]}…' has {len(text)} characters: {MAX_PHRASE_LENGTH} are the most"
        )
    return text


def _threshold(value: float, phrase: str) -> float:
    if not 0.0 <= value <= 1.0:  # also false for NaN
        raise InputError(f"threshold {value} of prompt '{phrase}' must be in 0..1")
    return float(value)
