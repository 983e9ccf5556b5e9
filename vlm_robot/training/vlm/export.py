"""Export a run's weights: `python -m vlm_robot.training.vlm.export --run RUN --features DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from vlm_robot.answering.embedded.language import language_file
from vlm_robot.answering.embedded.parts import SHIPPED, save_parts
from vlm_robot.answering.embedded.tower import RegionTower
from vlm_robot.models.checkpoint import digest
from vlm_robot.training.vlm.features import TOWER
from vlm_robot.training.vlm.trainer import CHECKPOINT, SCALE, part_name
from vlm_robot.types import InputError


def export(run: Path, tower: RegionTower, out: Path, language_sha256: str) -> None:
    """Write the parts of a run.

    Raises:
        InputError: the run has no checkpoint.
    """
    if not (run / CHECKPOINT).exists():
        raise InputError(f"{run} has no {CHECKPOINT}: train first")
    state = torch.load(run / CHECKPOINT, weights_only=True)
    weights = {f"tower.{n}": v for n, v in tower.state_dict().items()}
    weights |= {f"projector.{n}": v for n, v in state["projector"].items()}
    weights |= {f"products.{part_name(n)}": v for n, v in state["products"].items()}
    save_parts(
        out,
        weights,
        tower=_sizes(tower),
        language_sha256=language_sha256,
        scale=SCALE,
    )


def _sizes(tower: RegionTower) -> dict[str, Any]:
    names = ("network", "width", "height", "patch_size", "regions")
    return {name: getattr(tower.config, name) for name in names}


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--features", type=Path, required=True, help="that it was trained with")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="folder for the parts")
    options = parser.parse_args(arguments)
    tower = RegionTower.from_pretrained(options.features / TOWER)
    export(options.run, tower, options.out, digest(language_file()))


if __name__ == "__main__":
    main()
