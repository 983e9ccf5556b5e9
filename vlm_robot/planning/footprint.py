"""The robot's body laid at poses, and whether it touches cells of a grid there."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Footprint = Sequence[tuple[float, float]]

INSIDE = 0.7
"""Cells between samples inside the body: a square cell that lies in it holds one of them."""
ON_EDGES = 0.4
"""Cells between samples on the body's edges: an edge that cuts a cell's corner off has one near."""


def placed(points: Floats, poses: Floats) -> Floats:
    """(N, K, 2) where `points` (K, 2) of the robot's frame are at each of `poses` (N, 3)."""
    x, y = points[:, 0], points[:, 1]
    cosine, sine = np.cos(poses[:, 2, None]), np.sin(poses[:, 2, None])
    turned = np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)
    return np.asarray(poses[:, None, :2] + turned, dtype=np.float64)


def touches_cells(
    distance: Callable[[Floats], Floats], resolution: float, footprint: Footprint, poses: Floats
) -> NDArray[np.bool_]:
    """(N,) whether the body at each of `poses` (N, 3) covers any part of a cell.

    Args:
        distance: metres from points (P, 2) to the nearest cell, bilinear between the cells'
            centres (`GridField`), so that it is under half a cell all over that cell.
        resolution: side of a cell, metres.
        footprint: corners in the robot's frame, metres.
    """
    hit = np.zeros(len(poses), dtype=bool)
    for tile in _tiles(footprint, resolution):
        middle = (tile.min(axis=0) + tile.max(axis=0)) / 2
        reach = float(np.hypot(*(tile - middle).T).max())
        unsure = np.flatnonzero(~hit)
        away = distance(placed(middle[None], poses[unsure])[:, 0])
        unsure = unsure[away < reach + resolution / 2]
        if len(unsure):
            around = distance(placed(tile, poses[unsure]).reshape(-1, 2))
            hit[unsure] = (around.reshape(len(unsure), -1) < resolution / 2).any(axis=1)
    return hit


def _tiles(footprint: Footprint, resolution: float) -> list[Floats]:
    """Samples of the body, gathered by squares: where a square is far from all, so are they."""
    corners = np.asarray(footprint, dtype=np.float64)
    low, high = corners.min(axis=0), corners.max(axis=0)
    lines = [np.arange(a, b, INSIDE * resolution) for a, b in zip(low, high, strict=True)]
    x, y = (line.ravel() for line in np.meshgrid(*lines))
    within = shapely.contains_xy(shapely.Polygon(corners), x, y)
    points = np.concatenate(
        [_outline(corners, ON_EDGES * resolution), np.column_stack([x, y])[within]]
    )
    side = np.sqrt(resolution * (high - low).max()) / 2
    _, square = np.unique(np.floor((points - low) / side), axis=0, return_inverse=True)
    square = square.ravel()
    return [points[square == index] for index in range(square.max() + 1)]


def _outline(corners: Floats, spacing: float) -> Floats:
    """Points on the body's edges, at most `spacing` metres apart."""
    points = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        parts = max(int(np.ceil(np.hypot(*(end - start)) / spacing)), 1)
        points.append(start + np.arange(parts)[:, None] / parts * (end - start))
    return np.concatenate(points)
