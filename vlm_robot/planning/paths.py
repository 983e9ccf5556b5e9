"""Many paths as one array, so that every measure is taken over all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import PathCandidate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAME_PLACE = 1e-9
"""Neighbouring poses nearer than this are one point, metres."""


@dataclass(frozen=True, eq=False)
class Paths:
    """Paths end to end. Each has two or more points, all finite, no two neighbours alike.

    What several measures need of the points is kept once it is told.

    Attributes:
        points: (P, 2) x and y, metres.
        yaw: (P,) radians, as the poses have it.
        pose: (P,) index of the pose, in its own path, at or before the point.
        starts: (N + 1,) where each path begins in `points`; the last is P.
    """

    points: Floats
    yaw: Floats
    pose: Ints
    starts: Ints

    @property
    def number(self) -> int:
        """How many paths."""
        return len(self.starts) - 1

    @cached_property
    def owner(self) -> Ints:
        """(P,) which path each point is of."""
        return np.repeat(np.arange(self.number), np.diff(self.starts))

    @cached_property
    def inner(self) -> NDArray[np.bool_]:
        """(P - 1,) whether the step from point i to i + 1 stays in one path."""
        steps = np.ones(len(self.points) - 1, dtype=bool)
        steps[self.starts[1:-1] - 1] = False
        return steps

    @cached_property
    def steps(self) -> tuple[Floats, Floats]:
        """(P - 1,) metres along x and along y from each point to the next one, of any path."""
        x, y = self.points[:, 0], self.points[:, 1]
        return x[1:] - x[:-1], y[1:] - y[:-1]

    @cached_property
    def lengths(self) -> Floats:
        """(P,) metres from each point to the next in its path; 0 at a path's end."""
        x, y = self.steps
        lengths = np.zeros(len(self.points))
        np.sqrt(x * x + y * y, out=lengths[:-1])
        lengths[self.starts[1:] - 1] = 0.0
        return lengths

    @cached_property
    def has_headings(self) -> NDArray[np.bool_]:
        """(N,) whether the poses' yaws tell where the robot faces.

        They don't where all but the last are alike: planners that leave yaws out may still put
        the goal's into the last pose.
        """
        yaw = self.yaw.copy()
        yaw[self.starts[1:] - 1] = yaw[self.starts[:-1]]
        return np.asarray(self.most(yaw) - self.least(yaw) > 1e-9)

    def total(self, values: Floats) -> Floats:
        """(N,) sum over each path of `values` (P,)."""
        return np.add.reduceat(values, self.starts[:-1])

    def mean(self, values: Floats) -> Floats:
        """(N,) mean over each path of `values` (P,)."""
        return self.total(values) / np.diff(self.starts)

    def least(self, values: Floats) -> Floats:
        """(N,) minimum over each path of `values` (P,)."""
        return np.minimum.reduceat(values, self.starts[:-1])

    def most(self, values: Floats) -> Floats:
        """(N,) maximum over each path of `values` (P,)."""
        return np.maximum.reduceat(values, self.starts[:-1])

    def first(self, mask: NDArray[np.bool_]) -> Ints:
        """(N,) index into `points` of each path's first point where `mask`; -1 for none."""
        places = np.where(mask, np.arange(len(mask)), len(mask))
        first = np.minimum.reduceat(places, self.starts[:-1])
        return np.where(first < len(mask), first, -1)


def join(candidates: Sequence[PathCandidate]) -> Paths:
    """Lay finite paths end to end; neighbouring poses at one place become one point.

    That has the yaw of the last of them, with which the robot drives off.

    Every candidate must have two finite poses at different places (`feasibility.unsound`).
    """
    poses = np.concatenate([candidate.poses for candidate in candidates])
    lengths = np.array([len(candidate.poses) for candidate in candidates], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    pose = np.arange(len(poses)) - np.repeat(starts[:-1], lengths)
    joined = Paths(poses[:, :2], poses[:, 2], pose, starts)
    x, y = joined.steps
    moved = np.ones(len(poses), dtype=bool)
    moved[1:] = (np.abs(x) + np.abs(y) > SAME_PLACE) | (pose[1:] == 0)
    if moved.all():
        return joined
    kept = np.concatenate([[0], np.cumsum(np.add.reduceat(moved.astype(np.int64), starts[:-1]))])
    last = np.append(np.flatnonzero(moved)[1:], len(poses)) - 1
    return Paths(poses[moved, :2], poses[last, 2], pose[moved], kept)


def resample(paths: Paths, spacing: float) -> Paths:
    """Put points on every segment so that no two neighbours are further apart than `spacing`.

    The vertices stay; a segment of length d gets ceil(d / spacing) equal parts.

    Args:
        spacing: metres.
    """
    points = paths.points
    parts = np.ceil(paths.lengths / spacing - 1e-9).astype(np.int64)
    np.maximum(parts, 1, out=parts)
    if parts.max() == 1:
        return paths
    before = np.concatenate([[0], np.cumsum(parts)])
    source = np.repeat(np.arange(len(points)), parts)
    share = (np.arange(before[-1]) - before[source]) / parts[source]
    step = np.append(np.column_stack(paths.steps), [[0.0, 0.0]], axis=0)
    return Paths(
        points[source] + share[:, None] * step[source],
        paths.yaw[source],
        paths.pose[source],
        before[paths.starts],
    )
