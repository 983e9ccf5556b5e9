"""Poor cameras in poor light, in five strengths.

Strengths of noise and JPEG are those of ImageNet-C (Hendrycks and Dietterich, ICLR 2019); motion
blur has its length for images of that benchmark's size, 224 pixels, scaled to the image's.
"""

from __future__ import annotations

import numpy as np

from vlm_robot.training.augmentation import jpeg, motion_kernel
from vlm_robot.types import Image

NAMES = ("motion_blur", "noise", "jpeg", "low_light")
_BLUR = (5.0, 7.0, 10.0, 13.0, 16.0)
_NOISE = (0.08, 0.12, 0.18, 0.26, 0.38)
_JPEG = (25, 18, 15, 10, 7)
_LIGHT = (0.5, 0.38, 0.27, 0.18, 0.1)
_PHOTONS = (200, 120, 70, 40, 20)


def corrupt(image: Image, name: str, strength: int, seed: int) -> Image:
    """An image (H, W, 3) as a poor camera gives it.

    Args:
        name: one of `NAMES`.
        strength: 1..5.
    """
    rng = np.random.default_rng(seed)
    level = strength - 1
    if name == "jpeg":
        return jpeg(image, _JPEG[level])
    pixels = image.astype(np.float32)
    if name == "motion_blur":
        import cv2

        length = _BLUR[level] * max(image.shape[:2]) / 224
        pixels = cv2.filter2D(pixels, -1, motion_kernel(length, rng.uniform(0, np.pi)))
    elif name == "noise":
        pixels += rng.standard_normal(pixels.shape, np.float32) * 255 * _NOISE[level]
    else:
        expected = pixels / 255 * _LIGHT[level] * _PHOTONS[level]
        counted = rng.poisson(expected).astype(np.float32)
        pixels = counted * np.float32(255 / _PHOTONS[level])
    return np.clip(pixels, 0, 255).astype(np.uint8)
