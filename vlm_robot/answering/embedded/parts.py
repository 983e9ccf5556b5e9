"""What of the embedded VLM comes with the package: tower, projector and low-rank products."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from vlm_robot.answering.trust import Trust, read_trust
from vlm_robot.models.checkpoint import BUNDLED, ModelError, digest, write_tensors

SHIPPED = BUNDLED / "embedded_vlm"
WEIGHTS, DESCRIPTION = "parts.safetensors", "parts.json"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Parts:
    """Weights and what they are of.

    Attributes:
        tower: its configuration.
        language_sha256: of the language model's file that they were tuned on.
        scale: of the low-rank products.
        trust: of the model against the evidence, see `answering.trust`; None: not fitted.
        weights: `tower.…`, `projector.…`, and `products.<layer>.a`, `.b` of the language model.
        digest: sha256 of the description, which holds that of the weights.
    """

    tower: dict[str, Any]
    language_sha256: str
    scale: float
    trust: Trust | None
    weights: Mapping[str, Tensor]
    digest: str

    def of(self, part: str) -> dict[str, Tensor]:
        """Weights whose names begin with `part.`, in float32, without it."""
        return {
            name.removeprefix(f"{part}."): value.float()
            for name, value in self.weights.items()
            if name.startswith(f"{part}.")
        }


def save_parts(
    folder: Path,
    weights: Mapping[str, Tensor],
    *,
    tower: dict[str, Any],
    language_sha256: str,
    scale: float,
) -> None:
    """Write both files, the weights in float16."""
    folder.mkdir(parents=True, exist_ok=True)
    half = {
        name: value.half() if value.dtype != torch.float16 else value
        for name, value in weights.items()
    }
    write_tensors(folder / WEIGHTS, half)
    description = {
        "format_version": FORMAT_VERSION,
        "weights_sha256": digest(folder / WEIGHTS),
        "language_sha256": language_sha256,
        "scale": scale,
        "tower": tower,
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")


def read_parts(folder: Path = SHIPPED) -> Parts:
    """Read and check both files.

    Raises:
        ModelError: one is missing, damaged or of another version.
    """
    try:
        content = json.loads((folder / DESCRIPTION).read_text("utf-8"))
        if content["format_version"] != FORMAT_VERSION:
            raise ModelError(
                f"{folder / DESCRIPTION} has format version {content['format_version']}, this"
                f" release reads {FORMAT_VERSION}: install the matching release"
            )
        if digest(folder / WEIGHTS) != content["weights_sha256"]:
            raise ModelError(
                f"{folder / WEIGHTS} is damaged, or not the one that {DESCRIPTION} describes:"
                " install the package again"
            )
        return Parts(
            dict(content["tower"]),
            str(content["language_sha256"]),
            float(content["scale"]),
            read_trust(folder / DESCRIPTION),
            load_file(folder / WEIGHTS),
            digest(folder / DESCRIPTION),
        )
    except FileNotFoundError as error:
        raise ModelError(
            f"{error.filename} is missing: install a release that carries the embedded VLM, or"
            " make it by vlm_robot.training.vlm"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ModelError(
            f"{folder} can't be read ({error!r}): install the package again"
        ) from error
