"""Pairs about images as batches for the language model.

All pairs of an image lie in one sequence behind its features, but each sees the image and itself
alone, at the places that it has when it is asked by itself: a question costs its own tokens, and
no answer is learned from another one's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vlm_robot.answering.embedded.template import ask, end_of_answer, start
from vlm_robot.training.vlm.instructions import Pair


class PairTokens(NamedTuple):
    """Token ids of a question, and of its answer with the end mark."""

    question: list[int]
    answer: list[int]


class TextBatch(NamedTuple):
    """Sequences of B images, L tokens each, padded.

    Attributes:
        ids: (B, L); the image's places are 0.
        positions: (B, L).
        visible: (B, 1, L, L) bool, whether a token sees another.
        targets: (B, L), the token to tell next; -100 where none is learned.
        weights: (B, L) of the targets.
    """

    ids: Tensor
    positions: Tensor
    visible: Tensor
    targets: Tensor
    weights: Tensor


def tokens_of(pairs: Sequence[Pair], tokenizer: Any) -> list[PairTokens]:
    """Token ids of pairs."""
    return [
        PairTokens(
            tokenizer(ask(pair.question), add_special_tokens=False)["input_ids"],
            tokenizer(pair.answer + end_of_answer(), add_special_tokens=False)["input_ids"],
        )
        for pair in pairs
    ]


def start_tokens(tokenizer: Any) -> list[int]:
    """What stands before the image."""
    ids: list[int] = tokenizer(start(), add_special_tokens=False)["input_ids"]
    return ids


def collate(images: Sequence[Sequence[PairTokens]], before: Sequence[int], seen: int) -> TextBatch:
    """Sequences of images' pairs.

    Args:
        before: tokens before the image.
        seen: tokens of an image.
    """
    prefix = len(before) + seen
    lengths = [prefix + sum(len(q) + len(a) for q, a in pairs) for pairs in images]
    size = (len(images), max(lengths))
    ids, positions = torch.zeros(size, dtype=torch.long), torch.zeros(size, dtype=torch.long)
    targets, weights = torch.full(size, -100), torch.zeros(size)
    group = torch.full(size, -1)
    for row, pairs in enumerate(images):
        ids[row, : len(before)] = torch.tensor(before)
        positions[row, :prefix] = torch.arange(prefix)
        group[row, :prefix] = 0
        at = prefix
        for number, (question, answer) in enumerate(pairs, 1):
            end = at + len(question) + len(answer)
            ids[row, at:end] = torch.tensor(question + answer)
            positions[row, at:end] = torch.arange(prefix, prefix + end - at)
            group[row, at:end] = number
            said = slice(at + len(question) - 1, end - 1)
            targets[row, said] = torch.tensor(answer)
            # A long answer counts more than a short one, but not by its length.
            weights[row, said] = len(answer) ** -0.5
            at = end
    return TextBatch(ids, positions, _visible(group), targets, weights)


def _visible(group: Tensor) -> Tensor:
    """(B, 1, L, L): what came before, of the same pair or of the image (group 0)."""
    length = group.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool).tril()
    own = group[:, :, None] == group[:, None, :]
    return ((own | (group == 0)[:, None, :]) & earlier)[:, None]
