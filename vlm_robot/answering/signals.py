"""What speaks for an answer, each signal by itself, so that the worth of each can be measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_robot.answering.comparison import says_the_same
from vlm_robot.answering.queries import Query

Floats = NDArray[np.floating]
_FINE = 8
"""Parts of a cell's side that boxes are rounded to."""


@dataclass(frozen=True, kw_only=True)
class Signals:
    """Each is 0..1, more speaks more for the answer; None where it wasn't or can't be taken.

    Attributes:
        token_probability: geometric mean of the probabilities of the answer's tokens, or that of
            the option chosen.
        token_certainty: exp(-entropy) of the model's choices: 1 where it had no doubt.
        sample_agreement: share of answers drawn at random that say the same.
        detector_agreement: probability by reasoning over the detector's boxes that it is right.
        least_mention: probability that the least likely thing that the answer names is there.
        box_attention: share of the model's attention to the image that is in the evidence's
            boxes.
    """

    token_probability: float | None = None
    token_certainty: float | None = None
    sample_agreement: float | None = None
    detector_agreement: float | None = None
    least_mention: float | None = None
    box_attention: float | None = None


def agreement(text: str, drawn: Sequence[str], query: Query | None = None) -> float | None:
    """Share of `drawn` that say the same as `text` in answer to `query`; None without any."""
    if not drawn:
        return None
    return sum(_same(text, other, query) for other in drawn) / len(drawn)


def share_inside(grid: Floats, boxes: Floats, size: tuple[int, int]) -> float | None:
    """Share of `grid` that is inside any of the boxes; None where there is no box.

    Args:
        grid: (rows, columns), adds up to 1, over equal cells of the image.
        boxes: (N, 4) xyxy pixels.
        size: width and height of the image, pixels.
    """
    if not len(boxes):
        return None
    rows, columns = grid.shape
    scale = np.array([columns / size[0], rows / size[1]] * 2)
    fine = np.zeros((rows * _FINE, columns * _FINE), bool)
    for x1, y1, x2, y2 in np.rint(boxes * scale * _FINE).astype(int):
        fine[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0)] = True
    covered = fine.reshape(rows, _FINE, columns, _FINE).mean(axis=(1, 3))
    return float((grid * covered).sum())


def _same(first: str, second: str, query: Query | None) -> bool:
    """By what can be compared, else by the words."""
    compared = says_the_same(first, second, query)
    return _words(first) == _words(second) if compared is None else compared


def _words(text: str) -> str:
    return " ".join(text.lower().strip(" .!?").split())
