"""What the architectures have in common: the seam to them, raw boxes, and prompt tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from vlm_robot.detection.prompts import PromptSet
from vlm_robot.types import InputError

BELOW = -1.0
"""The score of a raw box that reached no prompt's threshold."""


class RawBoxes(NamedTuple):
    """What a model says of a batch, each box with one label.

    Attributes:
        boxes: (B, N, 4) cxcywh, 0..1 of the model's input.
        scores: (B, N) 0..1, or `BELOW`.
        labels: (B, N) index into the prompt set's labels.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class Family(Protocol):
    """One architecture: how it reads prompts and finds boxes."""

    threshold: float
    """The least score by which its processor takes a box, where none is given."""

    def encode(self, prompts: PromptSet) -> Any:
        """The prompts, one at least, as the model needs them; once for a prompt set.

        Raises:
            InputError: the model can't read one of them.
        """
        ...

    def find(self, pixels: Tensor, payload: Any) -> RawBoxes:
        """Boxes in a batch of inputs (B, 3, H, W)."""
        ...


def logit_thresholds(prompts: PromptSet, device: torch.device) -> Tensor:
    """(C,) thresholds of the prompts before the sigmoid: -inf for 0, inf for 1."""
    thresholds = torch.tensor(prompts.thresholds, dtype=torch.float64)
    return torch.logit(thresholds).to(device, torch.float32)


def best_label(logits: Tensor, thresholds: Tensor) -> tuple[Tensor, Tensor]:
    """The best prompt of each box, among those whose threshold it reaches.

    Args:
        logits: (B, N, C).
        thresholds: (C,) logits.

    Returns:
        Scores (B, N), `BELOW` where there is none, and labels (B, N).
    """
    reached = logits.to(torch.float32)
    reached = reached.masked_fill(reached < thresholds, -torch.inf)
    best, labels = reached.max(dim=-1)
    return torch.where(best > -torch.inf, best.sigmoid(), BELOW), labels


def corners(boxes: Tensor) -> Tensor:
    """Boxes (..., 4) cxcywh as xyxy."""
    center, size = boxes[..., :2], boxes[..., 2:]
    return torch.cat([center - size / 2, center + size / 2], dim=-1)


def tokenise(tokenizer: Any, phrases: Sequence[str], most: int) -> dict[str, Tensor]:
    """Tokens of each phrase (C, most), padded, with their mask.

    Raises:
        InputError: a phrase has more tokens than the model reads; it is never cut.
    """
    tokens = tokenizer(list(phrases), verbose=False)
    for phrase, ids in zip(phrases, tokens["input_ids"], strict=True):
        if len(ids) > most:
            raise too_long(phrase, len(ids), most)
    padded = tokenizer.pad(tokens, padding="max_length", max_length=most, return_tensors="pt")
    return {name: padded[name] for name in ("input_ids", "attention_mask")}


def too_long(phrase: str, count: int, most: int) -> InputError:
    """The refusal of a phrase that the model would cut."""
    start = phrase if len(phrase) <= 40 else f"{phrase[:40]}…"
    return InputError(
        f"prompt '{start}' has {count} tokens, and this model reads {most}: say it in fewer words"
    )


def no_exemplars(prompts: PromptSet, model: str) -> None:
    """Refuse exemplars, for models that can't take them."""
    if prompts.exemplars:
        raise InputError(
            f"exemplar '{prompts.exemplars[0].name}': {model} finds things by words only; describe"
            " it in words, or use an OWL model such as google/owlv2-base-patch16-ensemble"
        )
