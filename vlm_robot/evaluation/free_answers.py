"""What a model that answers freely is worth, alone and checked by the evidence.

`python -m vlm_robot.evaluation.free_answers --scenes DIR` asks the embedded VLM (`--model` names
another) the questions of `questions`, the same with a blank picture, loose ones that evidence
can't parse, and for descriptions, and prints the table. DIR is a split rendered with depth.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vlm_robot.answering.answerer import AnswerOptions, CancelToken, load_answerer
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.parsing import NotUnderstoodError, parse, singular
from vlm_robot.answering.verification import UNSEEN
from vlm_robot.answering.wording import a
from vlm_robot.detection.factory import load_detector
from vlm_robot.evaluation.answers import hits
from vlm_robot.evaluation.path_questions import commonest, path_questions
from vlm_robot.evaluation.questions import Expected, Question, make_questions
from vlm_robot.models.device import memory
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.shots import Namer, Shot, load_shots
from vlm_robot.types import Frame, Verdict

DESCRIBE = "Can you tell me what this camera sees?"
_DECLINES = re.compile(r"can't tell|cannot tell|there is no\b|can't see", re.I)
_LOOSE = {
    "yes": ("Would I find {a} if I went there?", "I wonder whether you have spotted {a} already."),
    "colour": ("So what would you call the hue of that {x}?", "Paint shop asks: shade of the {x}?"),
}
"""Wordings that no training has, and that evidence can't parse."""


class Told(NamedTuple):
    """One question's answers: whether they are right with the picture, with none, and checked.

    Attributes:
        says_yes, checked_yes: of a yes-or-no question, before and after the check.
    """

    form: str
    right: bool
    blank_right: bool
    says_yes: bool
    checked_yes: bool


class Described(NamedTuple):
    """One description: the things that it names, before and after the check.

    Attributes:
        there: of the names, which are there; `kept`: which the check left.
        seen: plain things of the scene that are named; `things`: of how many.
        hits: of the names that are there, whether the detector's best box is on one.
    """

    there: NDArray[np.bool_]
    kept: NDArray[np.bool_]
    seen: int
    things: int
    hits: list[bool]


def ask(
    answerer: CheckedAnswerer, shots: Sequence[Shot], questions: Sequence[Question]
) -> list[Told]:
    """Ask every question with its picture, and with a blank one."""
    return [tell(answerer, question, shots[question.shot].frame()) for question in questions]


def tell(answerer: CheckedAnswerer, question: Question, frame: Frame) -> Told:
    """Ask one question."""
    found = answerer.conclude(question.text, frame, cancel=CancelToken())
    blank = answerer.proposer.propose(question.text, _blank(frame), cancel=CancelToken())
    yes = found.proposal.text.lower().startswith("yes")
    wrong = found.verdict is Verdict.CONTRADICTED
    return Told(
        question.form,
        is_right(question.expected, found.proposal.text),
        is_right(question.expected, blank.text),
        yes,
        yes != wrong,
    )


def is_right(expected: Expected | None, text: str) -> bool:
    """Whether an answer is right; where there is none to be had, whether it says so."""
    return bool(_DECLINES.search(text)) if expected is None else expected.matches(text)


def _blank(frame: Frame) -> Frame:
    gray = np.full_like(frame.image, 128)
    return Frame(frame.camera, frame.stamp, frame.frame_id, gray)


def describe(
    answerer: CheckedAnswerer, verifier: EvidenceAnswerer, shots: Sequence[Shot]
) -> list[Described]:
    """Have every picture described, and look for what the words name."""
    return [_described(answerer, verifier, shot) for shot in shots]


def _described(answerer: CheckedAnswerer, verifier: EvidenceAnswerer, shot: Shot) -> Described:
    frame = shot.frame()
    text = answerer.proposer.propose(DESCRIBE, frame, cancel=CancelToken()).text
    names = named(text)
    called = [shot.called(name) for name in names]
    plain = [thing for thing in shot.things if thing.plain]
    seen = sum(any(thing is one for some in called for one in some) for thing in plain)
    there = np.array([bool(some) for some in called], bool)
    if not names:
        return Described(there, there, seen, len(plain), [])
    scene = verifier.seen(frame, names)
    kept, on = [], []
    for label, some in enumerate(called):
        rows = np.flatnonzero(scene.detections.labels == label)
        best = rows[np.argmax(scene.present[rows])] if len(rows) else None
        kept.append(best is not None and scene.present[best] >= UNSEEN)
        if some:
            box = scene.detections.boxes[best][None] if best is not None else np.zeros((0, 4))
            on.append(bool(hits(box.astype(np.float32), np.stack([t.box for t in some]))))
    return Described(there, np.array(kept, bool), seen, len(plain), on)


def named(text: str) -> list[str]:
    """Names in a list of things, singular, without articles and numbers."""
    parts = re.split(r",|\band\b|\.", text.lower())
    bare = (re.sub(r"^(?:an?|the|some|one|two|three|four|five|six|\d+)\s", "", p.strip())
            for p in parts)  # fmt: skip
    return list(dict.fromkeys(singular(p) for p in bare if p and len(p.split()) <= 4))


def loose_questions(shots: Sequence[Shot], seed: int) -> list[Question]:
    """Questions that evidence reasoning can't parse; a sound parse leaves one out."""
    namer, made = Namer(shots), []
    for number, shot in enumerate(shots):
        pick = np.random.default_rng([seed, 7, number])
        sure = namer.sure(shot, pick)
        gone = namer.absent(shot, namer.orders(shot, pick)["adversarial"][:40])[:4]
        yes = str(pick.choice(_LOOSE["yes"]))
        for name, _ in sure[:1]:
            made.append(_loose(number, yes.format(a=a(name)), Expected("yes_no", "yes")))
        for name in gone[:1]:
            made.append(_loose(number, yes.format(a=a(name)), Expected("yes_no", "no")))
        for name, thing in [(n, t) for n, t in sure if t.colour][:1]:
            text = str(pick.choice(_LOOSE["colour"])).format(x=name)
            made.append(_loose(number, text, Expected("word", thing.colour)))
    return [question for question in made if not _parsed(question.text)]


def _loose(shot: int, text: str, expected: Expected) -> Question:
    return Question(shot, text, "loose", expected)


def _parsed(text: str) -> bool:
    try:
        parse(text)
    except NotUnderstoodError:
        return False
    return True


def f1(told: Sequence[Told], *, checked: bool) -> float:
    """Of 'yes' over what is there and what isn't, POPE's adversarial order, as many of each."""
    there = [t for t in told if t.form == "exists"]
    absent = [t for t in told if t.form == "absent, adversarial"]
    size = min(len(there), len(absent))
    said = [[t.checked_yes if checked else t.says_yes for t in g[:size]] for g in (there, absent)]
    hit, false = sum(said[0]), sum(said[1])
    return 2 * hit / max(2 * hit + false + size - hit, 1)


def summary(
    told: Sequence[Told], loose: Sequence[Told], described: Sequence[Described]
) -> dict[str, float]:
    """The figures of the table, by name."""
    there = np.concatenate([d.there for d in described]) if described else np.zeros(0, bool)
    kept = np.concatenate([d.kept for d in described]) if described else np.zeros(0, bool)
    right = _mean([t.right for t in told])
    return {
        "accuracy, all forms": right,
        "gain over a blank picture": right - _mean([t.blank_right for t in told]),
        "existence, adversarial, F1": f1(told, checked=False),
        "the same with verification": f1(told, checked=True),
        "description, precision": _mean(list(there)),
        "description, recall": sum(d.seen for d in described)
        / max(sum(d.things for d in described), 1),
        "hallucinated names, before": int((~there).sum()),
        "hallucinated names, verified": int((~there & kept).sum()),
        "boxes of what it names, hit": _mean([hit for d in described for hit in d.hits]),
        "evidence can't parse: right": _mean([t.right for t in loose]),
        "evidence can't parse: questions": len(loose),
    }


def _mean(values: Sequence[bool | np.bool_]) -> float:
    return float(np.mean(np.array(values, float))) if len(values) else float("nan")


def seconds_to_answer(answerer: CheckedAnswerer, shots: Sequence[Shot]) -> float:
    """Median CPU seconds to an answer of free length, at most ten tokens by the options."""
    taken = []
    for shot in shots:
        frame = shot.frame()
        start = time.process_time()
        answerer.proposer.propose(DESCRIBE, frame, cancel=CancelToken())
        taken.append(time.process_time() - start)
    return float(np.median(taken))


def report(figures: dict[str, float], told: Sequence[Told]) -> str:
    """The figures as Markdown."""
    lines = ["| figure | measured |", "| --- | --- |"]
    lines += [f"| {name} | {value:.3f} |" for name, value in figures.items()]
    lines += ["", "| form | questions | right | blank |", "| --- | --- | --- | --- |"]
    for form in sorted({t.form for t in told}):
        group = [t for t in told if t.form == form]
        right, blank = _mean([t.right for t in group]), _mean([t.blank_right for t in group])
        lines.append(f"| {form} | {len(group)} | {right:.3f} | {blank:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="free_answers", description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="one split's folder")
    parser.add_argument("--model", default="embedded_vlm", help="as the setting `answerer`")
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--pictures", type=int, default=200, help="to describe")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(2)
    shots = load_shots(options.scenes)
    detector, encoder = load_detector(options.detector), SentenceEncoder()
    answerer = load_answerer(options.model, detector=detector, encoder=encoder, dtype=options.dtype)
    if not isinstance(answerer, CheckedAnswerer):
        parser.error(f"--model {options.model} doesn't answer freely")
    verifier = EvidenceAnswerer(detector, options=AnswerOptions(), encoder=encoder)
    some = shots[: options.pictures]
    told = ask(answerer, shots, make_questions(shots, seed=options.seed, at_most=options.questions))
    loose = ask(answerer, shots, loose_questions(some, options.seed))
    figures = summary(told, loose, describe(answerer, verifier, some))
    pairs = list(path_questions(some, options.seed))
    paths = [tell(answerer, question, frame) for question, frame in pairs]
    rights = [t.right for t in (*told, *paths)]
    figures["accuracy, numbered paths among the forms"] = _mean(rights)
    figures["numbered paths: right by the commonest number"] = commonest([q for q, _ in pairs])
    figures["CPU seconds to a description, median"] = seconds_to_answer(answerer, some[:20])
    figures["resident memory, GB"] = memory(torch.device("cpu")).peak / 1e9
    print(report(figures, [*told, *paths]))


if __name__ == "__main__":
    main()
