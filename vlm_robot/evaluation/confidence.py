"""Fit how sure answers are: `python -m vlm_robot.evaluation.confidence --scenes DIR`.

It asks the questions of `questions`, keeps every answer however unsure, and fits the weights of
`answering.confidence` to whether they are right. `--keep` writes them into the compact detector's
config.json, as `answers` of its calibration. Fit on the calibration split, never on the one that
is reported.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vlm_robot.answering import AnswerOptions, CancelToken
from vlm_robot.answering.confidence import fitted, signals
from vlm_robot.answering.evidence import Conclusion, EvidenceAnswerer
from vlm_robot.detection.compact.checkpoint import keep_fits
from vlm_robot.detection.factory import load_detector
from vlm_robot.evaluation.answers import auroc
from vlm_robot.evaluation.questions import Question, make_questions
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.shots import Shot, load_shots

_SHRINK = 0.02
"""Weight of the squared weights, by which seldom forms keep near to the common ones."""

Signals = dict[str, float]


def observe(
    answerer: EvidenceAnswerer, shots: Sequence[Shot], questions: Sequence[Question]
) -> tuple[list[Signals], NDArray[np.bool_]]:
    """The signals of every answer of one part, and whether it is right."""
    seen: list[Signals] = []
    right: list[bool] = []
    for question in questions:
        frame = shots[question.shot].frame()
        found = answerer.conclude(question.text, frame, cancel=CancelToken())
        if len(found.findings) == 1 and found.reading and len(found.reading.queries) == 1:
            seen.append(signals(found.reading.queries[0], found.findings[0], found.detections))
            right.append(_is_right(question, found))
    return seen, np.array(right, bool)


def _is_right(question: Question, found: Conclusion) -> bool:
    return question.expected is not None and question.expected.matches(found.text)


def fit_weights(seen: Sequence[Signals], right: NDArray[np.bool_]) -> dict[str, float]:
    """Weights by name, of the greatest likelihood less the penalty."""
    names = sorted({name for one in seen for name in one})
    table = np.array([[one.get(name, 0.0) for name in names] for one in seen])
    sign = np.where(right, 1.0, -1.0)

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (table @ weights)
        value = np.logaddexp(0.0, -margin).mean() + _SHRINK * (weights**2).mean()
        slope = -(table * (sign / (1.0 + np.exp(margin)))[:, None]).mean(0)
        return float(value), slope + 2 * _SHRINK * weights / len(weights)

    best = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x
    return {name: round(float(weight), 4) for name, weight in zip(names, best, strict=True)}


def judge(weights: Mapping[str, float], seen: Sequence[Signals], right: NDArray[np.bool_]) -> float:
    """AUROC of the fitted confidence."""
    return auroc(np.array([fitted(weights, one) for one in seen]), right)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="the calibration split's folder")
    parser.add_argument("--questions", type=int, default=2500)
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--keep", action="store_true", help="write them into its config.json")
    options = parser.parse_args()
    shots = load_shots(options.scenes)
    questions = make_questions(shots, seed=0, at_most=options.questions)
    anything = AnswerOptions(min_confidence=0.0, min_open_confidence=0.0)
    answerer = EvidenceAnswerer(
        load_detector(options.detector), options=anything, encoder=SentenceEncoder()
    )
    seen, right = observe(answerer, shots, questions)
    half = np.arange(len(seen)) % 2 == 0
    parts = [[one for one, mine in zip(seen, half == side, strict=True) if mine]
             for side in (True, False)]  # fmt: skip
    across = judge(fit_weights(parts[0], right[half]), parts[1], right[~half])
    print(f"{len(seen)} answers, {right.mean():.3f} right; AUROC of a half's fit on the other:"
          f" {across:.3f}")  # fmt: skip
    weights = fit_weights(seen, right)
    print(json.dumps(weights, indent=1))
    if options.keep:
        keep_fits(find_checkpoint(options.detector).folder, answers=weights)


if __name__ == "__main__":
    main()
