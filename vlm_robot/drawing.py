"""Pictures with the detections drawn in."""

from __future__ import annotations

import unicodedata
from colorsys import hsv_to_rgb
from functools import lru_cache
from hashlib import blake2b

import cv2
import numpy as np

from vlm_robot.types import Detections, Image

Color = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_LONGEST_LABEL = 40
_BRIGHT = 140
"""Luma above which black text reads better than white."""
_WRITES_UNICODE = hasattr(cv2, "FontFace")
"""OpenCV 5 brings fonts for most scripts; OpenCV 4 draws a '?' for each byte past ASCII."""


def draw(image: Image, detections: Detections) -> Image:
    """Draw boxes with phrase and score on a copy of `image`; the best score lies on top.

    Args:
        image: (height, width, 3) uint8, RGB.

    Returns:
        A writable copy of the same size.
    """
    canvas = image.copy()
    line = max(1, round(min(image.shape[:2]) / 250))
    weakest_first = range(len(detections) - 1, -1, -1)
    corners = np.rint(np.clip(detections.boxes, -1e4, 1e5)).astype(int)
    for index in weakest_first:
        x1, y1, x2, y2 = corners[index].tolist()
        color = phrase_color(detections.phrase(index))
        cv2.rectangle(canvas, (x1, y1), (x2 - 1, y2 - 1), color, line)
    for index in weakest_first:
        phrase = detections.phrase(index)
        text = f"{label(phrase)} {detections.scores[index]:.2f}"
        _write(canvas, text, corners[index].tolist(), phrase_color(phrase))
    return canvas


@lru_cache(maxsize=4096)
def phrase_color(phrase: str) -> Color:
    """RGB of a phrase: the same in every picture and every run."""
    hue, tone = blake2b(phrase.encode(), digest_size=2).digest()
    saturation, value = ((0.95, 1.0), (0.65, 1.0), (0.9, 0.75))[tone % 3]
    red, green, blue = hsv_to_rgb(hue / 256, saturation, value)
    return round(red * 255), round(green * 255), round(blue * 255)


@lru_cache(maxsize=4096)
def label(phrase: str) -> str:
    """What is written for a phrase: on one line, not too long, in letters that can be drawn."""
    text = " ".join(phrase.split())
    if len(text) > _LONGEST_LABEL:
        text = text[: _LONGEST_LABEL - 3] + "..."
    if _WRITES_UNICODE:
        return text
    plain = unicodedata.normalize("NFKD", text)
    return "".join(c if c.isascii() else "?" for c in plain if not unicodedata.combining(c))


def _write(canvas: Image, text: str, box: list[int], color: Color) -> None:
    """Write above the box; inside it, at its top, where the picture ends above."""
    height, width = canvas.shape[:2]
    scale = float(np.clip(min(height, width) / 900, 0.4, 3.0))
    thickness = max(1, round(scale))
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, text_height // 4)
    left = max(0, min(box[0], width - text_width - 2 * pad))
    tall = text_height + base + pad
    top = max(0, box[1] - tall if box[1] >= tall else box[1])
    cv2.rectangle(canvas, (left, top), (left + text_width + 2 * pad, top + tall), color, -1)
    ink = (0, 0, 0) if np.dot(color, (0.299, 0.587, 0.114)) > _BRIGHT else (255, 255, 255)
    at = (left + pad, top + text_height + pad // 2)
    cv2.putText(canvas, text, at, _FONT, scale, ink, thickness, cv2.LINE_AA)
