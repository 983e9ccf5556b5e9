"""Average precision of phrases by faster-coco-eval: one category for each phrase."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.evaluation.detections.seen import Named
from vlm_robot.training.dataset import Scene


class Precision(NamedTuple):
    """AP at IoU 0.5, and over 0.50:0.05:0.95; means over phrases, and phrase by phrase.

    Attributes:
        ap50, ap: NaN where no phrase was measured.
        phrases: how many had an object.
        objects: pairs of an object and a phrase that is true of it.
        by_phrase: (P,) AP50; NaN where a phrase had no object.
    """

    ap50: float
    ap: float
    phrases: int
    objects: int
    by_phrase: NDArray[np.float64]


def average_precision(
    scenes: Sequence[Scene],
    named: Sequence[Named],
    truth: Sequence[NDArray[np.bool_]],
    excused: Sequence[NDArray[np.bool_]] | None = None,
    *,
    every_iou: bool = False,
) -> Precision:
    """Precision over scenes.

    Args:
        named: for each scene.
        truth: for each scene (objects, P): the phrase is true of the object.
        excused: like `truth`: finding the object counts neither way.
        every_iou: measure 0.50:0.95 too; else `ap` is NaN.
    """
    phrases = truth[0].shape[1]
    annotations: list[dict[str, Any]] = []
    for i, scene in enumerate(scenes):
        pairs = truth[i] if excused is None else truth[i] | excused[i]
        for row, phrase in np.argwhere(pairs):
            annotations.append(
                _annotation(
                    len(annotations) + 1,
                    i,
                    int(phrase),
                    scene.boxes[row],
                    not truth[i][row, phrase],
                )
            )
    objects = sum(not a["iscrowd"] for a in annotations)
    if not objects:
        return Precision(np.nan, np.nan, 0, 0, np.full(phrases, np.nan))
    content = {
        "images": [{"id": i, "width": 1, "height": 1} for i in range(len(scenes))],
        "categories": [{"id": p, "name": str(p)} for p in range(phrases)],
        "annotations": annotations,
    }
    found = np.concatenate([_rows(i, some) for i, some in enumerate(named)])
    precision = _evaluate(content, found, every_iou)
    measured = precision.max(axis=(0, 1)) >= 0  # -1 where a phrase has no object
    by_phrase = np.where(measured, precision[0].mean(axis=0), np.nan)
    ap = float(precision[:, :, measured].mean()) if every_iou else np.nan
    return Precision(float(np.nanmean(by_phrase)), ap, int(measured.sum()), objects, by_phrase)


def _annotation(
    number: int, image: int, phrase: int, box: NDArray[np.float32], excused: bool
) -> dict[str, Any]:
    left, top, right, bottom = (float(v) for v in box)
    size = [right - left, bottom - top]
    return {
        "id": number,
        "image_id": image,
        "category_id": phrase,
        "bbox": [left, top, *size],
        "area": size[0] * size[1],
        "iscrowd": int(excused),
    }


def _rows(image: int, named: Named) -> NDArray[np.float64]:
    sizes = named.boxes[:, 2:] - named.boxes[:, :2]
    images = np.full((len(named.boxes), 1), image)
    columns = (images, named.boxes[:, :2], sizes, named.scores[:, None], named.labels[:, None])
    return np.concatenate(columns, axis=1, dtype=np.float64)


def _evaluate(
    content: dict[str, Any], found: NDArray[np.float64], every_iou: bool
) -> NDArray[np.float64]:
    """Precision (thresholds, recalls, phrases)."""
    from faster_coco_eval import COCO, COCOeval_faster

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = content
        truth.createIndex()
        run = COCOeval_faster(truth, truth.loadRes(found), "bbox", print_function=_silent)
        run.params.areaRng, run.params.areaRngLbl = [[0, 1e10]], ["all"]
        run.params.maxDets = [100]
        if not every_iou:
            run.params.iouThrs = np.array([0.5])
        run.evaluate()
        run.accumulate()
    precision: NDArray[np.float64] = np.asarray(run.eval["precision"])[:, :, :, 0, 0]
    return precision


def _silent(*_: object) -> None:
    """What the tool prints is in the report already."""
