"""The projector's first weights: a thing's tokens are made like the words of its name and place.

LLaVA aligns its projector by captions, through the language model. Here the tower's tokens are of
things whose names are known, so that a regression to the words' embeddings does it, in a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm_robot.answering.embedded.tower import boxes_of, things_of
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.training.shots import Shot, Thing
from vlm_robot.training.vlm.material import Material

_SAME_IOU = 0.5
BACKGROUND = "nothing"
_SIDES = ("left", "top", "right", "bottom")


class _Examples(NamedTuple):
    """Tokens of things.

    Attributes:
        what: (N, F) features that tell what a thing is; `labels`: (N,) of which of `names`.
        where: (M, F) features that tell where it is; `meanings`: (M, D) what they are made like.
    """

    what: Tensor
    labels: Tensor
    names: list[str]
    where: Tensor
    meanings: Tensor


def align(
    projector: nn.Module,
    material: Material,
    tokenizer: Any,
    words: Tensor,
    *,
    images: int,
    steps: int,
    seed: int,
) -> float:
    """Fit the projector; returns the last loss, in variances of the word embeddings.

    Args:
        words: (V, D) word embeddings of the language model.
    """
    pick = np.random.default_rng([seed, 1])

    def meaning(name: str) -> Tensor:
        ids = tokenizer(f" {name}", add_special_tokens=False)["input_ids"]
        return words[ids].float().mean(0)

    chosen = [material.shot(int(n)) for n in pick.permutation(len(material))[:images]]
    known = _examples(chosen, meaning)
    targets = torch.stack([meaning(name) for name in known.names])
    scale = words.float().var()
    optimizer = torch.optim.AdamW(projector.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loss = torch.zeros(())
    for _ in range(steps):
        rows = torch.from_numpy(pick.integers(len(known.what), size=1024))
        made, right = projector(known.what[rows]), known.labels[rows]
        near = functional.mse_loss(made, targets[right]) / scale
        # Names must be told apart, too: the right one's target is the nearest.
        logits = -torch.cdist(made, targets).square() / (scale * made.shape[1] * 0.05)
        rows = torch.from_numpy(pick.integers(len(known.where), size=512))
        at = functional.mse_loss(projector(known.where[rows]), known.meanings[rows]) / scale
        loss = near + at + functional.cross_entropy(logits, right)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return float(loss.detach())


def _examples(shots: Sequence[tuple[Shot, Tensor]], meaning: Callable[[str], Tensor]) -> _Examples:
    whats, wheres, labels, colours = [], [], [], []
    index = {BACKGROUND: 0}
    for shot, features in shots:
        what, where = things_of(features)
        wheres.append(features[where])
        for row, shown in zip(what, _shown(shot, features[what]), strict=True):
            name, colour = _words(shown)
            colours.append(colour)
            if name:
                whats.append(features[row])
                labels.append(index.setdefault(name, len(index)))
    where = torch.cat(wheres)
    meanings = _places(boxes_of(where), torch.stack([meaning(side) for side in _SIDES]))
    of = {c: meaning(c) if c else torch.zeros(meanings.shape[1]) for c in set(colours)}
    meanings = meanings + torch.stack([of[colour] for colour in colours])
    return _Examples(torch.stack(whats), torch.tensor(labels), list(index), where, meanings)


def _places(boxes: Tensor, sides: Tensor) -> Tensor:
    """Between the words (4, D) of an image's sides: where boxes (N, 4), in 0..1 of it, lie."""
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    return torch.cat([1 - middle, middle], 1) @ sides


def _words(shown: Thing | str | None) -> tuple[str, str]:
    """Name and colour of what a token shows; empty where they can't be told or mustn't be."""
    if not isinstance(shown, Thing):
        return shown or "", ""
    name = shown.taught[0] if shown.taught else ""
    return f"{shown.colour} {name}".strip() if name else "", shown.colour if name else ""


def _shown(shot: Shot, features: Tensor) -> Iterator[Thing | str | None]:
    """What things' tokens show: a thing, the background, or None where it can't be told."""
    size = np.array([shot.intrinsics.width, shot.intrinsics.height] * 2)
    true = np.array([t.box for t in shot.things], np.float32).reshape(-1, 4) / size
    for row in iou_matrix(boxes_of(features).numpy(), true):
        best = float(row.max(initial=0.0))
        if best >= _SAME_IOU:
            yield shot.things[int(row.argmax())]
        else:
            yield BACKGROUND if best <= 0.2 else None
