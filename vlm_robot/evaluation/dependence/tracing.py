"""Causal tracing: through which layer and which token does what is seen reach the answer?

After Palit et al., 'Towards Vision-Language Mechanistic Interpretability: A Causal Tracing Tool
for BLIP' (ICCVW 2023): the embedded image is drowned in noise, then the clean hidden state of one
token after one layer is put back. How much of the answer's probability returns says how much of
what matters passes there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

NOISE = 3.0
"""Standard deviation of the noise over that of the embeddings."""


class Stage(NamedTuple):
    """A stack of layers that the answer passes.

    Attributes:
        layers: modules whose output, or its first part, is (batch, tokens, features).
        tokens: label and positions of what is restored together.
    """

    layers: Sequence[nn.Module]
    tokens: Sequence[tuple[str, tuple[int, ...]]]


class Traceable(Protocol):
    """A model with one picture, one question and one answer."""

    @property
    def stages(self) -> Mapping[str, Stage]:
        """By name, in the order of their running."""
        ...

    def probability(self) -> float:
        """Of the answer, by one forward pass."""
        ...

    def on_image(self, change: Callable[[Tensor], Tensor]) -> Any:
        """A context in which the embedded image (…, features) is changed."""
        ...


@dataclass(frozen=True)
class Trace:
    """What was traced.

    Attributes:
        clean, corrupt: probability of the answer with the image, and with it drowned in noise.
        scores: by stage (layers, tokens): (restored - corrupt) / (clean - corrupt); 1 where all
            that matters passes.
        tokens: labels of the columns, by stage.
    """

    clean: float
    corrupt: float
    scores: dict[str, NDArray[np.float64]]
    tokens: dict[str, tuple[str, ...]]


@torch.inference_mode()
def trace(model: Traceable, *, draws: int = 3, noise: float = NOISE, seed: int = 0) -> Trace:
    """Trace one answer; probabilities are means over `draws` of the noise.

    The scores are NaN where the noise doesn't change the answer's probability: nothing of it
    came from the image.
    """
    with _recorded(model) as states:
        clean = model.probability()
    noises = [_Noise(noise, seed + draw) for draw in range(draws)]
    corrupt = float(np.mean([_with_noise(model, n) for n in noises]))
    lost = clean - corrupt if abs(clean - corrupt) > 1e-9 else float("nan")
    scores = {}
    for name, stage in model.stages.items():
        restored = np.zeros((len(stage.layers), len(stage.tokens)))
        for row, layer in enumerate(stage.layers):
            for column, (_, places) in enumerate(stage.tokens):
                with _restored(layer, states[layer], places):
                    found = [_with_noise(model, n) for n in noises]
                restored[row, column] = np.mean(found)
        scores[name] = (restored - corrupt) / lost
    tokens = {name: tuple(label for label, _ in s.tokens) for name, s in model.stages.items()}
    return Trace(clean, corrupt, scores, tokens)


class _Noise:
    """The same noise for every run of a draw, whatever is restored in it."""

    def __init__(self, scale: float, seed: int) -> None:
        self._scale = scale
        self._seed = seed

    def __call__(self, embedded: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(self._seed)
        drawn = torch.randn(embedded.shape, generator=generator).to(embedded)
        return embedded + drawn * embedded.std() * self._scale


def _with_noise(model: Traceable, noise: _Noise) -> float:
    with model.on_image(noise):
        return model.probability()


@contextmanager
def _recorded(model: Traceable) -> Iterator[dict[nn.Module, Tensor]]:
    """The layers' outputs of the run inside."""
    states: dict[nn.Module, Tensor] = {}

    def keep(layer: nn.Module, _: Any, output: Any) -> None:
        states[layer] = _hidden(output).clone()

    handles = [
        layer.register_forward_hook(keep)
        for stage in model.stages.values()
        for layer in stage.layers
    ]
    try:
        yield states
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _restored(layer: nn.Module, clean: Tensor, places: Sequence[int]) -> Iterator[None]:
    """Inside, the layer's output at `places` is the clean one."""

    def restore(_: nn.Module, __: Any, output: Any) -> Any:
        hidden = _hidden(output).clone()
        hidden[:, list(places)] = clean[:, list(places)]
        return hidden if isinstance(output, Tensor) else (hidden, *output[1:])

    handle = layer.register_forward_hook(restore)
    try:
        yield
    finally:
        handle.remove()


def _hidden(output: Any) -> Tensor:
    hidden: Tensor = output if isinstance(output, Tensor) else output[0]
    return hidden


def mean_by_layer(traces: Sequence[Trace]) -> dict[str, dict[str, list[float]]]:
    """Of several traces: by stage, the best token's and the last token's mean score by layer."""
    stages: dict[str, dict[str, list[float]]] = {}
    for name in traces[0].scores if traces else ():
        some = [t.scores[name] for t in traces if np.isfinite(t.scores[name]).all()]
        if some:
            stages[name] = {
                "best token": np.mean([s.max(axis=1) for s in some], axis=0).tolist(),
                "last token": np.mean([s[:, -1] for s in some], axis=0).tolist(),
            }
    return stages
