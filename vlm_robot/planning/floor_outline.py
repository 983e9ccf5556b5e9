"""The outline of a thing that lies flat on the floor, such as a rug.

A box in the image of a rug that lies askew holds floor at its corners, and depth can't tell them
apart. Seen from above, a rug keeps its shape, and its colours are parted from those around it by
graph cuts (Rother, Kolmogorov, Blake, 'GrabCut', SIGGRAPH 2004).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.geometry.projection import on_floor, project
from vlm_robot.types import Frame, Image

Floats = NDArray[np.float64]
Outline = tuple[tuple[float, float], ...]

FLAT = 0.06
"""Metres: the middle of a thing that lies flat is no higher than this."""
_LONGER_SIDE = 120
"""Pixels of the view from above."""
_MARGIN = 0.25
"""Of the thing's sides, floor around it that shows what isn't the thing."""
_LEAST_SHARE = 0.35
"""A cut that leaves less of what the box covers has failed: it took a pattern for the thing."""
_CORE = 0.8
"""What the box covers is the thing, whatever its colours are, from this share of the way in."""
_ROUNDS = 4
_SIMPLER = 1.0
"""Pixels of the view from above that an outline may be off for having fewer corners."""


def floor_outline(frame: Frame, box: NDArray[np.floating], matrix: Floats) -> Outline:
    """Corners x, y of the thing in `box`, metres, on the floor z = 0 of a frame.

    Args:
        box: (4,) xyxy pixels of `frame.image`.
        matrix: (4, 4) points of the camera's optical frame to points of the floor's frame.

    Returns:
        A convex polygon; what the box covers where the colours don't tell; nothing
        where the box isn't all on the floor, or the camera's intrinsics aren't known.
    """
    if frame.intrinsics is None:
        return ()
    left, top, right, bottom = (float(v) for v in box)
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    covered = on_floor(corners, frame.intrinsics, matrix)[0][:, :2]
    if not np.isfinite(covered).all():
        return ()
    low, high = covered.min(axis=0), covered.max(axis=0)
    margin = _MARGIN * (high - low)
    low, high = low - margin, high + margin
    pixel = float((high - low).max()) / _LONGER_SIDE
    view = _from_above(frame, matrix, low, high, pixel)
    inside = np.zeros(view.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint((covered - low) / pixel).astype(np.int32)], 1)
    cut = _cut(view, inside.astype(bool))
    if cut is None:
        return _tuples(covered)
    return _tuples(cut * pixel + low)


def _from_above(frame: Frame, matrix: Floats, low: Floats, high: Floats, pixel: float) -> Image:
    """The floor between two corners, row by row along y, `pixel` metres each."""
    assert frame.intrinsics is not None
    columns, rows = np.maximum(np.ceil((high - low) / pixel), 2).astype(int)
    x, y = np.meshgrid(low[0] + np.arange(columns) * pixel, low[1] + np.arange(rows) * pixel)
    floor = np.stack([x.ravel(), y.ravel(), np.zeros(x.size)], axis=1)
    seen = project((floor - matrix[:3, 3]) @ matrix[:3, :3], frame.intrinsics)
    pixels = np.nan_to_num(seen, nan=-1.0).astype(np.float32).reshape(rows, columns, 2)
    view = cv2.remap(
        frame.image,
        pixels[..., 0],
        pixels[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(view, np.uint8)


def _cut(view: Image, inside: NDArray[np.bool_]) -> Floats | None:
    """Corners (N, 2) of the thing in a view from above, pixels; None where colours don't tell."""
    marks = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    if not inside.any() or inside.all():
        return None
    marks[_core(inside)] = cv2.GC_FGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(view, marks, None, *models, _ROUNDS, cv2.GC_INIT_WITH_MASK)
    thing = np.isin(marks, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(thing)
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()) if count > 1 else 0
    if not largest or stats[largest, cv2.CC_STAT_AREA] < _LEAST_SHARE * inside.sum():
        return None
    points = cv2.findNonZero((labels == largest).astype(np.uint8))
    hull = cv2.approxPolyDP(cv2.convexHull(points), _SIMPLER, closed=True)
    return np.asarray(hull.reshape(-1, 2), np.float64) if len(hull) >= 3 else None


def _core(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The innermost part of a region."""
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3)
    core: NDArray[np.bool_] = inside & (depth > _CORE * depth.max())
    return core


def _tuples(corners: Floats) -> Outline:
    return tuple((float(x), float(y)) for x, y in corners)
