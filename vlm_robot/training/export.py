"""Export a run's averaged weights: `python -m vlm_robot.training.export --run RUN --out DIR`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vlm_robot.detection.compact.checkpoint import CompactConfig, save_checkpoint
from vlm_robot.training.trainer import CHECKPOINT, trained_network
from vlm_robot.types import InputError


def export(run: Path, out: Path) -> None:
    """Write model.safetensors and config.json of a run; calibration comes from the evaluation.

    Raises:
        InputError: the run has no checkpoint.
    """
    if not (run / CHECKPOINT).exists():
        raise InputError(f"{run} has no {CHECKPOINT}: train first")
    network = trained_network(run).fold()
    save_checkpoint(out, network, CompactConfig(network.config))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    options = parser.parse_args(arguments)
    try:
        export(options.run, options.out)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
