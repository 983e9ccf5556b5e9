"""Answers of a replay against a file of right ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

from vlm_robot.replay.records import Record
from vlm_robot.types import InputError

COVERAGES = (0.5, 0.7, 0.9, 1.0)


class Expected(NamedTuple):
    """What is right to answer.

    Attributes:
        accepted: words of which an answer must hold one; yes and no must come first.
            Empty: it can't be told from the picture, and abstaining is right.
        camera, stamp: of the picture; empty and 0 for any.
    """

    question: str
    accepted: tuple[str, ...]
    camera: str
    stamp: int


def read_questions(path: Path) -> list[Expected]:
    """Read a YAML or JSON list of {ask, answer (a word, some, or null), camera, stamp}.

    Raises:
        InputError: it isn't one.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"can't read {path}: {error}") from error
    if not isinstance(content, list):
        raise InputError(f"{path} must be a list of questions, each with 'ask' and 'answer'")
    return [_expected(entry, path) for entry in content]


def _expected(entry: Any, path: Path) -> Expected:
    allowed = {"ask", "answer", "camera", "stamp"}
    if not (isinstance(entry, dict) and {"ask", "answer"} <= set(entry) <= allowed):
        raise InputError(f"{path}: {entry!r} must have 'ask' and 'answer', and may have a 'camera'"
                         " and a 'stamp' (ns)")  # fmt: skip
    answer = entry["answer"]
    if isinstance(answer, bool):
        answer = "yes" if answer else "no"  # YAML reads a bare yes as true
    words = answer if isinstance(answer, list) else [] if answer is None else [answer]
    accepted = tuple(" ".join(_words(str(word))) for word in words)
    return Expected(entry["ask"], accepted, entry.get("camera", ""), int(entry.get("stamp", 0)))


def answer_figures(answers: list[Record], expected: list[Expected]) -> dict[str, Any]:
    """Accuracy of answers given, how many were given, abstention, risk at coverages.

    Raises:
        InputError: no answer is to a question of the file.
    """
    pairs = [(answer, want) for answer in answers if (want := _find(answer, expected))]
    if not pairs:
        raise InputError(f"none of the {len(answers)} answers is to a question of the file")
    given = [(a, want) for a, want in pairs if a["verdict"] != "ABSTAINED"]
    told = [(a, want) for a, want in pairs if want.accepted]
    hidden = [(a, want) for a, want in pairs if not want.accepted]
    right = np.array([is_right(a["answer"], want.accepted) for a, want in given], bool)
    confidence = np.array([a["confidence"] or 0.0 for a, _ in given])
    order = np.argsort(-confidence, kind="stable")
    risks = {
        f"{coverage:.0%}": _share(~right[order][: max(1, round(coverage * len(given)))])
        for coverage in COVERAGES
    }
    return {
        "answers": len(pairs),
        "without truth": len(answers) - len(pairs),
        "given": _share([a["verdict"] != "ABSTAINED" for a, _ in told]),
        "accuracy of those given": _share(right),
        "abstained where it can't be told": _share(
            [a["verdict"] == "ABSTAINED" for a, _ in hidden]
        ),
        "risk at coverage": risks,
    }


def _share(values: Any) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _find(answer: Record, expected: list[Expected]) -> Expected | None:
    for want in expected:
        same = _words(want.question) == _words(answer["question"])
        here = want.camera in ("", answer["camera"]) and want.stamp in (0, answer["stamp"])
        if same and here:
            return want
    return None


def is_right(text: str, accepted: tuple[str, ...]) -> bool:
    """Whether an answer holds one of the accepted words; yes and no must be its first word."""
    words = _words(text)
    joined = f" {' '.join(words)} "
    return any(
        words[:1] == [want] if want in ("yes", "no") else f" {want} " in joined for want in accepted
    )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
