"""Which phrase is true of which instance, and the phrases as the text encoder sees them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vlm_robot.detection.compact.text_encoder import TEMPLATES, TextEncoder
from vlm_robot.training.rewordings import reworded
from vlm_robot.training.vocabulary import Vocabulary

_ENCODED_WORDS = 3000
_REWORDED = 4
"""Other wordings of each phrase, beside the templates."""
_SAME = 0.999
"""Cosine above which two embeddings are of one phrase, whatever number format made them."""
_UNLIKE = 0.5
"""Cosine below which a word isn't taken to be another name of a phrase."""


class Phrasebook:
    """Training phrases, their truth and their embeddings.

    Attributes:
        index: row of each instance id.
        phrases: (P,) all training phrases.
        truth: (I, P) float32, 1 where a phrase is true of an instance.
        embeddings: (T, P, 384) float32, in each template and in other wordings.
        words: (W, 384) float32 of words of the language at large, that tell how the text space
            lies where no image reaches.
        foreign: (F,) int64, those of `words` that are like no phrase.
    """

    def __init__(self, vocabulary: Vocabulary, encoder: TextEncoder, *, cache: Path) -> None:
        known = {n: i for n, i in vocabulary.instances.items() if i.split == "known"}
        self.index = {name: row for row, name in enumerate(known)}
        self.phrases = vocabulary.phrases("known")
        column = {phrase: p for p, phrase in enumerate(self.phrases)}
        self.truth = torch.zeros(len(known), len(self.phrases))
        for name, instance in known.items():
            for phrase in instance.train_phrases:
                self.truth[self.index[name], column[phrase]] = 1.0
        self.embeddings, self.words = self._encode(encoder, cache, vocabulary.kept_words)
        likeness = (self.words @ self.embeddings[0].T).amax(1)
        self.foreign = torch.nonzero(likeness < _UNLIKE)[:, 0]

    def _encode(
        self, encoder: TextEncoder, cache: Path, kept_words: frozenset[str]
    ) -> tuple[Tensor, Tensor]:
        """Encode all, or read what was encoded of the same texts before."""
        texts = [template.replace("{}", p) for template in TEMPLATES for p in self.phrases]
        others = [reworded(phrase, kept_words) or [phrase] for phrase in self.phrases]
        texts += [some[n % len(some)] for n in range(_REWORDED) for some in others]
        if cache.exists():
            kept = torch.load(cache, weights_only=True)
            if kept.get("texts") == texts:
                return kept["embeddings"], kept["words"]
        words = encoder.words()
        drawn = np.random.default_rng(0).permutation(len(words))[:_ENCODED_WORDS]
        # Training shakes the embeddings by far more than bfloat16 rounds them.
        with torch.autocast("cpu", torch.bfloat16):
            encoded = torch.from_numpy(encoder.encode_templates(texts, TEMPLATES[:1])[0])
            plain = encoder.encode_templates([words[i] for i in drawn], TEMPLATES[:1])[0]
        embeddings = encoded.view(-1, len(self.phrases), encoded.shape[1])
        cache.parent.mkdir(parents=True, exist_ok=True)
        spoken = torch.from_numpy(plain)
        torch.save({"texts": texts, "embeddings": embeddings, "words": spoken}, cache)
        return embeddings, spoken

    @property
    def lexicon(self) -> Tensor:
        """Embeddings (P, 384) of the phrases, of length 1, as the detector encodes them."""
        return torch.nn.functional.normalize(self.embeddings[: len(TEMPLATES)].mean(0), dim=-1)

    def holds(self, lexicon: Tensor) -> bool:
        """Whether a model's lexicon (L, 384) is of these phrases, in this order."""
        return same_phrases(lexicon, self.lexicon)

    def sample(
        self, rows: Tensor, most: int, generator: torch.Generator, *, noise: float
    ) -> tuple[Tensor, Tensor]:
        """Draw phrases to train a batch with: all that are true of `rows`, then others.

        Each comes in a random wording, its embedding shaken by `noise` (a share of its length).

        Returns:
            embeddings (Q, 384), and their columns (Q,) in `truth`.
        """
        true = self.truth[torch.unique(rows)].any(0)
        order = torch.rand(len(self.phrases), generator=generator) - true.float()
        columns = order.argsort()[:most]
        wording = torch.randint(len(self.embeddings), (len(columns),), generator=generator)
        return self.shake(self.embeddings[wording, columns], generator, noise), columns

    @staticmethod
    def shake(embeddings: Tensor, generator: torch.Generator, noise: float) -> Tensor:
        """Add noise of `noise` times the embeddings' length, 1."""
        size = noise / embeddings.shape[-1] ** 0.5
        shift: Tensor = torch.randn(embeddings.shape, generator=generator) * size
        return embeddings + shift

    def sample_words(self, count: int, generator: torch.Generator, *, foreign: bool) -> Tensor:
        """Draw embeddings (count, 384) of words; `foreign`: only ones that are like no phrase."""
        pool = self.foreign if foreign else torch.arange(len(self.words))
        picked: Tensor = pool[torch.randint(len(pool), (count,), generator=generator)]
        return self.words[picked]


def same_phrases(first: Tensor, second: Tensor) -> bool:
    """Whether embeddings (P, 384) of length 1 are of the same phrases, in the same order."""
    return first.shape == second.shape and bool(((first * second).sum(1) > _SAME).all())


def principal_projection(embeddings: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Weight (size, 384) and bias (size,) that keep the most variance of embeddings (N, 384)."""
    mean = embeddings.mean(0)
    _, _, directions = torch.linalg.svd(embeddings - mean, full_matrices=False)
    weight = directions[:size]
    if len(weight) < size:
        rest = torch.zeros(size - len(weight), embeddings.shape[1])
        weight = torch.cat([weight, rest])
    return weight, -weight @ mean


def cosines(vectors: Tensor) -> Tensor:
    """Cosine of each of (N, D) with each: (N, N)."""
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    return unit @ unit.T


def all_phrases(vocabulary: Vocabulary) -> Sequence[str]:
    """Every phrase of the vocabulary, sorted."""
    return sorted({p for i in vocabulary.instances.values() for p in i.phrases})
