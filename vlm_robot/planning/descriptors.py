"""What is measured of a path: definitions, units, and the measuring over all paths at once.

The first seven are those of PathEval (Aghzal, Yue, Plaku, Yao, CVPR 2025, arXiv 2411.18711).
In `Mode.VERTICES` they are taken as that paper takes them. In `Mode.ROBOT` segments are
resampled at the map's resolution, the robot's own size is taken off clearances, and headings
are compared over `RobotLimits.turn_window` rather than from vertex to vertex.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.planning.clearance import ClearanceField
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.paths import Ints, Paths, resample

Floats = NDArray[np.float64]

SHARP_TURN = 90.0
"""Degrees: a turn of more is sharp (PathEval)."""
CUSP = 165.0
"""Degrees: a path without headings that turns by more goes back on itself."""
DEFAULT_SPACING = 0.05
"""Metres: what robot mode resamples at where there is no map."""


class Mode(Enum):
    """How a path is measured."""

    VERTICES = "vertices"
    """At the poses alone, as a point: equal to PathEval's metrics."""
    ROBOT = "robot"
    """Everywhere along the path, with the robot's size."""


class Descriptor(NamedTuple):
    """A measure of a path.

    Attributes:
        unit: of its value.
        meaning: its definition in words.
        noticeable: the least difference that counts in full, in `unit`.
        noticeable_share: the same as a share of the best candidate's value; the larger counts.
        needs_map: whether it can't be told without obstacles.
        more, less: how the explanation says that a path has more or less of it than another.
        enough: what is beyond it counts no further in the score, in `unit`.
    """

    unit: str
    meaning: str
    noticeable: float
    noticeable_share: float
    needs_map: bool
    more: str
    less: str
    enough: float = math.inf


DESCRIPTORS: dict[str, Descriptor] = {
    "min_clearance": Descriptor(
        "m", "least distance to an obstacle", 0.05, 0.4, True,
        "keeps more room at its tightest place",
        "comes closer to obstacles at its tightest place",
    ),
    "max_clearance": Descriptor(
        "m", "greatest distance to an obstacle", 0.05, 0.1, True,
        "goes further out into the open",
        "stays closer to obstacles at its widest place",
    ),
    "mean_clearance": Descriptor(
        "m", "mean distance to obstacles", 0.05, 0.2, True,
        "keeps further from obstacles on the whole",
        "keeps closer to obstacles on the whole",
    ),
    "path_length": Descriptor(
        "m", "sum of the segments' lengths", 0.2, 0.33, False,
        "is longer",
        "is shorter",
    ),
    "smoothness": Descriptor(
        "deg", "sum of the turn angles at the vertices (lower is smoother)", 90.0, 0.0, False,
        "turns more in all",
        "turns less in all",
    ),
    "sharp_turns": Descriptor(
        "1", "number of turns of more than 90 degrees", 1.0, 0.0, False,
        "has more sharp turns",
        "has fewer sharp turns",
    ),
    "max_turn_angle": Descriptor(
        "deg", "largest turn angle", 30.0, 0.0, False,
        "has a sharper sharpest turn",
        "has a gentler sharpest turn",
    ),
    "duration": Descriptor(
        "s", "time at the robot's speed limits", 1.0, 0.33, False,
        "takes longer",
        "is quicker",
    ),
    "turn_per_metre": Descriptor(
        "deg/m", "sum of the turn angles over the length", 10.0, 0.33, False,
        "winds more",
        "winds less",
    ),
    "max_curvature": Descriptor(
        "1/m", "greatest curvature, one over the turning radius", 0.2, 0.33, False,
        "has a tighter tightest bend",
        "has a wider tightest bend",
    ),
    "turning_radius": Descriptor(
        "m", "least turning radius", 0.1, 0.33, False,
        "has a wider tightest bend",
        "has a tighter tightest bend",
        enough=10.0,
    ),
    "reversals": Descriptor(
        "1", "changes between forward and backward", 1.0, 0.0, False,
        "changes direction more often",
        "changes direction less often",
    ),
    "exposure": Descriptor(
        "1", "share of the length in the open", 0.15, 0.0, True,
        "is more in the open",
        "is less in the open",
    ),
    "area_covered": Descriptor(
        "m2", "area of the squares, as wide as the robot, that the path enters", 0.5, 0.33, False,
        "covers more ground",
        "covers less ground",
    ),
}  # fmt: skip

PATHEVAL = tuple(DESCRIPTORS)[:7]
"""The seven descriptors of PathEval."""


class Measured(NamedTuple):
    """Descriptors of paths, and what feasibility needs along the way.

    Attributes:
        values: (N,) for each descriptor that could be told.
        sampled: the paths where clearance was taken.
        distance: (P,) of `sampled`, metres to the nearest obstacle, nothing taken off; or None.
        curvature: (P,) of `sampled`, 1/m; 0 where a path goes back on itself.
    """

    values: dict[str, Floats]
    sampled: Paths
    distance: Floats | None
    curvature: Floats


def measure(
    paths: Paths, field: ClearanceField | None, *, limits: RobotLimits, mode: Mode = Mode.ROBOT
) -> Measured:
    """Measure every path at once.

    Args:
        field: obstacles in the paths' frame; None: what needs them is left out.

    Returns:
        values under the names of `DESCRIPTORS`, in their units.
    """
    robot = mode is Mode.ROBOT
    spacing = field.resolution if field is not None else DEFAULT_SPACING
    sampled = resample(paths, spacing) if robot else paths
    distance = None if field is None else field.distance(sampled.points)
    values = _clearances(sampled, distance, limits, robot)
    shape, curvature = _shape(paths, sampled, limits, robot)
    values |= shape
    values["area_covered"] = _area(sampled if robot else resample(paths, spacing), limits)
    ordered = {name: values[name] for name in DESCRIPTORS if name in values}
    return Measured(ordered, sampled, distance, curvature)


def _clearances(
    sampled: Paths, distance: Floats | None, limits: RobotLimits, robot: bool
) -> dict[str, Floats]:
    if distance is None:
        return {}
    room = distance
    if robot:
        room = np.minimum(np.maximum(distance - limits.inner_radius, 0.0), limits.clearance_cap)
    return {
        "min_clearance": sampled.least(room),
        "max_clearance": sampled.most(room),
        "mean_clearance": sampled.mean(room),
        "exposure": _exposure(sampled, room >= limits.open_from),
    }


def _exposure(sampled: Paths, is_open: NDArray[np.bool_]) -> Floats:
    """Share of the length on steps whose ends are both in the open; a half for one end."""
    step = sampled.lengths
    ends = is_open.astype(np.float64)
    both = np.append((ends[:-1] + ends[1:]) / 2, 0.0)
    return sampled.total(step * both) / sampled.total(step)


def turn_angles(paths: Paths) -> Floats:
    """(P,) unsigned angle in degrees between the segments before and after; 0 at ends."""
    x, y = paths.steps
    cross = x[:-1] * y[1:] - y[:-1] * x[1:]
    dot = x[:-1] * x[1:] + y[:-1] * y[1:]
    angles = np.zeros(len(paths.points))
    inner = paths.inner
    angles[1:-1] = np.where(inner[:-1] & inner[1:], np.degrees(np.abs(np.arctan2(cross, dot))), 0.0)
    return angles


def _shape(
    paths: Paths, sampled: Paths, limits: RobotLimits, robot: bool
) -> tuple[dict[str, Floats], Floats]:
    """What needs no map, and the curvature (P,) at each point of `sampled`."""
    angles, step = turn_angles(paths), paths.lengths
    length, turn = paths.total(step), paths.total(angles)
    if robot:
        heading, curvature = _windowed(sampled, limits.turn_window)
        pace = np.maximum(
            step / limits.maximum_speed, np.radians(angles) / limits.maximum_turn_rate
        )
        duration = paths.total(pace)
        sharp = _runs(sampled, heading > SHARP_TURN)
    else:
        heading, curvature = angles, _circle_curvature(paths, angles)
        duration = length / limits.maximum_speed + np.radians(turn) / limits.maximum_turn_rate
        sharp = paths.total((angles > SHARP_TURN).astype(np.float64))
    bend = sampled.most(curvature)
    values = {
        "path_length": length,
        "smoothness": turn,
        "sharp_turns": sharp,
        "max_turn_angle": sampled.most(heading),
        "duration": duration,
        "turn_per_metre": turn / length,
        "max_curvature": bend,
        "turning_radius": 1.0 / np.maximum(bend, 1e-6),
        "reversals": _reversals(paths, angles),
    }
    return values, curvature


def _runs(paths: Paths, mask: NDArray[np.bool_]) -> Floats:
    """(N,) how many unbroken runs of True each path has."""
    begins = mask.copy()
    begins[1:] &= ~(mask[:-1] & paths.inner)
    return paths.total(begins.astype(np.float64))


def _windowed(paths: Paths, window: float) -> tuple[Floats, Floats]:
    """Turn angle (P,) degrees and curvature (P,) 1/m between the chords of `window` metres.

    The curvature is that of the circle through the points one window before, at, and one
    window after (Menger). On an arc it is exact for any window.
    """
    travelled = np.concatenate([[0.0], np.cumsum(paths.lengths)[:-1]])
    places = np.arange(len(travelled))
    first, last = paths.starts[:-1][paths.owner], paths.starts[1:][paths.owner] - 1
    slack = window * 1e-6
    back = np.searchsorted(travelled, travelled - (window - slack), side="left")
    ahead = np.searchsorted(travelled, travelled + (window - slack), side="left")
    back = np.maximum(np.minimum(back, places - 1), first)
    ahead = np.minimum(np.maximum(ahead, places + 1), last)
    return _between(paths.points, back, ahead)


def _between(points: Floats, back: Ints, ahead: Ints) -> tuple[Floats, Floats]:
    """Turn angle (P,) degrees and curvature (P,) 1/m at each point, between two others."""
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    before_x, before_y = x - x[back], y - y[back]
    after_x, after_y = x[ahead] - x, y[ahead] - y
    cross = np.abs(before_x * after_y - before_y * after_x)
    angle = np.degrees(np.arctan2(cross, before_x * after_x + before_y * after_y))
    sides = (before_x**2 + before_y**2) * (after_x**2 + after_y**2)
    sides *= (before_x + after_x) ** 2 + (before_y + after_y) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        curvature = 2.0 * cross / np.sqrt(sides)
    cusp = angle > CUSP
    return angle, np.where((sides > 0) & ~cusp, curvature, 0.0)


def _circle_curvature(paths: Paths, angles: Floats) -> Floats:
    places = np.arange(len(angles))
    ends = angles == 0.0
    back, ahead = np.maximum(places - 1, 0), np.minimum(places + 1, len(places) - 1)
    return np.where(ends, 0.0, _between(paths.points, back, ahead)[1])


def _reversals(paths: Paths, angles: Floats) -> Floats:
    """Changes of sign between motion and heading; turns past `CUSP` where headings tell nothing."""
    told = paths.has_headings
    if not told.any():
        return paths.total((angles > CUSP).astype(np.float64))
    x, y = paths.steps
    forward = np.cos(paths.yaw[:-1]) * x + np.sin(paths.yaw[:-1]) * y >= 0
    inner = paths.inner
    changes = np.zeros(len(paths.points))
    changes[1:-1] = (forward[1:] != forward[:-1]) & inner[1:] & inner[:-1]
    cusps = (angles > CUSP).astype(np.float64)
    return np.where(told, paths.total(changes), paths.total(cusps))


def _area(sampled: Paths, limits: RobotLimits) -> Floats:
    side = max(2.0 * limits.outer_radius, DEFAULT_SPACING)
    column, row = (np.floor(line / side).astype(np.int64) for line in sampled.points.T)
    column, row = (
        line - np.minimum.reduceat(line, sampled.starts[:-1])[sampled.owner]
        for line in (column, row)
    )
    width, height = int(column.max()) + 1, int(row.max()) + 1
    key = (sampled.owner * height + row) * width + column
    key = key[np.append(True, np.diff(key) != 0)]
    entered = np.unique(key) // (width * height)
    return np.asarray(np.bincount(entered, minlength=sampled.number) * side**2, dtype=np.float64)
