"""Grounding DINO, MM-Grounding-DINO and LLMDet: phrases go in as one text, 'a. b. c.'.

A phrase's score is the best of its own tokens, which are known because the text is put
together from each phrase's tokens. So 'chair' is never found in 'armchair'.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from vlm_robot.detection.prompts import PromptSet
from vlm_robot.detection.transformers_backend.family import (
    RawBoxes,
    best_label,
    logit_thresholds,
    no_exemplars,
    too_long,
)
from vlm_robot.types import InputError


class Phrase(NamedTuple):
    """One phrase's label in the prompt set, and its token ids."""

    label: int
    ids: list[int]


@dataclass
class TextPass:
    """One text of several phrases, which goes through the model together.

    Attributes:
        input_ids: (1, T).
        labels: (P,) the prompt set's label of each phrase in this text.
        tokens: (K,) positions in the text that belong to a phrase.
        owners: (K,) which of the P phrases each of them belongs to.
        thresholds: (P,) logits.
        features: (1, T, D) of the text backbone, kept from the first frame on.
    """

    input_ids: Tensor
    labels: Tensor
    tokens: Tensor
    owners: Tensor
    thresholds: Tensor
    features: Tensor | None = None


class KeptText(nn.Module):
    """The text backbone, run once for each text."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.text: TextPass | None = None

    def forward(self, input_ids: Tensor, *args: Any, **kwargs: Any) -> Any:
        """The kept features of the text that is set, for each image of the batch."""
        if self.text is None:
            return self.backbone(input_ids, *args, **kwargs)
        if self.text.features is None:
            outputs = self.backbone(input_ids, *args, **kwargs)
            self.text.features = outputs.last_hidden_state[:1].clone()
        kept = self.text.features.expand(len(input_ids), -1, -1)
        return BaseModelOutput(last_hidden_state=kept)


class KeptImage(nn.Module):
    """The image backbone, run once for the several texts of a batch."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self._kept: tuple[Any, Any] | None = None
        self._keeping = False

    @property
    def position_embedding(self) -> Any:
        """The model reads it from its backbone."""
        return self.backbone.position_embedding

    @contextmanager
    def one_batch(self) -> Iterator[None]:
        """While inside, the first output is given again."""
        self._keeping = True
        try:
            yield
        finally:
            self._keeping, self._kept = False, None

    def forward(self, *args: Any) -> tuple[list[Any], list[Any]]:
        """Features and position embeddings, as lists of their own: the model appends to them."""
        features, positions = self._kept or self.backbone(*args)
        if self._keeping:
            self._kept = features, positions
        return list(features), list(positions)


class GroundingDino:
    """The Grounding DINO family. Takes no exemplars."""

    threshold = 0.25

    def __init__(self, model: Any, tokenizer: Any, *, compiled: bool = False) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._text = model.model.text_backbone = KeptText(model.model.text_backbone)
        self._image = model.model.backbone = KeptImage(model.model.backbone)
        self._full_stop = tokenizer.convert_tokens_to_ids(".")
        self._breaks = {self._full_stop, tokenizer.convert_tokens_to_ids("?")}
        if compiled:
            for part in (self._image.backbone, model.model.encoder, model.model.decoder):
                part.compile()

    def encode(self, prompts: PromptSet) -> list[TextPass]:
        """Pack the phrases into as few texts as the model's token limit allows."""
        no_exemplars(prompts, "Grounding DINO")
        thresholds = logit_thresholds(prompts, self._model.device)
        phrases = self._tokens(prompts.phrases)
        return [self._text_pass(packed, thresholds) for packed in self._packed(phrases)]

    def find(self, pixels: Tensor, payload: list[TextPass]) -> RawBoxes:
        """Every text with every image; the boxes of all texts side by side."""
        with self._image.one_batch():
            found = [self._find(pixels, text) for text in payload]
        return RawBoxes(*(torch.cat(parts, dim=1) for parts in zip(*found, strict=True)))

    def _find(self, pixels: Tensor, text: TextPass) -> RawBoxes:
        self._text.text = text
        try:
            outputs = self._model(
                pixel_values=pixels, input_ids=text.input_ids.expand(len(pixels), -1)
            )
        finally:
            self._text.text = None
        tokens = outputs.logits[..., text.tokens].float()
        logits = tokens.new_full((*tokens.shape[:2], len(text.labels)), -torch.inf)
        logits.scatter_reduce_(2, text.owners.expand_as(tokens), tokens, "amax")
        scores, labels = best_label(logits, text.thresholds)
        return RawBoxes(outputs.pred_boxes.float(), scores, text.labels[labels])

    def _tokens(self, phrases: Sequence[str]) -> list[Phrase]:
        """Each phrase's tokens, without '.' and '?': these part one phrase from the next."""
        most = self._most_tokens()
        lower = [phrase.lower() for phrase in phrases]
        split = self._tokenizer(lower, add_special_tokens=False, verbose=False)["input_ids"]
        found = []
        for label, (phrase, ids) in enumerate(zip(phrases, split, strict=True)):
            kept = [token for token in ids if token not in self._breaks]
            if not set(kept) - {self._tokenizer.unk_token_id}:
                raise InputError(
                    f"prompt '{phrase}' has no word that this model's text encoder knows:"
                    " say it in English words"
                )
            if len(kept) + 1 > most:
                raise too_long(phrase, len(kept), most - 1)
            found.append(Phrase(label, kept))
        return found

    def _most_tokens(self) -> int:
        """Tokens of a text, less its [CLS] and [SEP]."""
        config = self._model.config
        return int(min(config.max_text_len, config.text_config.max_position_embeddings)) - 2

    def _packed(self, phrases: Sequence[Phrase]) -> Iterator[list[Phrase]]:
        """Phrases in order, as many in a text as fit with a full stop after each."""
        packed: list[Phrase] = []
        room = self._most_tokens()
        for phrase in phrases:
            if len(phrase.ids) + 1 > room:
                yield packed
                packed, room = [], self._most_tokens()
            packed.append(phrase)
            room -= len(phrase.ids) + 1
        yield packed

    def _text_pass(self, phrases: Sequence[Phrase], thresholds: Tensor) -> TextPass:
        ids: list[int] = [self._tokenizer.cls_token_id]
        tokens: list[int] = []
        owners: list[int] = []
        for owner, phrase in enumerate(phrases):
            tokens += range(len(ids), len(ids) + len(phrase.ids))
            owners += [owner] * len(phrase.ids)
            ids += [*phrase.ids, self._full_stop]
        ids.append(self._tokenizer.sep_token_id)
        device = self._model.device
        labels = torch.tensor([phrase.label for phrase in phrases], device=device)
        return TextPass(
            input_ids=torch.tensor([ids], device=device),
            labels=labels,
            tokens=torch.tensor(tokens, device=device),
            owners=torch.tensor(owners, device=device),
            thresholds=thresholds[labels],
        )
