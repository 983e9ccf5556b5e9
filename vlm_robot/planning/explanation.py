"""The ranking in one or two plain sentences, built from its terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vlm_robot.planning.descriptors import DESCRIPTORS
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.landmarks import RELATIONS
from vlm_robot.planning.scoring import Term
from vlm_robot.types import Criterion, PathScore

SHOWN = 3
"""The most reasons or infeasible paths that are told."""


ALIKE = 0.02
"""Share of a noticeable difference under which two values are told as alike."""


VISUAL_JUDGE = "visual_judge"
"""Name of the term that a chat model's look at the paths earns."""


class Ranking(NamedTuple):
    """Every path's score, and the feasible ones' indices, best first."""

    paths: tuple[PathScore, ...]
    order: tuple[int, ...]

    @property
    def best(self) -> int:
        """Index of the best path; -1 where none is feasible."""
        return self.order[0] if self.order else -1

    @property
    def worst(self) -> int:
        """Index of the worst feasible path; -1 where none is feasible."""
        return self.order[-1] if self.order else -1

    def total(self, rank: int) -> float:
        """Total of the path at a rank, 0 the best."""
        return self.paths[self.order[rank]].total


def explain(
    ranking: Ranking, terms: Sequence[Term], read: Interpretation, notes: Sequence[str]
) -> str:
    """Say which path is best and why, then what is out and what couldn't be told."""
    sentences = [_best(ranking, terms), _out(ranking), *notes]
    if read.not_understood:
        words = ", ".join(f"'{words}'" for words in read.not_understood)
        sentences.append(f"Not understood, so without effect: {words}.")
    return " ".join(dict.fromkeys(filter(None, sentences)))


def _best(ranking: Ranking, terms: Sequence[Term]) -> str:
    if not ranking.order:
        return "No path is feasible."
    best = ranking.paths[ranking.best]
    if len(ranking.order) == 1:
        return f"Path {best.index} is the only feasible one."
    second = ranking.paths[ranking.order[1]]
    for_it: list[tuple[float, str]] = []
    against: list[tuple[float, str]] = []
    for own, other, term in zip(best.criteria, second.criteria, terms, strict=True):
        gain = own.weight * (own.score - other.score)
        if abs(own.raw - other.raw) > ALIKE * term.noticeable:
            (for_it if gain > 0 else against).append((abs(gain), _compare(own, other, term)))
    if not for_it:
        return f"Paths {best.index} and {second.index} serve the goal alike."
    text = f"Path {best.index} is best: next to path {second.index} it {_told(for_it)}"
    return text + (f", though it {_told(against)}." if against else ".")


def _told(reasons: list[tuple[float, str]]) -> str:
    told = [text for _, text in sorted(reasons, key=lambda reason: -reason[0])[:SHOWN]]
    return ", ".join(told[:-1]) + " and " * (len(told) > 1) + told[-1]


def _compare(own: Criterion, other: Criterion, term: Term) -> str:
    unit = "" if own.unit == "1" else f" {own.unit}"
    return f"{_phrase(own, other, term)} ({own.raw:.3g}{unit} against {other.raw:.3g}{unit})"


def _phrase(own: Criterion, other: Criterion, term: Term) -> str:
    if term.name in DESCRIPTORS:
        descriptor = DESCRIPTORS[term.name]
        return descriptor.more if own.raw > other.raw else descriptor.less
    if term.name == VISUAL_JUDGE:
        better = own.raw > other.raw
        return "looks better to the visual judge" if better else "looks worse to the visual judge"
    name, _, phrase = term.name.partition(":")
    relation = RELATIONS[name]
    serves = (own.raw - other.raw) * term.direction > 0
    things = " and ".join(f"the {thing}" for thing in phrase.split("|"))
    return (relation.better if serves else relation.worse).format(things)


def _out(ranking: Ranking) -> str:
    out = [path for path in ranking.paths if not path.feasible]
    if not out:
        return ""
    told = "; ".join(f"path {path.index}: {path.violations[0]}" for path in out[:SHOWN])
    more = f"; and {len(out) - SHOWN} more" if len(out) > SHOWN else ""
    return f"Not feasible: {told}{more}."
