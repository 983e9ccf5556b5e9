"""Whether the evidence bears out what a model answered freely.

Two checks, kept apart so that each one's worth can be measured: the same question answered by
reasoning over boxes, and a look for every thing that the answer names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlm_robot.answering import queries as q
from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.comparison import NEGATION, colours_in, colours_of, plain, says_the_same
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.answering.scene import PRESENT, Rule
from vlm_robot.types import Detections, Frame, Verdict

UNSEEN = 0.2
"""A thing that the answer names and that is less likely there than this contradicts it."""


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
    queries = reasoned.reading.queries if reasoned.reading is not None else ()
    query = queries[0] if len(queries) == 1 else None
    if reasoned.verdict is Verdict.ABSTAINED:
        return _mentions(text, frame, answerer)
    boxes = reasoned.detections.take(np.array(reasoned.evidence, np.int64))
    sure = reasoned.confidence
    if reasoned.verdict is Verdict.CONTRADICTED:
        if _takes_for_granted(text, reasoned.text, queries):
            # However faint the thing itself is, what is said of it is likelier false than that.
            return Verification(Rule.DISAGREES, min(1 - sure, UNSEEN), {}, boxes)
    elif query is not None:
        same = says_the_same(text, reasoned.text, query)
        if same is not None:
            rule = Rule.AGREES if same else Rule.DISAGREES
            if reasoned.verdict is not Verdict.SUPPORTED:
                rule = Rule.UNCHECKED
            return Verification(rule, sure if same else 1 - sure, {}, boxes)
    looked = _mentions(text, frame, answerer)
    if looked.rule is Rule.MENTIONS_SEEN and not _lists(query, text, reasoned.text, answerer):
        # That the things named are there doesn't make it the answer to what is asked of them.
        return replace(looked, rule=Rule.UNCHECKED)
    return looked


def _takes_for_granted(text: str, reasoned: str, queries: Sequence[q.Query]) -> bool:
    """Whether an answer goes along with a premise that reasoning finds false."""
    asked = set[str]().union(*(colours_of(query) for query in queries))
    one, two = (colours_in(plain(t)) - asked for t in (text, reasoned))
    return not NEGATION.search(plain(text)) and not one & two


def _lists(query: q.Query | None, text: str, reasoned: str, answerer: EvidenceAnswerer) -> bool:
    """Whether things are asked for, and an answer names none but those that reasoning does."""
    if not isinstance(query, (q.Everything, q.Which)) or query.noun.head:
        return False
    return set(answerer.named_in(text)) <= set(answerer.named_in(reasoned))


def _mentions(text: str, frame: Frame, answerer: EvidenceAnswerer) -> Verification:
    """Look for every thing that an answer without a negation names."""
    named: Sequence[str] = () if NEGATION.search(text.lower()) else answerer.named_in(text)
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
