"""Scores as probabilities: Platt's fit, its error, and the default threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vlm_robot.detection.compact.checkpoint import Calibration
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.evaluation.detections.figures import Split, false_box_rate, wrong_names
from vlm_robot.evaluation.detections.seen import Named

_HIT_IOU = 0.5
_BINS = 15


def outcomes(split: Split, phrases: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Scores of all boxes of phrases, and whether each is right: the first on a true object."""
    named = split.named(phrases)
    truth = split.truth(phrases, ["known", "unseen_instance", "unseen_kind"])
    parts = [
        (some.scores, right(some, seen.scene.boxes, true))
        for seen, some, true in zip(split.seen, named, truth, strict=True)
    ]
    scores, correct = zip(*parts, strict=True)
    return np.concatenate(scores).astype(np.float64), np.concatenate(correct)


def right(
    named: Named, objects: NDArray[np.float32], truth: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which boxes are right: on an object that the phrase is true of, and the first on it."""
    overlap = np.greater_equal(iou_matrix(named.boxes, objects), _HIT_IOU)
    hits: NDArray[np.bool_] = overlap & truth[:, named.labels].T
    result = np.zeros(len(named.boxes), bool)
    taken: set[tuple[int, int]] = set()
    order = np.argsort(-named.scores, kind="stable")
    for row in order[np.asarray(hits.any(axis=1))[order]]:
        label = int(named.labels[row])
        free = [o for o in np.flatnonzero(hits[row]).tolist() if (o, label) not in taken]
        if free:
            result[row] = True
            taken.add((free[0], label))
    return result


def fit(scores: NDArray[np.float64], correct: NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of Platt's fit on the logits of scores, by maximum likelihood."""
    logits = _logit(scores)
    signs = np.where(correct, 1.0, -1.0)

    def loss(x: NDArray[np.float64]) -> float:
        return float(np.logaddexp(0, -signs * (x[0] * logits + x[1])).mean())

    best = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead")
    return float(best.x[0]), float(best.x[1])


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    logits: NDArray[np.float64] = np.log(clipped / (1 - clipped))
    return logits


def expected_error(scores: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """Expected calibration error over equal bins of score (Guo et al., ICML 2017)."""
    bins = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(scores[bins == b].mean() - correct[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(np.sum(gaps))


def best_f1(scores: NDArray[np.float64], correct: NDArray[np.bool_], total: int) -> float:
    """The score above which F1 is best, where `total` objects were to be found."""
    order = np.argsort(-scores)
    hits = correct[order].cumsum()
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + total)
    return float(scores[order][f1.argmax()])


def choose_threshold(
    split: Split, *, most_absent: float, most_wrong: float, thresholds: Sequence[float]
) -> tuple[float, dict[str, float]]:
    """The threshold of best F1 on a validation split, raised until what is absent stays so.

    Args:
        most_absent: share of images with a box of an absent phrase, at most.
        most_wrong: share of unknown objects with a wrong name, at most.
        thresholds: calibrated scores to try, rising.

    Returns:
        The threshold, and the two shares and the F1 threshold that led to it.
    """
    phrases = split.vocabulary.phrases("known")
    scores, correct = outcomes(split, phrases)
    total = sum(int(true.sum()) for true in split.truth(phrases, ["known", "unseen_instance"]))
    best = best_f1(scores, correct, total)
    absent, wrong = 1.0, 1.0
    for threshold in [best, *(t for t in thresholds if t > best)]:
        absent = false_box_rate(split, split.vocabulary.absent_phrases, threshold)
        wrong = wrong_names(split, threshold)
        if absent <= most_absent and wrong <= most_wrong:
            break
    return threshold, {"best_f1_threshold": best, "val_absent": absent, "val_wrong": wrong}


def calibration_of(split: Split) -> Calibration:
    """Platt's fit of a split seen by a detector whose own fit is the identity."""
    slope, offset = fit(*outcomes(split, split.vocabulary.phrases("known")))
    return Calibration(slope, offset)
