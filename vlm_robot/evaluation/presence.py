"""Fit how a detector's score becomes the probability that a box is right, and a thing there.

`python -m vlm_robot.evaluation.presence --scenes DIR` asks, in each scene, for as many things that
are there as aren't, and fits `detector.Presence` to whether the best box of each phrase is on the
thing, and to whether the thing is there. `--keep` writes both into the compact detector's
config.json. Fit on the calibration split, never on the one that is
reported.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vlm_robot.answering import AnswerOptions
from vlm_robot.answering.relations import log_odds
from vlm_robot.answering.scene import LEAST_SCORE
from vlm_robot.detection.compact.checkpoint import keep_fits
from vlm_robot.detection.detector import Detector, Presence
from vlm_robot.detection.factory import load_detector
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.evaluation.answers import auroc, hits
from vlm_robot.evaluation.questions import QuestionMaker
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.training.shots import Shot, load_shots

_EACH = 6


class Fits(NamedTuple):
    """Both fits, as `ModelInfo` has them, and what they rest on.

    Attributes:
        recall: share of things that are there whose best box is on them and more likely than not.
        auroc: of the score, for there against not there.
    """

    presence: Presence
    existence: Presence
    recall: float
    auroc: float
    phrases: int


def best_scores(
    detector: Detector, shots: Sequence[Shot], *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Best score of each phrase asked, whether its box is on the thing, whether it is there."""
    maker, options = QuestionMaker(shots), AnswerOptions()
    rows: list[tuple[float, bool, bool]] = []
    for number, shot in enumerate(shots):
        there, absent = maker.names(number, np.random.default_rng([seed, number]))
        boxes = dict(there[:_EACH])
        phrases = [*boxes, *absent[: max(1, len(boxes))]]
        encoded = detector.encode(prompt_set(phrases, threshold=0.01))
        (found,) = detector.detect([shot.frame().image], encoded, options.detection)
        for label, phrase in enumerate(found.phrases):
            mine = np.flatnonzero(found.labels == label)[:1]
            score = float(found.scores[mine].max(initial=0.01))
            on = phrase in boxes and hits(found.boxes[mine], boxes[phrase][None])
            rows.append((score, on, phrase in boxes))
    table = np.array(rows, np.float64).reshape(-1, 3)
    return table[:, 0], table[:, 1] > 0, table[:, 2] > 0


def fit(scores: NDArray[np.float64], right: NDArray[np.bool_], there: NDArray[np.bool_]) -> Fits:
    """Both fits to the best score of each phrase, whether its box is right, and the thing there."""
    presence = fit_logistic(scores, right)
    found = right & (scores >= presence.even)
    recall = float(found.sum() / max(int(there.sum()), 1))
    existence = fit_logistic(scores, there)
    return Fits(presence, existence, recall, auroc(scores, there), len(scores))


def fit_logistic(scores: NDArray[np.float64], right: NDArray[np.bool_]) -> Presence:
    """Maximum likelihood of `right` under the logistic of the score's log-odds."""
    odds = log_odds(scores, least=LEAST_SCORE)

    def loss(parameters: NDArray[np.float64]) -> float:
        margin = np.where(right, 1.0, -1.0) * (parameters[0] * odds + parameters[1])
        return float(np.logaddexp(0.0, -margin).mean() + 1e-4 * parameters[0] ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.1]), method="BFGS").x
    return Presence(float(1.0 / (1.0 + np.exp(offset / slope))), float(slope))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="the calibration split's folder")
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--keep", action="store_true", help="write them into its config.json")
    options = parser.parse_args()
    detector = load_detector(options.detector)
    fits = fit(*best_scores(detector, load_shots(options.scenes)))
    print(fits)
    if options.keep:
        keep_fits(
            find_checkpoint(options.detector).folder,
            presence_even=fits.presence.even,
            presence_slope=fits.presence.slope,
            existence_even=fits.existence.even,
            existence_slope=fits.existence.slope,
        )


if __name__ == "__main__":
    main()
