"""Detections of a replay against true boxes: precision, false boxes, honesty of scores."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_robot.evaluation.results.folder import Results
from vlm_robot.evaluation.results.truth import Truth, matches
from vlm_robot.replay.records import Record
from vlm_robot.types import InputError

SIZES = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
"""Areas in pixels, as COCO has them."""


def detection_figures(results: Results, truth: Truth) -> dict[str, Any]:
    """AP and AP50 (all, by phrase, by size), F1 at the run's thresholds, false boxes, calibration.

    Only frames that were annotated count. What isn't defined (no object of a size) is None.

    Raises:
        InputError: results and truth have no frame or no phrase in common, or faster-coco-eval
            isn't installed.
    """
    keys = [key for key in results.frames if key in truth.images]
    known = [phrase for phrase in results.phrases if truth.knows(phrase)]
    if not keys:
        raise InputError(
            f"the truth annotates none of the {len(results.frames)} frames: file_name must be"
            f" 'camera/stamp', with cameras {', '.join(results.run['frames'])}"
        )
    if not known:
        raise InputError(
            f"the truth has none of the phrases that were looked for ({', '.join(results.phrases)})"
        )
    figures: dict[str, Any] = {
        "frames": len(keys),
        "frames without truth": len(results.frames) - len(keys),
        "phrases without truth": sorted(set(results.phrases) - set(known)),
    }
    figures |= _precision(results, truth, known)
    figures |= _at_threshold(results, truth, known)
    return figures


def _precision(results: Results, truth: Truth, phrases: list[str]) -> dict[str, Any]:
    table = _coco(results, truth, phrases)  # thresholds, recalls, phrases, sizes
    by_phrase = {
        phrase: {"AP": _mean(table[:, :, k, 0]), "AP50": _mean(table[0, :, k, 0])}
        for k, phrase in enumerate(phrases)
    }
    return {
        "AP": _mean(table[:, :, :, 0]),
        "AP50": _mean(table[0, :, :, 0]),
        "AP by size": {size: _mean(table[..., a]) for a, size in enumerate(SIZES) if a},
        "by phrase": by_phrase,
    }


def _mean(precision: NDArray[np.float64]) -> float | None:
    """COCO marks with -1 what had no object."""
    measured = precision[precision >= 0]
    return float(measured.mean()) if measured.size else None


def _coco(results: Results, truth: Truth, phrases: list[str]) -> NDArray[np.float64]:
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError as error:
        raise InputError(
            "average precision needs faster-coco-eval: run `pip install 'vlm_robot[eval]'`"
        ) from error
    ids = {phrase: truth.categories[phrase.lower()] for phrase in phrases}
    images = {truth.images[key] for key in results.frames if key in truth.images}
    wanted = set(ids.values())
    annotations = [
        {"iscrowd": 0, **one, "id": number, "area": one["bbox"][2] * one["bbox"][3]}
        for number, one in enumerate(truth.content["annotations"], 1)
        if one["image_id"] in images and one["category_id"] in wanted
    ]
    content = {
        "info": {},
        "images": [{"id": image, "width": 1, "height": 1} for image in sorted(images)],
        "categories": [{"id": ids[phrase], "name": phrase} for phrase in phrases],
        "annotations": annotations,
    }
    rows = [
        [truth.images[key], x1, y1, x2 - x1, y2 - y1, entry["score"], ids[entry["phrase"]]]
        for key, frame in results.frames.items()
        if key in truth.images
        for entry in frame["detections"]
        if entry["phrase"] in ids
        for x1, y1, x2, y2 in [entry["box"]]
    ]
    if not rows or not annotations:
        found = 0.0 if annotations else -1.0
        return np.full((10, 101, len(phrases), len(SIZES)), found)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = content
        coco.createIndex()
        run = COCOeval_faster(coco, coco.loadRes(np.array(rows)), "bbox", print_function=_silent)
        run.params.catIds = list(ids.values())
        run.params.areaRng, run.params.areaRngLbl = [list(r) for r in SIZES.values()], list(SIZES)
        run.params.maxDets = [100]
        run.evaluate()
        run.accumulate()
    return np.asarray(run.eval["precision"])[:, :, :, :, 0]


def _silent(*_: object) -> None:
    """The figures are printed by the command."""


def _at_threshold(results: Results, truth: Truth, phrases: list[str]) -> dict[str, Any]:
    """What the boxes that were published are worth, without regard to what lies below."""
    scores: list[float] = []
    correct: list[bool] = []
    missed = absent_pairs = false_pairs = false_boxes = 0
    for key, frame in results.frames.items():
        if key not in truth.images:
            continue
        for phrase in phrases:
            found = [entry for entry in frame["detections"] if entry["phrase"] == phrase]
            image, category = truth.images[key], truth.categories[phrase.lower()]
            if (image, category) not in truth.boxes:
                absent_pairs += 1
                false_pairs += bool(found)
                false_boxes += len(found)
            match = matches(truth, image, phrase, found)
            counted = ~match.excused
            scores += [e["score"] for e, c in zip(found, counted, strict=True) if c]
            correct += match.right[counted].tolist()
            missed += match.missed
    return {
        "precision": _ratio(sum(correct), len(correct)),
        "recall": _ratio(sum(correct), sum(correct) + missed),
        "F1": _ratio(2 * sum(correct), len(correct) + sum(correct) + missed),
        "absent phrases": {
            "pairs of frame and phrase": absent_pairs,
            "with a false box": _ratio(false_pairs, absent_pairs),
            "false boxes": false_boxes,
        },
        "calibration error": _calibration_error(np.array(scores), np.array(correct, bool)),
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _calibration_error(scores: NDArray[np.float64], correct: NDArray[np.bool_]) -> float | None:
    from vlm_robot.evaluation.detections.calibration import expected_error

    return expected_error(scores, correct) if len(scores) else None


def false_and_missed(frame: Record, phrases: list[str], truth: Truth) -> tuple[int, int, int]:
    """Right, false and missed boxes of one annotated frame, of the phrases that the truth has."""
    right = false = missed = 0
    for phrase in filter(truth.knows, phrases):
        found = [entry for entry in frame["detections"] if entry["phrase"] == phrase]
        image = truth.images[frame["camera"], frame["stamp"]]
        match = matches(truth, image, phrase, found)
        right += int(match.right.sum())
        false += int((~match.right & ~match.excused).sum())
        missed += match.missed
    return right, false, missed
