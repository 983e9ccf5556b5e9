"""How far places are from obstacles: from a grid of cells, or from polygons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from vlm_robot.planning.footprint import Footprint, placed, touches_cells
from vlm_robot.types import InputError, OccupancyGrid

Floats = NDArray[np.float64]

UNKNOWN = -1
"""The value of a cell that the map knows nothing of (nav_msgs/OccupancyGrid)."""


class ClearanceField(Protocol):
    """Distances to the nearest obstacle, in one frame."""

    frame_id: str
    resolution: float
    """Metres: what robot mode resamples at."""
    uncertainty: float
    """Metres: a point whose distance is less may be in an obstacle; 0 where they are exact."""

    def distance(self, points: Floats) -> Floats:
        """(P,) metres from each of `points` (P, 2) to the nearest obstacle; 0 inside one."""
        ...

    def unknown_distance(self, points: Floats) -> Floats | None:
        """(P,) metres to the nearest unknown place; None where all is known."""
        ...

    def border_distance(self, points: Floats) -> Floats | None:
        """(P,) metres to the map's border, negative outside; None where there is no border."""
        ...

    def touches(self, footprint: Footprint, poses: Floats) -> NDArray[np.bool_]:
        """(N,) whether the body at each of `poses` (N, 3) meets an obstacle with any part.

        Args:
            footprint: corners in the robot's frame, metres.
        """
        ...


class GridField:
    """Clearance from an occupancy grid, by the Euclidean distance transform.

    The transform (Felzenszwalb and Huttenlocher 2012, exact; OpenCV's DIST_MASK_PRECISE) gives
    cell centre to cell centre distances; half a cell is taken off, so that the distance is to
    the obstacle cell's edge. Between centres it is bilinear. The error against the cells'
    true squares is under one resolution (a test measures it): inside an obstacle cell it is 0
    only at the centre, but under half a cell everywhere. Outside the map a point takes the value
    of the nearest cell.
    """

    def __init__(self, grid: OccupancyGrid, *, occupied_from: int = 65) -> None:
        """Args:
        occupied_from: cells of this value or more are obstacles, per cent.
        """
        self.frame_id = grid.frame_id
        self.resolution = float(grid.resolution)
        self.uncertainty = self.resolution / 2
        x, y, yaw = grid.origin
        turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
        self._to_cells = turn / self.resolution
        self._corner = -np.array([x, y]) @ self._to_cells
        self._shape = grid.cells.shape
        self._occupied = _transform(grid.cells >= occupied_from, self.resolution)
        unknown = grid.cells == UNKNOWN
        self._unknown = _transform(unknown, self.resolution) if unknown.any() else None

    def distance(self, points: Floats) -> Floats:
        """See `ClearanceField`."""
        return self._look_up(self._occupied, points)

    def unknown_distance(self, points: Floats) -> Floats | None:
        """See `ClearanceField`."""
        return None if self._unknown is None else self._look_up(self._unknown, points)

    def border_distance(self, points: Floats) -> Floats | None:
        """See `ClearanceField`."""
        cell = self._cells(points)
        height, width = self._shape
        column, row = cell[:, 0], cell[:, 1]
        across, up = np.minimum(column, width - column), np.minimum(row, height - row)
        return np.asarray(np.minimum(across, up) * self.resolution)

    def touches(self, footprint: Footprint, poses: Floats) -> NDArray[np.bool_]:
        """See `ClearanceField`."""
        return touches_cells(self.distance, self.resolution, footprint, poses)

    def _cells(self, points: Floats) -> Floats:
        """(P, 2) column and row with fractions; whole numbers are the cells' corners."""
        cells: Floats = points @ self._to_cells + self._corner
        return cells

    def _look_up(self, field: NDArray[np.float32], points: Floats) -> Floats:
        height, width = self._shape
        cell = self._cells(points) - 0.5
        column = np.clip(cell[:, 0], 0.0, width - 1)
        row = np.clip(cell[:, 1], 0.0, height - 1)
        left = np.minimum(column.astype(np.int64), max(width - 2, 0))
        below = np.minimum(row.astype(np.int64), max(height - 2, 0))
        across, up = column - left, row - below
        right, above = int(width > 1), int(height > 1) * width
        flat, corner = field.ravel(), below * width + left
        low = _between(flat.take(corner), flat.take(corner + right), across)
        corner += above
        high = _between(flat.take(corner), flat.take(corner + right), across)
        return _between(low, high, up)


def _between(low: NDArray[np.floating], high: NDArray[np.floating], share: Floats) -> Floats:
    return np.asarray(low + (high - low) * share, dtype=np.float64)


FAR = np.float32(1e6)
"""Metres: the clearance of a map without any obstacle."""


def _transform(occupied: NDArray[np.bool_], resolution: float) -> NDArray[np.float32]:
    if not occupied.any():
        return np.full(occupied.shape, FAR, np.float32)
    found = cv2.distanceTransform((~occupied).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    cells: NDArray[np.float32] = np.asarray(found, np.float32)
    # Squared distances are whole numbers. OpenCV's last bit depends on where memory lies.
    np.multiply(cells, cells, out=cells)
    np.sqrt(np.rint(cells, out=cells), out=cells)
    cells -= np.float32(0.5)
    cells *= np.float32(resolution)
    metres: NDArray[np.float32] = np.maximum(cells, np.float32(0.0), out=cells)
    return metres


class PolygonField:
    """Clearance from polygons, exact; no border and nothing unknown."""

    def __init__(
        self,
        polygons: Sequence[Sequence[tuple[float, float]]],
        *,
        frame_id: str = "map",
        resolution: float = 0.1,
    ) -> None:
        """Args:
        polygons: corners (x, y) of each, metres in `frame_id`.
        resolution: what robot mode resamples at, metres.
        """
        if not (math.isfinite(resolution) and resolution > 0):
            raise InputError(f"the polygons' resolution is {resolution} m: it must be positive")
        if any(len(polygon) < 3 for polygon in polygons):
            raise InputError("an obstacle polygon has fewer than three corners")
        self.frame_id = frame_id
        self.resolution = resolution
        self.uncertainty = 0.0
        self._polygons = np.array([shapely.Polygon(polygon) for polygon in polygons], dtype=object)
        self._tree = shapely.STRtree(self._polygons)

    def distance(self, points: Floats) -> Floats:
        """See `ClearanceField`."""
        if not len(self._polygons):
            return np.full(len(points), float(FAR))
        shapes = shapely.points(points)
        nearest = self._tree.nearest(shapes)
        return np.asarray(shapely.distance(shapes, self._polygons[nearest]), dtype=np.float64)

    def unknown_distance(self, points: Floats) -> Floats | None:
        """See `ClearanceField`."""
        return None

    def border_distance(self, points: Floats) -> Floats | None:
        """See `ClearanceField`."""
        return None

    def touches(self, footprint: Footprint, poses: Floats) -> NDArray[np.bool_]:
        """See `ClearanceField`."""
        bodies = shapely.polygons(placed(np.asarray(footprint, dtype=np.float64), poses))
        touched = np.zeros(len(poses), dtype=bool)
        touched[self._tree.query(bodies, predicate="intersects")[0]] = True
        return touched
