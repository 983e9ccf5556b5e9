"""The whole training objective: from cells and targets to one number, and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vlm_robot.detection.compact.network import Cells, CompactNetwork, grid
from vlm_robot.training.assignment import Assignment, Targets, assign, in_ignored
from vlm_robot.training.losses import giou, iou, pairwise_sigmoid, quality_focal
from vlm_robot.training.losses import symmetric_contrastive as contrastive
from vlm_robot.training.phrasebook import Phrasebook, cosines
from vlm_robot.training.regions import draw_regions

_EARLY_QUALITY = 0.3
"""Least objectness target of a positive cell while boxes are still noise."""


@dataclass(frozen=True)
class Weights:
    """How much each part counts, and how phrases are drawn."""

    objectness: float = 2.0
    box: float = 2.0
    naming: float = 1.0
    contrast: float = 0.5
    background: float = 0.2
    foreign: float = 0.5
    neighbours: float = 20.0
    phrases: int = 768
    words: int = 192
    foreign_words: int = 64
    text_noise: float = 0.25
    empty_regions: int = 6
    focal_power: float = 1.5


class Parts(NamedTuple):
    """Values of the parts, each before its weight, and the mean IoU of positive cells."""

    objectness: Tensor
    box: Tensor
    naming: Tensor
    contrast: Tensor
    background: Tensor
    neighbours: Tensor
    iou: Tensor


class Objective:
    """Scores a batch; holds the phrases and the text space before training."""

    def __init__(self, book: Phrasebook, network: CompactNetwork, weights: Weights) -> None:
        self.book = book
        self.weights = weights
        self.generator = torch.Generator().manual_seed(0)
        text = network.text
        self.text_before = (text.weight.detach().clone(), text.bias.detach().clone())

    def __call__(
        self,
        network: CompactNetwork,
        cells: Cells,
        targets: Targets,
        size: tuple[int, int],
        *,
        trust: float,
    ) -> tuple[Tensor, Parts]:
        """Loss of a batch, and its parts.

        Args:
            size: width and height of the network's input.
            trust: 0..1, how far assignment trusts the predictions.
        """
        centers, strides = grid(*size)
        chosen = assign(cells, targets, centers, strides, trust=trust)
        weight = targets.weights[chosen.image, chosen.object]
        count = weight.sum().clamp(min=1.0)
        boxes = cells.boxes[chosen.image, chosen.cell]
        wanted = targets.boxes[chosen.image, chosen.object]
        overlap = iou(boxes, wanted).detach()
        least = _EARLY_QUALITY if trust < 1 else 0.05
        quality = torch.zeros_like(cells.objectness)
        quality[chosen.image, chosen.cell] = overlap.clamp(min=least) * weight
        counts = ~in_ignored(centers, targets.ignored)
        counts[chosen.image, chosen.cell] = True
        found = (quality_focal(cells.objectness, quality) * counts).sum() / count
        placed = ((1 - giou(boxes, wanted)) * weight).sum() / count
        named = self._naming(network, cells, targets, chosen)
        parts = Parts(found, placed, *named, self._neighbours(network), overlap.mean())
        return self._total(parts), parts

    def _total(self, parts: Parts) -> Tensor:
        w = self.weights
        return (
            w.objectness * parts.objectness
            + w.box * parts.box
            + w.naming * parts.naming
            + w.contrast * parts.contrast
            + w.background * parts.background
            + w.neighbours * parts.neighbours
        )

    def _naming(
        self, network: CompactNetwork, cells: Cells, targets: Targets, chosen: Assignment
    ) -> tuple[Tensor, Tensor, Tensor]:
        w, book = self.weights, self.book
        shown = draw_regions(cells, targets, chosen, self.generator, empty=w.empty_regions)
        regions = network.describe(cells.maps, shown.boxes, shown.used)
        rows, weight = shown.instances[shown.used], shown.weights[shown.used]
        real = rows >= 0
        text, columns = book.sample(rows[real], w.phrases, self.generator, noise=w.text_noise)
        words = book.sample_words(w.foreign_words, self.generator, foreign=True)
        vectors = network.read(torch.cat([text, words]))
        prompts, foreign = vectors[: len(text)], vectors[len(text) :]
        truth = book.truth[rows.clamp(min=0)][:, columns] * real[:, None]
        logits = network.similarity_logits(regions, prompts)
        # A true phrase weighs more, since each region has few of them among many.
        emphasis = (1 + 2 * truth) * weight[:, None]
        pairs = (quality_focal(logits, truth, power=w.focal_power) * emphasis)[real]
        naming = pairs.sum() / weight[real].sum().clamp(min=1.0)
        contrast = contrastive(logits[real], truth[real])
        unlike = network.similarity_logits(regions[real], foreign)
        denied = pairwise_sigmoid(unlike, torch.zeros_like(unlike), power=2.0).sum()
        empty = pairwise_sigmoid(logits[~real], truth[~real], power=2.0).sum()
        count = weight[real].sum().clamp(min=1.0)
        return naming, contrast, (empty + w.foreign * denied) / count

    def _neighbours(self, network: CompactNetwork) -> Tensor:
        """How far the projection moved words of the language from or to one another.

        Keeps the text space general: a word that no image taught stays near its neighbours.
        """
        words = self.book.sample_words(self.weights.words, self.generator, foreign=False)
        weight, bias = self.text_before
        before = cosines(torch.nn.functional.linear(words, weight, bias))
        return (cosines(network.text(words)) - before).square().mean()
