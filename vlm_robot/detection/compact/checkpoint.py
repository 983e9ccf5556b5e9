"""The compact detector on disk: model.safetensors in float16, and config.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.models.checkpoint import ModelError, digest, write_tensors

MODEL_TYPE = "vlm_robot_compact"
FORMAT_VERSION = 3
_READ_VERSIONS = (1, 2, FORMAT_VERSION)
WEIGHTS = "model.safetensors"
CONFIG = "config.json"


@dataclass(frozen=True)
class Calibration:
    """From raw scores to probabilities: sigmoid(slope * logit(score) + offset), Platt's fit.

    Attributes:
        threshold: the default least probability, chosen on the validation split.
        presence_even, presence_slope, existence_even, existence_slope, answers: see
            `detector.ModelInfo`; fitted on the calibration split, None where that wasn't done.
    """

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.3
    presence_even: float | None = None
    presence_slope: float = 1.0
    existence_even: float | None = None
    existence_slope: float = 1.0
    answers: dict[str, float] | None = None


@dataclass(frozen=True)
class CompactConfig:
    """What config.json says beside the network's sizes.

    Attributes:
        input_size: (width, height) of the network's input, pixels; multiples of 32.
        figures: what was measured, by name; for people.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    input_size: tuple[int, int] = (384, 288)
    calibration: Calibration = field(default_factory=Calibration)
    figures: dict[str, Any] = field(default_factory=dict)


def save_checkpoint(folder: Path, network: CompactNetwork, config: CompactConfig) -> None:
    """Write weights (float16, batch norms folded) and config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / WEIGHTS, _floats(network.fold().state_dict(), torch.float16))
    write_config(folder, config)


def write_config(folder: Path, config: CompactConfig) -> None:
    """Write config.json for the weights that lie in `folder`."""
    content = {
        "model_type": MODEL_TYPE,
        "format_version": FORMAT_VERSION,
        "weights_sha256": digest(folder / WEIGHTS),
        **asdict(config),
    }
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n")


def keep_fits(folder: Path, **fits: float | dict[str, float]) -> None:
    """Write fits of `Calibration` into a model's config.json, by name; its others stay.

    Raises:
        ModelError: the model can't be read.
    """
    _, config = read_checkpoint(folder)
    kept: dict[str, Any] = {
        name: round(value, 4) if isinstance(value, float) else value for name, value in fits.items()
    }
    write_config(folder, replace(config, calibration=replace(config.calibration, **kept)))


def read_checkpoint(folder: Path) -> tuple[CompactNetwork, CompactConfig]:
    """Read and check both files; the network comes in float32, ready for inference.

    Raises:
        ModelError: a file is missing, damaged or of another version; it is named.
    """
    content = _read_config(folder / CONFIG)
    config = _parse_config(folder / CONFIG, content)
    file = folder / WEIGHTS
    if not file.is_file():
        raise ModelError(f"{file} is missing: copy the model's folder again, or reinstall")
    if digest(file) != content.get("weights_sha256"):
        raise ModelError(
            f"{file} is damaged, or not the one that {CONFIG} describes: copy the model's folder"
            " again, or reinstall"
        )
    network = CompactNetwork(config.network)
    try:
        state = _floats(load_file(file), torch.float32)
        if network.lexicon_shift is not None:  # weights of version 1 have none
            state.setdefault("lexicon_shift", network.lexicon_shift.detach())
        network.load_state_dict(state)
    except (SafetensorError, RuntimeError, OSError) as error:
        raise ModelError(f"{file} doesn't hold the network that {CONFIG} describes") from error
    return network.eval(), config


def _floats(state: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """The floating-point tensors in another format, the others as they are."""
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}


def _read_config(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise ModelError(f"{file} can't be read: copy the model's folder again") from error
    if not isinstance(content, dict) or content.get("model_type") != MODEL_TYPE:
        raise ModelError(f"{file} isn't of a compact detector: model_type must be '{MODEL_TYPE}'")
    if content.get("format_version") not in _READ_VERSIONS:
        raise ModelError(
            f"{file} has format version {content.get('format_version')}, this release reads"
            f" {_READ_VERSIONS}: export the weights again, or install the matching release"
        )
    return content


def _parse_config(file: Path, content: dict[str, Any]) -> CompactConfig:
    try:
        width, height = (int(side) for side in content["input_size"])
        config = CompactConfig(
            NetworkConfig(**content["network"]),
            (width, height),
            Calibration(**content["calibration"]),
            dict(content["figures"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{file} lacks a field or has a wrong one ({error!r})") from error
    if width % 32 or height % 32 or width <= 0 or height <= 0:
        raise ModelError(f"{file}: input_size {width}x{height} must be multiples of 32")
    return config
