"""Whether the evidence bears out what a model answered freely.

Two checks, kept apart so that each one's worth can be measured: the same question answered by
reasoning over boxes, and a look for every thing that the answer names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.colours import COLOURS
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.parsing import NUMBER_WORDS
from vlm_robot.answering.scene import PRESENT, Rule
from vlm_robot.types import Detections, Frame, Verdict

UNSEEN = 0.2
"""A thing that the answer names and that is less likely there than this contradicts it."""
_NEGATION = re.compile(r"\b(?:no|not|none|nothing|without|neither|never|isn't|aren't|don't)\b")


@dataclass(frozen=True)
class Verification:
    """What the checks say.

    Attributes:
        rule: which of them decided.
        agreement: probability, by reasoning over boxes, that the answer is right; None: unknown.
        mentions: probability that each thing that the answer names is there.
        evidence: boxes of what it rests on.
    """

    rule: Rule
    agreement: float | None
    mentions: dict[str, float]
    evidence: Detections


def verify(
    question: str, text: str, frame: Frame, answerer: EvidenceAnswerer, *, cancel: CancelToken
) -> Verification:
    """Check the free answer `text` to `question` against what is seen in the frame.

    Raises:
        AnswerCancelled, DeadlineExceeded: through `cancel`.
    """
    reasoned = answerer.conclude(question, frame, cancel=cancel)
    if reasoned.verdict in (Verdict.SUPPORTED, Verdict.UNVERIFIED):
        same = says_the_same(text, reasoned.text)
        if same is not None:
            sure = reasoned.confidence
            rule = Rule.AGREES if same else Rule.DISAGREES
            if reasoned.verdict is not Verdict.SUPPORTED:
                rule = Rule.UNCHECKED
            boxes = reasoned.detections.take(np.array(reasoned.evidence, np.int64))
            return Verification(rule, sure if same else 1 - sure, {}, boxes)
    return _mentions(text, frame, answerer)


def says_the_same(first: str, second: str) -> bool | None:
    """Whether two answers agree in what can be compared: yes or no, colours, numbers.

    None where they have nothing of one kind.
    """
    for values in (_yes_or_no, _colours, _numbers):
        one, two = values(first), values(second)
        if one and two:
            return bool(one & two)
    return None


def _yes_or_no(text: str) -> set[str]:
    said = re.match(r"\W*(yes|no)\b", text.lower())
    return {said[1]} if said else set()


def _colours(text: str) -> set[str]:
    words = re.findall(r"[a-z]+", text.lower().replace("gray", "grey"))
    return set(COLOURS) & {
        w for w, before in zip(words, ["", *words], strict=False) if before != "not"
    }


def _numbers(text: str) -> set[int]:
    words = re.findall(r"\d+(?![\d.]*\d)|[a-z]+", text.lower())
    named = {NUMBER_WORDS.index(w) for w in words if w in NUMBER_WORDS}
    return named | {int(w) for w in words if w.isdigit()} | ({0} if "no" in words else set())


def _mentions(text: str, frame: Frame, answerer: EvidenceAnswerer) -> Verification:
    """Look for every thing that an answer without a negation names."""
    named: Sequence[str] = () if _NEGATION.search(text.lower()) else answerer.named_in(text)
    if not named:
        return Verification(Rule.UNCHECKED, None, {}, Detections.none())
    scene = answerer.seen(frame, named)
    labels = scene.detections.labels
    best = {n: float(scene.present[labels == i].max(initial=0.0)) for i, n in enumerate(named)}
    rule = Rule.UNCHECKED
    if min(best.values()) < UNSEEN:
        rule = Rule.MENTIONS_UNSEEN
    elif min(best.values()) >= PRESENT:
        rule = Rule.MENTIONS_SEEN
    return Verification(rule, None, best, scene.detections.take(scene.present >= PRESENT))
