"""The losses of the compact detector."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

_EPSILON = 1e-7


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU of boxes (..., 4) xyxy, pair by pair (Rezatofighi et al., CVPR 2019)."""
    inside = _sides(_low(first, second), _high(first, second)).prod(-1)
    union = area(first) + area(second) - inside
    hull = _sides(first[..., :2].minimum(second[..., :2]), first[..., 2:].maximum(second[..., 2:]))
    enclosing = hull.prod(-1)
    return inside / (union + _EPSILON) - (enclosing - union) / (enclosing + _EPSILON)


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes (..., 4) xyxy; the leading shapes broadcast."""
    inside = _sides(_low(first, second), _high(first, second)).prod(-1)
    return inside / (area(first) + area(second) - inside + _EPSILON)


def area(boxes: Tensor) -> Tensor:
    """Areas (...) of boxes (..., 4)."""
    return _sides(boxes[..., :2], boxes[..., 2:]).prod(-1)


def _low(first: Tensor, second: Tensor) -> Tensor:
    return first[..., :2].maximum(second[..., :2])


def _high(first: Tensor, second: Tensor) -> Tensor:
    return first[..., 2:].minimum(second[..., 2:])


def _sides(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0)


def quality_focal(logits: Tensor, quality: Tensor, *, power: float = 2.0) -> Tensor:
    """Cross-entropy with a soft target 0..1, weighted by how far off the prediction is.

    From Li et al., Generalized Focal Loss (NeurIPS 2020), equation 3. Same shape as `logits`.
    """
    away = (quality - logits.sigmoid()).abs() ** power
    return away * functional.binary_cross_entropy_with_logits(logits, quality, reduction="none")


def pairwise_sigmoid(logits: Tensor, truth: Tensor, *, power: float = 0.0) -> Tensor:
    """SigLIP's loss for regions against phrases: each pair is a question of its own.

    Zhai et al. (ICCV 2023), with any number of true phrases a region, and focal weights.

    Args:
        logits: (R, P) scaled cosines.
        truth: (R, P) in 0..1: how true the phrase is of the region.
        power: of the focal weight; 0 for the loss as published.

    Returns:
        (R,) sums over phrases.
    """
    return quality_focal(logits, truth, power=power).sum(-1)


def symmetric_contrastive(logits: Tensor, truth: Tensor) -> Tensor:
    """InfoNCE both ways, where a row or column may have several true partners.

    For each region, the mean over its true phrases of -log softmax over phrases; for each phrase
    the same over regions (Radford et al., CLIP, 2021; several positives as SupCon's L_out,
    Khosla et al. 2020). Rows and columns with nothing true are left out.

    Args:
        logits: (R, P) scaled cosines.
        truth: (R, P) 1 where the phrase is true of the region, else 0.

    Returns:
        A scalar: the mean of both directions.
    """
    return (_one_way(logits, truth) + _one_way(logits.T, truth.T)) / 2


def _one_way(logits: Tensor, truth: Tensor) -> Tensor:
    count = truth.sum(1)
    picked = (logits.log_softmax(1) * truth).sum(1)
    losses = -picked / count.clamp(min=1)
    return losses.sum() / (count > 0).sum().clamp(min=1)
