"""Figures out of results: what was seen when, scores, times, and which frames to show.

One pass over the records; what is kept grows by a few bytes a frame.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.replay.records import Record

BINS = 240
"""Columns of the timeline."""
SCORE_BINS = 20
TIME_BINS = 24

SECOND = 1_000_000_000


class FrameKey(NamedTuple):
    """What tells one frame of a bag from all others; times in nanoseconds."""

    camera: str
    stamp: int
    log_time: int


class Cell(NamedTuple):
    """A column of a phrase's timeline in which it was seen.

    Attributes:
        column: 0 to `BINS` - 1.
        seconds: of its start, after the bag's start.
        detections: how many.
        best: the highest score.
    """

    column: int
    seconds: float
    detections: int
    best: float


class Histogram(NamedTuple):
    """Counts in equal bins from `low` to `high`."""

    low: float
    high: float
    counts: list[int]

    @property
    def tallest(self) -> int:
        """The largest count, at least 1."""
        return max([*self.counts, 1])


class Figures(NamedTuple):
    """All that the page shows besides pictures."""

    start: int
    end: int
    timelines: dict[str, list[Cell]]
    scores: dict[str, Histogram]
    inference_ms: Histogram
    median_ms: float
    slow_ms: float
    frames: dict[FrameKey, tuple[str, ...]]
    """Phrases seen in each frame, in the order of the bag."""
    answers: list[Record]
    plans: list[Record]
    failures: list[tuple[str, str, int]]
    """Topic, reason, how often; the most frequent first."""


def gather(records: Iterable[Record], phrases: Sequence[str], start: int, end: int) -> Figures:
    """Read all records once.

    Args:
        phrases: rows of the timeline, seen or not.
        start, end: log times that the timeline spans, nanoseconds.
    """
    width = max(end - start, 1)
    counts: dict[str, NDArray[Any]] = {phrase: np.zeros(BINS, int) for phrase in phrases}
    best: dict[str, NDArray[Any]] = {phrase: np.zeros(BINS) for phrase in phrases}
    scores: dict[str, NDArray[Any]] = defaultdict(lambda: np.zeros(SCORE_BINS, int))
    times: list[float] = []
    frames: dict[FrameKey, tuple[str, ...]] = {}
    rest: dict[str, list[Record]] = {"answer": [], "plan": []}
    failures: Counter[tuple[str, str]] = Counter()
    for record in records:
        if record["kind"] == "failure":
            failures[record["topic"], record["reason"]] += 1
            continue
        if record["kind"] != "frame":
            rest[record["kind"]].append(record)
            continue
        times.append(record["inference_ms"])
        column = min(max((record["log_time"] - start) * BINS // width, 0), BINS - 1)
        for entry in record["detections"]:
            phrase, score = entry["phrase"], entry["score"]
            counts.setdefault(phrase, np.zeros(BINS, int))[column] += 1
            row = best.setdefault(phrase, np.zeros(BINS))
            row[column] = max(row[column], score)
            scores[phrase][min(int(score * SCORE_BINS), SCORE_BINS - 1)] += 1
        key = FrameKey(record["camera"], record["stamp"], record["log_time"])
        frames[key] = tuple(dict.fromkeys(entry["phrase"] for entry in record["detections"]))
    step = width / BINS / SECOND
    return Figures(
        start=start,
        end=end,
        timelines={p: _cells(counts[p], best[p], step) for p in counts},
        scores={p: Histogram(0, 1, scores[p].tolist()) for p in counts if p in scores},
        inference_ms=_histogram(times),
        median_ms=float(np.median(times)) if times else 0.0,
        slow_ms=float(np.quantile(times, 0.95)) if times else 0.0,
        frames=frames,
        answers=rest["answer"],
        plans=rest["plan"],
        failures=[(*what, count) for what, count in failures.most_common()],
    )


def _cells(counts: NDArray[Any], best: NDArray[Any], step: float) -> list[Cell]:
    return [
        Cell(int(c), float(c * step), int(counts[c]), float(best[c]))
        for c in np.flatnonzero(counts)
    ]


def _histogram(values: list[float]) -> Histogram:
    """Up to the 99th percentile; what is slower falls into the last bin."""
    if not values:
        return Histogram(0, 1, [0] * TIME_BINS)
    high = max(float(np.quantile(values, 0.99)) * 1.05, 1e-3)
    counts, _ = np.histogram(np.minimum(values, high), TIME_BINS, (0, high))
    return Histogram(0.0, high, counts.tolist())


def key_frames(figures: Figures, *, most: int) -> list[FrameKey]:
    """Frames worth showing, in the order of the bag: where something appears, then evenly.

    A frame counts as a change where a camera sees a phrase that it didn't see in the frame before.
    """
    before: dict[str, set[str]] = defaultdict(set)
    changes, keys = [], list(figures.frames)
    for place, (key, phrases) in enumerate(figures.frames.items()):
        if set(phrases) - before[key.camera]:
            changes.append(place)
        before[key.camera] = set(phrases)
    chosen = set(_evenly(changes, most // 2))
    chosen |= set(_evenly(list(range(len(keys))), most - len(chosen)))
    return [keys[place] for place in sorted(chosen)]


def _evenly(places: list[int], most: int) -> list[int]:
    if len(places) <= most:
        return places
    return [places[round(i)] for i in np.linspace(0, len(places) - 1, max(most, 0))]
