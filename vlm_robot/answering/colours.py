"""Which of the eleven basic colours a thing has, from the pixels inside its box.

The names are those of Berlin and Kay ('Basic Color Terms', 1969). Pixels are named by CIELAB's
lightness and chroma and HSV's hue; those that look like the box's surroundings count less, and
with depth only pixels at the object's own depth count.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import Frame

COLOURS = (
    "black",
    "white",
    "grey",
    "red",
    "orange",
    "yellow",
    "green",
    "blue",
    "purple",
    "pink",
    "brown",
)
_INDEX = {name: index for index, name in enumerate(COLOURS)}
_SIDE = 48
"""Pixels of a box's longer side when its colour is measured."""
_GREY_CHROMA = 11.0
_HUES = (
    (12.0, "red"),
    (42.0, "orange"),
    (68.0, "yellow"),
    (172.0, "green"),
    (255.0, "blue"),
    (300.0, "purple"),
    (345.0, "pink"),
)
"""Upper ends of the sectors of HSV's hue, degrees; from the last one on it's red again."""
_WHITE_LIGHT = 66.0
_PRIOR = 0.02
"""Probability of each colour before looking, in parts of all pixels."""


def colour_probabilities(frame: Frame, box: NDArray[np.float32]) -> NDArray[np.float64]:
    """How likely the thing in `box` has each of COLOURS.

    The share of each colour among the object's pixels, the lit ones first, sharpened (p²
    renormalised) since a thing is called by the colour that most of it has.

    Args:
        box: (4,) xyxy pixels of `frame.image`.

    Returns:
        (11,) probabilities; all equal where the box holds no pixel.
    """
    crop, inside, surround = _crops(frame, box)
    if not inside.any():
        return np.full(len(COLOURS), 1.0 / len(COLOURS))
    names = name_pixels(crop, gain=exposure_gain(frame.image))
    lit = crop.max(axis=2) / max(float(crop[inside].max()), 1.0)
    weights = inside * _not_like(names, surround, inside) * np.maximum(lit, 0.5)
    shares = np.bincount(names.ravel(), weights.ravel(), len(COLOURS)) / max(weights.sum(), 1e-9)
    likely = (shares + _PRIOR) ** 2
    return np.asarray(likely / likely.sum(), np.float64)


def name_pixels(pixels: NDArray[np.uint8], *, gain: float = 1.0) -> NDArray[np.int64]:
    """Index into COLOURS of each pixel of an (H, W, 3) RGB image.

    Args:
        gain: what the image's exposure lacks; see `exposure_gain`.
    """
    floats = np.minimum(pixels.astype(np.float32) * np.float32(gain / 255.0), 1.0)
    lab = cv2.cvtColor(floats, cv2.COLOR_RGB2LAB)
    hue, saturation, value = np.moveaxis(cv2.cvtColor(floats, cv2.COLOR_RGB2HSV), 2, 0)
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    names = np.full(light.shape, _INDEX["red"])
    for upper, name in reversed(_HUES):
        names[hue < upper] = _INDEX[name]
    pale = (light > 62) & (chroma < 60)
    names[(names == _INDEX["red"]) & pale] = _INDEX["pink"]
    # Brown is dark or dull orange; deep shadow on orange stays fully saturated.
    dull = ((saturation < 0.8) & (light < 62)) | ((saturation < 0.89) & (light < 48))
    names[(hue >= 12) & (hue < 50) & (dull | (value < 0.25))] = _INDEX["brown"]
    names[(names == _INDEX["red"]) & (light < 40) & (chroma < 26)] = _INDEX["brown"]
    grey = chroma < np.where(light < 25, 8.0, _GREY_CHROMA)
    names[grey] = _INDEX["grey"]
    names[(grey & (light < 27)) | (light < 3)] = _INDEX["black"]
    names[(grey & (light > _WHITE_LIGHT)) | (light > 96)] = _INDEX["white"]
    return names


def exposure_gain(image: NDArray[np.uint8]) -> float:
    """Factor that lifts the brightest 2 % of the image near white, 1 to 1.8.

    Names of colours go by what a thing reflects, and people see that against the brightest in view.
    """
    bright = float(np.percentile(image[::4, ::4].max(axis=2), 98))
    return float(np.clip(240.0 / max(bright, 1.0), 1.0, 1.8))


def _crops(
    frame: Frame, box: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """A small picture of the box and its margin, with masks of the object and of the margin."""
    width, height = frame.size
    x1, y1, x2, y2 = (float(v) for v in box)
    margin = 0.15 * max(x2 - x1, y2 - y1)
    left, top = max(0, int(x1 - margin)), max(0, int(y1 - margin))
    right, bottom = min(width, int(np.ceil(x2 + margin))), min(height, int(np.ceil(y2 + margin)))
    if right <= left or bottom <= top:
        return np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), bool), np.zeros((1, 1), bool)
    scale = min(1.0, _SIDE / max(right - left, bottom - top))
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    crop = cv2.resize(frame.image[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    xs = left + (np.arange(size[0]) + 0.5) * (right - left) / size[0]
    ys = top + (np.arange(size[1]) + 0.5) * (bottom - top) / size[1]
    in_box = ((ys >= y1) & (ys <= y2))[:, None] & ((xs >= x1) & (xs <= x2))[None, :]
    # An ellipse: corners of a box hold mostly background.
    far = ((xs - (x1 + x2) / 2) / max(x2 - x1, 1e-6)) ** 2 + (
        ((ys - (y1 + y2) / 2) / max(y2 - y1, 1e-6)) ** 2
    )[:, None]
    inside = in_box & (far <= 0.45**2)
    if frame.depth is not None and inside.any():
        depth = cv2.resize(
            frame.depth[top:bottom, left:right], size, interpolation=cv2.INTER_NEAREST
        )
        focal = frame.intrinsics.matrix[0, 0] if frame.intrinsics is not None else width
        side = min(x2 - x1, y2 - y1) / float(focal)
        inside = _at_object_depth(depth, inside, in_box, side)
    return np.asarray(crop, np.uint8), inside, ~in_box


def _at_object_depth(
    depth: NDArray[np.float32], inside: NDArray[np.bool_], in_box: NDArray[np.bool_], side: float
) -> NDArray[np.bool_]:
    """Pixels of the box that are no farther behind its nearer part than half its width.

    Args:
        side: the box's shorter side as an angle: its metres at a distance of 1 m.
    """
    measured = inside & np.isfinite(depth) & (depth > 0)
    if measured.sum() < 4:
        return inside
    near = float(np.percentile(depth[measured], 15))
    reach = near * max(0.05, 0.4 * side) + 0.03
    same = in_box & np.isfinite(depth) & (np.abs(depth - near) < reach)
    enough: NDArray[np.bool_] = same if same.sum() >= 0.15 * inside.sum() else inside
    return enough


def _not_like(
    names: NDArray[np.int64], surround: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Weight of each pixel: less where its colour is commoner around the box than inside it."""
    if not surround.any():
        return np.ones(names.shape)
    around = np.bincount(names[surround], minlength=len(COLOURS)) / surround.sum()
    within = np.bincount(names[inside], minlength=len(COLOURS)) / inside.sum()
    own = (within + 0.05) / (within + 0.5 * around + 0.05)
    return np.asarray(own[names], np.float64)
