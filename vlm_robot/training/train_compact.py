"""Train the compact detector: `python -m vlm_robot.training.train_compact --data DIR --out RUN`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

from vlm_robot.detection.compact.network import NetworkConfig
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.models.checkpoint import ModelError, find_checkpoint
from vlm_robot.training.dataset import SceneFolder
from vlm_robot.training.phrasebook import Phrasebook
from vlm_robot.training.trainer import (
    Trainer,
    TrainSettings,
    goes_on,
    new_network,
    read_settings,
    started_network,
    trained_network,
    write_settings,
)
from vlm_robot.training.vocabulary import read_vocabulary
from vlm_robot.types import InputError


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        train(options)
    except (InputError, ModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def train(options: argparse.Namespace) -> None:
    """Train as the command's options say.

    Raises:
        InputError: the data can't be used, or there is a run in the folder already.
    """
    run: Path = options.out
    resumes = goes_on(run, resume=options.resume)
    settings = _resumed_settings(options) if resumes else _settings(options)
    split = options.data / "train"
    vocabulary = read_vocabulary(split / "vocabulary.json")
    scenes = SceneFolder(split, vocabulary)
    torch.manual_seed(settings.seed)
    book = Phrasebook(vocabulary, TextEncoder(), cache=run / "phrases.pt")
    if resumes:
        network = trained_network(run)  # of the run's sizes; the trainer's resume fills it
    elif options.start:
        network = started_network(find_checkpoint(options.start).folder, book)
    else:
        network = new_network(NetworkConfig(), book)
    trainer = Trainer(network, book, scenes.read, run, settings)
    write_settings(run, settings)
    trainer.resume()
    print(
        f"{len(scenes.read())} scenes, {len(book.index)} instances, {len(book.phrases)} phrases;"
        f" {'resumed at' if resumes else 'from'} {trainer.seconds / 60:.1f} minutes",
        flush=True,
    )
    trainer.run()


def _resumed_settings(options: argparse.Namespace) -> TrainSettings:
    begun = read_settings(options.out)
    return replace(begun, minutes=options.minutes, workers=options.workers)


def _settings(options: argparse.Namespace) -> TrainSettings:
    usual = TrainSettings(minutes=options.minutes)
    return replace(
        usual,
        batch=options.batch,
        seed=options.seed,
        workers=options.workers,
        backbone_rate=usual.backbone_rate * options.rate,
        head_rate=usual.head_rate * options.rate,
        # A trained network's boxes aren't noise: they say from the first image what is whose.
        trust_images=1 if options.start else usual.trust_images,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_compact", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds train/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    parser.add_argument("--minutes", type=float, required=True, help="of training in all")
    parser.add_argument("--resume", action="store_true", help="go on as it was started")
    parser.add_argument("--start", help="bundled name or folder of a model to train on from")
    parser.add_argument("--rate", type=float, default=1.0, help="factor on the learning rates")
    parser.add_argument("--batch", type=int, default=8, help="images at once")
    parser.add_argument("--threads", type=int, default=1, help="of the training process")
    parser.add_argument("--workers", type=int, default=1, help="processes that load data")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    return parser


if __name__ == "__main__":
    sys.exit(main())
