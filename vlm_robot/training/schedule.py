"""How learning rates fall."""

from __future__ import annotations

import math


def cosine(done: float, *, least: float = 0.0) -> float:
    """Share of the peak rate when `done` (0 to 1) of the training is over.

    Half a cosine from 1 down to `least` (Loshchilov and Hutter, 'SGDR', ICLR 2017, section 3).
    """
    return least + (1 - least) * (1 + math.cos(math.pi * done)) / 2
