"""The map that a robot would have made of an arrangement: what stands in its way, from above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.simulation.catalog import Solid
from vlm_robot.simulation.home import Pose, Slab
from vlm_robot.types import OccupancyGrid

LOW, HIGH = 0.03, 0.8
OCCUPIED, FREE, UNKNOWN = 100, 0, -1
_SHIFT = 8
"""Fractional bits of the pixel coordinates that OpenCV fills with."""


def occupancy_grid(
    solids: Sequence[Solid],
    poses: dict[int, Pose],
    slabs: Iterable[Slab],
    *,
    low: tuple[float, float],
    high: tuple[float, float],
    resolution: float = 0.05,
    stamp: int = 0,
) -> OccupancyGrid:
    """Cells that hold anything between LOW and HIGH metres above the floor.

    Args:
        solids, poses: what stands where, in the map's frame.
        slabs: walls and counters.
        low, high: corners of the known area, metres; outside of it is unknown.
        resolution: metres a cell.
        stamp: nanoseconds.
    """
    margin = 2 * resolution
    origin = (low[0] - margin, low[1] - margin)
    columns = round((high[0] + margin - origin[0]) / resolution)
    rows = round((high[1] + margin - origin[1]) / resolution)
    cells = np.full((rows, columns), UNKNOWN, np.int8)
    first, last = _cell(low, origin, resolution), _cell(high, origin, resolution)
    cells[first[1] : last[1], first[0] : last[0]] = FREE
    blocked = np.zeros((rows, columns), np.uint8)
    for index, pose in poses.items():
        for part in solids[index].parts:
            corners = pose.place(part.vertices)[part.faces]
            _fill(blocked, corners, origin, resolution)
    for slab in slabs:
        _fill_slab(blocked, slab, origin, resolution)
    cells[blocked > 0] = OCCUPIED
    return OccupancyGrid(stamp, "map", cells, resolution, (*origin, 0.0))


def _cell(
    point: tuple[float, float], origin: tuple[float, float], resolution: float
) -> tuple[int, int]:
    return (
        round((point[0] - origin[0]) / resolution),
        round((point[1] - origin[1]) / resolution),
    )


def _fill(
    blocked: NDArray[np.uint8],
    corners: NDArray[np.float64],
    origin: tuple[float, float],
    resolution: float,
) -> None:
    """Mark the cells under the triangles (M, 3, 3) that reach into the robot's height."""
    heights = corners[:, :, 2]
    reach = (heights.max(axis=1) > LOW) & (heights.min(axis=1) < HIGH)
    flat = (corners[reach][:, :, :2] - origin) / resolution
    # OpenCV's pixel centres are whole numbers, a cell's centre is at a half.
    fixed = np.round((flat - 0.5) * (1 << _SHIFT)).astype(np.int32)
    for triangle in fixed:
        cv2.fillConvexPoly(blocked, triangle, 1, cv2.LINE_8, _SHIFT)


def _fill_slab(
    blocked: NDArray[np.uint8], slab: Slab, origin: tuple[float, float], resolution: float
) -> None:
    middle, half = np.asarray(slab.middle), np.asarray(slab.size) / 2
    if middle[2] + half[2] <= LOW or middle[2] - half[2] >= HIGH:
        return
    low = np.floor((middle - half)[:2] / resolution - np.asarray(origin) / resolution + 1e-6)
    high = np.ceil((middle + half)[:2] / resolution - np.asarray(origin) / resolution - 1e-6)
    rows, columns = blocked.shape
    left, bottom = np.maximum(low.astype(int), 0)
    right, top = np.minimum(high.astype(int), (columns, rows))
    blocked[bottom:top, left:right] = 1
