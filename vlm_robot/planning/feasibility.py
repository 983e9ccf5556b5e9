"""Which paths the robot can't or mustn't take, and why, in words with numbers and places."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from vlm_robot.planning.clearance import ClearanceField
from vlm_robot.planning.descriptors import Measured
from vlm_robot.planning.footprint import Footprint, placed, touches_cells
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.paths import SAME_PLACE, Ints, Paths
from vlm_robot.types import PathCandidate

Floats = NDArray[np.float64]
Violations = list[list[str]]

MOST_POINTS = 1_000_000
"""Points that a path may be sampled at: 50 km on cells of 5 cm."""
ROUNDING = 1e-6
"""Metres by which a distance may fall short before it counts."""
TURNING_SLACK = 0.95
"""Share of the least turning radius that is let pass: poses on an arc only sample it."""


def unsound(candidates: Sequence[PathCandidate]) -> Violations:
    """Name what makes a path no path: too few poses, poses that aren't finite or don't move."""
    lengths = np.array([len(candidate.poses) for candidate in candidates])
    if lengths.min(initial=2) < 2:
        return [_unsound(candidate.poses) for candidate in candidates]
    # Almost always all are sound: then a look at all at once saves one at each.
    poses = np.concatenate([candidate.poses for candidate in candidates])
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1]
    sound = np.isfinite(poses).all()
    if sound:
        moves = np.zeros(len(poses))
        moves[:-1] = np.abs(poses[1:, 0] - poses[:-1, 0]) + np.abs(poses[1:, 1] - poses[:-1, 1])
        moves[starts[1:] - 1] = 0.0
        sound = np.maximum.reduceat(moves, starts).min() > SAME_PLACE
    return [[] if sound else _unsound(candidate.poses) for candidate in candidates]


def _unsound(poses: NDArray[np.float64]) -> list[str]:
    if len(poses) < 2:
        return [f"too short: {len(poses)} pose{'s' * (len(poses) != 1)}, a path needs two"]
    finite = np.isfinite(poses).all(axis=1)
    if not finite.all():
        first = int(np.argmin(finite))
        return [
            f"not finite: pose {first} is ({', '.join(f'{v:g}' for v in poses[first])}),"
            f" as are {int((~finite).sum()) - 1} more"
        ]
    if np.abs(np.diff(poses[:, :2], axis=0)).sum(axis=1).max() <= SAME_PLACE:
        return [f"goes nowhere: all {len(poses)} poses are at one place"]
    return []


def unmeasurable(paths: Paths, spacing: float, limits: RobotLimits) -> Violations:
    """Name what forbids that a path is sampled: its jumps, or its length.

    Args:
        spacing: metres between samples.
    """
    found: Violations = [[] for _ in range(paths.number)]
    with np.errstate(over="ignore"):
        _jumps(found, paths, limits)
        length = paths.total(paths.lengths)
    for path in np.flatnonzero(length > MOST_POINTS * spacing):
        found[path].append(
            f"too long: {length[path]:.4g} m, {MOST_POINTS * spacing:.4g} m is the most that is"
            f" measured every {spacing:g} m"
        )
    return found


def violations(
    paths: Paths, measured: Measured, field: ClearanceField | None, *, limits: RobotLimits
) -> Violations:
    """Name every limit of the robot that a path breaks, with the number and the first place.

    Jumps are named before anything is measured (`unmeasurable`).
    """
    found: Violations = [[] for _ in range(paths.number)]
    _turns(found, measured.sampled, measured, limits)
    if field is not None and measured.distance is not None:
        _collisions(found, measured, field, limits)
        _borders(found, measured.sampled, field, limits)
        if not limits.unknown_is_free:
            _unknowns(found, measured.sampled, field, limits)
    return found


def _jumps(found: Violations, paths: Paths, limits: RobotLimits) -> None:
    lengths = paths.lengths
    far = lengths > limits.maximum_jump + ROUNDING
    for path, point in _first(paths, far):
        found[path].append(
            f"jump of {lengths[point]:.2f} m after pose {paths.pose[point]}{_at(paths, point)}:"
            f" {limits.maximum_jump:.2f} m is the most"
        )


def _turns(found: Violations, paths: Paths, measured: Measured, limits: RobotLimits) -> None:
    least = limits.minimum_turning_radius
    if least <= 0:
        return
    tight = measured.curvature * least * TURNING_SLACK > 1.0
    for path, point in _first(paths, tight):
        found[path].append(
            f"turning radius of {1.0 / measured.curvature[point]:.2f} m at pose"
            f" {paths.pose[point]}{_at(paths, point)}: the robot needs {least:.2f} m"
        )


def _collisions(
    found: Violations, measured: Measured, field: ClearanceField, limits: RobotLimits
) -> None:
    sampled, distance = measured.sampled, measured.distance
    if distance is None:
        return
    hit = _touches(sampled, distance, field.uncertainty, field.touches, limits)
    for path, point in _first(sampled, hit):
        away = distance[point] if distance[point] >= field.uncertainty else 0.0
        found[path].append(
            f"collision after pose {sampled.pose[point]}{_at(sampled, point)}:"
            f" {away:.2f} m from an obstacle,"
            f" the robot reaches {limits.outer_radius:.2f} m"
        )


def _borders(found: Violations, sampled: Paths, field: ClearanceField, limits: RobotLimits) -> None:
    border = field.border_distance(sampled.points)
    if border is None:
        return

    def crosses(footprint: Footprint, poses: Floats) -> NDArray[np.bool_]:
        corners = placed(np.asarray(footprint, dtype=np.float64), poses)
        reached = np.asarray(field.border_distance(corners.reshape(-1, 2)))
        return np.asarray(reached.reshape(len(poses), -1).min(axis=1) <= 0.0)

    out = _touches(sampled, border, 0.0, crosses, limits)
    for path, point in _first(sampled, out):
        how = "outside" if border[point] < 0 else f"{border[point]:.2f} m from the border of"
        found[path].append(
            f"leaves the map after pose {sampled.pose[point]}{_at(sampled, point)}: it is {how} it"
        )


def _unknowns(
    found: Violations, sampled: Paths, field: ClearanceField, limits: RobotLimits
) -> None:
    distance = field.unknown_distance(sampled.points)
    if distance is None:
        return

    def enters(footprint: Footprint, poses: Floats) -> NDArray[np.bool_]:
        look_up = lambda points: np.asarray(field.unknown_distance(points))  # noqa: E731
        return touches_cells(look_up, field.resolution, footprint, poses)

    hit = _touches(sampled, distance, field.uncertainty, enters, limits)
    for path, point in _first(sampled, hit):
        found[path].append(
            f"unknown space after pose {sampled.pose[point]}{_at(sampled, point)}:"
            " the map knows nothing there"
        )


def _touches(
    sampled: Paths,
    distance: Floats,
    uncertainty: float,
    meets: Callable[[Footprint, Floats], NDArray[np.bool_]],
    limits: RobotLimits,
) -> NDArray[np.bool_]:
    """(P,) whether the robot's body at each point reaches what `distance` (P,) is the way to.

    `meets` is only asked where the circles about and inside the robot don't tell.
    """
    least = max(limits.inner_radius, uncertainty)
    hit = (distance <= 0.0) | (distance < least - ROUNDING)
    if limits.footprint is None:
        return hit
    unsure = np.flatnonzero(~hit & (distance < limits.outer_radius + uncertainty))
    if len(unsure):
        poses = np.column_stack([sampled.points, _headings(sampled)])[unsure]
        hit[unsure] = meets(limits.footprint, poses)
    return hit


def _headings(paths: Paths) -> Floats:
    """(P,) the poses' yaw; the direction of motion where the yaws tell nothing."""
    x, y = paths.steps
    motion = np.append(np.arctan2(y, x), 0.0)
    starts, ends = paths.starts[:-1], paths.starts[1:] - 1
    motion[ends] = motion[ends - 1]
    told = paths.has_headings[paths.owner]
    told[ends] |= np.abs(paths.yaw[ends] - paths.yaw[starts]) > 1e-9  # the goal's own
    return np.where(told, paths.yaw, motion)


def _first(paths: Paths, mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Path and point of the first place of each path where `mask`."""
    if not mask.any():
        return []
    points: Ints = paths.first(mask)
    return [(path, int(point)) for path, point in enumerate(points) if point >= 0]


def _at(paths: Paths, point: int) -> str:
    x, y = paths.points[point]
    return f" (x {x:.2f}, y {y:.2f} m)"
