"""Boxes that a model wrote as text, in the formats of its family."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class BoxScale(Enum):
    """What a family's coordinates are of."""

    PIXELS = "pixels of the image as the model saw it"
    UNIT = "0 to 1"
    THOUSAND = "0 to 1000"


FAMILY_SCALES = {
    "qwen2_5_vl": BoxScale.PIXELS,
    "qwen2_vl": BoxScale.THOUSAND,
    "qwen3_vl": BoxScale.THOUSAND,
    "qwen3_vl_moe": BoxScale.THOUSAND,
    "internvl": BoxScale.THOUSAND,
    "gemma3": BoxScale.THOUSAND,
}
"""By model_type; others are asked for 0 to 1000."""

_OBJECT = re.compile(r"\{[^{}]*\}")
_TAGGED = re.compile(r"(?:<ref>(?P<label>.*?)</ref>\s*)?<box>\s*\[(?P<boxes>.*?)\]\s*</box>", re.S)
_QUAD = re.compile(r"\[\s*([^\[\]]*?)\s*\]")
_FLORENCE = re.compile(r"(?P<label>[^<>]*)(?P<boxes>(?:<loc_\d+><loc_\d+><loc_\d+><loc_\d+>)+)")
_GEMMA = re.compile(r"((?:<loc\d{4}>){4})\s*([^<;]*)")
_KEYS = ("bbox_2d", "box_2d", "bbox", "box")


class WrittenBox(NamedTuple):
    """A box and what it is said to hold; (4,) float32 xyxy pixels of the original image."""

    label: str
    box: NDArray[np.float32]


def answer_part(text: str) -> str:
    """What of a reply is words: all before its boxes."""
    cut = re.split(r"```|<ref>|<box>|<loc|[\[{]\s*(?:[\[{\"]|-?\d)", text, maxsplit=1)[0]
    return " ".join(cut.split())


def written_boxes(
    text: str,
    *,
    scale: BoxScale,
    image_size: tuple[int, int],
    seen_size: tuple[int, int] | None = None,
) -> list[WrittenBox]:
    """Boxes in a model's reply, clipped to the image.

    JSON that is cut off or has single quotes is read as far as it is whole. What isn't a box is
    left out: not four finite numbers, upside down, empty or outside of the image.

    Args:
        image_size: width and height of the original image, pixels.
        seen_size: of the image as the model saw it; None: the same.
    """
    width, height = image_size
    seen = seen_size or image_size
    units = {
        BoxScale.PIXELS: (width / seen[0], height / seen[1]),
        BoxScale.UNIT: (float(width), float(height)),
        BoxScale.THOUSAND: (width / 1000.0, height / 1000.0),
    }
    boxes = []
    for label, values, unit in _raw(text, units[scale], image_size):
        box = _sound(values, unit, image_size)
        if box is not None:
            boxes.append(WrittenBox(" ".join(label.split()), box))
    return boxes


Raw = tuple[str, list[float], tuple[float, float]]


def _raw(text: str, unit: tuple[float, float], size: tuple[int, int]) -> Iterator[Raw]:
    """Label, coordinates and pixels a unit of all that looks like a box."""
    bins = 1024.0
    for match in _GEMMA.finditer(text):
        y1, x1, y2, x2 = (float(v) for v in re.findall(r"\d{4}", match[1]))
        yield match[2], [x1, y1, x2, y2], (size[0] / bins, size[1] / bins)
    for match in _FLORENCE.finditer(text):
        numbers = [float(v) + 0.5 for v in re.findall(r"\d+", match["boxes"])]
        for start in range(0, len(numbers), 4):
            coordinates = numbers[start : start + 4]
            yield match["label"], coordinates, (size[0] / 1000.0, size[1] / 1000.0)
    for match in _TAGGED.finditer(text):
        for quad in _QUAD.findall(f"[{match['boxes']}]") or [match["boxes"]]:
            yield match["label"] or "", _numbers(quad), unit
    for found in _objects(text):
        values = next((found[key] for key in _KEYS if key in found), None)
        if isinstance(values, list) and all(type(v) in (int, float) for v in values):
            yield str(found.get("label", "")), [float(v) for v in values], unit


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every whole JSON object without objects inside it."""
    for match in _OBJECT.finditer(text):
        for attempt in (match[0], match[0].replace("'", '"')):
            try:
                found = json.loads(attempt)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found
            break


def _numbers(text: str) -> list[float]:
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"-?\d+(?:\.\d+)?", part) for part in parts):
        return []
    return [float(part) for part in parts]


def _sound(
    values: list[float], unit: tuple[float, float], size: tuple[int, int]
) -> NDArray[np.float32] | None:
    box = np.array(values, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all():
        return None
    box = np.clip(box * [*unit, *unit], 0, [*size, *size])
    if box[2] - box[0] < 1.0 or box[3] - box[1] < 1.0:
        return None
    return box.astype(np.float32)
