"""Candidate paths of the sample drive, each set with a goal in words and its right answer.

The right answer is measured here from the flat's geometry, apart from the planner's own code,
so that it can serve to test that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from vlm_robot.simulation.drive import Route
from vlm_robot.simulation.flat import Flat
from vlm_robot.types import OccupancyGrid

Floats = NDArray[np.float64]
ROBOT_RADIUS = 0.2
"""Metres: a path whose centre line comes nearer to an obstacle isn't feasible."""
SPACING = 0.1


@dataclass(frozen=True)
class Candidates:
    """A set of paths.

    Attributes:
        time: seconds into the drive.
        goal: in words.
        paths: each (N, 3): x, y in metres and yaw in radians, in the map.
        measures: of each path: length_m, clearance_m (of the centre line), turning_rad,
            landmark_m (least distance to the landmark, NaN where the goal names none), feasible.
        best: index of the path that serves the goal best.
        rule: how `best` was found.
    """

    time: float
    goal: str
    paths: tuple[Floats, ...]
    measures: tuple[dict[str, Any], ...]
    best: int
    rule: str


@dataclass(frozen=True)
class _Ask:
    time: float
    goal: str
    end: tuple[float, float]
    ways: tuple[tuple[tuple[float, float], ...], ...]
    landmark: tuple[str, str]
    key: str
    sign: int


ASKS = (
    _Ask(
        1.0,
        "Go to the kitchen door and keep well away from the red couch.",
        (4.6, 2.45),
        (
            ((1.2, 1.9), (2.2, 2.5), (3.4, 2.5)),
            ((2.1, 1.15), (2.75, 1.95), (3.6, 2.35)),
            ((1.0, 1.9), (1.5, 2.7), (2.6, 2.62), (3.6, 2.6)),
            ((2.2, 1.32), (3.4, 1.85)),
        ),
        ("couch", "three_seats"),
        "landmark_m",
        1,
    ),
    _Ask(
        9.0,
        "Take the shortest way to the window.",
        (7.6, 1.75),
        (
            ((5.3, 2.0), (6.2, 1.35), (7.0, 1.35)),
            ((5.5, 2.7), (6.7, 2.9)),
            ((5.0, 2.75), (5.6, 2.5), (5.9, 1.5), (6.8, 1.25)),
            ((5.3, 2.25), (6.1, 1.75), (6.9, 1.6)),
        ),
        ("", ""),
        "length_m",
        -1,
    ),
    _Ask(
        12.5,
        "Bring the full tray to the watering can: drive smoothly, no sharp turns.",
        (7.75, 1.3),
        (
            ((6.0, 1.25), (6.3, 1.75), (6.75, 1.25), (7.2, 1.75)),
            ((6.4, 2.2), (6.9, 2.4), (7.2, 1.6)),
            ((6.2, 1.6), (6.9, 1.35)),
            ((5.8, 1.25), (7.0, 1.75)),
        ),
        ("", ""),
        "turning_rad",
        -1,
    ),
)


def candidate_sets(flat: Flat, grid: OccupancyGrid, route: Route) -> list[Candidates]:
    """The sets of the drive, measured."""
    distance = _distance(grid)
    return [_candidates(ask, flat, grid, distance, route) for ask in ASKS]


def _candidates(
    ask: _Ask, flat: Flat, grid: OccupancyGrid, distance: Floats, route: Route
) -> Candidates:
    start = route.pose(ask.time)
    paths = tuple(_path((start[:2], *way, ask.end), start[2]) for way in ask.ways)
    landmark = flat.outline(*ask.landmark) if ask.landmark[0] else None
    measures = tuple(_measure(path, grid, distance, landmark) for path in paths)
    feasible = [i for i, measure in enumerate(measures) if measure["feasible"]]
    ranked = sorted(feasible, key=lambda i: -ask.sign * measures[i][ask.key])
    word = "largest" if ask.sign > 0 else "smallest"
    return Candidates(
        ask.time, ask.goal, paths, measures, ranked[0], f"{word} {ask.key} of the feasible paths"
    )


def _path(points: tuple[tuple[float, float], ...], yaw: float) -> Floats:
    """Poses every SPACING metres along a smooth curve that starts in the direction `yaw`."""
    xy = np.asarray(points)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=1))])
    heading = (np.cos(yaw), np.sin(yaw))
    spline = CubicSpline(along, xy, bc_type=((1, heading), (2, (0.0, 0.0))))
    knots = np.linspace(0, along[-1], max(int(along[-1] / SPACING), 2) + 1)
    slope = spline(knots, 1)
    return np.column_stack([spline(knots), np.arctan2(slope[:, 1], slope[:, 0])])


def _distance(grid: OccupancyGrid) -> Floats:
    """Metres from each cell to the nearest that is occupied or unknown."""
    free = (grid.cells == 0).astype(np.uint8)
    cells: Floats = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return cells * grid.resolution


def _measure(
    path: Floats, grid: OccupancyGrid, distance: Floats, landmark: Floats | None
) -> dict[str, Any]:
    cells = ((path[:, :2] - grid.origin[:2]) / grid.resolution).astype(int)
    clearance = float(distance[cells[:, 1], cells[:, 0]].min())
    turns = np.angle(np.exp(1j * np.diff(path[:, 2])))
    near = np.nan
    if landmark is not None:
        near = float(np.linalg.norm(path[:, None, :2] - landmark[None], axis=2).min())
    return {
        "length_m": float(np.linalg.norm(np.diff(path[:, :2], axis=0), axis=1).sum()),
        "clearance_m": clearance,
        "turning_rad": float(np.abs(turns).sum()),
        "landmark_m": near,
        "feasible": clearance > ROBOT_RADIUS,
    }
