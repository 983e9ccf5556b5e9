"""RVL, a lossless code for depth (Wilson, 'Fast Lossless Depth Image Compression', ISS 2017).

Pixels are runs of zeros and of values; a value is its difference from the value before, folded to
a positive number. All numbers are written three bits at a time, the lowest first, each group in
four bits of which the highest says that more follow. Groups fill 32-bit words from the top.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import InputError

Words = NDArray[np.uint32]
_MOST_PIXELS = 1 << 26


def decode_rvl(data: Any) -> NDArray[np.uint16]:
    """Decode columns and rows (two little-endian 32-bit numbers) and the code behind them.

    Returns:
        (rows, columns) uint16.

    Raises:
        InputError: the data was cut short or isn't RVL.
    """
    flat = np.frombuffer(data, np.uint8)
    if flat.size < 8:
        raise InputError("RVL depth was cut short: it has no size")
    columns, rows = (int(side) for side in flat[:8].view("<u4"))
    if not 0 < columns * rows <= _MOST_PIXELS:
        raise InputError(f"RVL depth has size {columns}x{rows}: the data is broken")
    body = flat[8:]
    numbers = _numbers(body[: body.size // 4 * 4].view("<u4"))
    pixels = np.zeros(columns * rows, np.uint16)
    _fill(pixels, numbers)
    return pixels.reshape(rows, columns)


def _numbers(words: Words) -> NDArray[np.int64]:
    """All numbers of the code."""
    groups = ((words[:, None] >> np.arange(28, -4, -4, dtype=np.uint32)) & 0xF).ravel()
    ends = np.flatnonzero(groups < 8)
    if not len(ends):
        return np.zeros(0, np.int64)
    starts = np.concatenate([[0], ends[:-1] + 1])
    groups = groups[: ends[-1] + 1].astype(np.int64)
    shifts = 3 * (np.arange(len(groups)) - np.repeat(starts, ends - starts + 1))
    return np.add.reduceat((groups & 7) << np.minimum(shifts, 60), starts)


def _fill(pixels: NDArray[np.uint16], numbers: NDArray[np.int64]) -> None:
    """Write the runs into `pixels`, which are zero."""
    at, place, previous = 0, 0, 0
    while place < len(pixels):
        if at + 2 > len(numbers):
            raise InputError("RVL depth was cut short")
        zeros, values = int(numbers[at]), int(numbers[at + 1])
        at, place = at + 2, place + zeros
        folded = numbers[at : at + values]
        if place + values > len(pixels) or len(folded) < values or not zeros + values:
            raise InputError("RVL depth is broken: its runs don't fit the image")
        if values:
            depths = previous + np.cumsum((folded >> 1) ^ -(folded & 1))
            pixels[place : place + values] = depths & 0xFFFF
            previous = int(depths[-1])
        at, place = at + values, place + values
