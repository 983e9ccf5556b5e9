"""Answers reasoned from a detector's boxes, pixels and depth: the embedded default.

The confidence of an answer is presence x truth, and chance where the boxes are on other things.
Presence is the probability that the things spoken of are there: for a box,
logistic(slope · (logit(score) - logit(presence_score))), its odds raised by `presumed_prior` where
the question takes the thing for granted. Whether a thing is there at all is told by a fit of its
own, as a thing may be there whose best box is beside it; unseen things are there by that fit at
the least score, or by Bayes from the prior and the detector's recall. Truth is that of what
is said of them: the share of a colour among the object's pixels, the logistic of a relation's
margin, the Poisson binomial of a count.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vlm_robot.answering import queries as q
from vlm_robot.answering import wording as w
from vlm_robot.answering.answerer import AnswerOptions, CancelToken, TextEncoder
from vlm_robot.answering.colours import COLOURS
from vlm_robot.answering.confidence import fitted, signals
from vlm_robot.answering.parsing import IT, NUMBER_WORDS, NotUnderstoodError, plural, singular
from vlm_robot.answering.quality import measure
from vlm_robot.answering.reasoning import Finding, Reasoner
from vlm_robot.answering.scene import CannotTellError, Rule, Scene
from vlm_robot.answering.understanding import OtherLanguageError, Reading, Understanding
from vlm_robot.detection.detector import Detector, EncodedPrompts, Presence
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.types import Answer, Detections, Frame, InputError, Verdict

_ENCODED_KEPT = 64
_LOOSE_FACTOR = 0.85
"""Part of the confidence that is left where the question's meaning was a guess."""
_IMAGE_WORDS = frozenset(("picture", "image", "photo"))
_AMBIGUOUS = _IMAGE_WORDS | {"can", "glass", "orange"}
"""Labels that in most sentences are something else: the image, a verb, a material, a colour."""
_INDEFINITE = f"an?|another|one|some|\\d+|{'|'.join(NUMBER_WORDS)}"
_DEFINITE = "the|this|that|my|your|his|her|its|our|their|each|every|any"
_AFTER = (
    "is|are|was|were|and|or|but|in|on|at|by|with|to|from|near|next|behind|beside|under|above|below"
    "|between|left|right|standing|lying|sitting"
)
"""Words that may follow a noun; after an adjective or a part of a compound they can't stand."""

VERDICTS = {
    Rule.CLEAR_EVIDENCE: Verdict.SUPPORTED,
    Rule.WEAK_EVIDENCE: Verdict.UNVERIFIED,
    Rule.LOOSE_READING: Verdict.UNVERIFIED,
    Rule.PARTLY_ANSWERED: Verdict.UNVERIFIED,
    Rule.PREMISE_CONTRADICTED: Verdict.CONTRADICTED,
    Rule.PREMISE_UNSEEN: Verdict.ABSTAINED,
    Rule.NO_DEPTH: Verdict.ABSTAINED,
    Rule.POOR_IMAGE: Verdict.ABSTAINED,
    Rule.TOO_CLOSE: Verdict.ABSTAINED,
    Rule.NOT_UNDERSTOOD: Verdict.ABSTAINED,
    Rule.OTHER_LANGUAGE: Verdict.ABSTAINED,
    Rule.OUT_OF_REACH: Verdict.ABSTAINED,
    Rule.AGREES: Verdict.SUPPORTED,
    Rule.DISAGREES: Verdict.CONTRADICTED,
    Rule.OUTWEIGHED: Verdict.UNVERIFIED,
    Rule.MENTIONS_SEEN: Verdict.SUPPORTED,
    Rule.MENTIONS_UNSEEN: Verdict.CONTRADICTED,
    Rule.UNCHECKED: Verdict.UNVERIFIED,
    Rule.NO_OUTPUT: Verdict.ABSTAINED,
}


@dataclass(frozen=True)
class Conclusion:
    """An answer before it is put into the caller's terms.

    Attributes:
        rule: what decided the verdict.
        findings: of each query that could be answered, in the order of the question.
        evidence: indices into `detections`.
        reading: how the question was understood; None where it wasn't.
    """

    text: str
    rule: Rule
    confidence: float
    evidence: tuple[int, ...]
    detections: Detections
    findings: tuple[Finding, ...] = ()
    reading: Reading | None = None

    @property
    def verdict(self) -> Verdict:
        """What the rule makes of it."""
        return VERDICTS[self.rule]


class EvidenceAnswerer:
    """Understands a question, looks for what it names, and reasons over what it finds."""

    def __init__(self, detector: Detector, *, options: AnswerOptions, encoder: TextEncoder) -> None:
        self._detector = detector
        self._options = options
        self._understanding = Understanding(encoder, options.vocabulary)
        self._encoded: OrderedDict[tuple[str, ...], EncodedPrompts] = OrderedDict()

    @property
    def name(self) -> str:
        """'evidence' and the detector that it rests on."""
        return f"evidence ({self._detector.info.name})"

    def warm_up(self) -> None:
        """Load what the first question would wait for."""
        self._understanding.warm_up()

    def answer(
        self,
        question: str,
        observation_frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer `question` from the frame; the text comes in one piece.

        Raises:
            InputError: the question is empty or too long, or there is no frame.
            AnswerCancelled, DeadlineExceeded: through `cancel`.
        """
        found = self.conclude(question, observation_frame, cancel=cancel)
        if on_text is not None:
            on_text(found.text)
        return Answer(
            camera=observation_frame.camera,
            stamp=observation_frame.stamp,
            frame_id=observation_frame.frame_id,
            question=question,
            text=found.text,
            verdict=found.verdict,
            confidence=found.confidence,
            evidence=found.detections.take(np.array(found.evidence, np.int64)),
            model=self.name,
        )

    def conclude(self, question: str, frame: Frame, *, cancel: CancelToken) -> Conclusion:
        """As `answer`, with the rule, the reading and each finding's signals.

        Raises:
            As `answer`.
        """
        cancel.check()
        check_question(question, frame, self._options.max_question_length)
        try:
            reading = self._understanding.read(question)
        except OtherLanguageError as error:
            text = f"I only understand English, and {error}. {w.CAN_BE_ASKED}"
            return _abstain(Rule.OTHER_LANGUAGE, text)
        except NotUnderstoodError:
            return _abstain(
                Rule.NOT_UNDERSTOOD, f"I don't understand the question. {w.CAN_BE_ASKED}"
            )
        fault = measure(frame.image).fault
        if fault:
            return _abstain(Rule.POOR_IMAGE, f"I can't tell: {fault}.", reading)
        cancel.check()
        scene = self._look(frame, reading)
        cancel.check()
        return self._reason(scene, reading)

    def seen(self, frame: Frame, phrases: Sequence[str]) -> Scene:
        """Look for `phrases` in the frame."""
        return self._scene(frame, tuple(dict.fromkeys(phrases)))

    def named_in(self, text: str) -> tuple[str, ...]:
        """Labels of the vocabulary that `text` names, in one word or more, singular or plural."""
        words = re.findall(r"[a-z]+", text.lower())
        ones = [*words, *map(singular, words)]
        pairs = [f"{a} {singular(b)}" for a, b in pairwise(words)]
        found = {*ones, *pairs} & set(self._options.vocabulary)
        found = {n for n in found if n not in _AMBIGUOUS or _is_thing(n, text.lower())}
        return tuple(sorted(n for n in found if not any(n != m and n in m.split() for m in found)))

    def _look(self, frame: Frame, reading: Reading) -> Scene:
        return self._scene(frame, _phrases(reading.queries, self._options.vocabulary))

    def _scene(self, frame: Frame, phrases: tuple[str, ...]) -> Scene:
        if not phrases:
            found = Detections.none()
        else:
            encoded = self._encode(phrases)
            (found,) = self._detector.detect([frame.image], encoded, self._options.detection)
        presence, existence = self._fits()
        return Scene(
            frame,
            found,
            self._options,
            self._understanding.serves,
            presence=presence,
            existence=existence,
        )

    def _fits(self) -> tuple[Presence, Presence | None]:
        """Of presence and of existence: what the options say, or else the detector."""
        if self._options.presence_score is not None:
            return Presence(self._options.presence_score, self._options.presence_slope), None
        info = self._detector.info
        even = Presence(float(np.clip(info.threshold, 0.01, 0.99)))
        return info.presence or even, info.existence

    def _encode(self, phrases: tuple[str, ...]) -> EncodedPrompts:
        if phrases not in self._encoded:
            prompts = prompt_set(phrases, threshold=self._options.floor_score)
            self._encoded[phrases] = self._detector.encode(prompts)
        self._encoded.move_to_end(phrases)
        while len(self._encoded) > _ENCODED_KEPT:
            self._encoded.popitem(last=False)
        return self._encoded[phrases]

    def _reason(self, scene: Scene, reading: Reading) -> Conclusion:
        parts = [self._part(scene, query, reading) for query in reading.queries]
        detections = scene.detections
        text = " ".join(part[0] for part in parts)
        if reading.note and any(part[3] for part in parts):
            text = f"{text} ({reading.note})"
        answered = [part[3] for part in parts if part[3] is not None]
        confidence = float(np.prod([part[4] for part in parts if part[4]] or [0.0]))
        if reading.loose:
            confidence *= _LOOSE_FACTOR
        evidence = tuple(dict.fromkeys(i for part in parts for i in part[2]))
        rule = _joint_rule([part[1] for part in parts])
        return Conclusion(text, rule, confidence, evidence, detections, tuple(answered), reading)

    def _part(
        self, scene: Scene, query: q.Query, reading: Reading
    ) -> tuple[str, Rule, tuple[int, ...], Finding | None, float]:
        """Text, rule, evidence, finding and confidence for one of the question's queries."""
        try:
            found = Reasoner(scene).find(query)
        except CannotTellError as error:
            return str(error), error.rule, error.evidence, None, error.confidence
        sure = self._sure(query, found, scene.detections)
        rule = self._rule(found, reading, sure)
        if rule is Rule.TOO_CLOSE:
            return f"I can't tell for sure; it may be that {found.text}.", rule, (), None, 0.0
        lead = "" if found.yes is None else "Yes: " if found.yes else "No: "
        text = found.text if lead or found.text.startswith("I ") else _capital(found.text)
        return f"{lead}{text}.", rule, found.evidence, found, sure

    def _sure(self, query: q.Query, found: Finding, detections: Detections) -> float:
        weights = self._detector.info.answers
        if weights is None or self._options.presence_score is not None:
            return found.confidence
        return fitted(weights, signals(query, found, detections))

    def _rule(self, found: Finding, reading: Reading, sure: float) -> Rule:
        if found.rule is not None:
            return found.rule
        closed = found.yes is not None or found.closed
        least = self._options.min_confidence if closed else self._options.min_open_confidence
        if sure < least:
            return Rule.TOO_CLOSE
        if reading.loose or any(n.purpose for query in reading.queries for n in q.nouns_of(query)):
            return Rule.LOOSE_READING
        if sure < self._options.supported_confidence:
            return Rule.WEAK_EVIDENCE
        return Rule.CLEAR_EVIDENCE


def check_question(question: str, frame: Frame | None, longest: int) -> None:
    """Refuse what can't be asked.

    Raises:
        InputError: there is no frame, or the question is empty or longer than `longest`.
    """
    if frame is None:
        raise InputError("there is no frame to look at: wait for the camera's first image")
    if not question.strip():
        raise InputError("the question is empty: ask something about what the camera sees")
    if len(question) > longest:
        raise InputError(
            f"the question has {len(question)} characters: {longest} are the most; ask in one line"
        )


def _is_thing(label: str, text: str) -> bool:
    """Whether `text` speaks of a thing by an ambiguous label: in the plural, or with an article."""
    articles = _INDEFINITE if label in _IMAGE_WORDS else f"{_INDEFINITE}|{_DEFINITE}"
    one = (
        rf"(?:{articles}) (?:(?:{'|'.join(COLOURS)}) )?{label}(?=\W*$|\s*[,.;:!?]| (?:{_AFTER})\b)"
    )
    return re.search(rf"\b(?:{plural(label)}\b|{one})", text) is not None


def _phrases(queries: tuple[q.Query, ...], vocabulary: tuple[str, ...]) -> tuple[str, ...]:
    """What to look for: every thing named, and the vocabulary where one is not."""
    nouns = [noun for query in queries for noun in q.nouns_of(query)]
    named = [noun.head for noun in nouns if noun.head and noun.head != IT]
    if any(not noun.head for noun in nouns):
        named += vocabulary
    return tuple(dict.fromkeys(named))


def _joint_rule(rules: list[Rule]) -> Rule:
    """The rule for a question of several parts: the weakest part's, unless only some failed."""
    order = (Verdict.ABSTAINED, Verdict.CONTRADICTED, Verdict.UNVERIFIED, Verdict.SUPPORTED)
    weakest = min(rules, key=lambda rule: order.index(VERDICTS[rule]))
    failed = [VERDICTS[rule] is Verdict.ABSTAINED for rule in rules]
    return Rule.PARTLY_ANSWERED if any(failed) and not all(failed) else weakest


def _abstain(rule: Rule, text: str, reading: Reading | None = None) -> Conclusion:
    return Conclusion(text, rule, 0.0, (), Detections.none(), (), reading)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
