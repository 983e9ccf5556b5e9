"""What a robot's camera does to an image, in five strengths.

Strengths of noise, JPEG and defocus are those of ImageNet-C (Hendrycks and Dietterich, ICLR 2019);
blur has its length for images of that benchmark's size, 224 pixels, scaled to the image's. Rain,
dirt, exposure, lost resolution and a rolling robot are the project's own.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.training.augmentation import jpeg, motion_kernel
from vlm_robot.types import Image

Boxes = NDArray[np.float32]
Random = np.random.Generator

CARD_NAMES = ("motion_blur", "noise", "jpeg", "low_light")
"""Those of the compact model's card."""
NAMES = (
    *CARD_NAMES,
    *("defocus", "over_exposure", "rain", "occlusion", "resolution", "tilt"),
)
STRENGTHS = (1, 2, 3, 4, 5)

_BENCHMARK_SIDE = 224
_BLUR = (5.0, 7.0, 10.0, 13.0, 16.0)
_NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
_JPEG = (25, 18, 15, 10, 7)
_LIGHT = (0.5, 0.38, 0.27, 0.18, 0.1)
_PHOTONS = (200, 120, 70, 40, 20)
_DEFOCUS = (3.0, 4.0, 6.0, 8.0, 10.0)
_EXPOSURE = (1.4, 1.8, 2.4, 3.2, 4.5)
_DROPS = (6, 12, 20, 30, 45)
_COVERED = (0.04, 0.08, 0.15, 0.25, 0.35)
_RESOLUTION = (0.6, 0.4, 0.28, 0.2, 0.14)
_TILT = (2.0, 4.0, 7.0, 11.0, 16.0)


def corrupt(image: Image, name: str, strength: int, seed: int) -> Image:
    """An image (H, W, 3) as a poor camera gives it.

    Args:
        name: one of `NAMES`.
        strength: 1..5.
    """
    return _CHANGES[name](image, strength - 1, np.random.default_rng(seed))


def moved(boxes: Boxes, size: tuple[int, int], name: str, strength: int, seed: int) -> Boxes:
    """Where true boxes (N, 4) are after `corrupt`: only a tilt moves things.

    An object is taken for the ellipse in its box, whose box after a turn fits better than that of
    the turned corners (Kalra et al., 'Towards Rotation Invariance in Object Detection', ICCV 2021).

    Args:
        size: width and height of the image, pixels.
    """
    if name != "tilt" or not len(boxes):
        return boxes
    turn = _turn(size, strength - 1, np.random.default_rng(seed))
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    radii = (boxes[:, 2:] - boxes[:, :2]) / 2
    there = middles @ turn[:, :2].T + turn[:, 2]
    reach = np.sqrt(radii**2 @ (turn[:, :2] ** 2).T)
    limits = np.array([*size, *size])
    return np.clip(np.hstack([there - reach, there + reach]), 0, limits).astype(np.float32)


def _motion_blur(image: Image, level: int, rng: Random) -> Image:
    length = _BLUR[level] * max(image.shape[:2]) / _BENCHMARK_SIDE
    kernel = motion_kernel(length, rng.uniform(0, np.pi))
    return _bytes(cv2.filter2D(image.astype(np.float32), -1, kernel))


def _noise(image: Image, level: int, rng: Random) -> Image:
    pixels = image.astype(np.float32)
    return _bytes(pixels + rng.standard_normal(pixels.shape, np.float32) * 255 * _NOISE[level])


def _jpeg(image: Image, level: int, rng: Random) -> Image:
    return jpeg(image, _JPEG[level])


def _low_light(image: Image, level: int, rng: Random) -> Image:
    expected = image.astype(np.float32) / 255 * _LIGHT[level] * _PHOTONS[level]
    counted = rng.poisson(expected).astype(np.float32)
    return _bytes(counted * np.float32(255 / _PHOTONS[level]))


def _defocus(image: Image, level: int, rng: Random) -> Image:
    radius = _DEFOCUS[level] * max(image.shape[:2]) / _BENCHMARK_SIDE / 2
    side = int(np.ceil(radius)) * 2 + 1
    y, x = np.mgrid[:side, :side] - side // 2
    disk = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return _bytes(cv2.filter2D(image.astype(np.float32), -1, disk / disk.sum()))


def _over_exposure(image: Image, level: int, rng: Random) -> Image:
    """More light than the sensor takes: highlights are lost, and bleed into what is beside them."""
    pixels = image.astype(np.float32) * _EXPOSURE[level]
    lost = np.clip(pixels - 255, 0, None)
    bleed = cv2.GaussianBlur(lost, (0, 0), max(image.shape[:2]) / 40)
    return _bytes(pixels + 0.3 * bleed)


def _rain(image: Image, level: int, rng: Random) -> Image:
    """Drops on the lens: each shows its surroundings upside down and out of focus."""
    height, width = image.shape[:2]
    pixels = image.astype(np.float32)
    blurred = cv2.GaussianBlur(pixels, (0, 0), max(height, width) / 80)
    turned = blurred[::-1, ::-1]
    veil = np.zeros((height, width), np.float32)
    for _ in range(_DROPS[level]):
        radius = rng.uniform(0.015, 0.05) * max(height, width)
        place = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(radius), int(radius * rng.uniform(1.0, 1.4)))
        cv2.ellipse(veil, place, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    veil = cv2.GaussianBlur(veil, (0, 0), max(height, width) / 250)[..., None]
    through = 0.5 * blurred + 0.5 * turned
    return _bytes(pixels * (1 - veil) + through * veil)


def _occlusion(image: Image, level: int, rng: Random) -> Image:
    """Dirt, cables, an arm: dark patches until a share of the image is covered."""
    height, width = image.shape[:2]
    cover = np.zeros((height, width), np.uint8)
    while cover.mean() < _COVERED[level]:
        middle = rng.uniform(0, (width, height))
        spread = rng.uniform(0.04, 0.12) * max(height, width)
        corners = middle + rng.standard_normal((7, 2)) * spread
        cv2.fillConvexPoly(cover, cv2.convexHull(corners.astype(np.int32)), 1)
    covered = image.copy()
    covered[cover == 1] = rng.integers(10, 60, 3)
    return covered


def _resolution(image: Image, level: int, rng: Random) -> Image:
    height, width = image.shape[:2]
    small = (max(1, round(width * _RESOLUTION[level])), max(1, round(height * _RESOLUTION[level])))
    shrunk = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _tilt(image: Image, level: int, rng: Random) -> Image:
    size = (image.shape[1], image.shape[0])
    turned = cv2.warpAffine(image, _turn(size, level, rng), size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(turned, np.uint8)


def _turn(size: tuple[int, int], level: int, rng: Random) -> NDArray[np.float64]:
    """(2, 3) turn of pixels about the middle, to either side."""
    angle = _TILT[level] * rng.choice([-1.0, 1.0])
    return np.asarray(cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), angle, 1.0))


def _bytes(pixels: NDArray[np.float32]) -> Image:
    return np.clip(pixels, 0, 255).astype(np.uint8)


_CHANGES: dict[str, Callable[[Image, int, Random], Image]] = {
    "motion_blur": _motion_blur,
    "noise": _noise,
    "jpeg": _jpeg,
    "low_light": _low_light,
    "defocus": _defocus,
    "over_exposure": _over_exposure,
    "rain": _rain,
    "occlusion": _occlusion,
    "resolution": _resolution,
    "tilt": _tilt,
}
