"""OmDet-Turbo: class and task embeddings are kept; a box may answer to several phrases."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from vlm_robot.detection.prompts import PromptSet
from vlm_robot.detection.transformers_backend.family import (
    BELOW,
    RawBoxes,
    logit_thresholds,
    no_exemplars,
    tokenise,
)


class OmDetPrompts(NamedTuple):
    """Prompts as the decoder needs them.

    Attributes:
        classes: (C, 1, D) embeddings of the phrases.
        task: (T, 1, D) features of 'Detect a, b, c.'.
        task_mask: (1, T).
        thresholds: (C,) logits.
    """

    classes: Tensor
    task: Tensor
    task_mask: Tensor
    thresholds: Tensor


class OmDetTurbo:
    """OmDet-Turbo. Takes no exemplars."""

    threshold = 0.3

    def __init__(self, model: Any, tokenizer: Any, *, compiled: bool = False) -> None:
        self._model = model
        self._tokenizer = tokenizer
        if compiled:
            for part in (model.vision_backbone, model.encoder, model.decoder):
                part.compile()

    def encode(self, prompts: PromptSet) -> OmDetPrompts:
        """Embed the phrases and the task that names them all, as its processor words it."""
        no_exemplars(prompts, "OmDet-Turbo")
        device = self._model.device
        most = self._model.config.text_config.max_position_embeddings
        phrases = tokenise(self._tokenizer, prompts.phrases, most)
        # The processor cuts the task, which is a hint; the classes are never cut.
        task = self._tokenizer(
            [f"Detect {', '.join(prompts.phrases)}."],
            padding="max_length",
            max_length=most,
            truncation=True,
            return_tensors="pt",
        )
        classes, features, mask = self._model.get_language_embedding(
            phrases["input_ids"].to(device),
            phrases["attention_mask"].to(device),
            task["input_ids"].to(device),
            task["attention_mask"].to(device),
            torch.tensor([len(prompts.phrases)], device=device),
        )
        return OmDetPrompts(classes, features, mask, logit_thresholds(prompts, device))

    def find(self, pixels: Tensor, payload: OmDetPrompts) -> RawBoxes:
        """The image's side, and the decoder with the kept embeddings."""
        count = len(pixels)
        maps = self._model.encoder(self._model.vision_backbone(pixels), return_dict=True)
        outputs = self._model.decoder(
            maps.extracted_states,
            payload.classes.expand(-1, count, -1),
            payload.task.expand(-1, count, -1),
            payload.task_mask.expand(count, -1),
            return_dict=True,
        )
        boxes = outputs.decoder_coords[-1].float()
        return _best_pairs(boxes, outputs.decoder_classes[-1].float(), payload.thresholds)


def _best_pairs(boxes: Tensor, logits: Tensor, thresholds: Tensor) -> RawBoxes:
    """The best pairs of a box (B, N, 4) and a phrase (B, N, C): N of them, as its processor has."""
    count, classes = logits.shape[1:]
    reached = logits.masked_fill(logits < thresholds, -torch.inf).flatten(1)
    best, pairs = reached.topk(count, dim=1)
    rows = (pairs // classes)[..., None].expand(-1, -1, 4)
    scores = torch.where(best > -torch.inf, best.sigmoid(), BELOW)
    return RawBoxes(boxes.gather(1, rows), scores, pairs % classes)
