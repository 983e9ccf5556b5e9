"""`vlm-robot assemble`: make the embedded VLM's checkpoint in the user's cache."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vlm_robot.models.checkpoint import ModelError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--parts", type=Path, help="folder of other parts than the package's")
    parser.add_argument("--cache", type=Path, help="folder instead of ~/.cache/vlm_robot")


def run(options: argparse.Namespace) -> int:
    """Assemble; returns the exit code."""
    from vlm_robot.answering.embedded.assembly import assemble, quiet
    from vlm_robot.answering.embedded.parts import SHIPPED

    quiet()
    try:
        assemble(options.parts or SHIPPED, options.cache, tell=lambda step: print(step, flush=True))
    except ModelError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
