"""Questions with known answers, made from the ground truth of rendered scenes.

`python -m vlm_robot.simulation.render_dataset --depth …` makes the scenes; this module makes the
questions, the same ones for the same seed. Existence is asked in the forms of POPE (Li et al.,
'Evaluating Object Hallucination in Large Vision-Language Models', EMNLP 2023): as often of what is
there as of what isn't, and of what isn't at random, by how common it is, and by what it usually
comes with. Attributes, relations, counts and logic are asked where the truth is beyond dispute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vlm_robot.answering.colours import COLOURS
from vlm_robot.answering.parsing import plural, singular
from vlm_robot.answering.wording import a as article
from vlm_robot.training.shots import Namer, Pick, Shot, Thing, at_depths, beside

_NUMBER_WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
)


@dataclass(frozen=True)
class Expected:
    """The right answer: `kind` is yes_no, count, word or metres."""

    kind: str
    value: str
    wrong: tuple[str, ...] = ()

    def matches(self, text: str) -> bool:
        """Whether an answer's text gives it.

        A distance is right within 15 % or 0.15 m of that to the thing's centre.
        """
        lowered = text.lower()
        if self.kind == "yes_no":
            return lowered.startswith(self.value)
        if self.kind == "count":
            said = re.search(rf"\b(\d+|{'|'.join(_NUMBER_WORDS)})\b", lowered)
            return said is not None and said[1] in (self.value, _NUMBER_WORDS[int(self.value)])
        if self.kind == "metres":
            said = re.search(r"(\d+(?:\.\d+)?) ?m\b", lowered)
            true = float(self.value)
            return said is not None and abs(float(said[1]) - true) <= max(0.15, 0.15 * true)
        has = {
            w: re.search(rf"\b(?:{re.escape(w)}|{re.escape(singular(w))})\b", lowered)
            for w in (self.value, *self.wrong)
        }
        return bool(has[self.value]) and not any(has[w] for w in self.wrong)


@dataclass(frozen=True)
class Question:
    """A question of one image.

    Attributes:
        form: what kind of question, for the table.
        expected: the right answer; None where there is none to be had.
        boxes: (N, 4) of the things that a right answer rests on; one hit is enough.
    """

    shot: int
    text: str
    form: str
    expected: Expected | None
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))


UNANSWERABLE = (
    "What is the {x} made of?",
    "Who does the {x} belong to?",
    "How old is the {x}?",
    "How much does the {x} cost?",
    "How heavy is the {x}?",
    "What is inside the {x}?",
    "Why is the {x} here?",
    "Is the {x} warm?",
    "Is the {x} clean?",
    "When was the {x} bought?",
    "Which brand is the {x}?",
    "What does it say on the {x}?",
    "Will the {x} fall down soon?",
    "What sound does the {x} make?",
    "What is behind the wall?",
    "What time is it?",
    "What is the weather like outside?",
    "Who lives here?",
    "What is the capital of France?",
    "Is the {x} broken?",
    "Wo ist der Tisch?",
    "¿Qué hay en la habitación?",
    "Est-ce qu'il y a une chaise ?",
    "qwoe lkas mnzx?",
)
_ABSENT_PREMISE = ("What colour is the {x}?", "How far away is the {x}?", "Where is the {x}?")
_THERE = ("Is there {a} in the image?", "Can you see {a}?", "is there {a}", "Do you see {a} here?")


class QuestionMaker:
    """Makes the questions of each shot from the shots' common statistics."""

    def __init__(self, shots: Sequence[Shot]) -> None:
        self._shots = shots
        namer = Namer(shots)
        self._sure, self._absent, self._orders = namer.sure, namer.absent, namer.orders

    def make(self, number: int, pick: Pick) -> list[Question]:
        """All questions of shot `number`."""
        shot = self._shots[number]
        made: list[Question] = []
        for form in (
            self._existence, self._counts, self._colours, self._sides, self._depths,
            self._supports, self._logic, self._unanswerable,
        ):  # fmt: skip
            made.extend(form(number, shot, pick))
        return made

    def names(
        self, number: int, pick: Pick
    ) -> tuple[list[tuple[str, NDArray[np.float32]]], list[str]]:
        """Names of things in shot `number` with their boxes, and names of things that aren't."""
        shot = self._shots[number]
        orders = self._orders(shot, pick)
        mixed = [*orders["adversarial"][:4], *orders["random"][:4]]
        absent = self._absent(shot, [mixed[i] for i in pick.permutation(len(mixed))])
        there = [(name, thing.box) for name, thing in self._sure(shot, pick)]
        return there, list(dict.fromkeys(absent))

    def _existence(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        sure = self._sure(shot, pick)[:2]
        for name, thing in sure:
            text = str(pick.choice(_THERE)).format(a=article(name))
            yield Question(number, text, "exists", Expected("yes_no", "yes"), thing.box[None])
        for kind, order in self._orders(shot, pick).items():
            absent = self._absent(shot, order)[: 6 if kind == "popular" else 2]
            for name in [absent[i] for i in pick.permutation(len(absent))][: len(sure)]:
                text = str(pick.choice(_THERE)).format(a=article(name))
                yield Question(number, text, f"absent, {kind}", Expected("yes_no", "no"))

    def _counts(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        counted: dict[str, list[Thing]] = {}
        for thing in shot.things:
            name = thing.names[0]
            if not shot.disputed(name) and all(t.plain for t in shot.called(name)):
                counted[name] = shot.called(name)
        names = sorted(counted, key=lambda n: (-len(counted[n]), n))
        for name in names[:1]:
            text = f"How many {plural(name)} are there?"
            boxes = np.stack([t.box for t in counted[name]])
            yield Question(number, text, "count", Expected("count", str(len(counted[name]))), boxes)
        absent = self._absent(shot, self._orders(shot, pick)["random"])[:1]
        if absent and pick.random() < 0.25:
            text = f"how many {plural(absent[0])} can you see?"
            yield Question(number, text, "count", Expected("count", "0"))
        for first, second in pairwise(names[:4]):
            more = len(counted[first]) > len(counted[second])
            text = f"Are there more {plural(first)} than {plural(second)}?"
            boxes = np.stack([t.box for t in counted[first] + counted[second]])
            answer = Expected("yes_no", "yes" if more else "no")
            yield Question(number, text, "compare counts", answer, boxes)
            break

    def _colours(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        for name, thing in self._sure(shot, pick):
            if not thing.colour:
                continue
            box, others = thing.box[None], [c for c in COLOURS if c != thing.colour]
            other = str(pick.choice(others))
            colour = Expected("word", thing.colour, tuple(others))
            yield Question(number, f"What colour is the {name}?", "colour", colour, box)
            pair = [thing.colour, other] if pick.random() < 0.5 else [other, thing.colour]
            text = f"Is the {name} {pair[0]} or {pair[1]}?"
            yield Question(
                number, text, "colour choice", Expected("word", thing.colour, (other,)), box
            )
            asked = str(pick.choice(pair))
            truth = Expected("yes_no", "yes" if asked == thing.colour else "no")
            yield Question(number, f"Is the {name} {asked}?", "colour yes or no", truth, box)
            if asked == thing.colour:
                text = f"Is there a {asked} {name}?"
                yield Question(number, text, "coloured thing", truth, box)
            else:
                yield Question(
                    number, f"Is there {article(asked)} {name}?", "coloured thing", truth
                )
            return

    def _sides(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        sure = self._sure(shot, pick)
        for name, thing in sure[:1]:
            at = thing.middle[0] / shot.intrinsics.width
            if abs(at - 0.5) > 0.12:
                where, not_there = ("left", "right") if at < 0.5 else ("right", "left")
                text = f"Is the {name} on the left or on the right of the image?"
                answer = Expected("word", where, (not_there,))
                yield Question(number, text, "place in the image", answer, thing.box[None])
        for (name, thing), (other_name, _), side in beside(sure[:5]):
            wrong = "right" if side == "left" else "left"
            text = f"Is the {name} to the left or to the right of the {other_name}?"
            answer = Expected("word", side, (wrong,))
            yield Question(number, text, "left or right", answer, thing.box[None])
            asked = str(pick.choice(["left", "right"]))
            truth = Expected("yes_no", "yes" if asked == side else "no")
            text = f"Is the {name} {asked} of the {other_name}?"
            yield Question(number, text, "left or right", truth, thing.box[None])
            return

    def _depths(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        sure = [(n, t) for n, t in self._sure(shot, pick) if t.kind not in _SPREAD]
        for name, thing in sure[:1]:
            away = Expected("metres", f"{np.linalg.norm(thing.center):.3f}")
            text = str(pick.choice(["How far is the {}?", "how far away is the {}"])).format(name)
            yield Question(number, text, "distance", away, thing.box[None])
        for (name, thing), (other_name, other), first_nearer in at_depths(sure[:6]):
            near = name if first_nearer else other_name
            boxes = np.stack([thing.box, other.box])
            text = f"Which is closer, the {name} or the {other_name}?"
            far = other_name if near == name else name
            yield Question(number, text, "nearer", Expected("word", near, (far,)), boxes)
            asked = str(pick.choice(["in front of", "behind"]))
            truth = first_nearer == (asked == "in front of")
            text = f"Is the {name} {asked} the {other_name}?"
            answer = Expected("yes_no", "yes" if truth else "no")
            yield Question(number, text, "in front or behind", answer, boxes)
            return

    def _supports(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        sure = {thing.instance: (name, thing) for name, thing in self._sure(shot, pick)}
        pairs = [
            (sure[t.instance], sure.get(t.on or "")) for t in shot.things if t.instance in sure
        ]
        standing = [(own, support) for own, support in pairs if support is not None]
        if not standing:
            return
        (name, thing), (support_name, support) = standing[int(pick.integers(len(standing)))]
        text = f"Is the {name} on the {support_name}?"
        boxes = thing.box[None]
        yield Question(number, text, "on", Expected("yes_no", "yes"), boxes)
        off = [(n, t) for n, t in sure.values() if t.on != support.instance and t is not support]
        below = [(n, t) for n, t in off if t.on == "" and t.kind not in _SPREAD]
        for off_name, off_thing in below[:1]:
            text = f"Is the {off_name} on the {support_name}?"
            yield Question(number, text, "on", Expected("yes_no", "no"), off_thing.box[None])

    def _logic(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        sure = self._sure(shot, pick)[:2]
        absent = self._absent(shot, self._orders(shot, pick)["random"])[:1]
        if len(sure) < 2 or not absent:
            return
        (first, thing), (second, other) = sure
        boxes = np.stack([thing.box, other.box])
        kind = int(pick.integers(4))
        last = second if kind % 2 == 0 else absent[0]
        word = "and" if kind < 2 else "or"
        truth = kind != 1
        text = f"Is there {article(first)} {word} {article(last)}?"
        answer = Expected("yes_no", "yes" if truth else "no")
        yield Question(number, text, "and, or", answer, boxes if truth else boxes[:0])

    def _unanswerable(self, number: int, shot: Shot, pick: Pick) -> Iterator[Question]:
        sure = self._sure(shot, pick)[:1]
        name = sure[0][0] if sure else "table"
        text = str(pick.choice(UNANSWERABLE)).format(x=name)
        yield Question(number, text, "unanswerable", None)
        absent = self._absent(shot, self._orders(shot, pick)["random"])[:1]
        for gone in absent:
            text = str(pick.choice(_ABSENT_PREMISE)).format(x=gone)
            yield Question(number, text, "premise not there", None)


_SPREAD = ("rug", "table", "desk", "bed", "couch", "curtain", "door", "window", "ladder", "stairs")
"""Kinds whose centre says little of where they begin."""


def make_questions(shots: Sequence[Shot], *, seed: int, at_most: int) -> list[Question]:
    """Questions over all shots, about `at_most` in all, the forms as evenly as they come.

    The same shots and seed give the same questions.
    """
    maker = QuestionMaker(shots)
    by_form: dict[str, list[Question]] = {}
    for number in range(len(shots)):
        for question in maker.make(number, np.random.default_rng([seed, number])):
            by_form.setdefault(question.form, []).append(question)
    pick = np.random.default_rng(seed)
    for form in sorted(by_form):
        questions = by_form[form]
        by_form[form] = [questions[i] for i in pick.permutation(len(questions))]
    return _evenly(by_form, at_most)


def _evenly(by_form: dict[str, list[Question]], at_most: int) -> list[Question]:
    taken: list[Question] = []
    depth = 0
    while len(taken) < at_most and any(len(q) > depth for q in by_form.values()):
        taken.extend(q[depth] for _, q in sorted(by_form.items()) if len(q) > depth)
        depth += 1
    key: Callable[[Question], tuple[int, str]] = lambda q: (q.shot, q.text)  # noqa: E731
    return sorted(taken[:at_most], key=key)
