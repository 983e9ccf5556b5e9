"""How often a model answers easy-vqa's test questions rightly, through the package's own backend.

`python -m vlm_robot.evaluation.easy_vqa_answers --model RUN` asks a checkpoint that
`training.train_vqa` made. `--fit-temperature` first fits the temperature on the training images
that were held out, and writes it beside the checkpoint, where the backend finds it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.loading import FITS_FILE, load_proposer
from vlm_robot.answering.proposal import FreeOptions, Proposer
from vlm_robot.evaluation.answers import auroc
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.train_vqa import VqaSet, halves, read_split
from vlm_robot.training.vqa_tower import CLOSED
from vlm_robot.types import Frame


class Asked(NamedTuple):
    """One question's answer: whether it is right, and the probability that it was given."""

    right: bool
    probability: float
    closed: bool


def ask_all(proposer: Proposer, data: VqaSet) -> list[Asked]:
    """Ask every question about every image."""
    asked = []
    for image, pairs in zip(data.images, data.asked, strict=True):
        frame = Frame("easy-vqa", 0, "camera", image)
        for question, answer in pairs:
            found = proposer.propose(question, frame, cancel=CancelToken())
            closed = answer in CLOSED
            asked.append(Asked(found.text == answer, found.probability or 0.0, closed))
    return asked


def fit_temperature(probabilities: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The temperature that makes two-way probabilities as often right as they say.

    Maximum likelihood of `right` under logistic(logit(p) / T): temperature scaling (Guo et al.,
    'On Calibration of Modern Neural Networks', ICML 2017, section 4.2) of a choice of two.
    """
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6)
    margin = np.log(clipped / (1 - clipped)) * np.where(right, 1.0, -1.0)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0.0, -margin / np.exp(log_temperature)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x))


def report(asked: Sequence[Asked]) -> str:
    """The figures as Markdown."""
    right = np.array([a.right for a in asked])
    probability = np.array([a.probability for a in asked])
    closed = np.array([a.closed for a in asked])
    rows = {
        "questions": f"{len(asked)}",
        "accuracy": f"{right.mean():.4f}",
        "accuracy, yes or no": f"{right[closed].mean():.4f}",
        "accuracy, open": f"{right[~closed].mean():.4f}",
        "mean probability": f"{probability.mean():.4f}",
        "AUROC of the probability": f"{auroc(probability, right):.4f}",
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join(["| figure | measured |", "| --- | --- |", *lines])


def load(folder: Path) -> Proposer:
    """The backend's own proposer for a checkpoint, on the CPU."""
    return load_proposer(
        find_checkpoint(str(folder)),
        device=torch.device("cpu"),
        dtype=torch.float32,
        options=FreeOptions(),
        encoder=SentenceEncoder(),
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--fit-temperature", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    file = options.model / FITS_FILE
    if options.fit_temperature:
        file.unlink(missing_ok=True)
        _, held_out = halves(read_split("train"))
        asked = [a for a in ask_all(load(options.model), held_out) if a.closed]
        temperature = fit_temperature(
            np.array([a.probability for a in asked]), np.array([a.right for a in asked])
        )
        file.write_text(json.dumps({"temperature": temperature}) + "\n")
        print(f"temperature {temperature:.3f}, by {len(asked)} questions of held-out images\n")
    print(report(ask_all(load(options.model), read_split("test"))))


if __name__ == "__main__":
    main()
