"""The projector's first weights: a thing's token is made like the words of its name and place.

LLaVA aligns its projector by captions, through the language model. Here the tower's tokens are of
things whose names are known, so that a regression to the words' embeddings does it, in a minute.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm_robot.answering.embedded.tower import boxes_of
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.training.shots import Shot
from vlm_robot.training.vlm.material import Material

_SAME_IOU = 0.5
BACKGROUND = "nothing"


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
    chosen = pick.permutation(len(material))[:images]
    names, inputs, labels = [BACKGROUND], [], []
    index = {BACKGROUND: 0}
    for number in chosen:
        shot, features = material.shot(int(number))
        for row, name in enumerate(_names(shot, features)):
            if name is None:
                continue
            if name not in index:
                index[name] = len(names)
                names.append(name)
            inputs.append(features[row])
            labels.append(index[name])
    targets = torch.stack([_meaning(name, tokenizer, words) for name in names])
    x, y = torch.stack(inputs), torch.tensor(labels)
    places = _places(boxes_of(x), tokenizer, words)
    scale = words.float().var()
    optimizer = torch.optim.AdamW(projector.parameters(), lr=2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    loss = torch.zeros(())
    for _ in range(steps):
        rows = torch.from_numpy(pick.integers(len(x), size=1024))
        made = projector(x[rows]) - places[rows]
        near = functional.mse_loss(made, targets[y[rows]]) / scale
        # Names must be told apart, too: the right one's target is the nearest.
        logits = -torch.cdist(made, targets).square() / (scale * made.shape[1] * 0.05)
        loss = near + functional.cross_entropy(logits, y[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return float(loss.detach())


def _places(boxes: Tensor, tokenizer: Any, words: Tensor) -> Tensor:
    """Between the words of an image's sides (N, D): where boxes (N, 4), in 0..1 of it, lie."""
    middle = boxes[:, :2] + boxes[:, 2:] - 1
    sides = [_meaning(word, tokenizer, words) for word in ("left", "right", "top", "bottom")]
    across, down = sides[1] - sides[0], sides[3] - sides[2]
    return middle[:, :1] * across + middle[:, 1:] * down


def _names(shot: Shot, features: Tensor) -> list[str | None]:
    """What each token shows: a thing's name, nothing, or None where it can't be told."""
    boxes = boxes_of(features).numpy()
    is_thing = features[:, 0].numpy() != 0
    size = np.array([shot.intrinsics.width, shot.intrinsics.height] * 2)
    true = np.array([t.box for t in shot.things], np.float32).reshape(-1, 4) / size
    iou = iou_matrix(boxes, true)
    names: list[str | None] = []
    for row in range(len(features)):
        best = float(iou[row].max(initial=0.0))
        if not is_thing[row] or 0.2 < best < _SAME_IOU:
            names.append(None)
        elif best <= 0.2:
            names.append(BACKGROUND)
        else:
            thing = shot.things[int(iou[row].argmax())]
            called = thing.taught[0] if thing.taught else None
            coloured = f"{thing.colour} {called}" if called and thing.colour else called
            names.append(coloured)
    return names


def _meaning(name: str, tokenizer: Any, words: Tensor) -> Tensor:
    """The mean of a name's word embeddings (D,)."""
    ids = tokenizer(f" {name}", add_special_tokens=False)["input_ids"]
    return words[ids].float().mean(0)
