"""From a model's raw boxes to detections: non-maximum suppression, order and number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.prompts import PromptSet
from vlm_robot.types import Detections

MOST_COMPARED = 1000
"""Boxes of one image that NMS compares, best first: it holds a matrix of their pairs."""


def detections(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    *,
    size: tuple[int, int],
    prompts: PromptSet,
    options: DetectionOptions,
) -> Detections:
    """Gather the detections of one image from boxes that passed their thresholds.

    NMS comes first, then boxes are cut at the image's edge; those wholly outside go.

    Args:
        boxes: (N, 4) float32, xyxy pixels of the image; they may reach outside.
        scores: (N,) float32 in 0..1.
        labels: (N,) int64, index into `prompts.labels`.
        size: width and height of the image, pixels.
    """
    width, height = size
    order = np.argsort(-scores, kind="stable")
    if options.nms_iou < 1.0:
        order = order[: max(MOST_COMPARED, options.max_detections)]
        groups = None if options.class_agnostic_nms else labels[order]
        order = order[nms(boxes[order], options.nms_iou, groups)]
    cut = np.clip(boxes[order], 0, np.array([width, height, width, height], np.float32))
    seen = (cut[:, 2:] > cut[:, :2]).all(axis=1)
    order, cut = order[seen][: options.max_detections], cut[seen][: options.max_detections]
    return Detections(cut, scores[order], labels[order], prompts.labels, prompts.version)


def nms(
    boxes: NDArray[np.float32], iou_threshold: float, groups: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Which boxes greedy non-maximum suppression keeps.

    A box goes when a kept one before it overlaps it by more than the threshold. All boxes
    are decided at once, from the decision before, until nothing changes; that is the greedy
    result (Cluster-NMS, Zheng et al. 2020, arXiv:2005.03572, proposition 1).

    Args:
        boxes: (N, 4) xyxy, best first.
        iou_threshold: 0..1.
        groups: (N,) only boxes of the same group compete; None: all do.

    Returns:
        (N,) mask.
    """
    beats = np.triu(iou_matrix(boxes, boxes) > iou_threshold, k=1)
    if groups is not None:
        beats &= groups[:, None] == groups[None, :]
    keep: NDArray[np.bool_] = np.ones(len(boxes), np.bool_)
    while True:
        after = np.logical_not(beats[keep].any(axis=0))
        if np.array_equal(after, keep):
            return keep
        keep = after


def iou_matrix(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of each of `first` (N, 4) with each of `second` (M, 4); (N, M)."""
    # One axis after the other: numpy is slow over a last axis of two.
    inside = _shared(first, second, 0) * _shared(first, second, 1)
    union = _area(first)[:, None] + _area(second)[None, :] - inside
    result: NDArray[np.float32] = np.divide(
        inside, union, out=np.zeros_like(inside), where=union > 0
    )
    return result


def inside_matrix(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Share of the area of each of `first` (N, 4) that lies in each of `second` (M, 4); (N, M)."""
    inside = _shared(first, second, 0) * _shared(first, second, 1)
    area = _area(first)[:, None]
    share: NDArray[np.float32] = np.divide(inside, area, out=np.zeros_like(inside), where=area > 0)
    return share


def _shared(
    first: NDArray[np.float32], second: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    """Length (N, M) that boxes share along an axis."""
    low = np.maximum(first[:, None, axis], second[None, :, axis])
    high = np.minimum(first[:, None, axis + 2], second[None, :, axis + 2])
    shared: NDArray[np.float32] = np.maximum(high - low, 0)
    return shared


def _area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    area: NDArray[np.float32] = sides[:, 0] * sides[:, 1]
    return area
