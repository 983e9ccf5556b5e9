"""What one frame shows of the things that a question names, each with its probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vlm_robot.answering.answerer import AnswerOptions
from vlm_robot.answering.colours import COLOURS, colour_probabilities
from vlm_robot.answering.queries import IsColour, Noun, Predicate, Related, RelationKind
from vlm_robot.answering.relations import (
    Floats,
    Places,
    between,
    comes_before,
    in_image,
    log_odds,
    logistic,
    overlap,
    quality_values,
    related,
)
from vlm_robot.detection.detector import Presence
from vlm_robot.geometry.depth import boxes_from_depth
from vlm_robot.types import Detections, Frame

PRESENT = 0.5
LEAST_SCORE = 1e-4
"""Scores nearer to 0 or 1 say no more of presence."""
_SURE = 0.9
"""From this probability on a thing is spoken of as seen."""
_WEAKEST = 6e-4
"""Boxes less likely than this aren't weighed at all."""
_SAME_BOX = 0.6
"""IoU from which two labels are taken for names of one thing."""


class Rule(StrEnum):
    """Why a verdict is what it is."""

    CLEAR_EVIDENCE = "the boxes, pixels and depth say so clearly"
    WEAK_EVIDENCE = "the evidence is thin"
    LOOSE_READING = "the question was read loosely"
    PARTLY_ANSWERED = "only a part of the question could be answered"
    PREMISE_CONTRADICTED = "what the question takes for granted isn't so"
    PREMISE_UNSEEN = "what the question takes for granted isn't seen"
    NO_DEPTH = "it takes depth, and there is none"
    POOR_IMAGE = "the image shows too little"
    TOO_CLOSE = "the evidence is undecided"
    NOT_UNDERSTOOD = "the question was not understood"
    OTHER_LANGUAGE = "the question is in another language"
    OUT_OF_REACH = "boxes, pixels and depth can't answer it"
    AGREES = "reasoning over boxes gives the same answer"
    DISAGREES = "reasoning over boxes gives another answer"
    OUTWEIGHED = "reasoning over boxes gives another answer, and is less sure"
    MENTIONS_SEEN = "everything that the answer names is seen"
    MENTIONS_UNSEEN = "the answer names what isn't seen"
    UNCHECKED = "nothing in the answer could be checked"
    NO_OUTPUT = "the model gave no answer"


class CannotTellError(Exception):
    """The frame doesn't tell; `rule` and the text say why."""

    def __init__(
        self, rule: Rule, text: str, evidence: tuple[int, ...] = (), *, confidence: float = 0.0
    ) -> None:
        super().__init__(text)
        self.rule = rule
        self.evidence = evidence
        self.confidence = confidence


@dataclass(frozen=True)
class Candidates:
    """Detections that a noun may mean.

    Attributes:
        indices: (K,) into the scene's detections.
        likely: (K,) probability that each is there and is what the noun says.
        present: (K,) probability that it is there, whatever else the noun says of it.
        supports: the detections that each one's relations rest on.
        unseen: related things that aren't seen.
        least: probability from which one counts as seen.
    """

    indices: NDArray[np.int64]
    likely: Floats
    present: Floats
    supports: tuple[tuple[int, ...], ...]
    unseen: tuple[str, ...] = ()
    least: float = PRESENT

    @property
    def best(self) -> float:
        """The highest probability; 0 where there is no candidate."""
        return float(self.likely.max(initial=0.0))

    def take(self, which: NDArray[np.int64]) -> Candidates:
        """Those at positions `which`."""
        supports = tuple(self.supports[k] for k in which)
        rows = (self.indices[which], self.likely[which], self.present[which])
        return Candidates(*rows, supports, self.unseen, self.least)

    def meant(self) -> Floats:
        """(K,) probability that each is the one meant, if one is: the odds that it is there.

        With independent presences, P(i is there and no other) is in proportion to p / (1 - p).
        Of things that are surely there, one is meant as likely as another.
        """
        likely = np.clip(self.likely, 0.0, _SURE)
        odds = likely / (1 - likely)
        return np.asarray(odds / max(odds.sum(), 1e-12), np.float64)

    def seen(self) -> NDArray[np.int64]:
        """Positions of those that are likely enough, best first."""
        order = np.argsort(-self.likely, kind="stable")
        return np.asarray(order[self.likely[order] >= self.least], np.int64)

    def evidence(self, positions: NDArray[np.int64]) -> tuple[int, ...]:
        """Detections at `positions`, then those that their relations rest on."""
        own = [int(self.indices[k]) for k in positions]
        others = [s for k in positions for s in self.supports[k]]
        return tuple(dict.fromkeys([*own, *others]))


class Scene:
    """The detections of one frame, and what can be measured of them."""

    def __init__(
        self,
        frame: Frame,
        detections: Detections,
        options: AnswerOptions,
        serves: Callable[[str], tuple[str, ...]],
        *,
        presence: Presence,
        existence: Presence | None = None,
    ) -> None:
        """Args:
        serves: labels of the vocabulary that serve a purpose.
        presence: how scores become probabilities that boxes are right.
        existence: how they become probabilities that things are there; None: as `presence`.
        """
        self.frame = frame
        self.detections = detections
        self.options = options
        self._serves = serves
        self._colours: dict[int, Floats] = {}
        scores = detections.scores.astype(np.float64)
        self.present = probabilities(scores, presence)
        self.there = probabilities(scores, existence or presence)
        self._existence = existence

    @cached_property
    def places(self) -> Places:
        """Boxes and, where there is depth, places of all detections."""
        spatial = boxes_from_depth(self.frame, self.detections.boxes)
        boxes = self.detections.boxes.astype(np.float64)
        return Places(boxes, spatial.centers, spatial.sizes, self.frame.size)

    def colours(self, index: int) -> Floats:
        """(11,) probability of each colour for detection `index`."""
        if index not in self._colours:
            self._colours[index] = colour_probabilities(self.frame, self.detections.boxes[index])
        return self._colours[index]

    @cached_property
    def missed(self) -> float:
        """P(a thing is there, yet has no box)."""
        if self._existence is not None:
            return float(probabilities(np.array([self.options.floor_score]), self._existence)[0])
        missed = self.options.prior * (1 - self.options.recall)
        return missed / (missed + 1 - self.options.prior)

    def candidates(self, noun: Noun, *, existence: bool = False) -> Candidates:
        """Detections that may be `noun`, with every condition in it weighed.

        Args:
            existence: whether it is asked if there is one at all, not which it is.

        Raises:
            CannotTellError: the vocabulary is empty, or depth is needed and missing.
        """
        indices = self._named(noun)
        likely = (self.there if existence else self.present)[indices].copy()
        present = likely.copy()
        supports: list[tuple[int, ...]] = [()] * len(indices)
        unseen: list[str] = []
        for condition in noun.conditions:
            holds, rests_on, missing = self._holds(condition, indices, chosen=False)
            likely *= holds * self.others_presumed(condition)
            unseen += missing
            supports = [(*a, *b) for a, b in zip(supports, rests_on, strict=True)]
        if noun.quality is not None and len(indices):
            likely = self._foremost(noun, indices, likely)
        return Candidates(indices, likely, present, tuple(supports), tuple(unseen))

    def holds(
        self, predicate: Predicate, indices: NDArray[np.int64]
    ) -> tuple[Floats, list[tuple[int, ...]], list[str]]:
        """How likely `predicate` holds of each detection at `indices`, if what it names is there.

        Returns:
            (K,) probabilities; the other detections that each rests on; related things not seen.

        Raises:
            CannotTellError: depth is needed and none of them has any.
        """
        return self._holds(predicate, indices, chosen=True)

    def _holds(
        self, predicate: Predicate, indices: NDArray[np.int64], *, chosen: bool
    ) -> tuple[Floats, list[tuple[int, ...]], list[str]]:
        """As `holds`. Not `chosen`: of the detections those count that are there themselves."""
        nothing: list[tuple[int, ...]] = [()] * len(indices)
        if isinstance(predicate, IsColour):
            colour = COLOURS.index(predicate.colour)
            likely = np.array([self.colours(int(i))[colour] for i in indices], np.float64)
            return (1 - likely if predicate.negated else likely), nothing, []
        if not predicate.others:
            likely = in_image(predicate.kind, self.places.take(indices))
            return (1 - likely if predicate.negated else likely), nothing, []
        likely, supports, unseen = self._related(predicate, indices, chosen=chosen)
        return (1 - likely if predicate.negated else likely), supports, unseen

    def presumed(self, likely: float) -> float:
        """Probability that a thing is there once a question takes it for granted.

        Bayes with the odds that a definite noun has, in place of the even ones of `present`.
        """
        odds = self.options.presumed_prior / (1 - self.options.presumed_prior)
        return likely * odds / (likely * odds + 1 - likely)

    def others_presumed(self, predicate: Predicate) -> float:
        """Probability that all things that `predicate` names are there: it takes them for granted.

        Raises:
            CannotTellError: as `candidates`.
        """
        others = predicate.others if isinstance(predicate, Related) else ()
        return float(np.prod([self.presumed(self.candidates(noun).best) for noun in others]))

    def _named(self, noun: Noun) -> NDArray[np.int64]:
        """Detections of the noun's name, or of any label where it names none."""
        phrases = self.detections.phrases
        if noun.head:
            at = [phrases.index(noun.head)] if noun.head in phrases else []
            return self._labelled(at)
        if not self.options.vocabulary:
            raise CannotTellError(
                Rule.OUT_OF_REACH,
                "I have no list of things to look for: name one, or set the answer vocabulary.",
            )
        labels = self._serves(noun.purpose) if noun.purpose else self.options.vocabulary
        if not labels:
            raise CannotTellError(
                Rule.OUT_OF_REACH, f"I know nothing by name that one could {noun.purpose}."
            )
        every = self._labelled([phrases.index(v) for v in self.options.vocabulary if v in phrases])
        own = self._one_name_each(every)
        wanted = [phrases.index(label) for label in labels if label in phrases]
        return own[np.isin(self.detections.labels[own], wanted)]

    def _labelled(self, labels: list[int]) -> NDArray[np.int64]:
        weighed = np.isin(self.detections.labels, labels) & (self.present >= _WEAKEST)
        return np.flatnonzero(weighed)

    def _one_name_each(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of boxes that cover one another under several labels, the best one."""
        order = indices[np.argsort(-self.detections.scores[indices], kind="stable")]
        boxes = self.detections.boxes[order].astype(np.float64)
        same = overlap(boxes, boxes) > _SAME_BOX
        kept: list[int] = []
        for k in range(len(order)):
            if not same[k, kept].any():
                kept.append(k)
        return order[kept]

    def _related(
        self, predicate: Related, indices: NDArray[np.int64], *, chosen: bool
    ) -> tuple[Floats, list[tuple[int, ...]], list[str]]:
        groups = [self.candidates(noun) for noun in predicate.others]
        names = [str(noun) for noun in predicate.others]
        least = self.options.min_presumed
        unseen = [n for n, g in zip(names, groups, strict=True) if g.best < least]
        none: list[tuple[int, ...]] = [()] * len(indices)
        if not len(indices) or any(not len(g.indices) for g in groups):
            return np.zeros(len(indices)), none, unseen
        things = self.places.take(indices)
        others = [self.places.take(g.indices) for g in groups]
        weights = [g.likely / max(g.best, 1e-9) for g in groups]
        if predicate.kind is RelationKind.BETWEEN:
            likely = between(things, others[0], others[-1])
            likely = likely * np.minimum.outer(weights[0], weights[-1])
            flat = likely.reshape(len(indices), -1)
        else:
            flat = related(predicate.kind, things, others[0]) * weights[0]
            self._need_depth(flat, indices, chosen=chosen)
            likely = flat
        best = np.nanargmax(np.nan_to_num(flat), axis=1)
        values = np.nan_to_num(flat[np.arange(len(indices)), best])
        shape = tuple(len(g.indices) for g in groups)
        picks = [np.unravel_index(b, shape) for b in best]
        supports = [
            tuple(
                int(i)
                for p, g in zip(pick, groups, strict=True)
                for i in (g.indices[p], *g.supports[int(p)])
            )
            for pick in picks
        ]
        return values, supports, unseen

    def _need_depth(self, likely: Floats, indices: NDArray[np.int64], *, chosen: bool) -> None:
        # What a question takes for granted was chosen as it is, however faint it looks.
        weighed = (self.present[indices] >= PRESENT) | chosen
        if weighed.any() and np.isnan(likely[weighed]).all():
            raise CannotTellError(Rule.NO_DEPTH, self.why_no_depth(int(indices[weighed.argmax()])))

    def why_no_depth(self, index: int) -> str:
        """Why detection `index` has no place in space."""
        reasons = boxes_from_depth(self.frame, self.detections.boxes[[index]]).reasons
        return f"That takes depth: {reasons[0] or 'it was not measured there'}."

    def _foremost(self, noun: Noun, indices: NDArray[np.int64], likely: Floats) -> Floats:
        """(K,) that each is there and none that is there comes before it.

        P(i is the foremost) = p_i · Π_j (1 - p_j · P(j before i)), presences independent.
        """
        assert noun.quality is not None
        values, scale = quality_values(noun.quality, self.places.take(indices))
        known = np.isfinite(values)
        strong = likely >= PRESENT
        if strong.any() and not known[strong].any():
            raise CannotTellError(Rule.NO_DEPTH, self.why_no_depth(int(indices[strong.argmax()])))
        before = np.nan_to_num(comes_before(np.where(known, values, np.nan), scale), nan=0.5)
        np.fill_diagonal(before, 0.0)
        alone = (1 - likely[:, None] * before).prod(axis=0)
        return np.asarray(np.where(known, likely * alone, 0.0), np.float64)


def probabilities(scores: Floats, fit: Presence) -> Floats:
    """(N,) what a fit makes of scores (N,)."""
    even = np.log(fit.even / (1 - fit.even))
    return logistic(fit.slope * (log_odds(scores, least=LEAST_SCORE) - even))
