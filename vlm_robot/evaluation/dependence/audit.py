"""How far the probability of an answer falls when the picture, or its part, is taken away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from vlm_robot.evaluation.dependence.cases import Case
from vlm_robot.evaluation.dependence.masking import blanked, elsewhere, without
from vlm_robot.evaluation.results.answers import is_right
from vlm_robot.types import Frame

VIEWS = ("blank", "evidence masked", "equal area masked")


class Reply(NamedTuple):
    """What was answered.

    Attributes:
        text: the answer; empty for none.
        probability: 0..1, that the model gives its own answer.
        boxes: (N, 4) evidence; none where the model shows none.
    """

    text: str
    probability: float
    boxes: Any


class Answering(Protocol):
    """A model whose answers are audited."""

    @property
    def name(self) -> str:
        """What answers."""
        ...

    def reply(self, frame: Frame, question: str) -> Reply:
        """Answer."""
        ...

    def probability(self, frame: Frame, question: str, reply: Reply) -> float:
        """How likely the model gives that reply for this picture, 0..1."""
        ...


class Audited(NamedTuple):
    """What became of one case.

    Attributes:
        right, right_when_blank: whether the answer is, with the picture and without.
        probabilities: of the first answer, by view; `clean` and those of `VIEWS` that could be
            made.
    """

    case: Case
    text: str
    right: bool
    right_when_blank: bool
    probabilities: dict[str, float]


def audit(model: Answering, cases: Sequence[Case], *, seed: int) -> list[Audited]:
    """Ask every case of the picture, of a blank one, and of it with parts masked."""
    rng = np.random.default_rng(seed)
    return [_audited(model, case, rng) for case in cases]


def _audited(model: Answering, case: Case, rng: np.random.Generator) -> Audited:
    frame = case.frame
    reply = model.reply(frame, case.question)
    blank = blanked(frame)
    views = {"blank": blank}
    boxes = case.boxes if len(case.boxes) else reply.boxes
    if len(boxes):
        views["evidence masked"] = without(frame, boxes)
        views["equal area masked"] = without(frame, elsewhere(boxes, frame.size, rng))
    probabilities = {"clean": reply.probability}
    for view, picture in views.items():
        probabilities[view] = model.probability(picture, case.question, reply)
    blind = model.reply(blank, case.question)
    return Audited(case, reply.text, _right(reply, case), _right(blind, case), probabilities)


def _right(reply: Reply, case: Case) -> bool:
    return is_right(reply.text, case.accepted) if reply.text else not case.accepted


def figures(audited: Sequence[Audited]) -> dict[str, Any]:
    """For each form of answer and all together.

    `chance` is what always saying the most frequent right answer of that form gets right: what a
    model can do that never looks.
    """
    forms = sorted({one.case.form for one in audited})
    table = {form: _figures([a for a in audited if a.case.form == form]) for form in forms}
    return {**table, "all": _figures(audited)} if len(forms) > 1 else table


def _figures(audited: Sequence[Audited]) -> dict[str, Any]:
    right = [one for one in audited if one.right]
    answers = Counter(one.case.accepted for one in audited)
    drops = {view: _drops(audited, view) for view in VIEWS}
    return {
        "questions": len(audited),
        "right": _mean([one.right for one in audited]),
        "right with a blank picture": _mean([one.right_when_blank for one in audited]),
        "chance": max(answers.values()) / len(audited),
        "right answers that survive a blank picture": _mean([a.right_when_blank for a in right]),
        "probability drop of right answers": {view: _mean(drops[view]) for view in VIEWS},
        "right answers with evidence": len(drops["evidence masked"]),
    }


def _drops(audited: Sequence[Audited], view: str) -> list[float]:
    return [
        one.probabilities["clean"] - one.probabilities[view]
        for one in audited
        if one.right and view in one.probabilities
    ]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None
