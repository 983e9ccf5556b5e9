"""The grid: clean, image changed, text changed, both; and what was measured under each.

After the grid of the 'Coordinated Robustness Evaluation Framework for Vision-Language Models'
(2025): only with all four is it seen whether two changes together hurt more than one by one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from vlm_robot.evaluation.detections.corruptions import NAMES, corrupt
from vlm_robot.evaluation.robustness.text_changes import ANY, CHANGES, changed
from vlm_robot.types import Frame


class Condition(NamedTuple):
    """What is changed; empty names change nothing.

    Attributes:
        image: one of corruptions.NAMES.
        strength: 1..5 of the image's change.
        text: name of a text change.
    """

    image: str = ""
    strength: int = 0
    text: str = ""
    seed: int = 0

    @property
    def kind(self) -> str:
        """Its cell of the grid."""
        return {(0, 0): "clean", (1, 0): "image", (0, 1): "text", (1, 1): "both"}[
            bool(self.image), bool(self.text)
        ]

    def frame(self, frame: Frame, number: int) -> Frame:
        """The frame as the camera would have given it; depth stays."""
        if not self.image:
            return frame
        image = corrupt(frame.image, self.image, self.strength, self.image_seed(number))
        return replace(frame, image=image)

    def image_seed(self, number: int) -> int:
        """Of the change to frame `number`."""
        return self.seed * 10_007 + number

    def words(self, text: str) -> str | None:
        """The text in other words; None where it has none."""
        return changed(text, self.text, self.seed) if self.text else text


def grid(strengths: Sequence[int], *, seed: int) -> Iterator[Condition]:
    """Every condition, the clean one first; in 'both' the texts are changed in any way."""
    yield Condition(seed=seed)
    for text in (ANY, *(c.name for c in CHANGES)):
        yield Condition(text=text, seed=seed)
    for image in NAMES:
        for strength in strengths:
            yield Condition(image, strength, seed=seed)
            yield Condition(image, strength, ANY, seed)


class Outcome(NamedTuple):
    """What came of one thing asked.

    Attributes:
        said: what was said, to tell whether it flipped.
        right: by the truth; None where there is no truth.
        confidence: 0..1, of what was said.
        is_given: something was said, so that a wrong one misleads.
    """

    said: Hashable
    right: bool | None
    confidence: float
    is_given: bool = True


@dataclass(frozen=True)
class Measured:
    """What was measured under a condition.

    Attributes:
        outcomes: by what was asked; only what the condition could be applied to.
        values: performance of each part, 0..1: average precision of a phrase, or 1 and 0 for an
            answer that is right and wrong.
    """

    outcomes: Mapping[Hashable, Outcome]
    values: Mapping[Hashable, float] = field(default_factory=dict)


class Skill(Protocol):
    """A skill under test."""

    @property
    def name(self) -> str:
        """detection, answers or plans."""
        ...

    @property
    def performance(self) -> str:
        """What `Measured.values` are."""
        ...

    def measure(self, condition: Condition) -> Measured:
        """Run it under a condition; the clean one comes first."""
        ...
