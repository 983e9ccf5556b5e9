"""Measure what a compact detector sees of all kinds: `python -m vlm_robot.evaluation.background`.

Examples are told apart from it (`detection.compact.enrolment`). It takes the images of a rendered
split, none of its truth, and writes background.safetensors into the model's folder. Use the
calibration split, never the one that is reported.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from vlm_robot.detection.compact.detector import load_compact
from vlm_robot.detection.compact.enrolment import BACKGROUND, Background
from vlm_robot.evaluation.detections.seen import look
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.training.dataset import read_scenes


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="background", description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="one split's folder")
    parser.add_argument("--model", default="compact", help="bundled name, or a folder")
    options = parser.parse_args(arguments)
    folder = find_checkpoint(options.model).folder
    seen = look(load_compact(folder), read_scenes(options.scenes))
    embeddings = torch.cat([one.regions.embeddings for one in seen])
    Background.of(embeddings).write(folder)
    print(f"{len(embeddings)} regions of {len(seen)} images: {folder / BACKGROUND}")


if __name__ == "__main__":
    main()
