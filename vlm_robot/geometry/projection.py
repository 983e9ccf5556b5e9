"""Between pixels and points, through a pinhole camera with distortion.

Points are in the camera's optical frame: x right, y down, z forward, metres. Pixels are as in
sensor_msgs/CameraInfo and OpenCV: the centre of the top left pixel is (0, 0). The model is that of
OpenCV's camera calibration (plumb_bob: k1 k2 p1 p2 k3; rational_polynomial: and k4 k5 k6).
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import Intrinsics

Floats = NDArray[np.float64]

_ITERATIONS = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-10)
"""Undistortion is iterative; 40 steps bring real calibrations below 1e-3 pixels at the corners."""

_undistort = getattr(cv2, "undistortPointsIter", cv2.undistortPoints)
"""OpenCV 4 takes criteria in the first, which OpenCV 5 made the second."""

FARTHEST_ON_FLOOR = 15.0
"""Metres. Farther, a pixel's error moves a point on the floor by more than a robot's length."""

_VIEW_MARGIN = 1.5
"""A distortion polynomial is fitted inside the image. Far outside it folds back into the image."""


def rays(pixels: NDArray[Any], intrinsics: Intrinsics) -> Floats:
    """Directions that pixels look along.

    Args:
        pixels: (N, 2), x and y.

    Returns:
        (N, 2): x / z and y / z of the points that the pixels show.
    """
    points = np.asarray(pixels, dtype=np.float64).reshape(-1, 2)
    if _distorted(intrinsics) and len(points):
        found = _undistort(
            points[:, None],
            intrinsics.matrix,
            np.array(intrinsics.distortion),
            R=None,
            P=None,
            criteria=_ITERATIONS,
        )
        return np.asarray(found, dtype=np.float64).reshape(-1, 2)
    (fx, skew, cx), (_, fy, cy), _ = intrinsics.matrix
    y = (points[:, 1] - cy) / fy
    return np.stack([(points[:, 0] - cx - skew * y) / fx, y], axis=1)


def unproject(pixels: NDArray[Any], depth: NDArray[Any], intrinsics: Intrinsics) -> Floats:
    """Points that pixels show.

    Args:
        pixels: (N, 2), x and y.
        depth: (N,) metres along z; NaN gives NaN.

    Returns:
        (N, 3) points in the optical frame, metres.
    """
    z = np.asarray(depth, dtype=np.float64).reshape(-1, 1)
    return np.hstack([rays(pixels, intrinsics) * z, z])


def on_floor(pixels: NDArray[Any], intrinsics: Intrinsics, matrix: Floats) -> tuple[Floats, Floats]:
    """Where pixels show the floor z = 0 of another frame.

    Args:
        pixels: (N, 2), x and y.
        matrix: (4, 4) points of the optical frame to points of the floor's frame, z up.

    Returns:
        (N, 3) points in the floor's frame and (N,) depths along the optical axis, metres; NaN for
        pixels that don't show it, or show it beyond FARTHEST_ON_FLOOR.
    """
    # The directions have z = 1 in the optical frame, so that they are multiplied by the depth.
    directions = unproject(pixels, np.ones(len(pixels)), intrinsics) @ matrix[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -matrix[2, 3] / directions[:, 2]
    depth[~((depth > 0) & (depth < FARTHEST_ON_FLOOR))] = np.nan
    return matrix[:3, 3] + depth[:, None] * directions, depth


def project(points: NDArray[Any], intrinsics: Intrinsics) -> Floats:
    """Pixels where points appear, inside the image or outside.

    Args:
        points: (N, 3) in the optical frame, metres.

    Returns:
        (N, 2) pixels; NaN for points that aren't in front of the camera, or that are so far
        outside the view that the distortion model doesn't hold.
    """
    array = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    z = array[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        flat = np.where(z > 0, array[:, :2] / z, np.nan)
    if _distorted(intrinsics):
        flat[np.hypot(*flat.T) > _VIEW_MARGIN * _view_radius(intrinsics)] = np.nan
        return _distorted_pixels(flat, intrinsics)
    return flat @ intrinsics.matrix[:2, :2].T + intrinsics.matrix[:2, 2]


def _distorted(intrinsics: Intrinsics) -> bool:
    return bool(intrinsics.model) and any(intrinsics.distortion)


def _distorted_pixels(flat: Floats, intrinsics: Intrinsics) -> Floats:
    seen = np.isfinite(flat).all(axis=1)
    pixels = np.full_like(flat, np.nan)
    if seen.any():
        points = np.hstack([flat[seen], np.ones((seen.sum(), 1))])
        zero = np.zeros(3)
        distortion = np.array(intrinsics.distortion)
        found, _ = cv2.projectPoints(points, zero, zero, intrinsics.matrix, distortion)
        pixels[seen] = found.reshape(-1, 2)
    return pixels


def _view_radius(intrinsics: Intrinsics) -> float:
    """The largest distance of a corner's ray from the optical axis, at z = 1."""
    right = intrinsics.width or 2 * intrinsics.matrix[0, 2]
    bottom = intrinsics.height or 2 * intrinsics.matrix[1, 2]
    corners = np.array([[0, 0], [right, 0], [0, bottom], [right, bottom]])
    return float(np.hypot(*rays(corners, intrinsics).T).max())
