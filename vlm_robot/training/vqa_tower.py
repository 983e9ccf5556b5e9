"""The vision tower's first lessons: which shape an image shows, and in which colour.

Through the language model alone a tower learns shapes late or never, as most answers are yes or no
and say little of what was seen. As BLIP begins with a tower that knows ImageNet's classes (Li et
al., ICML 2022, section 3.1), this one begins with classes of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BlipVisionModel

from vlm_robot.training.schedule import cosine

CLASSES = (
    ("circle", "rectangle", "triangle"),
    ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow"),
)
"""Words that exclude each other."""
_UNKNOWN = -100
CLOSED = ("yes", "no")
"""Answers that say little of what is seen."""
_WARM_UP = 100
"""Steps."""


def told(asked: Sequence[tuple[str, str]]) -> list[int]:
    """For each of CLASSES, the word that questions with open answers tell; -100: none does."""
    words = {
        word
        for question, answer in asked
        if answer not in CLOSED
        for word in (*question.rstrip("?").split(), answer)
    }
    return [
        next((i for i, name in enumerate(names) if name in words), _UNKNOWN) for names in CLASSES
    ]


def teach(
    tower: BlipVisionModel,
    draw: Callable[[Sequence[int], np.random.Generator], Tensor],
    asked: Sequence[Sequence[tuple[str, str]]],
    *,
    images: int,
    steps: int,
    rate: float,
    seed: int,
) -> float:
    """Train a tower to tell CLASSES by a linear layer; returns the last fifty steps' mean loss.

    Args:
        draw: pixels (N, 3, H, W) of the images of those numbers.
        asked: of each image, its questions and their answers.
    """
    labels = torch.tensor([told(pairs) for pairs in asked])
    head = nn.Linear(tower.config.hidden_size, sum(map(len, CLASSES)))
    learned = [*tower.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=rate, weight_decay=0.05)
    losses = list[float]()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * cosine(step / steps) * min(1.0, (step + 1) / _WARM_UP)
        pick = np.random.default_rng([seed, 1, step])
        chosen = pick.integers(len(labels), size=images)
        seen = tower(pixel_values=draw(chosen.tolist(), pick)).last_hidden_state.mean(1)
        parts = head(seen).split([len(names) for names in CLASSES], dim=1)
        known = labels[chosen]
        loss = torch.stack(
            [
                functional.cross_entropy(part, known[:, i], reduction="sum")
                / (known[:, i] >= 0).sum().clamp(min=1)
                for i, part in enumerate(parts)
            ]
        ).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses[-50:]))
