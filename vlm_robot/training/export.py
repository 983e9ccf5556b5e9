"""Export a run's averaged weights.

`python -m vlm_robot.training.export --run RUN --out MODEL --data DATA` gives the model the other
names of the data set's vocabulary as well; without `--data` it knows its training phrases only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vlm_robot.detection.compact.checkpoint import CompactConfig, save_checkpoint
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.training.other_names import add_other_names
from vlm_robot.training.trainer import CHECKPOINT, trained_network
from vlm_robot.training.vocabulary import Vocabulary, read_vocabulary
from vlm_robot.types import InputError


def export(run: Path, out: Path, vocabulary: Vocabulary | None = None) -> None:
    """Write model.safetensors and config.json of a run; calibration comes from the evaluation.

    Args:
        vocabulary: of the data that the run was trained on; its other names are added.

    Raises:
        InputError: the run has no checkpoint, or was trained with other phrases.
    """
    if not (run / CHECKPOINT).exists():
        raise InputError(f"{run} has no {CHECKPOINT}: train first")
    network = trained_network(run).fold()
    if vocabulary and vocabulary.usable_names:
        add_other_names(network, vocabulary, TextEncoder())
    save_checkpoint(out, network, CompactConfig(network.config))


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="export", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--data", type=Path, help="folder that holds train/, for its other names")
    options = parser.parse_args(arguments)
    try:
        words = (
            read_vocabulary(options.data / "train" / "vocabulary.json") if options.data else None
        )
        export(options.run, options.out, words)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
