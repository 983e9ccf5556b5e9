"""The data that crosses rooms: frozen, and checked once, where it is made.

Stamps are nanoseconds. Boxes are xyxy float32 pixels of the original image. Lengths are
metres, angles radians. A coordinate's frame is named beside it, as a ROS `frame_id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Pixels (height, width, 3), RGB."""


class InputError(ValueError):
    """Data that can't be used. The text says what is wrong with it and how to mend it."""


def _array(values: Any, dtype: type, shape: tuple[int | None, ...], name: str) -> NDArray[Any]:
    """Return `values` as a read-only array of `shape` (None: any length), or say what differs."""
    array: NDArray[Any] = np.asarray(values, dtype=dtype)
    if array.size == 0 and shape[0] is None:
        array = array.reshape((0, *[side or 0 for side in shape[1:]]))
    fits = array.ndim == len(shape) and all(
        want in (None, got) for want, got in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = tuple("any" if side is None else side for side in shape)
        raise InputError(f"{name} must have shape {wanted}, got {array.shape}")
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Intrinsics:
    """A pinhole camera with distortion, as sensor_msgs/CameraInfo has it.

    Attributes:
        width, height: size of the image that `matrix` is for, pixels.
        matrix: (3, 3) float64, pixels: K of CameraInfo, or P's where the image is rectified.
        distortion: coefficients D in OpenCV's order (0, 4, 5, 8, 12 or 14 of them).
        model: `plumb_bob`, `rational_polynomial`, or empty for none.
    """

    width: int
    height: int
    matrix: NDArray[np.float64]
    distortion: tuple[float, ...] = ()
    model: str = "plumb_bob"

    def __post_init__(self) -> None:
        matrix = _array(self.matrix, np.float64, (3, 3), "the camera matrix K")
        if not (np.isfinite(matrix).all() and matrix[0, 0] > 0 and matrix[1, 1] > 0):
            raise InputError(
                f"camera_info has focal lengths {matrix[0, 0]} and {matrix[1, 1]}: they must be"
                " positive; publish the calibration of the camera"
            )
        if not np.isfinite(self.distortion).all():
            raise InputError("camera_info has distortion coefficients that aren't finite numbers")
        if self.model not in ("", "plumb_bob", "rational_polynomial"):
            raise InputError(
                f"distortion model '{self.model}' isn't supported:"
                " use the topic of the rectified image, such as image_rect, or calibrate for"
                " plumb_bob or rational_polynomial"
            )
        object.__setattr__(self, "matrix", matrix)


@dataclass(frozen=True)
class Frame:
    """One picture of one camera, with what was measured at the same stamp.

    Attributes:
        camera: the camera's name in the settings.
        stamp: nanoseconds, from the image's header.
        frame_id: the camera's optical frame (x right, y down, z forward).
        image: (height, width, 3) uint8, RGB.
        depth: (height, width) float32, metres along z, NaN where nothing was measured; or None.
        intrinsics: of this image; or None.
        depth_missing: why `depth` is None where a depth camera is set up; else empty.
    """

    camera: str
    stamp: int
    frame_id: str
    image: Image
    depth: NDArray[np.float32] | None = None
    intrinsics: Intrinsics | None = None
    depth_missing: str = ""

    def __post_init__(self) -> None:
        image = self.image
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise InputError(
                f"camera '{self.camera}': an image must be (height, width, 3) uint8 and not empty,"
                f" got {image.shape} {image.dtype}"
            )
        if self.depth is not None and self.depth.shape != image.shape[:2]:
            raise InputError(
                f"camera '{self.camera}': depth {self.depth.shape} and image {image.shape[:2]}"
                " differ in size: publish depth registered to the image"
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, pixels."""
        return self.image.shape[1], self.image.shape[0]


@dataclass(frozen=True)
class Detections:
    """Boxes of phrases in one image, best score first.

    Attributes:
        boxes: (N, 4) float32, xyxy pixels of the original image.
        scores: (N,) float32 in 0..1.
        labels: (N,) int64, index into `phrases`.
        phrases: every phrase that was asked for.
        prompt_version: version of the prompt set that was asked with.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    phrases: tuple[str, ...]
    prompt_version: int = 0

    def __post_init__(self) -> None:
        boxes = _array(self.boxes, np.float32, (None, 4), "boxes")
        scores = _array(self.scores, np.float32, (len(boxes),), "scores")
        labels = _array(self.labels, np.int64, (len(boxes),), "labels")
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise InputError("boxes and scores must be finite")
        if len(labels) and not (labels.min() >= 0 and labels.max() < len(self.phrases)):
            raise InputError(f"labels must index the {len(self.phrases)} phrases")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls, phrases: Sequence[str] = (), *, prompt_version: int = 0) -> Detections:
        """Nothing seen of `phrases`."""
        boxes = np.zeros((0, 4), np.float32)
        return cls(boxes, boxes[:, 0], np.zeros(0, np.int64), tuple(phrases), prompt_version)

    def phrase(self, index: int) -> str:
        """The phrase that detection `index` answers."""
        return self.phrases[int(self.labels[index])]

    def take(self, which: NDArray[np.int64] | NDArray[np.bool_]) -> Detections:
        """The detections at an index array or mask, in its order."""
        return Detections(
            self.boxes[which],
            self.scores[which],
            self.labels[which],
            self.phrases,
            self.prompt_version,
        )


@dataclass(frozen=True)
class Boxes3D:
    """Where the detections of one image are in space, one row for each, in their order.

    Attributes:
        frame_id: frame of the coordinates.
        centers: (N, 3) float64, metres; NaN where there is no 3D.
        sizes: (N, 3) float64, metres, along the box's own axes.
        orientation: (4,) float64 xyzw, the boxes' axes in `frame_id`; the same for all.
        reasons: why a row has no 3D; empty where it has.
    """

    frame_id: str
    centers: NDArray[np.float64]
    sizes: NDArray[np.float64]
    reasons: tuple[str, ...]
    orientation: NDArray[np.float64] = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))

    def __post_init__(self) -> None:
        count = len(self.reasons)
        centers = _array(self.centers, np.float64, (None, 3), "centers")
        sizes = _array(self.sizes, np.float64, (None, 3), "sizes")
        if not len(centers) == len(sizes) == count:
            raise InputError(
                f"{len(centers)} centers, {len(sizes)} sizes, {count} reasons: they must be as many"
            )
        object.__setattr__(self, "centers", centers)
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(
            self, "orientation", _array(self.orientation, np.float64, (4,), "orientation")
        )

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(N,) which rows have a place."""
        placed: NDArray[np.bool_] = np.isfinite(self.centers.sum(axis=1))
        return placed


@dataclass(frozen=True)
class Observation:
    """What one frame shows: its detections, and their places where depth told them."""

    frame: Frame
    detections: Detections
    boxes_3d: Boxes3D | None = None
    """None: no depth camera is set up."""


class Verdict(IntEnum):
    """What the evidence says of an answer."""

    SUPPORTED = 0
    UNVERIFIED = 1
    CONTRADICTED = 2
    ABSTAINED = 3


@dataclass(frozen=True)
class Answer:
    """An answer with what it rests on.

    Attributes:
        camera, stamp, frame_id: of the image that was asked about; stamp in nanoseconds.
        text: the answer in words; for ABSTAINED, why it can't be told.
        confidence: probability that the answer is right, 0..1.
        evidence: the boxes that the answer rests on.
        model: what answered.
    """

    camera: str
    stamp: int
    frame_id: str
    question: str
    text: str
    verdict: Verdict
    confidence: float
    evidence: Detections
    model: str

    def __post_init__(self) -> None:
        if not 0.0 <= self.confidence <= 1.0:
            raise InputError(f"confidence must be in 0..1, got {self.confidence}")


@dataclass(frozen=True)
class PathCandidate:
    """A path that a planner proposes.

    Attributes:
        frame_id: frame of the poses.
        poses: (N, 3) float64: x and y in metres, yaw in radians. May hold NaN and repeats:
            the evaluator names such faults instead of refusing the whole request.
    """

    frame_id: str
    poses: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "poses", _array(self.poses, np.float64, (None, 3), "poses"))


@dataclass(frozen=True)
class OccupancyGrid:
    """A map of cells, as nav_msgs/OccupancyGrid has it.

    Attributes:
        stamp: nanoseconds.
        frame_id: the map's frame.
        cells: (height, width) int8: 0..100 occupied per cent, -1 unknown; row 0 at the origin.
        resolution: metres a cell.
        origin: x, y in metres and yaw in radians of cell (0, 0)'s corner, in `frame_id`.
    """

    stamp: int
    frame_id: str
    cells: NDArray[np.int8]
    resolution: float
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        cells = _array(self.cells, np.int8, (None, None), "cells")
        if not cells.size:
            raise InputError("the costmap is empty: wait for a map, or send one")
        if not (np.isfinite(self.resolution) and self.resolution > 0):
            raise InputError(
                f"the costmap's resolution is {self.resolution} m: it must be positive"
            )
        if not np.isfinite(self.origin).all():
            raise InputError(f"the costmap's origin {self.origin} isn't finite")
        object.__setattr__(self, "cells", cells)


@dataclass(frozen=True)
class Criterion:
    """One term of a path's score: `weight * score` is its part of the total.

    Attributes:
        name: what was measured.
        raw: its value in `unit`.
        weight: how much the goal asks for it, 0 or more.
        score: 0..1 over the candidates, 1 is best.
    """

    name: str
    raw: float
    unit: str
    weight: float
    score: float


@dataclass(frozen=True)
class PathScore:
    """How one candidate serves the goal; `violations` say why it isn't feasible."""

    index: int
    total: float
    feasible: bool
    violations: tuple[str, ...]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Wish:
    """A descriptor that the goal asks for.

    Attributes:
        name: the descriptor's name.
        direction: +1 for more of it, -1 for less.
        weight: 0..1.
        source: the words that it was read from.
    """

    name: str
    direction: int
    weight: float
    source: str


@dataclass(frozen=True)
class HardLimit:
    """A limit with a number: a path past it isn't feasible. `relation` is `>=` or `<=`.

    `landmark` is the phrase that a distance is kept from; empty for any obstacle.
    """

    name: str
    relation: str
    value: float
    unit: str
    source: str
    landmark: str = ""


@dataclass(frozen=True)
class LandmarkWish:
    """A thing in the scene that the goal names.

    Attributes:
        phrase: what to look for ('red couch').
        relation: near, avoid, left_of, right_of, towards, between or never_cross. `left_of`:
            the path leaves the landmark on its right hand, passing on the landmark's left.
        weight: 0..1.
        source: the words that it was read from.
        other: the second phrase of `between`; else empty.
        seen: whether it was found.
    """

    phrase: str
    relation: str
    weight: float
    source: str
    other: str = ""
    seen: bool = False


@dataclass(frozen=True)
class PlanEvaluation:
    """Candidates scored against a goal, every term shown.

    Attributes:
        stamp: nanoseconds, of the candidates.
        frame_id: frame of the candidates.
        best_index, worst_index: into `paths`; -1 where none is feasible.
        confidence: 0..1, from the margin, the evidence and ties.
        not_understood: words of the goal that nothing measures.
        interpreter: what read the goal.
    """

    stamp: int
    frame_id: str
    goal: str
    best_index: int
    worst_index: int
    confidence: float
    paths: tuple[PathScore, ...]
    explanation: str
    wishes: tuple[Wish, ...] = ()
    limits: tuple[HardLimit, ...] = ()
    landmarks: tuple[LandmarkWish, ...] = ()
    not_understood: tuple[str, ...] = ()
    interpreter: str = ""
