"""OWL-ViT and OWLv2: prompt embeddings are kept; a frame costs the image's side and a product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import Exemplar, PromptSet
from vlm_robot.detection.transformers_backend.family import (
    RawBoxes,
    best_label,
    corners,
    logit_thresholds,
    tokenise,
)
from vlm_robot.detection.transformers_backend.images import Preprocessor
from vlm_robot.types import InputError

TEXTS_AT_ONCE = 128
"""Phrases that go through the text encoder together, to bound its memory."""

NEAR_BEST = 0.8
"""A predicted box counts as an example's if its IoU is at least this part of the best's."""


class OwlPrompts(NamedTuple):
    """Prompts as the class head needs them.

    Attributes:
        queries: (C, D) float32 embeddings of phrases and exemplars.
        thresholds: (C,) logits.
    """

    queries: Tensor
    thresholds: Tensor


class Owl:
    """The OWL family. Takes exemplars."""

    threshold = 0.1

    def __init__(
        self, model: Any, tokenizer: Any, preprocess: Preprocessor, *, compiled: bool = False
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._preprocess = preprocess
        self._image_side = torch.compile(self._features) if compiled else self._features
        # The heads are small. In bfloat16 a box's edge would move by up to 2 pixels of 640.
        model.class_head.float()
        model.box_head.float()
        bias = model.compute_box_bias(model.num_patches_height, model.num_patches_width)
        model.box_bias = bias.to(model.device)

    def encode(self, prompts: PromptSet) -> OwlPrompts:
        """Embed phrases and exemplars."""
        queries = [self._told(phrases) for phrases in _chunks(prompts.phrases)]
        for name in prompts.labels[len(prompts.phrases) :]:
            shown = [e for e in prompts.exemplars if e.name == name]
            queries.append(torch.cat([self._shown(e) for e in shown]).mean(dim=0, keepdim=True))
        return OwlPrompts(torch.cat(queries), logit_thresholds(prompts, self._model.device))

    def find(self, pixels: Tensor, payload: OwlPrompts) -> RawBoxes:
        """The image side, the class head against the kept embeddings, and the box head."""
        grid = self._image_side(pixels)
        features = grid.flatten(1, 2)
        logits, _ = self._model.class_predictor(features, payload.queries)
        scores, labels = best_label(logits, payload.thresholds)
        return RawBoxes(self._model.box_predictor(features, grid), scores, labels)

    def _features(self, pixels: Tensor) -> Tensor:
        """(B, rows, columns, D) float32: what the model sees in each patch."""
        grid: Tensor = self._model.image_embedder(pixel_values=pixels)[0]
        return grid.float()

    def _told(self, phrases: Sequence[str]) -> Tensor:
        base = self._model.base_model
        most = self._model.config.text_config.max_position_embeddings
        tokens = tokenise(self._tokenizer, phrases, most)
        moved = {name: values.to(self._model.device) for name, values in tokens.items()}
        embedded = base.text_projection(base.text_model(**moved).pooler_output)
        return functional.normalize(embedded.float(), dim=-1)

    def _shown(self, exemplar: Exemplar) -> Tensor:
        """(N, D): what the model would call the object in each box of an exemplar.

        Of the patches whose boxes fit the example nearly best, the one least like the whole
        image speaks for it (Minderer et al. 2022, arXiv:2205.06230, appendix A1.7).
        """
        pixels = self._preprocess(
            [exemplar.image], device=self._model.device, dtype=self._model.dtype
        )
        grid = self._image_side(pixels)
        features = grid.flatten(1, 2)
        names = self._model.class_predictor(features)[1][0]
        width, height = self._preprocess.extent(exemplar.image)
        proposed = corners(self._model.box_predictor(features, grid)[0]).cpu().numpy()
        overlaps = iou_matrix(exemplar.boxes, proposed * [width, height, width, height])
        best = overlaps.max(axis=1, keepdims=True)
        if not best.all():
            box = exemplar.boxes[int(best.argmin())].round().astype(int).tolist()
            raise InputError(
                f"exemplar '{exemplar.name}': the model sees no object at its box {box}: draw the"
                " box tight around the object, or take a picture nearer to it"
            )
        fits = torch.from_numpy(overlaps >= NEAR_BEST * best).to(names.device)
        commonness = (names @ names.mean(dim=0)).expand(len(fits), -1)
        chosen = commonness.masked_fill(~fits, torch.inf).argmin(dim=1)
        return functional.normalize(names[chosen], dim=-1)


def _chunks(phrases: Sequence[str]) -> list[Sequence[str]]:
    starts = range(0, len(phrases), TEXTS_AT_ONCE)
    return [phrases[start : start + TEXTS_AT_ONCE] for start in starts]
