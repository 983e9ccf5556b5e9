"""Boxes in an image, with depth, to boxes in space.

A detection's box holds its object and what is behind it. The depths inside the box are gathered in
a histogram, weighted towards the box's centre; its peaks are the layers of the scene. The object
is the nearest layer that holds a fair part of the weight: a far wall may fill more of the box than
the object does, and a stray edge in front fills little.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vlm_robot.geometry.projection import unproject
from vlm_robot.types import Boxes3D, Frame, Intrinsics

NO_DEPTH = "no depth for this image"
NO_CAMERA_INFO = "no camera_info for this image"
NO_VALID_DEPTH = "no valid depth inside the box"

_SIDE = 40
"""Samples along each side of a box: 3 % of a side can still be seen, whatever the box's size."""
_NEAREST, _FARTHEST = 0.05, 200.0
"""Metres; the range of the histogram."""
_BIN = 0.025
"""Width of a bin as a part of the depth: the noise of depth cameras grows with depth too."""
_BINS = int(np.log(_FARTHEST / _NEAREST) / _BIN) + 1
_CENTRE = 0.45
"""Deviation of the weight around the centre, sides of the box."""
_FAIR_PART = 0.2
"""The least part of the weight that makes a layer the object."""
_LEAST_PIXELS = 4
_EXTENT = (0.02, 0.98)
"""Quantiles of the object's points that bound it: depth at edges is often a mix of two layers."""

Floats = NDArray[np.floating]


def boxes_from_depth(frame: Frame, boxes: NDArray[np.float32]) -> Boxes3D:
    """Find where the objects in `boxes` are, from the depth inside them.

    A size along z is that of the visible side of the object: depth doesn't see its back.

    Args:
        boxes: (N, 4) xyxy pixels of `frame.image`.

    Returns:
        Boxes in the camera's optical frame, along its axes; a reason where there is none.
    """
    reason = _missing(frame)
    if reason or frame.depth is None or frame.intrinsics is None:
        return _nowhere(frame.frame_id, (reason,) * len(boxes))
    if not len(boxes):
        return _nowhere(frame.frame_id, ())
    rows, columns = _samples(np.asarray(boxes, np.float64), frame.depth.shape)
    depth = frame.depth[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    depth[~((depth > 0) & np.isfinite(depth))] = np.nan
    of_object = _object_mask(depth)
    of_object[~_enough(rows, columns, depth)] = False
    return _bounds(frame.frame_id, rows, columns, depth, of_object, frame.intrinsics)


def _missing(frame: Frame) -> str:
    if frame.depth is None:
        return frame.depth_missing or NO_DEPTH
    if frame.intrinsics is None:
        return NO_CAMERA_INFO
    calibrated = (frame.intrinsics.width, frame.intrinsics.height)
    if all(calibrated) and calibrated != frame.size:
        return (
            f"camera_info is for {calibrated[0]}x{calibrated[1]} pixels,"
            f" the image has {frame.size[0]}x{frame.size[1]}"
        )
    return ""


def _nowhere(frame_id: str, reasons: tuple[str, ...]) -> Boxes3D:
    unknown = np.full((len(reasons), 3), np.nan)
    return Boxes3D(frame_id, unknown, unknown, reasons)


def _samples(boxes: Floats, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows (N, S) and columns (N, S) of the pixels that are looked at inside each box."""
    height, width = shape
    along = (np.arange(_SIDE) + 0.5) / _SIDE

    def spread(low: Floats, high: Floats, size: int) -> NDArray[np.int64]:
        low, high = np.clip(low, 0, size), np.clip(high, 0, size)
        places = low[:, None] + (high - low)[:, None] * along
        return np.clip(places.astype(np.int64), 0, size - 1)

    rows = spread(boxes[:, 1], boxes[:, 3], height)
    return rows, spread(boxes[:, 0], boxes[:, 2], width)


def _enough(
    rows: NDArray[np.int64], columns: NDArray[np.int64], depth: Floats
) -> NDArray[np.bool_]:
    """(N,) boxes with enough measured pixels; small boxes sample a pixel many times."""
    sides = [np.minimum(_SIDE, np.ptp(places, axis=1) + 1) for places in (rows, columns)]
    pixels = sides[0] * sides[1]
    measured = np.isfinite(depth).mean(axis=(1, 2)) * pixels
    enough: NDArray[np.bool_] = measured >= np.minimum(_LEAST_PIXELS, pixels) - 1e-6
    return enough


def _object_mask(depth: Floats) -> NDArray[np.bool_]:
    """(N, S, S): the samples of each box that show its object."""
    count = len(depth)
    valid = np.isfinite(depth)
    with np.errstate(invalid="ignore"):
        logarithms = np.log(depth / _NEAREST) / _BIN
    bins = np.clip(np.where(valid, logarithms, 0), 0, _BINS - 1).astype(np.int64)
    flat = (bins + _BINS * np.arange(count)[:, None, None]).ravel()
    weights = (valid * _centre_weight()).ravel()
    histograms = np.bincount(flat, weights, count * _BINS).reshape(count, _BINS)
    first, last = np.array(
        [_object_bins(histogram) for histogram in np.asarray(histograms, np.float64)]
    ).T
    mask: NDArray[np.bool_] = valid & (bins >= first[:, None, None]) & (bins <= last[:, None, None])
    return mask


def _centre_weight() -> Floats:
    along = (np.arange(_SIDE) + 0.5) / _SIDE - 0.5
    falloff = np.exp(-0.5 * (along / _CENTRE) ** 2)
    return np.outer(falloff, falloff)


def _object_bins(histogram: Floats) -> tuple[int, int]:
    """First and last bin of the nearest layer that holds a fair part of the weight."""
    total = histogram.sum()
    if not total:
        return 0, -1
    from scipy.signal import find_peaks, peak_widths  # half a second that only depth is worth

    smooth = np.convolve(np.pad(histogram, 3), [0.25, 0.5, 0.25], "same")
    peaks, _ = find_peaks(smooth, prominence=0.02 * total)
    if not len(peaks):
        return 0, _BINS - 1
    _, _, starts, ends = peak_widths(smooth, peaks, rel_height=0.95)
    first = np.maximum(np.floor(starts).astype(int) - 3, 0)
    last = np.minimum(np.ceil(ends).astype(int) - 3, _BINS - 1)
    filled = np.concatenate([[0.0], np.cumsum(histogram)])
    mass = filled[last + 1] - filled[first]
    fair = np.flatnonzero(mass >= _FAIR_PART * total)
    chosen = fair[0] if len(fair) else int(np.argmax(mass))
    return int(first[chosen]), int(last[chosen])


def _bounds(
    frame_id: str,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    depth: Floats,
    of_object: NDArray[np.bool_],
    intrinsics: Intrinsics,
) -> Boxes3D:
    """Boxes around the points of each object; a sample stands for the pixels beside it too."""
    count = len(depth)
    box, row, column = np.nonzero(of_object)
    pixels = np.stack([columns[box, column], rows[box, row]], axis=1)
    points = unproject(pixels, depth[of_object], intrinsics)
    low, high = np.full((2, count, 3), np.nan)
    ends = np.searchsorted(box, np.arange(count + 1))
    for index, (start, end) in enumerate(pairwise(ends)):
        if end > start:
            ends_at = (np.array(_EXTENT) * (end - start - 1)).round().astype(int)
            low[index], high[index] = np.partition(points[start:end], ends_at, axis=0)[ends_at]
    footprint = np.stack([np.ptp(columns, axis=1), np.ptp(rows, axis=1)], axis=1) / (_SIDE - 1)
    focal = intrinsics.matrix[[0, 1], [0, 1]]
    spread = high - low
    spread[:, :2] += np.maximum(footprint, 1) * ((low + high) / 2)[:, 2:] / focal
    reasons = tuple("" if found else NO_VALID_DEPTH for found in np.isfinite(low[:, 0]))
    return Boxes3D(frame_id, (low + high) / 2, spread, reasons)
