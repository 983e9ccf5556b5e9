"""A simulated pinhole camera: where it is and what it projects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vlm_robot.simulation.assets.mesh import Floats
from vlm_robot.types import Intrinsics


@dataclass(frozen=True)
class Camera:
    """A pinhole without distortion.

    Attributes:
        intrinsics: of its image.
        position: (3,) metres in the world (z up).
        rotation: (3, 3) world from optical frame (x right, y down, z forward).
    """

    intrinsics: Intrinsics
    position: Floats
    rotation: Floats

    @property
    def fovy(self) -> float:
        """Vertical field of view, degrees."""
        focal = self.intrinsics.matrix[1, 1]
        return float(np.degrees(2 * np.arctan(self.intrinsics.height / 2 / focal)))

    def to_optical(self, points: Floats) -> Floats:
        """(N, 3) world points in the optical frame, metres."""
        return (points - self.position) @ self.rotation

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """(N, 2) pixels and (N,) depths in metres of (N, 3) world points."""
        local = self.to_optical(points)
        depth = local[:, 2]
        matrix = self.intrinsics.matrix
        pixels = local[:, :2] / np.where(np.abs(depth) < 1e-9, 1e-9, depth)[:, None]
        return pixels * [matrix[0, 0], matrix[1, 1]] + [matrix[0, 2], matrix[1, 2]], depth


def pinhole(width: int, height: int, fovy: float) -> Intrinsics:
    """Intrinsics with square pixels and the principal point in the middle; `fovy` in degrees.

    Pixel (0, 0) reaches from 0 to 1, so that the middle is at (width / 2, height / 2).
    """
    focal = height / 2 / np.tan(np.radians(fovy) / 2)
    matrix = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    return Intrinsics(width, height, matrix)


def look(intrinsics: Intrinsics, position: Floats, target: Floats, roll: float = 0.0) -> Camera:
    """A camera at `position` that looks at `target` (world, metres), rolled by radians."""
    forward = np.asarray(target, float) - position
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    turned = np.stack([right, down, forward], axis=1)
    spin = np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1.0]]
    )
    return Camera(intrinsics, np.asarray(position, float), turned @ spin)
