"""Boxes that are true of the frames of a bag, in COCO's format."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.detection.postprocess import inside_matrix, iou_matrix
from vlm_robot.evaluation.results.folder import Key, read_json
from vlm_robot.replay.records import Record
from vlm_robot.types import InputError

HIT_IOU = 0.5


class Truth(NamedTuple):
    """What is in the frames.

    Attributes:
        images: id of each frame that was annotated.
        categories: id of each phrase, in lower case.
        boxes: by image and category: xyxy, and which of them count neither way (`iscrowd`).
        content: the file, for COCO's tools.
    """

    images: dict[Key, int]
    categories: dict[str, int]
    boxes: dict[tuple[int, int], tuple[NDArray[np.float32], NDArray[np.bool_]]]
    content: dict[str, Any]

    def knows(self, phrase: str) -> bool:
        """Whether a phrase was annotated at all: one that was not may be anywhere."""
        return phrase.lower() in self.categories


class Matches(NamedTuple):
    """Boxes of one phrase in one frame against the true ones.

    Attributes:
        right: (N,) of the found boxes, best score first: on a true box that was still free.
        excused: (N,) on a box that counts neither way.
        missed: true boxes without a found one.
    """

    right: NDArray[np.bool_]
    excused: NDArray[np.bool_]
    missed: int


def read_truth(path: Path) -> Truth:
    """Read a COCO file whose images are named 'camera/stamp in nanoseconds'.

    Raises:
        InputError: the file isn't one.
    """
    content = read_json(path, {"images", "annotations", "categories"})
    try:
        return truth_from(content)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} isn't COCO truth for a bag ({error!r}): images need a file_name"
            " 'camera/stamp in nanoseconds', annotations a bbox, image_id and category_id"
        ) from error


def truth_from(content: dict[str, Any]) -> Truth:
    """The truth that a COCO file's content says."""
    images = {_key(image["file_name"]): int(image["id"]) for image in content["images"]}
    categories = {c["name"].lower(): int(c["id"]) for c in content["categories"]}
    rows: dict[tuple[int, int], list[tuple[list[float], bool]]] = defaultdict(list)
    for one in content["annotations"]:
        x, y, width, height = one["bbox"]
        place = (int(one["image_id"]), int(one["category_id"]))
        rows[place].append(([x, y, x + width, y + height], bool(one.get("iscrowd"))))
    boxes = {
        place: (np.array([box for box, _ in some], np.float32), np.array([c for _, c in some]))
        for place, some in rows.items()
    }
    return Truth(images, categories, boxes, content)


def _key(name: str) -> Key:
    camera, _, stamp = name.rpartition("/")
    return camera, int(stamp.partition(".")[0])


def matches(truth: Truth, image: int, phrase: str, found: list[Record]) -> Matches:
    """Match the boxes of `phrase`, best score first, each to the true box that it covers best."""
    nothing = (np.zeros((0, 4), np.float32), np.zeros(0, bool))
    category = truth.categories.get(phrase.lower(), -1)
    true, crowd = truth.boxes.get((image, category), nothing)
    boxes = np.array([entry["box"] for entry in found], np.float32).reshape(-1, 4)
    # As COCO measures crowds: by the share of the found box that lies in one.
    overlap = np.where(crowd, inside_matrix(boxes, true), iou_matrix(boxes, true))
    right, excused = np.zeros(len(found), bool), np.zeros(len(found), bool)
    free = ~crowd
    for row in np.argsort([-entry["score"] for entry in found], kind="stable"):
        hits = overlap[row] >= HIT_IOU
        if (hits & free).any():
            right[row] = True
            free[np.argmax(np.where(hits & free, overlap[row], -1))] = False
        else:
            excused[row] = (hits & crowd).any()
    return Matches(right, excused, int(free.sum()))
