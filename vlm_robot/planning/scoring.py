"""Terms that differ in unit made comparable, and summed, so that nothing far worse can meddle.

Outranking by net flow (PROMETHEE II; Brans and Vincke 1985). In each term every candidate is
compared with every other one. A difference counts in proportion up to a noticeable one `p`,
which gives nine tenths of the full credit; the last tenth is earned up to ten times `p`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOTICED = 0.9
"""Share of the credit for a noticeable difference."""
STRONG = 10.0
"""Noticeable differences that earn the full credit."""


class Term(NamedTuple):
    """One thing that the goal asks of a path.

    Attributes:
        name: as it is shown.
        raw: (N,) its values, finite.
        unit: of `raw`.
        direction: +1 where more is better, -1 where less.
        weight: 0 or more.
        noticeable: the least difference that counts in full, in `unit`, above 0.
    """

    name: str
    raw: Floats
    unit: str
    direction: int
    weight: float
    noticeable: float


def scores(values: Floats, noticeable: float) -> Floats:
    """(N,) in 0..1: how far each of `values` (more is better) outdoes the others.

    1 is better than every other one by ten noticeable differences, 0 is worse, a half is all
    alike. The order of `values` doesn't matter, to the last bit.
    """
    if len(values) == 1:
        return np.ones(1)
    ordered, back = np.unique(values, return_inverse=True)
    counts = np.bincount(back).astype(np.float64)
    flow = NOTICED * _flow(ordered, counts, noticeable)
    flow += (1 - NOTICED) * _flow(ordered, counts, STRONG * noticeable)
    return np.asarray((1 + flow / (len(values) - 1)) / 2)[back]


def _flow(ordered: Floats, counts: Floats, width: float) -> Floats:
    """Sum over all others of clip((own - other) / width, -1, 1), in n log n.

    Args:
        ordered: distinct values, rising.
        counts: how often each occurs.
    """
    ordered = ordered - ordered[len(ordered) // 2]
    number = np.concatenate([[0.0], np.cumsum(counts)])
    total = np.concatenate([[0.0], np.cumsum(counts * ordered)])
    low = np.searchsorted(ordered, ordered - width, side="right")
    high = np.searchsorted(ordered, ordered + width, side="left")
    near = number[high] - number[low]
    inside = (ordered * near - (total[high] - total[low])) / width
    flow: Floats = number[low] - (number[-1] - number[high]) + inside
    return flow


def shares(weights: Floats) -> Floats:
    """Weights scaled to a sum of 1, however large; all 0 stay 0."""
    most = weights.max(initial=0.0)
    if most <= 0:
        return np.zeros_like(weights)
    scaled = weights / most
    return np.asarray(scaled / scaled.sum())
