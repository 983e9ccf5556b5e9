"""Phrases to vectors for the compact detector: each phrase in several sentences, averaged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_robot.models.sentence_encoder import DIMENSIONS, SentenceEncoder

TEMPLATES = ("{}", "a {}", "a photo of a {}")
"""Sentences that a phrase stands in, in training and when it is asked for."""

_MOST_KEPT = 10_000
_MOST_AT_ONCE = 128


class TextEncoder:
    """Frozen all-MiniLM-L6-v2, loaded at the first phrase; what it said of a phrase is kept."""

    def __init__(self, *, device: str = "cpu") -> None:
        self._sentences = SentenceEncoder(device=device)
        self._kept: dict[str, NDArray[np.float32]] = {}

    def encode(self, phrases: Sequence[str]) -> NDArray[np.float32]:
        """Encode phrases as (P, 384) float32: means over templates, of length 1.

        Raises:
            EncoderMissingError: the sentence encoder's package isn't installed.
        """
        new = [phrase for phrase in dict.fromkeys(phrases) if phrase not in self._kept]
        if len(self._kept) + len(new) > _MOST_KEPT:
            self._kept.clear()
            new = list(dict.fromkeys(phrases))
        if new:
            mean = self.encode_templates(new).mean(axis=0)
            mean /= np.linalg.norm(mean, axis=1, keepdims=True)
            self._kept.update(zip(new, mean, strict=True))
        if not phrases:
            return self._sentences.encode([])
        return np.stack([self._kept[phrase] for phrase in phrases])

    def encode_templates(
        self, phrases: Sequence[str], templates: Sequence[str] = TEMPLATES
    ) -> NDArray[np.float32]:
        """Encode each phrase in each template: (T, P, 384) float32, each of length 1."""
        texts = [template.replace("{}", phrase) for template in templates for phrase in phrases]
        # Texts of one length beside one another need little padding.
        order = np.argsort([len(text) for text in texts], kind="stable")
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for start in range(0, len(texts), _MOST_AT_ONCE):
            some = order[start : start + _MOST_AT_ONCE]
            vectors[some] = self._sentences.encode([texts[i] for i in some])
        return vectors.reshape(len(templates), len(phrases), -1)

    def remember(self, file: Path) -> None:
        """Take over what `keep` wrote, if the file is there."""
        if file.exists():
            with np.load(file) as content:
                self._kept.update(zip(content["phrases"].tolist(), content["vectors"], strict=True))

    def keep(self, file: Path) -> None:
        """Write all that was encoded, for a later process."""
        if self._kept:
            vectors = np.stack(list(self._kept.values()))
            np.savez(file, phrases=np.array(list(self._kept)), vectors=vectors)

    def words(self) -> list[str]:
        """The encoder's own English words: whole words of its vocabulary."""
        tokenizer, _ = self._sentences.load()
        return sorted(
            word
            for word in tokenizer.get_vocab()
            if word.isascii() and word.isalpha() and len(word) > 3
        )
