"""Distil a detector into a compact one, from images that nobody labelled.

`python -m vlm_robot.training.distill --teacher MODEL --images DIR --phrases FILE --out RUN ...`;
DIR is a folder of images, or a bag.

The teacher's boxes become pseudo-labels that count by their confidence, and each label is
taught in attribute-rich phrases. The alignment to neighbouring phrases that keeps the text space
general is the trainer's own (`Objective`), after Li et al., 'Distilling Large Vision-Language
Model with Out-of-Distribution Generalizability' (ICCV 2023).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.detection.factory import load_detector
from vlm_robot.detection.prompts import MAX_PROMPTS
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.replay.bag import BagError
from vlm_robot.training.bag_frames import is_bag, write_frames
from vlm_robot.training.dataset import Scene, read_image
from vlm_robot.training.phrasebook import Phrasebook
from vlm_robot.training.pseudo_labels import kept_labels
from vlm_robot.training.trainer import (
    Trainer,
    TrainSettings,
    goes_on,
    new_network,
    read_settings,
    trained_network,
    write_settings,
)
from vlm_robot.training.vocabulary import Instance, Vocabulary
from vlm_robot.types import InputError

_IMAGES = (".jpg", ".jpeg", ".png", ".webp")
_SAMPLES, _SAMPLE_SIZE = 16, (256, 192)
"""Images that a narrow student's first weights are fitted on, width and height in pixels."""


def read_phrases(file: Path) -> dict[str, tuple[str, ...]]:
    """Labels with their phrases: one label a line, further phrases after it, by commas.

    Raises:
        InputError: the file can't be read, or names nothing.
    """
    try:
        lines = [line.strip() for line in file.read_text().splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} can't be read: name a text file of labels") from error
    rows = [[p.strip() for p in line.split(",") if p.strip()] for line in lines]
    labels = {row[0]: tuple(dict.fromkeys(row)) for row in rows if row}
    if not 0 < len(labels) <= MAX_PROMPTS:
        raise InputError(f"{file} names {len(labels)} labels: 1 to {MAX_PROMPTS} are possible")
    return labels


def pseudo_vocabulary(labels: dict[str, tuple[str, ...]]) -> Vocabulary:
    """A vocabulary whose instances are the labels."""
    rows = {label: Instance(label, label, "known", said, ()) for label, said in labels.items()}
    return Vocabulary(rows, ())


def image_files(folder: Path, most: int) -> list[Path]:
    """Images in a folder and below, at most `most` of them, evenly; 0: all.

    Raises:
        InputError: there is none.
    """
    files = sorted(f for f in folder.rglob("*") if f.suffix.lower() in _IMAGES)
    if not files:
        raise InputError(f"{folder} holds no image ({', '.join(_IMAGES)})")
    if not most or len(files) <= most:
        return files
    return [files[i] for i in np.linspace(0, len(files) - 1, most).astype(int)]


def distill(options: argparse.Namespace) -> None:
    """Label the images, then train a student as the command's options say.

    Raises:
        InputError: the images or phrases can't be used, or the folder holds a run already.
    """
    run: Path = options.out
    resumes = goes_on(run, resume=options.resume)
    labels = read_phrases(options.phrases)
    book = Phrasebook(pseudo_vocabulary(labels), TextEncoder(), cache=run / "phrases.pt")
    started = trained_network(run) if resumes else None
    if started and not book.holds(started.lexicon):
        raise InputError(
            f"{run} holds a run of other phrases than {options.phrases}: resume it with its own,"
            " or name another folder"
        )
    scenes = _scenes(options, list(labels))
    settings = read_settings(run) if resumes else TrainSettings(0.0, seed=options.seed)
    settings = replace(settings, minutes=options.minutes)
    torch.manual_seed(settings.seed)
    network = started or _student(options.width, book, [scene.file for scene in scenes])
    trainer = Trainer(network, book, lambda: scenes, run, settings)
    write_settings(run, settings)
    trainer.resume()
    print(
        f"{len(scenes)} images, {sum(len(s.boxes) for s in scenes)} pseudo-labels;"
        f" {'resumed at' if resumes else 'from'} {trainer.seconds / 60:.1f} minutes",
        flush=True,
    )
    trainer.run()


def _scenes(options: argparse.Namespace, labels: list[str]) -> list[Scene]:
    """The images with the teacher's boxes."""
    teacher = load_detector(options.teacher)
    images: Path = options.images
    if is_bag(images):
        images = options.out / "frames"
        write_frames(options.images, images, seconds=options.seconds)
    return kept_labels(
        teacher,
        image_files(images, options.most),
        labels,
        threshold=options.threshold or teacher.info.threshold,
        name=options.teacher,
        kept=options.out / "labels.json",
    )


def _student(width: float, book: Phrasebook, files: Sequence[Path]) -> CompactNetwork:
    config = NetworkConfig(backbone_width=width, neck_width=max(8, int(96 * width) // 8 * 8))
    return new_network(config, book, _samples(files))


def _samples(files: Sequence[Path]) -> torch.Tensor:
    """A few of the images, (B, 3, H, W) RGB in 0..255."""
    width, height = _SAMPLE_SIZE
    chosen = [files[i] for i in np.linspace(0, len(files) - 1, _SAMPLES).astype(int)]
    small = [
        cv2.resize(read_image(f), (width, height), interpolation=cv2.INTER_AREA) for f in chosen
    ]
    return torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2).float()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        distill(options)
    except (InputError, ModelError, BagError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="distill", description=__doc__)
    parser.add_argument("--teacher", required=True, help="bundled name, folder or hub id")
    parser.add_argument(
        "--images", type=Path, required=True, help="folder of images, or a bag of the robot's"
    )
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="between a camera's frames that a bag gives"
    )
    parser.add_argument("--phrases", type=Path, required=True, help="labels, one a line")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, required=True, help="of training in all")
    parser.add_argument("--resume", action="store_true", help="go on as it was started")
    parser.add_argument("--width", type=float, default=0.5, help="of the student, 1: full")
    parser.add_argument("--threshold", type=float, default=0.0, help="0: the teacher's own")
    parser.add_argument("--most", type=int, default=0, help="images at most; 0: all")
    parser.add_argument("--threads", type=int, default=1, help="of the training process")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
