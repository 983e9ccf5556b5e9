"""What each verification signal is worth by itself, on easy-vqa's test questions.

`python -m vlm_robot.evaluation.easy_vqa_signals --model RUN` asks a checkpoint that
`training.train_vqa` made and prints, for each signal of `answering.signals`, how well it tells
right answers from wrong ones, and how many are wrong among those that it is surest of.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from vlm_robot.answering import AnswerOptions, CancelToken
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.proposal import Attends, FreeOptions
from vlm_robot.answering.signals import Signals, share_inside
from vlm_robot.detection.factory import load_detector
from vlm_robot.evaluation.answers import COVERAGES, auroc, risks
from vlm_robot.evaluation.dependence.easy_vqa_cases import shape_box
from vlm_robot.evaluation.easy_vqa_answers import load
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.train_vqa import VqaSet, read_split
from vlm_robot.types import Frame, Image


class Judged(NamedTuple):
    """One answer: what its signals say, by name, and whether it is right."""

    values: dict[str, float | None]
    right: bool


def judge_all(answerer: CheckedAnswerer, data: VqaSet, *, questions: int) -> list[Judged]:
    """Ask the first `questions`, in the order of the images."""
    judged: list[Judged] = []
    for image, pairs in zip(data.images, data.asked, strict=True):
        for question, answer in pairs[: questions - len(judged)]:
            frame = Frame("easy-vqa", 0, "camera", image)
            found = answerer.conclude(question, frame, cancel=CancelToken())
            values = {f.name: getattr(found.signals, f.name) for f in fields(Signals)}
            values["shape_attention"] = _shape_attention(answerer, question, frame)
            judged.append(Judged(values, found.proposal.text == answer))
    return judged


def _shape_attention(answerer: CheckedAnswerer, question: str, frame: Frame) -> float | None:
    """Share of the model's attention that is on the one shape in the picture, by its pixels.

    What `box_attention` would be were the detector faultless.
    """
    if not isinstance(answerer.proposer, Attends):
        return None
    return share_inside(answerer.proposer.attention(question, frame), _box(frame.image), frame.size)


def _box(image: Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.array([shape_box(image)], np.float64)


def report(judged: Sequence[Judged]) -> str:
    """The table as Markdown: each signal over the answers that have it."""
    heads = ["signal", "answers", "AUROC", *(f"{c:.0%}" for c in COVERAGES)]
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for name in judged[0].values:
        pairs = [(j.values[name], j.right) for j in judged if j.values[name] is not None]
        cells = [name.replace("_", " "), str(len(pairs))]
        if pairs:
            values = np.array([value for value, _ in pairs], np.float64)
            right = np.array([is_right for _, is_right in pairs], np.bool_)
            cells.append(f"{auroc(values, right):.3f}")
            cells += [f"{risk:.3f}" for _, risk in risks(values, right)]
        cells += ["-"] * (len(heads) - len(cells))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--questions", type=int, default=1000)
    parser.add_argument("--samples", type=int, default=5, help="answers drawn for each question")
    parser.add_argument("--seed", type=int, default=0, help="of the samples")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    verifier = EvidenceAnswerer(
        load_detector("compact"), options=AnswerOptions(), encoder=SentenceEncoder()
    )
    asked_once = FreeOptions(samples=options.samples, second_look=0.0)
    answerer = CheckedAnswerer(load(options.model), verifier=verifier, options=asked_once)
    print(report(judge_all(answerer, read_split("test"), questions=options.questions)))


if __name__ == "__main__":
    main()
