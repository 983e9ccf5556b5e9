"""How likely things are placed as asked, from their boxes and, where depth told them, places.

Every function gives probabilities through the logistic of a margin: 0.5 where the wording is
undecided, near 0 or 1 where nobody would argue. Boxes are xyxy pixels; places are metres in the
camera's optical frame (x right, y down, z forward), NaN where there is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.answering.queries import Quality, RelationKind

Floats = NDArray[np.float64]


class Places(NamedTuple):
    """Things in one image.

    Attributes:
        boxes: (N, 4).
        centers: (N, 3), NaN where there is no 3D.
        sizes: (N, 3), metres.
        image_size: width and height, pixels.
    """

    boxes: Floats
    centers: Floats
    sizes: Floats
    image_size: tuple[int, int]

    def take(self, which: NDArray[np.int64]) -> Places:
        """The things at `which`."""
        return Places(self.boxes[which], self.centers[which], self.sizes[which], self.image_size)

    @property
    def middles(self) -> Floats:
        """(N, 2) centres of the boxes, pixels."""
        return (self.boxes[:, :2] + self.boxes[:, 2:]) / 2

    @property
    def spans(self) -> Floats:
        """(N, 2) widths and heights of the boxes, pixels."""
        return np.maximum(self.boxes[:, 2:] - self.boxes[:, :2], 1e-6)

    @property
    def distances(self) -> Floats:
        """(N,) metres from the camera."""
        return np.asarray(np.linalg.norm(self.centers, axis=1), np.float64)


def logistic(margin: Floats) -> Floats:
    """1 / (1 + exp(-margin)), without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * margin)), np.float64)


def log_odds(probabilities: Floats, *, least: float) -> Floats:
    """log(p / (1 - p)), of probabilities that are `least` from 0 and 1 at least."""
    clipped = np.clip(probabilities, least, 1 - least)
    return np.asarray(np.log(clipped / (1 - clipped)), np.float64)


def in_image(kind: RelationKind, things: Places) -> Floats:
    """(N,) whether things are in that part of the image; thirds make the middle."""
    at = things.middles / np.array(things.image_size)
    left, top = logistic(14 * (0.5 - at[:, 0])), logistic(14 * (0.5 - at[:, 1]))
    if kind is RelationKind.MIDDLE:
        return np.asarray(logistic(24 * (1 / 6 - np.abs(at - 0.5))).prod(axis=1), np.float64)
    words = kind.value.split()
    probability = np.ones(len(at))
    for word, likely in (("left", left), ("right", 1 - left), ("top", top), ("bottom", 1 - top)):
        if word in words:
            probability = probability * likely
    return probability


def related(kind: RelationKind, things: Places, others: Places) -> Floats:
    """(N, M) whether thing i is placed so to other j; NaN where depth is needed and missing."""
    table = {
        RelationKind.LEFT_OF: lambda: _beside(things, others, axis=0, sign=1),
        RelationKind.RIGHT_OF: lambda: _beside(things, others, axis=0, sign=-1),
        RelationKind.ABOVE: lambda: _beside(things, others, axis=1, sign=1),
        RelationKind.BELOW: lambda: _beside(things, others, axis=1, sign=-1),
        RelationKind.IN_FRONT_OF: lambda: _nearer(things, others),
        RelationKind.BEHIND: lambda: 1 - _nearer(things, others),
        RelationKind.ON: lambda: _on(things, others),
        RelationKind.IN: lambda: _in(things, others),
        RelationKind.NEXT_TO: lambda: _next_to(things, others),
    }
    probability = table[kind]()
    probability[overlap(things.boxes, others.boxes) > 0.8] = 0.0  # a thing has no place to itself
    return probability


def between(things: Places, first: Places, second: Places) -> Floats:
    """(N, M, K) whether thing i is between first j and second k, in space or else in the image."""
    a, b, c = things.centers, first.centers, second.centers
    flat = ~(np.isfinite(a).all() and np.isfinite(b).all() and np.isfinite(c).all())
    if flat:
        a, b, c = things.middles, first.middles, second.middles
    line = c[None, :, :] - b[:, None, :]
    length = np.maximum(np.linalg.norm(line, axis=2), 1e-6)
    offset = a[:, None, None, :] - b[None, :, None, :]
    along = (offset * line[None]).sum(axis=3) / length[None] ** 2
    aside = np.linalg.norm(offset - along[..., None] * line[None], axis=3) / length[None]
    inner = np.minimum(along, 1 - along)
    return logistic(20 * (inner - 0.05)) * logistic(10 * (0.5 - aside))


def overlap(first: Floats, second: Floats) -> Floats:
    """(N, M) IoU of boxes."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = [np.maximum(b[:, 2:] - b[:, :2], 0).prod(axis=1) for b in (first, second)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-9))


def quality_values(quality: Quality, things: Places) -> tuple[Floats, float]:
    """(N,) what `quality` orders by, least first, and the difference that is noise.

    Sizes are areas seen: of the object in square metres where there is depth, else of its box.
    """
    if quality in (Quality.NEAREST, Quality.FARTHEST):
        values = things.distances
        scale = 0.05
    elif quality in (Quality.LARGEST, Quality.SMALLEST):
        areas = things.spans.prod(axis=1)
        seen = np.isfinite(things.distances).all()
        values = np.log(areas * (things.centers[:, 2] ** 2 if seen else 1.0) + 1e-12)
        scale = 0.1
    else:
        axis = 0 if quality in (Quality.LEFTMOST, Quality.RIGHTMOST) else 1
        values = things.middles[:, axis] / things.image_size[axis]
        scale = 0.01
    last_first = (Quality.FARTHEST, Quality.LARGEST, Quality.RIGHTMOST, Quality.LOWEST)
    return (-values if quality in last_first else values), scale


def comes_before(values: Floats, scale: float) -> Floats:
    """(N, N) how likely i comes before j; NaN where a value is unknown."""
    return logistic((values[None, :] - values[:, None]) / scale)


def _beside(things: Places, others: Places, *, axis: int, sign: int) -> Floats:
    apart = others.middles[None, :, axis] - things.middles[:, None, axis]
    sizes = (others.spans[None, :, axis] + things.spans[:, None, axis]) / 2
    return logistic(6 * sign * apart / sizes)


def _nearer(things: Places, others: Places) -> Floats:
    apart = others.centers[None, :, 2] - things.centers[:, None, 2]
    return logistic(apart / 0.08)


def _reach(things: Places, others: Places) -> Floats:
    """(N, M) whether depths are close enough to touch; 1 where there is no depth."""
    apart = np.abs(others.centers[None, :, 2] - things.centers[:, None, 2])
    extent = others.sizes[None, :, 2] / 2 + things.sizes[:, None, 2] / 2
    reach = logistic((0.35 + extent - apart) / 0.08)
    return np.asarray(np.where(np.isfinite(reach), reach, 1.0), np.float64)


def _inside_x(things: Places, others: Places) -> Floats:
    """(N, M) part of each thing's width that is over or under the other."""
    low = np.maximum(things.boxes[:, None, 0], others.boxes[None, :, 0])
    high = np.minimum(things.boxes[:, None, 2], others.boxes[None, :, 2])
    return np.asarray(np.maximum(high - low, 0) / things.spans[:, None, 0])


def _on(things: Places, others: Places) -> Floats:
    """The thing's foot is within the other's box, mostly over it, it's smaller."""
    foot = (things.boxes[:, None, 3] - others.boxes[None, :, 1]) / others.spans[None, :, 1]
    tolerance = np.maximum(0.1, 0.15 * things.spans[:, None, 1] / others.spans[None, :, 1])
    stands = logistic(25 * (foot + tolerance)) * logistic(25 * (0.95 - foot))
    higher = logistic(
        8 * (others.middles[None, :, 1] - things.boxes[:, None, 1]) / others.spans[None, :, 1]
    )
    smaller = logistic(4 * np.log(1.2 * others.spans[None, :, 0] / things.spans[:, None, 0]))
    over = logistic(10 * (_inside_x(things, others) - 0.5))
    return stands * higher * smaller * over * _reach(things, others)


def _in(things: Places, others: Places) -> Floats:
    low = np.maximum(things.boxes[:, None, :2], others.boxes[None, :, :2])
    high = np.minimum(things.boxes[:, None, 2:], others.boxes[None, :, 2:])
    inside = np.maximum(high - low, 0).prod(axis=2) / things.spans.prod(axis=1)[:, None]
    return logistic(12 * (inside - 0.7)) * _reach(things, others)


def _next_to(things: Places, others: Places) -> Floats:
    """Less than about 0.6 m between them; without depth less than a size between the boxes."""
    apart = np.abs(others.centers[None] - things.centers[:, None])
    extent = (others.sizes[None] + things.sizes[:, None]) / 2
    gap = np.linalg.norm(np.maximum(apart - extent, 0), axis=2)
    low = np.maximum(things.boxes[:, None, :2], others.boxes[None, :, :2])
    high = np.minimum(things.boxes[:, None, 2:], others.boxes[None, :, 2:])
    pixels = np.linalg.norm(np.maximum(low - high, 0), axis=2)
    sizes = np.maximum(things.spans.max(axis=1)[:, None], others.spans.max(axis=1)[None])
    flat = logistic(8 * (0.7 - pixels / sizes))
    return np.asarray(np.where(np.isfinite(gap), logistic((0.6 - gap) / 0.12), flat), np.float64)
