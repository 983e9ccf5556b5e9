"""A drive through the flat: where the robot is at any time, and what its cameras are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from vlm_robot.simulation.camera import Camera, pinhole
from vlm_robot.types import Intrinsics

Floats = NDArray[np.float64]

WAYPOINTS = (
    (0.95, 0.95),
    (1.15, 1.65),
    (2.0, 2.35),
    (3.3, 2.5),
    (4.6, 2.42),
    (5.5, 2.1),
    (6.05, 1.5),
    (6.8, 1.3),
    (7.3, 1.75),
)
"""Metres in the map."""


@dataclass(frozen=True)
class Mount:
    """A camera on the robot: place in base_link (metres), yaw and pitch (radians, down > 0)."""

    name: str
    position: tuple[float, float, float]
    yaw: float
    pitch: float
    intrinsics: Intrinsics

    def base_from_optical(self) -> Floats:
        """(4, 4) base_link from the optical frame (x right, y down, z forward)."""
        sine, cosine = np.sin(self.pitch), np.cos(self.pitch)
        forward = np.array([cosine * np.cos(self.yaw), cosine * np.sin(self.yaw), -sine])
        right = np.array([np.sin(self.yaw), -np.cos(self.yaw), 0.0])
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
        matrix[:3, 3] = self.position
        return matrix

    def camera(self, map_from_base: Floats) -> Camera:
        """The camera in the map when the robot is at `map_from_base` (4, 4)."""
        matrix = map_from_base @ self.base_from_optical()
        return Camera(self.intrinsics, matrix[:3, 3], matrix[:3, :3])


def robot_mounts(width: int, height: int) -> tuple[Mount, Mount]:
    """The front camera, tilted down a little, and the rear one."""
    return (
        Mount("front", (0.15, 0.0, 0.62), 0.0, 0.14, pinhole(width, height, 56.0)),
        Mount("rear", (-0.15, 0.0, 0.62), np.pi, 0.14, pinhole(width, height, 56.0)),
    )


class Route:
    """A smooth drive along waypoints that takes `seconds`, from and to a stand."""

    def __init__(self, waypoints: tuple[tuple[float, float], ...], seconds: float) -> None:
        points = np.asarray(waypoints, float)
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        self._spline = CubicSpline(np.concatenate([[0], np.cumsum(steps)]), points)
        knots = np.linspace(0, steps.sum(), 2000)
        run = np.linalg.norm(np.diff(self._spline(knots), axis=0), axis=1)
        self._knots, self._length = knots, np.concatenate([[0], np.cumsum(run)])
        self._seconds = seconds

    @property
    def length(self) -> float:
        """Metres."""
        return float(self._length[-1])

    def _travelled(self, time: float) -> float:
        """Metres after `time` seconds: 1.5 s to speed up and to stop."""
        ramp = 1.5
        cruise = self.length / (self._seconds - ramp)
        t = float(np.clip(time, 0, self._seconds))
        left = self._seconds - t
        if t < ramp:
            return cruise * t**2 / (2 * ramp)
        if left < ramp:
            return self.length - cruise * left**2 / (2 * ramp)
        return cruise * (t - ramp / 2)

    def pose(self, time: float) -> tuple[float, float, float]:
        """x, y in metres and yaw in radians, in the map, after `time` seconds."""
        knot = np.interp(self._travelled(time), self._length, self._knots)
        x, y = self._spline(knot)
        dx, dy = self._spline(knot, 1)
        return float(x), float(y), float(np.arctan2(dy, dx))


def planar(x: float, y: float, yaw: float) -> Floats:
    """(4, 4) transform of a pose on the floor."""
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]
    matrix[:2, 3] = x, y
    return matrix


def drifted(route: Route, times: Floats, rng: np.random.Generator) -> list[Floats]:
    """(4, 4) odom from base_link at `times`: the true motion, with a wheel's small errors."""
    poses = [planar(*route.pose(float(time))) for time in times]
    odometry = [np.eye(4)]
    scale, turn = 1 + rng.normal(0, 0.01), rng.normal(0, 0.004)
    for before, after in pairwise(poses):
        step = np.linalg.inv(before) @ after
        way = float(np.hypot(step[0, 3], step[1, 3]))
        yaw = float(np.arctan2(step[1, 0], step[0, 0]))
        wrong = planar(step[0, 3] * scale, step[1, 3] * scale, yaw + turn * way)
        odometry.append(odometry[-1] @ wrong)
    return odometry
