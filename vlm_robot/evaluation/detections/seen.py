"""What the compact network saw in each scene, kept so that many phrases can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlm_robot.detection.compact.detector import CompactDetector, Regions
from vlm_robot.detection.compact.network import combined_scores
from vlm_robot.detection.postprocess import inside_matrix, iou_matrix, nms
from vlm_robot.training.dataset import Scene, read_image
from vlm_robot.types import Image

_BATCH = 8
_MOST_BOXES = 20
"""Boxes kept of one phrase in one image."""
_MOST_PAIRS = 3000
"""Pairs of a cell and a phrase that are kept of one image before NMS, best first."""
_NMS_IOU = 0.7


@dataclass(frozen=True)
class Seen:
    """What was found in one scene; boxes are in the image's pixels."""

    scene: Scene
    regions: Regions

    @cached_property
    def near(self) -> Tensor:
        """(N, N) bool: boxes that NMS keeps one of."""
        boxes = self.regions.boxes.numpy()
        return torch.from_numpy(iou_matrix(boxes, boxes) > _NMS_IOU).fill_diagonal_(True)


@dataclass(frozen=True)
class Named:
    """Boxes of phrases in one scene, after NMS phrase by phrase.

    Attributes:
        boxes: (N, 4) xyxy pixels.
        scores: (N,) raw or calibrated, as asked.
        labels: (N,) index of the phrase.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]


def look(
    detector: CompactDetector,
    scenes: Sequence[Scene],
    change: Callable[[Image], Image] = lambda image: image,
) -> list[Seen]:
    """Run the network on every scene's image, after `change`."""
    result: list[Seen] = []
    for start in range(0, len(scenes), _BATCH):
        some = scenes[start : start + _BATCH]
        with torch.inference_mode():
            seen = detector.run([change(read_image(scene.file)) for scene in some])
        for scene, letterbox, regions in zip(some, *seen, strict=True):
            placed = torch.from_numpy(letterbox.to_image(regions.boxes.numpy()))
            boxes = _clip(placed, letterbox.image_size)
            result.append(
                Seen(scene, Regions(regions.embeddings.clone(), boxes, regions.objectness.clone()))
            )
    return result


def _clip(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    return boxes.clamp(min=0).minimum(torch.tensor([*size, *size], dtype=torch.float32))


def name_boxes(
    detector: CompactDetector, seen: Seen, vectors: Tensor, *, least_raw: float
) -> Named:
    """What `CompactDetector.detect` gives with its default options, for any number of phrases.

    Args:
        vectors: (P, E) of length 1.
        least_raw: the least raw score.
    """
    regions = seen.regions
    logits = detector.similarity_logits(regions.embeddings, vectors)
    raw = combined_scores(regions.objectness[:, None], logits)
    if raw.numel() > _MOST_PAIRS:
        least_raw = max(least_raw, float(raw.flatten().topk(_MOST_PAIRS).values[-1]))
    rows, labels = _nms_by_phrase(raw, seen.near, least_raw)
    scores = detector.calibrated(raw[rows, labels].numpy())
    return Named(regions.boxes[rows].numpy(), scores, labels.numpy())


def _nms_by_phrase(raw: Tensor, near: Tensor, least_raw: float) -> tuple[Tensor, Tensor]:
    """Greedy NMS of every phrase at once: cells and phrases of the boxes that stay.

    Args:
        raw: (N, P) scores of N boxes.
        near: (N, N) bool, which boxes overlap too much to stay both.
    """
    phrases = torch.nonzero(raw.amax(0) >= least_raw)[:, 0]
    left = raw[:, phrases].T.contiguous()
    rows, labels = [], []
    for _ in range(_MOST_BOXES):
        best, cell = left.max(1)
        going = best >= least_raw
        left, phrases, cell = left[going], phrases[going], cell[going]
        if not len(phrases):
            break
        rows.append(cell)
        labels.append(phrases)
        left.masked_fill_(near[cell], 0.0)
    none = torch.zeros(0, dtype=torch.int64)
    return torch.cat([none, *rows]), torch.cat([none, *labels])


def objects_only(seen: Seen, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The `count` best boxes whatever they are, and their objectness."""
    scores = seen.regions.objectness.sigmoid().numpy()
    boxes = seen.regions.boxes.numpy()
    order = np.argsort(-scores)
    kept = order[nms(boxes[order], _NMS_IOU)][:count]
    return boxes[kept], scores[kept]


def without_ignored(named: Named, scene: Scene) -> Named:
    """Leave out boxes that lie in an ignored region and on no labelled object."""
    if not len(scene.ignored) or not len(named.boxes):
        return named
    ignored = inside_matrix(named.boxes, scene.ignored).max(axis=1) >= 0.5
    on_object = np.zeros(len(named.boxes), bool)
    if len(scene.boxes):
        on_object = iou_matrix(named.boxes, scene.boxes).max(axis=1) >= 0.5
    keep = ~ignored | on_object
    return Named(named.boxes[keep], named.scores[keep], named.labels[keep])
