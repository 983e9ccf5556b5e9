"""Labels of images that a detector gives in place of a person, and keeps for the next time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vlm_robot.detection.detector import DetectionOptions, Detector
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.training.dataset import Scene, read_image
from vlm_robot.types import Detections

_UNSURE = 0.5
"""Share of the teacher's threshold above which a box is neither taught nor denied."""
_SAME_IOU = 0.7


def kept_labels(
    teacher: Detector,
    files: Sequence[Path],
    labels: Sequence[str],
    *,
    threshold: float,
    name: str,
    kept: Path,
) -> list[Scene]:
    """As `pseudo_label`; what was answered before to the same is read from the file `kept`.

    Args:
        name: what the teacher was loaded by.
    """
    asked = {
        "teacher": name,
        "labels": list(labels),
        "threshold": threshold,
        "images": [str(file) for file in files],
    }
    if kept.exists():
        content = json.loads(kept.read_text())
        if content["asked"] == asked:
            return [_read(file, row) for file, row in zip(files, content["scenes"], strict=True)]
    scenes = pseudo_label(teacher, files, labels, threshold=threshold)
    kept.parent.mkdir(parents=True, exist_ok=True)
    draft = kept.with_suffix(".draft")
    draft.write_text(json.dumps({"asked": asked, "scenes": [_row(scene) for scene in scenes]}))
    draft.replace(kept)
    return scenes


def pseudo_label(
    teacher: Detector,
    files: Sequence[Path],
    labels: Sequence[str],
    *,
    threshold: float,
) -> list[Scene]:
    """Let a teacher label images; what it half believes becomes an ignored region.

    A box's weight is the teacher's score. A box that answers several labels is taught the best.
    """
    prompts = teacher.encode(prompt_set(labels, threshold=threshold * _UNSURE))
    options = DetectionOptions(nms_iou=_SAME_IOU, class_agnostic_nms=True)
    scenes = []
    for file in tqdm(files, unit="image"):
        found = teacher.detect([read_image(file)], prompts, options)[0]
        scenes.append(_scene(file, found, threshold))
    return scenes


def _scene(file: Path, found: Detections, threshold: float) -> Scene:
    sure = found.scores >= threshold
    kept, unsure = found.take(sure), found.take(~sure)
    names = tuple(kept.phrase(row) for row in range(len(kept)))
    boxes, doubtful = np.array(kept.boxes), np.array(unsure.boxes)
    if len(boxes) and len(doubtful):
        doubtful = doubtful[iou_matrix(doubtful, boxes).max(axis=1) < _SAME_IOU]
    return Scene(file, boxes, names, doubtful, np.array(kept.scores))


def _row(scene: Scene) -> dict[str, Any]:
    arrays = {name: getattr(scene, name).tolist() for name in ("boxes", "ignored", "weights")}
    return {**arrays, "instances": list(scene.instances)}


def _read(file: Path, row: dict[str, Any]) -> Scene:
    boxes, ignored = (np.array(row[n], np.float32).reshape(-1, 4) for n in ("boxes", "ignored"))
    return Scene(
        file, boxes, tuple(row["instances"]), ignored, np.array(row["weights"], np.float32)
    )
