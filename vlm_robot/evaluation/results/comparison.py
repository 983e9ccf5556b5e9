"""Two replays of the same frames: what differs, with intervals that chance alone would fill.

Intervals are percentile bootstraps over frames (Efron and Tibshirani, 1993): the frames of the
bag are drawn again with replacement, both runs' together, and the figure is computed anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.evaluation.results.detections import false_and_missed
from vlm_robot.evaluation.results.folder import Key, Results
from vlm_robot.evaluation.results.truth import HIT_IOU, Truth
from vlm_robot.replay.records import Record
from vlm_robot.types import InputError

DRAWS = 1000
INTERVAL = (2.5, 97.5)

Counts = NDArray[np.int64]


class Difference(NamedTuple):
    """A figure of both runs, and B - A with its 95 % interval."""

    a: float
    b: float
    change: float
    low: float
    high: float


class Comparison(NamedTuple):
    """What differs.

    Attributes:
        agreement: F1 of B's boxes against A's, as if A's were true.
        f1: against truth; None without truth.
        rates: for each phrase, the share of frames in which it is seen.
        changed: frames that changed most, worst first, with their numbers of boxes without a
            partner in the other run.
        answers, plans: those that differ, as (what, A's, B's).
    """

    frames: int
    agreement: float
    f1: Difference | None
    rates: dict[str, Difference]
    changed: list[tuple[Key, int]]
    answers: list[tuple[str, str, str]]
    plans: list[tuple[str, str, str]]


def compare(a: Results, b: Results, truth: Truth | None, *, most_changed: int = 12) -> Comparison:
    """Compare two runs over the frames that both have.

    Raises:
        InputError: they have no frame in common.
    """
    keys = [key for key in a.frames if key in b.frames]
    if not keys:
        raise InputError(f"{a.path} and {b.path} have no frame in common: are they of one bag?")
    phrases = list(dict.fromkeys([*a.phrases, *b.phrases]))
    alone = np.array([_alone(a.frames[key], b.frames[key], phrases) for key in keys])
    boxes = np.array([[len(run.frames[key]["detections"]) for run in (a, b)] for key in keys])
    partners = int((boxes - alone).sum())
    order = np.argsort(-alone.sum(axis=1), kind="stable")[:most_changed]
    return Comparison(
        frames=len(keys),
        agreement=partners / int(boxes.sum()) if boxes.sum() else 1.0,
        f1=_f1(a, b, keys, truth) if truth else None,
        rates={phrase: _rate(a, b, keys, phrase) for phrase in phrases},
        changed=[(keys[i], int(alone[i].sum())) for i in order if alone[i].sum()],
        answers=_changed_answers(a.answers, b.answers),
        plans=_changed_plans(a.plans, b.plans),
    )


def _alone(a: Record, b: Record, phrases: list[str]) -> tuple[int, int]:
    """Boxes of each run that have no partner of the same phrase in the other."""
    alone_a = alone_b = 0
    for phrase in phrases:
        first, second = (
            np.array([e["box"] for e in frame["detections"] if e["phrase"] == phrase], np.float32)
            for frame in (a, b)
        )
        pairs = _pairs(iou_matrix(first.reshape(-1, 4), second.reshape(-1, 4)))
        alone_a, alone_b = alone_a + len(first) - pairs, alone_b + len(second) - pairs
    return alone_a, alone_b


def _pairs(overlap: NDArray[np.float32]) -> int:
    """How many boxes pair up, the best overlap first."""
    overlap, pairs = overlap.copy(), 0
    while overlap.size and overlap.max() >= HIT_IOU:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        overlap[row], overlap[:, column] = 0, 0
        pairs += 1
    return pairs


def _rate(a: Results, b: Results, keys: list[Key], phrase: str) -> Difference:
    seen = np.array(
        [
            [any(e["phrase"] == phrase for e in run.frames[key]["detections"]) for run in (a, b)]
            for key in keys
        ],
        np.int64,
    )
    return _difference(seen, lambda sums: sums / len(keys))


def _f1(a: Results, b: Results, keys: list[Key], truth: Truth) -> Difference:
    """F1 of both runs; each is asked for the phrases that it looked for and the truth has."""
    keys = [key for key in keys if key in truth.images]
    if not keys:
        raise InputError("the truth annotates none of the frames that both runs have")
    asked = dict.fromkeys([*a.phrases, *b.phrases])
    if not any(map(truth.knows, asked)):
        raise InputError(
            f"the truth has none of the phrases that were looked for ({', '.join(asked)})"
        )
    counts = np.array(
        [[false_and_missed(run.frames[key], run.phrases, truth) for run in (a, b)] for key in keys]
    )

    def f1(sums: NDArray[Any]) -> NDArray[np.float64]:
        right, false, missed = np.moveaxis(sums, -1, 0)
        return np.asarray(2 * right / np.maximum(2 * right + false + missed, 1))

    return _difference(counts, f1)


def _difference(
    counts: Counts, figure: Callable[[NDArray[Any]], NDArray[np.float64]]
) -> Difference:
    """A figure of sums over frames, for both runs.

    Args:
        counts: (frames, 2, …).
        figure: of sums (…, 2, …) to (…, 2).
    """
    rng = np.random.default_rng(0)  # the same runs give the same intervals
    frames = len(counts)
    draws = rng.multinomial(frames, np.full(frames, 1 / frames), DRAWS)
    values = figure(np.tensordot(draws, counts, axes=1))
    low, high = np.percentile(values[:, 1] - values[:, 0], INTERVAL)
    first, second = figure(counts.sum(axis=0)).tolist()
    return Difference(first, second, second - first, float(low), float(high))


def _changed_answers(a: list[Record], b: list[Record]) -> list[tuple[str, str, str]]:
    def named(answers: list[Record]) -> dict[str, str]:
        return {
            f"{r['question']} ({r['camera']} {r['stamp']})": f"{r['answer']} {r['verdict']}"
            for r in answers
        }

    return _changed(named(a), named(b))


def _changed_plans(a: list[Record], b: list[Record]) -> list[tuple[str, str, str]]:
    def named(plans: list[Record]) -> dict[str, str]:
        return {f"{r['goal']} ({r['stamp']})": f"path {r['best_index']}" for r in plans}

    return _changed(named(a), named(b))


def _changed(a: dict[str, str], b: dict[str, str]) -> list[tuple[str, str, str]]:
    names = dict.fromkeys([*a, *b])
    return [(n, a.get(n, "–"), b.get(n, "–")) for n in names if a.get(n) != b.get(n)]


def is_regression(comparison: Comparison, *, most_drop: float, least_agreement: float) -> bool:
    """Whether B is worse than A by more than a limit allows.

    With truth: F1 fell by more than `most_drop`, and by more than chance (the interval is below
    zero). Without: the runs agree less than `least_agreement`.
    """
    if comparison.f1 is not None:
        return comparison.f1.change < -most_drop and comparison.f1.high < 0
    return comparison.agreement < least_agreement
