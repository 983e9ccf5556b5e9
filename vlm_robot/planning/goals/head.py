"""The trained part of the embedded interpreter: from words to what they ask for.

The sentence encoder as it is puts 'hug the wall' beside 'keep off the wall': what it was trained
for is the topic. So its upper layers are adapted to goals: to each weight matrix W a product A·B
of low rank is added (Hu et al., 'LoRA', ICLR 2022; here the truncated SVD of what training
changed). Only the products and a linear layer over the mean of the token states are shipped.

Two were trained, from different seeds; the mean of their probabilities is taken, which errs less
than either (Lakshminarayanan et al., 'Deep Ensembles', NeurIPS 2017).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from vlm_robot.models.minilm import MiniLM
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning.goals.wants import WANTS
from vlm_robot.types import InputError

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("heads")
"""Folder of a file for each that was trained."""
TRAIN = "`python -m vlm_robot.planning.goals.train`"

ASKED = tuple(dict.fromkeys(name for want in WANTS.values() for name in want))
"""Descriptors that the head tells."""
KINDS = ("context", "unmeasured", "override")
"""What else words may be: only setting the scene, a wish that nothing measures, or an order
to give up a limit."""
OUTPUTS = (*WANTS, *KINDS)
UP, DOWN, ADD = ".up", ".down", ".add"
"""Ends of the names of what is added to the encoder's tensors: the product's two parts, or all."""
SCALE = 4.0
"""By which the mean of the token states is multiplied before the linear layer."""


class Reading(NamedTuple):
    """What the head makes of texts.

    Attributes:
        wishes: (N, len(ASKED)) in -1..1: probability of more minus that of less.
        kinds: (N, len(KINDS)) probabilities.
    """

    wishes: Floats
    kinds: Floats


class Head:
    """The mean of what trained members read."""

    def __init__(self, encoder: SentenceEncoder, members: Sequence[Mapping[str, Floats]]) -> None:
        """Args:
        encoder: stays as it is; what isn't adapted is shared with it.
        members: tensors of each, as `train` writes them.

        Raises:
            InputError: the tensors are of another version or another encoder.
        """
        self._members = [_Member(encoder, tensors) for tensors in members]

    @classmethod
    def load(cls, encoder: SentenceEncoder, folder: Path = WEIGHTS) -> Head:
        """Read the weights that the package ships.

        Raises:
            InputError: there are none, or they are of another version.
        """
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise InputError(
                f"{folder} holds no goal head: install vlm_robot again, or train it with {TRAIN}"
            )
        return cls(
            encoder,
            [{k: v.astype(np.float32) for k, v in load_file(file).items()} for file in files],
        )

    def read(self, texts: Sequence[str]) -> Reading:
        """Read texts, one row each."""
        chances = np.stack([member.chances(texts) for member in self._members])
        chance: Floats = chances.mean(0, dtype=np.float32)
        return Reading(_descriptors(chance[:, : len(WANTS)]), chance[:, len(WANTS) :])


class _Member:
    """One adapted encoder and its linear layer."""

    def __init__(self, encoder: SentenceEncoder, tensors: Mapping[str, Floats]) -> None:
        weight = tensors.get("weight")
        if weight is None or weight.shape[0] != len(OUTPUTS):
            raise InputError(
                f"the goal head hasn't {len(OUTPUTS)} outputs: install vlm_robot again, or train"
                f" it with {TRAIN}"
            )
        self._encoder = encoder
        self._tensors = tensors
        self._loaded: tuple[Tokenizer, MiniLM] | None = None

    def chances(self, texts: Sequence[str]) -> Floats:
        """(N, len(OUTPUTS)) probabilities."""
        if self._loaded is None:
            self._loaded = self._encoder.adapted(additions(self._tensors))
        with torch.inference_mode():
            states = (self._encoder.states(texts, self._loaded) * SCALE).numpy()
        logits = states @ self._tensors["weight"].T + self._tensors["bias"]
        chance: Floats = 1.0 / (1.0 + np.exp(-logits))
        return chance


def additions(tensors: Mapping[str, Floats]) -> dict[str, torch.Tensor]:
    """What is added to each tensor of the encoder's checkpoint."""
    added = {}
    for name, tensor in tensors.items():
        base = name.rpartition(".")[0]
        if name.endswith(UP):
            added[base] = torch.from_numpy(tensor @ tensors[base + DOWN])
        elif name.endswith(ADD):
            added[base] = torch.from_numpy(tensor)
    return added


def _descriptors(wants: Floats) -> Floats:
    """(N, len(ASKED)) probability that any want asks for more, less that any asks for less."""
    wished = np.zeros((len(wants), len(ASKED)), np.float32)
    for column, name in enumerate(ASKED):
        for sign in (1, -1):
            rows = [i for i, want in enumerate(WANTS.values()) if want.get(name) == sign]
            wished[:, column] += sign * (1.0 - np.prod(1.0 - wants[:, rows], axis=1))
    return wished
