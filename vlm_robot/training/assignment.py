"""Which cell learns which object: the best-aligned cells of each box.

After task-aligned assignment (TOOD, Feng et al., ICCV 2021), with a prior on size and place that
rules while the boxes are still noise.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vlm_robot.detection.compact.network import Cells
from vlm_robot.training.losses import iou

CELLS_PER_OBJECT = 7
_NEAR_CENTER = 0.75
"""Strides from a box's centre within which a cell may learn it even from outside."""


class Targets(NamedTuple):
    """The objects of B images, padded to M of them.

    Attributes:
        boxes: (B, M, 4) xyxy pixels of the network's input.
        instances: (B, M) int64, index of the instance; -1 where there is no object.
        ignored: (B, K, 4) regions that teach nothing; empty boxes are padding.
        weights: (B, M) how much an object counts; 1 for ground truth.
    """

    boxes: Tensor
    instances: Tensor
    ignored: Tensor
    weights: Tensor


class Assignment(NamedTuple):
    """Positive cells, one row each.

    Attributes:
        image, cell: (R,) index of the image and of the cell in it.
        object: (R,) index of the object in its image.
    """

    image: Tensor
    cell: Tensor
    object: Tensor


@torch.no_grad()
def assign(
    cells: Cells, targets: Targets, centers: Tensor, strides: Tensor, *, trust: float
) -> Assignment:
    """Choose up to `CELLS_PER_OBJECT` cells for each object; a cell learns one object.

    Args:
        centers, strides: (N, 2) and (N,) of the cells.
        trust: 0..1, from the prior alone to the predictions alone.
    """
    metric = _alignment(cells, targets, centers, strides, trust)
    best = metric.topk(min(CELLS_PER_OBJECT, metric.shape[2]), dim=2).indices
    chosen = torch.zeros_like(metric).scatter_(2, best, 1.0) * metric
    strength, owner = chosen.max(dim=1)
    image, cell = torch.nonzero(strength > 0, as_tuple=True)
    return Assignment(image, cell, owner[image, cell])


def _alignment(
    cells: Cells, targets: Targets, centers: Tensor, strides: Tensor, trust: float
) -> Tensor:
    """How well each cell suits each object: (B, M, N), 0 where it may not learn it."""
    boxes = targets.boxes[:, :, None]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    away = (centers - middle).norm(dim=-1) / strides
    inside = (torch.minimum(centers - boxes[..., :2], boxes[..., 2:] - centers) > 0).all(-1)
    allowed = (inside | (away < _NEAR_CENTER)) & (targets.instances >= 0)[:, :, None]
    side = (boxes[..., 2:] - boxes[..., :2]).amax(-1).clamp(min=1)
    prior = torch.exp(-0.5 * torch.log2(side / (4 * strides)) ** 2 - 0.15 * away.clamp(max=10))
    overlap = iou(boxes, cells.boxes[:, None]).clamp(min=1e-4)
    found = cells.objectness.sigmoid().clamp(min=1e-3)[:, None]
    metric = overlap ** (3 * trust) * found ** (0.5 * trust) * prior ** (1.5 - trust)
    allowed_metric: Tensor = metric * allowed
    return allowed_metric


def in_ignored(centers: Tensor, ignored: Tensor) -> Tensor:
    """Which cells (B, N) have their centre in one of the regions (B, K, 4)."""
    low, high = ignored[:, :, None, :2], ignored[:, :, None, 2:]
    return ((centers > low) & (centers < high)).all(-1).any(1)
