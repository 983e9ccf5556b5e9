"""From what a question asks and what a scene shows to a finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatchmethod

import numpy as np
from numpy.typing import NDArray
from scipy.special import binom

from vlm_robot.answering import queries as q
from vlm_robot.answering import wording as w
from vlm_robot.answering.colours import COLOURS
from vlm_robot.answering.parsing import IT
from vlm_robot.answering.queries import Noun, Predicate, Quality, Related
from vlm_robot.answering.relations import Floats, comes_before, quality_values
from vlm_robot.answering.scene import PRESENT, Candidates, CannotTellError, Rule, Scene

_FALSE_PREMISE = 0.2
"""Below this an attribute that the question takes for granted counts as contradicted."""
_CONSIDERED = 0.25
"""Things less likely meant than this part of the likeliest are left out of account."""
_MOST_LISTED = 8
_MOST_MISSED = 10


@dataclass(frozen=True)
class Finding:
    """What was found out about one query.

    `presence` and `truth` are kept apart so that each one's worth as a signal can be measured.

    Attributes:
        text: the finding in words, without 'yes' or 'no'.
        presence: probability that the things spoken of are there, or not there, as found.
        truth: probability of what is said of them, given that.
        evidence: the detections that it rests on.
        yes: the answer to a yes-or-no question; None for others.
        closed: the question names the possible answers.
        rule: a rule that decides the verdict whatever the confidence is.
        chance: probability of being right if the boxes are on other things than those spoken of.
    """

    text: str
    presence: float
    truth: float
    evidence: tuple[int, ...]
    yes: bool | None = None
    closed: bool = False
    rule: Rule | None = None
    chance: float = 0.0

    @property
    def confidence(self) -> float:
        """Probability that the finding is right: as `truth` says, or else by chance."""
        right = self.presence * self.truth + (1 - self.presence) * self.chance
        return float(np.clip(right, 0.0, 1.0))


class Reasoner:
    """Answers queries about one scene."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._options = scene.options

    def find(self, query: q.Query) -> Finding:
        """What the scene says to `query`.

        Raises:
            CannotTellError: nothing; the rule says why.
        """
        if any(noun.head == IT for noun in q.nouns_of(query)):
            raise CannotTellError(
                Rule.NOT_UNDERSTOOD, "I don't know what 'it' is: name the thing that you mean."
            )
        return self._find(query)

    @singledispatchmethod
    def _find(self, query: q.Query) -> Finding:
        raise CannotTellError(Rule.OUT_OF_REACH, f"I can't tell that from boxes. {w.CAN_BE_ASKED}")

    # Yes or no

    @_find.register
    def _exists(self, query: q.Exists) -> Finding:
        found = self._scene.candidates(query.noun, existence=True)
        if found.best >= PRESENT:
            seen = found.seen()
            text = self._mention(query.noun, found, seen)
            return Finding(f"I see {text}", found.best, 1.0, found.evidence(seen), yes=True)
        absent = 1 - max(found.best, self._scene.missed)
        return Finding(self._not_seen(query.noun, found), absent, 1.0, (), yes=False)

    @_find.register
    def _count_is(self, query: q.CountIs) -> Finding:
        found = self._scene.candidates(query.noun)
        distribution = self._count_distribution(found)
        numbers = np.arange(len(distribution))
        hits = {
            "=": numbers == query.number,
            ">=": numbers >= query.number,
            "<=": numbers <= query.number,
            ">": numbers > query.number,
            "<": numbers < query.number,
        }[query.bound]
        likely = float(distribution[hits].sum())
        text = f"I see {w.counted(len(found.seen()), query.noun)}"
        evidence = found.evidence(found.seen())
        return Finding(text, 1.0, max(likely, 1 - likely), evidence, yes=likely >= PRESENT)

    @_find.register
    def _more(self, query: q.More) -> Finding:
        first, second = (self._scene.candidates(n) for n in (query.first, query.second))
        likely = self._compare_counts(first, second)[query.sign]
        text = self._counted((query.first, query.second), (first, second))
        evidence = first.evidence(first.seen()) + second.evidence(second.seen())
        return Finding(text, 1.0, max(likely, 1 - likely), evidence, yes=likely >= PRESENT)

    @_find.register
    def _holds(self, query: q.Holds) -> Finding:
        if query.every:
            return self._holds_of_all(query)
        found = self._referents(query.noun)
        likely, evidence = 1.0, found.evidence(found.seen())
        for predicate in query.predicates:
            likely *= self._truth(found, predicate)
            evidence += self._rests_on(found, predicate)
        yes = likely >= PRESENT
        said = " and ".join(w.said(p) for p in query.predicates)
        text = f"the {w.named(query.noun)} is {'' if yes else 'not '}{said}"
        if not yes and isinstance(query.predicates[0], q.IsColour):
            colour = self._colour_word(found)
            plain = len(found.seen()) == 1 and colour != query.predicates[0].colour
            text += f" but {colour}" if plain else ""
        presence = self._scene.presumed(found.best)
        for predicate in query.predicates:
            presence *= self._scene.others_presumed(predicate)
        truth = max(likely, 1 - likely)
        return Finding(text, presence, truth, _once(evidence), yes=yes, chance=0.5)

    def _holds_of_all(self, query: q.Holds) -> Finding:
        """Each thing that is there is so: the product of 1 - p(there) · (1 - p(so))."""
        found = self._referents(query.noun)
        there = np.ones(len(found.indices))
        if found.best >= PRESENT:
            found = self._scene.candidates(query.noun)
            there = found.likely
        each, presence = np.ones(len(there)), self._scene.presumed(found.best)
        evidence = found.evidence(found.seen())
        for predicate in query.predicates:
            each *= self._held(predicate, found.indices)
            presence *= self._scene.others_presumed(predicate)
            evidence += self._rests_on(found, predicate)
        likely = float(np.prod(1 - there * (1 - each)))
        yes = likely >= PRESENT
        said = " and ".join(w.said(p) for p in query.predicates)
        text = f"{'' if yes else 'not '}all {w.named(query.noun, several=True)} are {said}"
        truth = max(likely, 1 - likely)
        return Finding(text, presence, truth, _once(evidence), yes=yes, chance=0.5)

    @_find.register
    def _order(self, query: q.Order) -> Finding:
        likely, first, second = self._before(query.first, query.second, query.quality)
        yes = likely >= PRESENT
        ahead, behind = (query.first, query.second) if yes else (query.second, query.first)
        text = f"the {w.named(ahead)} is {_comparative(query.quality)} than the {w.named(behind)}"
        evidence = _once(first.evidence(first.seen()[:1]) + second.evidence(second.seen()[:1]))
        presence = self._scene.presumed(first.best) * self._scene.presumed(second.best)
        truth = max(likely, 1 - likely)
        return Finding(text, presence, truth, evidence, yes=yes, chance=0.5)

    @_find.register
    def _both(self, query: q.Both) -> Finding:
        return self._joined(query.first, query.second, every=True)

    @_find.register
    def _either(self, query: q.Either) -> Finding:
        return self._joined(query.first, query.second, every=False)

    @_find.register
    def _not(self, query: q.Not) -> Finding:
        inner = self._find(query.inner)
        return replace(inner, yes=not inner.yes)

    # Open questions

    @_find.register
    def _count(self, query: q.Count) -> Finding:
        found = self._scene.candidates(query.noun)
        distribution = self._count_distribution(found)
        count = len(found.seen())
        text = f"I see {w.counted(count, query.noun)}"
        evidence = found.evidence(found.seen())
        return Finding(text, 1.0, float(distribution[count]), evidence)

    @_find.register
    def _colour_of(self, query: q.ColourOf) -> Finding:
        found = self._referents(query.noun)
        shares = self._colour_shares(found)
        first = int(shares.argmax())
        self._refuse_mixed(query.noun, found)
        text = f"the {w.named(query.noun)} is {COLOURS[first]}"
        evidence = found.evidence(found.seen())
        return Finding(text, self._scene.presumed(found.best), float(shares[first]), evidence)

    @_find.register
    def _where(self, query: q.Where) -> Finding:
        found = self._referents(query.noun)
        seen = found.seen()[:3]
        places = [self._place(int(found.indices[k])) for k in seen]
        name = w.named(query.noun)
        if len(seen) == 1:
            text = f"the {name} is {places[0]}"
        else:
            text = f"I see {w.counted(len(seen), query.noun)}: " + "; ".join(places)
        return Finding(text, float(found.likely[seen].min()), 1.0, found.evidence(seen))

    @_find.register
    def _distance(self, query: q.Distance) -> Finding:
        if query.other is not None:
            return self._apart(query.noun, query.other)
        several = self._referents(query.noun)
        nearest = query.noun
        if query.noun.quality is None and len(several.seen()) > 1:
            nearest = replace(query.noun, quality=Quality.NEAREST)
        found = self._referents(nearest)
        index = int(found.indices[found.likely.argmax()])
        distance = float(self._scene.places.distances[index])
        if not np.isfinite(distance):
            raise CannotTellError(Rule.NO_DEPTH, self._scene.why_no_depth(index), (index,))
        text = f"the {w.named(nearest)} is {w.metres(distance)} away"
        best = np.array([found.likely.argmax()])
        return Finding(text, self._scene.presumed(found.best), 1.0, found.evidence(best))

    @_find.register
    def _choice(self, query: q.Choice) -> Finding:
        found = self._referents(query.noun)
        truths = np.array([self._truth(found, option) for option in query.options])
        chosen = query.options[int(truths.argmax())]
        evidence = _once(found.evidence(found.seen()) + self._rests_on(found, chosen))
        name = f"the {w.named(query.noun)} is"
        presence = self._scene.presumed(found.best) * self._scene.others_presumed(chosen)
        if truths.max() < _FALSE_PREMISE:
            instead = "neither"
            if isinstance(chosen, q.IsColour):
                instead += f" but {self._colour_word(found)}"
            premise = Rule.PREMISE_CONTRADICTED
            return Finding(
                f"{name} {instead}", presence, 1 - float(truths.max()), evidence, rule=premise
            )
        truth = float(truths.max() / truths.sum())
        text, chance = f"{name} {w.said(chosen)}", 1 / len(truths)
        return Finding(text, presence, truth, evidence, closed=True, chance=chance)

    @_find.register
    def _kind(self, query: q.Kind) -> Finding:
        found = [self._scene.candidates(noun, existence=True) for noun in query.options]
        likely = np.array([f.best for f in found])
        chosen = int(likely.argmax())
        if likely[chosen] < PRESENT:
            names = w.listed([f"no {w.named(noun)}" for noun in query.options])
            raise CannotTellError(Rule.PREMISE_UNSEEN, f"I see {names}.")
        evidence = found[chosen].evidence(found[chosen].seen()[:1])
        truth = float(likely[chosen] / likely.sum())
        text = f"I see {w.a(w.named(query.options[chosen]))}"
        return Finding(text, float(likely[chosen]), truth, evidence, closed=True)

    @_find.register
    def _most(self, query: q.Most) -> Finding:
        first, second = (self._scene.candidates(n) for n in (query.first, query.second))
        likely = self._compare_counts(first, second)
        sign = max(likely, key=lambda s: likely[s])
        text = self._counted((query.first, query.second), (first, second))
        names = {1: query.first, -1: query.second}
        if sign:
            winner = names[sign * query.sign]
            more = "more" if query.sign > 0 else "fewer"
            text = f"there are {more} {w.named(winner, several=True)}: {text}"
        else:
            text = f"as many of both: {text}"
        evidence = first.evidence(first.seen()) + second.evidence(second.seen())
        return Finding(text, 1.0, likely[sign], evidence)

    @_find.register
    def _foremost(self, query: q.Foremost) -> Finding:
        likely, first, second = self._before(query.first, query.second, query.quality)
        ahead = query.first if likely >= PRESENT else query.second
        text = f"the {w.named(ahead)} is {_comparative(query.quality)}"
        evidence = _once(first.evidence(first.seen()[:1]) + second.evidence(second.seen()[:1]))
        presence = self._scene.presumed(first.best) * self._scene.presumed(second.best)
        truth = max(likely, 1 - likely)
        return Finding(text, presence, truth, evidence, closed=True, chance=0.5)

    @_find.register
    def _which(self, query: q.Which) -> Finding:
        found = self._referents(query.noun)
        best = found.seen()[:1] if query.noun.quality else found.seen()[:3]
        names = [self._scene.detections.phrase(int(found.indices[k])) for k in best]
        places = [self._place(int(found.indices[k])) for k in best]
        text = "; ".join(f"the {n} {p}" for n, p in zip(names, places, strict=True))
        presence = float(found.likely[best].min())
        return Finding(text, presence, 1.0, found.evidence(best))

    @_find.register
    def _everything(self, query: q.Everything) -> Finding:
        found = self._scene.candidates(query.noun)
        if found.unseen:
            raise CannotTellError(Rule.PREMISE_UNSEEN, f"I see no {found.unseen[0]}.")
        seen = found.seen()
        inside = [c for c in query.noun.conditions if _is_inside(c)]
        if not len(seen) and inside:
            raise CannotTellError(Rule.OUT_OF_REACH, "I can't see what is inside.")
        if not len(seen):
            text = f"I see no {w.named(query.noun)} that I know by name"
            return Finding(text, 1 - max(found.best, self._scene.missed), 1.0, ())
        labels = [self._scene.detections.phrase(int(found.indices[k])) for k in seen]
        listed = seen[:_MOST_LISTED]
        text = f"I see {w.inventory(labels[:_MOST_LISTED])}"
        if len(seen) > len(listed):
            text += f" and {len(seen) - len(listed)} more"
        return Finding(text, float(found.likely[listed].mean()), 1.0, found.evidence(listed))

    # What the above share

    def _referents(self, noun: Noun) -> Candidates:
        """What `noun` means, where the question takes it for granted.

        Raises:
            CannotTellError: it isn't seen, or it is seen and isn't as the question says.
        """
        found = self._scene.candidates(noun)
        if found.best >= PRESENT:
            meant = found.meant()
            return found.take(np.flatnonzero(meant >= _CONSIDERED * meant.max()))
        if found.best >= self._options.min_presumed and not noun.conditions:
            best = np.array([found.likely.argmax()])
            return replace(found.take(best), least=self._options.min_presumed)
        text = self._not_seen(noun, found) + "."
        strong = found.present >= PRESENT
        contradicted = strong.any() and found.best < _FALSE_PREMISE and not found.unseen
        if contradicted and noun.conditions and noun.head:
            strongest = int(np.argmax(found.present))
            sure = float(found.present[strongest] - found.best)
            rule = Rule.PREMISE_CONTRADICTED
            raise CannotTellError(rule, text, (int(found.indices[strongest]),), confidence=sure)
        if strong.any() and found.best > _FALSE_PREMISE:
            raise CannotTellError(
                Rule.TOO_CLOSE, f"I can't tell which {noun.head or 'thing'} it is."
            )
        raise CannotTellError(Rule.PREMISE_UNSEEN, text)

    def _not_seen(self, noun: Noun, found: Candidates) -> str:
        name = w.named(replace(noun, quality=None))
        if found.unseen:
            return f"I see no {found.unseen[0]}"
        strong = np.flatnonzero(found.present >= PRESENT)
        if not len(strong) or not noun.head or not noun.conditions:
            return f"I see no {name}"
        first = noun.conditions[0]
        text = (
            f"I see {w.a(noun.head)}, and it is {w.said(replace(first, negated=not first.negated))}"
        )
        if isinstance(first, q.IsColour) and not first.negated:
            best = int(strong[np.argmax(found.present[strong])])
            shares = self._scene.colours(int(found.indices[best]))
            text = f"I see {w.a(noun.head)}, and it is {COLOURS[int(shares.argmax())]}"
        return f"I see no {name}: {text}"

    def _mention(self, noun: Noun, found: Candidates, seen: NDArray[np.int64]) -> str:
        if noun.head:
            return w.a(w.named(noun)) if len(seen) == 1 else w.counted(len(seen), noun)
        labels = [self._scene.detections.phrase(int(found.indices[int(k)])) for k in seen]
        return w.inventory(labels[:_MOST_LISTED])

    def _truth(self, found: Candidates, predicate: Predicate) -> float:
        """Probability of `predicate`, over the things that may be meant, by their weight.

        Raises:
            CannotTellError: a thing that it names isn't seen.
        """
        seen = found.seen()
        holds = self._held(predicate, found.indices[seen])
        return float(np.average(holds, weights=found.meant()[seen]))

    def _held(self, predicate: Predicate, indices: NDArray[np.int64]) -> Floats:
        """(K,) probability that `predicate` holds of each at `indices`; raises as `_truth`."""
        holds, _, unseen = self._scene.holds(predicate, indices)
        if unseen:
            raise CannotTellError(Rule.PREMISE_UNSEEN, f"I see no {unseen[0]}.")
        return holds

    def _rests_on(self, found: Candidates, predicate: Predicate) -> tuple[int, ...]:
        if not isinstance(predicate, Related):
            return ()
        _, supports, _ = self._scene.holds(predicate, found.indices[found.seen()])
        return tuple(i for support in supports for i in support)

    def _colour_shares(self, found: Candidates) -> Floats:
        seen = found.seen()
        rows = [self._scene.colours(int(found.indices[k])) for k in seen]
        return np.asarray(np.average(rows, axis=0, weights=found.meant()[seen]), np.float64)

    def _refuse_mixed(self, noun: Noun, found: Candidates) -> None:
        """Don't give one colour for things of several."""
        rows = [self._scene.colours(int(found.indices[k])) for k in found.seen()]
        colours = [COLOURS[int(row.argmax())] for row in rows]
        if len(set(colours)) > 1:
            text = f"I see {w.counted(len(rows), noun)}, {w.listed(colours)}"
            raise CannotTellError(
                Rule.TOO_CLOSE, f"{text}: say which one you mean.", found.evidence(found.seen())
            )

    def _colour_word(self, found: Candidates) -> str:
        return COLOURS[int(self._colour_shares(found).argmax())]

    def _count_distribution(self, found: Candidates) -> Floats:
        """(K + 1 + misses,) probability of each number of things.

        The number seen is Poisson binomial. Beside k seen ones, with recall r and no prior on the
        number, m are missed with C(k + m, m) r^(k + 1) (1 - r)^m (negative binomial).
        """
        seen = np.ones(1)
        for likely in found.likely:
            seen = np.convolve(seen, [1 - likely, likely])
        total = np.zeros(len(seen) + _MOST_MISSED)
        missed, recall = np.arange(_MOST_MISSED + 1), self._options.recall
        for count, likely in enumerate(seen):
            # Negative binomial; scipy.stats has it, and takes half a second to import.
            ways = binom(missed + count, missed)
            extra = ways * recall ** (count + 1) * (1 - recall) ** missed
            total[count : count + _MOST_MISSED + 1] += likely * extra
        return total

    def _compare_counts(self, first: Candidates, second: Candidates) -> dict[int, float]:
        """Probabilities that there are more (1), as many (0), fewer (-1) of the first."""
        joint = np.outer(self._count_distribution(first), self._count_distribution(second))
        joint /= joint.sum()
        more = float(np.tril(joint, -1).sum())
        same = float(np.trace(joint))
        return {1: more, 0: same, -1: 1 - more - same}

    def _counted(self, nouns: Sequence[Noun], found: Sequence[Candidates]) -> str:
        counts = [len(f.seen()) for f in found]
        parts = [w.counted(c, n) for c, n in zip(counts, nouns, strict=True)]
        return f"I see {w.listed(parts)}"

    def _before(
        self, first: Noun, second: Noun, quality: Quality
    ) -> tuple[float, Candidates, Candidates]:
        """P(first comes before second), and what each means."""
        found = [self._referents(noun) for noun in (first, second)]
        best = np.array([int(f.indices[f.likely.argmax()]) for f in found])
        values, scale = quality_values(quality, self._scene.places.take(best))
        if not np.isfinite(values).all():
            index = int(best[~np.isfinite(values)][0])
            raise CannotTellError(Rule.NO_DEPTH, self._scene.why_no_depth(index), (index,))
        return float(comes_before(values, scale)[0, 1]), found[0], found[1]

    def _apart(self, noun: Noun, other: Noun) -> Finding:
        found = [self._referents(n) for n in (noun, other)]
        best = [int(f.indices[f.likely.argmax()]) for f in found]
        centers = self._scene.places.centers[best]
        for index, center in zip(best, centers, strict=True):
            if not np.isfinite(center).all():
                raise CannotTellError(Rule.NO_DEPTH, self._scene.why_no_depth(index), (index,))
        distance = float(np.linalg.norm(centers[0] - centers[1]))
        text = f"the {w.named(noun)} is {w.metres(distance)} from the {w.named(other)}"
        presence = self._scene.presumed(found[0].best) * self._scene.presumed(found[1].best)
        return Finding(text, presence, 1.0, tuple(best))

    def _place(self, index: int) -> str:
        """Where a detection is: in the image, in which direction, how far."""
        places = self._scene.places
        box, center = places.boxes[index], places.centers[index]
        parts = [f"{w.place_in_image(box, places.image_size)} of the image"]
        parts.append(w.bearing(box, center, self._scene.frame.intrinsics))
        if np.isfinite(center).all():
            parts.append(f"{w.metres(float(np.linalg.norm(center)))} away")
        return ", ".join(part for part in parts if part)

    def _joined(self, first: q.Proposition, second: q.Proposition, *, every: bool) -> Finding:
        """Both (`every`) or either of two claims; the claims' errors taken as independent."""
        parts = [self._find(first), self._find(second)]
        likely = [p.confidence if p.yes else 1 - p.confidence for p in parts]
        both = likely[0] * likely[1]
        joined = both if every else 1 - (1 - likely[0]) * (1 - likely[1])
        yes = joined >= PRESENT
        telling = [p for p in parts if p.yes == yes]
        shown = parts if yes == every or not telling else telling
        text = ", and ".join(p.text for p in shown)
        evidence = _once(tuple(i for p in shown for i in p.evidence))
        return Finding(text, 1.0, max(joined, 1 - joined), evidence, yes=yes)


def _once(evidence: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(evidence))


def _is_inside(condition: Predicate) -> bool:
    return isinstance(condition, Related) and condition.kind is q.RelationKind.IN


def _comparative(quality: Quality) -> str:
    return {
        Quality.NEAREST: "nearer",
        Quality.FARTHEST: "farther",
        Quality.LARGEST: "larger",
        Quality.SMALLEST: "smaller",
    }.get(quality, quality.value)
