"""'Show it once': a vector for a thing from boxes around examples of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vlm_robot.detection.compact.network import Cells

_CELLS_PER_BOX = 5


def enrol(cells: Cells, boxes: Sequence[Tensor]) -> Tensor:
    """Mean region embedding, of length 1, of the cells that see the example boxes best.

    Args:
        cells: of B images.
        boxes: for each image (K, 4) xyxy pixels of the network's input.
    """
    vectors = [
        _box_vector(Cells(*(part[image] for part in cells)), box)
        for image, some in enumerate(boxes)
        for box in some
    ]
    return functional.normalize(torch.stack(vectors).mean(0), dim=0)


def _box_vector(cells: Cells, box: Tensor) -> Tensor:
    """Embedding (E,) of one box, from cells whose own box overlaps it most and are surest."""
    overlap = _overlap(cells.boxes, box)
    merit = overlap.square() * (0.05 + cells.objectness.sigmoid())
    weight, best = merit.topk(_CELLS_PER_BOX)
    chosen = functional.normalize(cells.embeddings[best], dim=-1)
    return functional.normalize((chosen * (weight + 1e-9)[:, None]).sum(0), dim=0)


def _overlap(boxes: Tensor, box: Tensor) -> Tensor:
    """IoU of boxes (N, 4) with one (4,)."""
    low, high = boxes[:, :2].maximum(box[:2]), boxes[:, 2:].minimum(box[2:])
    inside = (high - low).clamp(min=0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).clamp(min=0).prod(-1)
    return inside / (areas + (box[2:] - box[:2]).prod() - inside + 1e-6)
