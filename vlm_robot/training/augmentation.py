"""Changes to training images: where things are, and what the camera makes of them."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import Image

Boxes = NDArray[np.float32]
_LEAST_VISIBLE = 0.35
_LEAST_SIDE = 4.0


class Placed(NamedTuple):
    """An image with its boxes after a change of place.

    Attributes:
        image: (height, width, 3) uint8, RGB.
        boxes: (N, 4) xyxy pixels, clipped to the image.
        learnable: (N,) bool: enough of the object is left.
    """

    image: Image
    boxes: Boxes
    learnable: NDArray[np.bool_]


def place(
    image: Image, boxes: Boxes, size: tuple[int, int], rng: np.random.Generator, *, vary: bool
) -> Placed:
    """Fit an image into `size` (width, height); vary its scale, place and side at random."""
    height, width = image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    if vary:
        scale *= np.exp(rng.uniform(np.log(0.65), np.log(1.5)))
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    factors = np.array([inner[0] / width, inner[1] / height] * 2, np.float32)
    raw = boxes.reshape(-1, 4) * factors
    if vary and rng.random() < 0.5:
        scaled = scaled[:, ::-1]
        raw = np.stack([inner[0] - raw[:, 2], raw[:, 1], inner[0] - raw[:, 0], raw[:, 3]], 1)
    room = np.array([size[0] - inner[0], size[1] - inner[1]])
    offset = np.round(room * (rng.uniform(0, 1, 2) if vary else 0.5)).astype(int)
    moved = _paste(scaled, offset, size)
    raw = raw + np.tile(offset, 2).astype(np.float32)
    clipped = np.clip(raw, 0, [size[0], size[1], size[0], size[1]]).astype(np.float32)
    left = (clipped[:, 2:] - clipped[:, :2]).clip(min=0)
    visible = left.prod(1) / (raw[:, 2:] - raw[:, :2]).prod(1).clip(min=1e-6)
    return Placed(moved, clipped, (visible > _LEAST_VISIBLE) & (left.min(1) > _LEAST_SIDE))


def _paste(image: Image, offset: NDArray[np.int_], size: tuple[int, int]) -> Image:
    """Put an image on a gray canvas of `size`, its corner at `offset` (which may be negative)."""
    canvas = np.full((size[1], size[0], 3), 114, np.uint8)
    height, width = image.shape[:2]
    left, top = max(0, offset[0]), max(0, offset[1])
    right, bottom = min(size[0], offset[0] + width), min(size[1], offset[1] + height)
    part = image[top - offset[1] : bottom - offset[1], left - offset[0] : right - offset[0]]
    canvas[top:bottom, left:right] = part
    return canvas


def photograph(image: Image, rng: np.random.Generator) -> Image:
    """What a poor camera in poor light may make of an image: light, blur, noise, JPEG."""
    pixels = _light(image.astype(np.float32), rng)
    if rng.random() < 0.2:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.8))
    if rng.random() < 0.25:
        pixels = cv2.filter2D(pixels, -1, motion_kernel(rng.uniform(2, 14), rng.uniform(0, np.pi)))
    if rng.random() < 0.35:
        noise = rng.standard_normal(pixels.shape, np.float32)
        pixels = pixels + noise * np.float32(rng.uniform(2, 12) * rng.choice([1, 1, 4]))
    changed = np.clip(pixels, 0, 255).astype(np.uint8)
    return jpeg(changed, int(rng.integers(12, 90))) if rng.random() < 0.3 else changed


def _light(pixels: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    # A camera's white balance is a little off; more would make lies of the colours in phrases.
    gains = rng.uniform(0.92, 1.08, 3) * rng.uniform(0.65, 1.35)
    if rng.random() < 0.3:
        mean = pixels.mean()
        pixels = (pixels - mean) * np.float32(rng.uniform(0.6, 1.3)) + mean
    if rng.random() < 0.2:
        gains = gains * rng.uniform(0.15, 0.6)
        photons = rng.uniform(30, 200)
        spread = np.sqrt(np.clip(pixels * gains, 0, None) * (255 / photons))
        noise = rng.standard_normal(pixels.shape, np.float32)
        return (pixels * gains + noise * spread).astype(np.float32)
    return (pixels * gains).astype(np.float32)


def motion_kernel(length: float, angle: float) -> NDArray[np.float32]:
    """A blur along a line of `length` pixels at `angle` radians; sums to 1."""
    side = int(np.ceil(length)) // 2 * 2 + 3
    kernel = np.zeros((side, side), np.float32)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    middle = np.array([side // 2, side // 2])
    ends = [tuple(int(v) for v in np.round((middle + way * reach) * 16)) for way in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    blur: NDArray[np.float32] = kernel / max(kernel.sum(), 1e-6)
    return blur


def jpeg(image: Image, quality: int) -> Image:
    """Compress and decode (height, width, 3)."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
