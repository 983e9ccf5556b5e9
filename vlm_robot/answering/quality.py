"""Whether an image shows enough to answer from."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from vlm_robot.types import Image

_SIDE = 320
"""Pixels of the longer side that sharpness is measured at, so that it is one scale."""


class Quality(NamedTuple):
    """What was measured of an image.

    Attributes:
        brightness: 95th percentile of luminance, 0..255.
        contrast: standard deviation of luminance, 0..127.
        sharpness: 99th percentile of the Laplacian's magnitude over contrast, at 320 pixels.
        fault: why nothing can be told from the image; empty where it can.
    """

    brightness: float
    contrast: float
    sharpness: float
    fault: str


MIN_BRIGHTNESS = 28.0
MIN_CONTRAST = 3.0
MIN_SHARPNESS = 0.25


def measure(image: Image) -> Quality:
    """Measure brightness, contrast and sharpness of an RGB image."""
    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = cv2.cvtColor(cv2.resize(image, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    brightness, contrast = float(np.percentile(grey, 95)), float(grey.std())
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    sharpness = float(np.percentile(edges, 99)) / max(contrast, 1.0)
    fault = ""
    if brightness < MIN_BRIGHTNESS:
        fault = "the image is too dark"
    elif contrast < MIN_CONTRAST:
        fault = "the image has hardly any contrast: one colour fills it"
    elif sharpness < MIN_SHARPNESS:
        fault = "the image is too blurred"
    return Quality(brightness, contrast, sharpness, fault)
