"""Which boxes the compact network learns to describe: true ones shaken, found ones, empty ones."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from vlm_robot.detection.compact.network import Cells
from vlm_robot.training.assignment import Assignment, Targets, in_ignored
from vlm_robot.training.losses import iou

_SHAKE = 0.07
"""Standard deviation of each side of a true box, in parts of the box's width or height."""
_LEAST_FOUND, _MOST_EMPTY = 0.5, 0.3
"""IoU from which a found box shows its object, and up to which it shows none."""
_LOOKED_AT = 60
"""Best boxes of an image among which empty ones are drawn."""


class Regions(NamedTuple):
    """Boxes of B images, padded to K of them.

    Attributes:
        boxes: (B, K, 4) xyxy pixels of the network's input.
        instances: (B, K) int64; -1 where the box shows nothing known.
        weights: (B, K) how much a box counts.
        used: (B, K) bool: not padding.
    """

    boxes: Tensor
    instances: Tensor
    weights: Tensor
    used: Tensor


@torch.no_grad()
def draw_regions(
    cells: Cells, targets: Targets, chosen: Assignment, generator: torch.Generator, *, empty: int
) -> Regions:
    """For each object its box, shaken, and the best of those found; then `empty` others an image.

    Found boxes are what inference describes; shaken ones teach from the first step on.
    """
    present = targets.instances >= 0
    shaken = _shake(targets.boxes, generator)
    found, good = _found(cells, targets, chosen)
    nothing, is_empty = _empty(cells, targets, empty, generator)
    unknown = torch.full(is_empty.shape, -1)
    return Regions(
        torch.cat([shaken, found, nothing], 1),
        torch.cat([targets.instances, targets.instances, unknown], 1),
        torch.cat([targets.weights, targets.weights, torch.ones_like(nothing[..., 0])], 1),
        torch.cat([present, present & good, is_empty], 1),
    )


def _shake(boxes: Tensor, generator: torch.Generator) -> Tensor:
    sides = (boxes[..., 2:] - boxes[..., :2]).repeat(1, 1, 2)
    noise = torch.randn(boxes.shape, generator=generator).clamp(-2, 2) * _SHAKE
    return boxes + noise * sides


def _found(cells: Cells, targets: Targets, chosen: Assignment) -> tuple[Tensor, Tensor]:
    """Of each object (B, M) the best box that its cells give, and whether it is good enough."""
    boxes = cells.boxes[chosen.image, chosen.cell]
    overlap = iou(boxes, targets.boxes[chosen.image, chosen.object])
    best = torch.zeros_like(targets.weights)
    place = (chosen.image, chosen.object)
    flat = chosen.image * best.shape[1] + chosen.object
    best.view(-1).scatter_reduce_(0, flat, overlap, "amax")
    winner = overlap >= best[place]
    result = targets.boxes.clone()
    result[chosen.image[winner], chosen.object[winner]] = boxes[winner]
    return result, best >= _LEAST_FOUND


def _empty(
    cells: Cells, targets: Targets, count: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Boxes (B, count) that look like something and show nothing known, and which of them do."""
    best = cells.objectness.topk(min(_LOOKED_AT, cells.objectness.shape[1]), dim=1).indices
    boxes = cells.boxes.gather(1, best[..., None].expand(-1, -1, 4))
    near = iou(boxes[:, :, None], targets.boxes[:, None]).amax(2) > _MOST_EMPTY
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    hidden = torch.stack(
        [in_ignored(m, i[None])[0] for m, i in zip(middle, targets.ignored, strict=True)]
    )
    free = ~(near | hidden)
    order = torch.rand(free.shape, generator=generator) - free.float()
    picked = order.topk(min(count, order.shape[1]), dim=1, largest=False).indices
    return boxes.gather(1, picked[..., None].expand(-1, -1, 4)), free.gather(1, picked)
