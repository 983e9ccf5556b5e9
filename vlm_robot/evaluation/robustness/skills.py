"""Answers and plans under a condition of the grid."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

from vlm_robot.evaluation.results.answers import is_right
from vlm_robot.evaluation.robustness.conditions import Condition, Measured, Outcome
from vlm_robot.evaluation.robustness.material import Material, PathSet
from vlm_robot.perception import Perception
from vlm_robot.types import Answer, Frame, InputError, Verdict

REFUSED = "refused"
ABSTAINED = "abstained"
REVERSAL = "reversal"


class Asked(NamedTuple):
    """A question about a frame.

    Attributes:
        frame: its number in the material.
        accepted: words of which a right answer holds one; empty: it can't be told; None: nobody
            knows, and the clean answer is taken for right.
        phrase: what it asks after, where it was made of one.
    """

    frame: int
    question: str
    accepted: tuple[str, ...] | None
    phrase: str = ""


class Answers:
    """Questions about frames; performance is the share of right answers."""

    name = "answers"

    def __init__(
        self, perception: Perception, material: Material, questions: Sequence[Asked]
    ) -> None:
        self._perception = perception
        self._frames = material.frames
        self._questions = questions
        self._clean: Mapping[Hashable, Outcome] = {}

    @property
    def performance(self) -> str:
        """Right by truth, or as without changes."""
        known = any(asked.accepted is not None for asked in self._questions)
        return "share of right answers" if known else "share of answers as without changes"

    def measure(self, condition: Condition) -> Measured:
        """Ask everything that the condition has words for."""
        frames: dict[int, Frame] = {}
        outcomes: dict[Hashable, Outcome] = {}
        for asked in self._questions:
            words = condition.words(asked.question)
            if words is None:
                continue
            if asked.frame not in frames:
                frames[asked.frame] = condition.frame(self._frames[asked.frame], asked.frame)
            key = (asked.frame, asked.question)
            outcomes[key] = self._outcome(asked, words, frames[asked.frame], condition)
        if condition.kind == "clean":
            self._clean = outcomes
        return Measured(outcomes, {k: float(o.right or False) for k, o in outcomes.items()})

    def _outcome(self, asked: Asked, words: str, frame: Frame, condition: Condition) -> Outcome:
        try:
            answer = self._perception.ask(words, frame)
        except InputError:
            return Outcome(REFUSED, False, 0.0, is_given=False)
        first = self._clean.get((asked.frame, asked.question))
        accepted = asked.accepted
        if accepted is None:
            accepted = (str(first.said),) if first and first.said != ABSTAINED else ()
            right = first is None or first.said == said(answer)
        if condition.text == REVERSAL:
            accepted = _OPPOSITE.get(accepted, accepted)
            right = _is_right(answer, accepted)
        elif asked.accepted is not None:
            right = _is_right(answer, accepted)
        given = answer.verdict is not Verdict.ABSTAINED
        return Outcome(said(answer), right, answer.confidence, is_given=given)


_OPPOSITE: dict[tuple[str, ...], tuple[str, ...]] = {("yes",): ("no",), ("no",): ("yes",)}


def _is_right(answer: Answer, accepted: tuple[str, ...]) -> bool:
    if answer.verdict is Verdict.ABSTAINED:
        return not accepted
    return is_right(answer.text, accepted)


def said(answer: Answer) -> str:
    """What an answer says beside the words of its question, which rewording changes."""
    if answer.verdict is Verdict.ABSTAINED:
        return ABSTAINED
    words: list[str] = re.findall(r"\w+", answer.text.lower())
    if words[:1] in (["yes"], ["no"]):
        return words[0]
    asked = set(re.findall(r"\w+", answer.question.lower()))
    return " ".join(word for word in words if word not in asked)


class Judged(NamedTuple):
    """A goal for a path set; `best_index` is the true one, None where nobody knows."""

    paths: int
    goal: str
    best_index: int | None


class Plans:
    """Goals for path sets; performance is the share in which the right path comes first."""

    name = "plans"

    def __init__(
        self, perception: Perception, material: Material, judged: Sequence[Judged]
    ) -> None:
        self._perception = perception
        self._material = material
        self._judged = judged
        self._clean: Mapping[Hashable, Outcome] = {}

    @property
    def performance(self) -> str:
        """Best by truth where there is one, else as without changes."""
        known = sum(one.best_index is not None for one in self._judged)
        return f"right path first (by truth for {known} of {len(self._judged)}, else as unchanged)"

    def measure(self, condition: Condition) -> Measured:
        """Judge every set by every goal that the condition has words for."""
        sets = [
            paths._replace(frames=tuple(condition.frame(f, n) for n, f in enumerate(paths.frames)))
            for paths in self._material.path_sets
        ]
        outcomes: dict[Hashable, Outcome] = {}
        for one in self._judged:
            words = condition.words(one.goal)
            if words is not None:
                outcomes[one.paths, one.goal] = self._outcome(one, words, sets[one.paths])
        if condition.kind == "clean":
            self._clean = outcomes
        if condition.text == REVERSAL:  # followed where the once best path isn't best any more
            outcomes = {k: o._replace(right=not o.right) for k, o in outcomes.items()}
        return Measured(outcomes, {k: float(o.right or False) for k, o in outcomes.items()})

    def _outcome(self, one: Judged, words: str, paths: PathSet) -> Outcome:
        perception = self._perception.anew(self._material.transforms)
        try:
            plan = perception.evaluate_paths(
                words,
                paths.candidates,
                grid=paths.grid,
                frames=lambda: paths.frames,
                stamp=paths.stamp,
            )
        except InputError:
            return Outcome(REFUSED, False, 0.0, is_given=False)
        first = self._clean.get((one.paths, one.goal))
        wanted = one.best_index if one.best_index is not None else first and first.said
        right = wanted is None or plan.best_index == wanted
        return Outcome(plan.best_index, right, plan.confidence, is_given=plan.best_index >= 0)
