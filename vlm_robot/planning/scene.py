"""A goal laid over measured paths: which of its limits they break, and the terms they earn."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.planning.descriptors import DESCRIPTORS, Measured
from vlm_robot.planning.feasibility import ROUNDING, Violations
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.landmarks import (
    RELATIONS,
    SeenLandmark,
    distances,
    is_seen,
    key,
    measure_relation,
)
from vlm_robot.planning.scoring import Term
from vlm_robot.types import HardLimit, LandmarkWish, Wish

Floats = NDArray[np.float64]

NO_WISH = "the goal asks for nothing that is measured"
DEFAULT_WISHES = (
    Wish("path_length", -1, 0.5, NO_WISH),
    Wish("min_clearance", +1, 0.25, NO_WISH),
    Wish("smoothness", -1, 0.25, NO_WISH),
)
"""What paths are ranked by where a goal asks for nothing; the evaluation says so."""


STANDS_IN = {"avoid": 1, "near": -1}
"""Relations for which room to all obstacles stands in where the landmark wasn't seen."""
UNSURE = 0.5
"""Certainty of what paths are ranked by where a goal asks for nothing."""


class Scene(NamedTuple):
    """The sound candidates, measured.

    Attributes:
        places: (N,) index of each among all candidates.
        seen: sightings by phrase.
        radius: what is taken off distances to landmarks, metres.
    """

    places: NDArray[np.int64]
    measured: Measured
    seen: dict[str, list[SeenLandmark]]
    radius: float

    def limited(self, limit: HardLimit) -> Floats | None:
        """(N,) the value that `limit` bounds; None where it can't be told."""
        if not limit.landmark:
            return self.measured.values.get(limit.name)
        things = self.seen.get(key(limit.landmark))
        if not things:
            return None
        sampled = self.measured.sampled
        away = np.maximum(distances(sampled.points, things) - self.radius, 0.0)
        return sampled.least(away) if limit.relation == ">=" else sampled.most(away)

    def related(self, wish: LandmarkWish) -> Floats:
        """(N,) how each path stands to a landmark that was seen."""
        return measure_relation(
            self.measured.sampled,
            wish,
            self.seen[key(wish.phrase)],
            self.seen.get(key(wish.other), ()),
            radius=self.radius,
        )


def mark_seen(read: Interpretation, seen: dict[str, list[SeenLandmark]]) -> Interpretation:
    """The interpretation with `seen` set on each landmark."""
    marked = tuple(replace(wish, seen=is_seen(wish, seen)) for wish in read.landmarks)
    return replace(read, landmarks=marked)


def broken_limits(scene: Scene, read: Interpretation, found: Violations) -> list[str]:
    """Add to `found` the goal's own limits that paths break; say which couldn't be checked."""
    notes = []
    for limit in read.limits:
        values = scene.limited(limit)
        if values is None:
            notes.append(_unchecked(limit))
            continue
        over = values - limit.value if limit.relation == "<=" else limit.value - values
        for place in np.flatnonzero(over > ROUNDING):
            found[scene.places[place]].append(_past(limit, float(values[place])))
    for wish in read.landmarks:
        if wish.relation == "never_cross" and wish.seen:
            crossed = scene.related(wish)
            for place in np.flatnonzero(crossed > 0):
                found[scene.places[place]].append(
                    f"crosses '{wish.phrase}' for {crossed[place]:.2f} m, never allowed"
                    f" ('{wish.source}')"
                )
    return notes


def _past(limit: HardLimit, value: float) -> str:
    what = f"distance to '{limit.landmark}'" if limit.landmark else limit.name
    unit = "" if limit.unit == "1" else f" {limit.unit}"
    bound = "at least" if limit.relation == ">=" else "at most"
    return (
        f"{what} is {value:.2f}{unit}, {bound} {limit.value:g}{unit} is wanted ('{limit.source}')"
    )


def _unchecked(limit: HardLimit) -> str:
    if limit.landmark:
        return f"The limit '{limit.source}' wasn't checked: '{limit.landmark}' wasn't seen."
    return f"The limit '{limit.source}' wasn't checked: there is no map."


def terms_of(
    scene: Scene, read: Interpretation, usable: NDArray[np.bool_]
) -> tuple[list[Term], float, list[str]]:
    """What the goal makes of the measures.

    Args:
        usable: (N,) which of the scene's paths are feasible.

    Returns:
        the terms, the share of what was asked that they measure (0..1), and sentences that
        say what is missing.
    """
    wishes, notes = read.wishes, []
    nothing = not any(weight > 0 for weight in read.weights())
    if nothing and not read.limits:
        wishes = DEFAULT_WISHES
        notes.append(f"Ranked by length, room and turns, as {NO_WISH}.")
    terms, asked, got, stands_in = [], 0.0, 0.0, 0.0
    for wish in wishes:
        asked += wish.weight
        values = scene.measured.values.get(wish.name)
        if values is None:
            notes.append(f"Without a map, {wish.name} was not measured.")
            continue
        got += wish.weight
        terms.append(_descriptor_term(wish, values, usable))
    for mark in read.landmarks:
        asked += mark.weight
        if not mark.seen:
            notes.append(_unseen(mark, scene))
            stands_in += STANDS_IN.get(mark.relation, 0) * mark.weight / 2
            continue
        got += mark.weight * max(thing.score for thing in scene.seen[key(mark.phrase)])
        if mark.relation != "never_cross":
            terms.append(_relation_term(mark, scene.related(mark)))
    terms += _stand_ins(scene, stands_in, {wish.name for wish in wishes}, usable)
    typical = asked / max(len(wishes) + len(read.landmarks), 1) or 1.0
    asked += typical * (
        len(read.not_understood) + sum(scene.limited(x) is None for x in read.limits)
    )
    certainty = read.certainty * (UNSURE if wishes is DEFAULT_WISHES else 1.0)
    return terms, (got / asked if asked > 0 else 1.0) * certainty, notes


def _stand_ins(
    scene: Scene, weight: float, wished: set[str], usable: NDArray[np.bool_]
) -> list[Term]:
    """Room to obstacles, at half the weight, for things to keep from that weren't seen."""
    direction = 1 if weight > 0 else -1
    return [
        _descriptor_term(Wish(name, direction, abs(weight), "unseen landmark"), values, usable)
        for name in ("min_clearance", "mean_clearance")
        if weight and name not in wished and (values := scene.measured.values.get(name)) is not None
    ]


def _descriptor_term(wish: Wish, values: Floats, usable: NDArray[np.bool_]) -> Term:
    descriptor = DESCRIPTORS[wish.name]
    values = np.minimum(values, descriptor.enough)
    best = float(np.abs((wish.direction * values[usable]).max(initial=-np.inf)))
    share = descriptor.noticeable_share * best if np.isfinite(best) else 0.0
    noticeable = max(descriptor.noticeable, share)
    return Term(wish.name, values, descriptor.unit, wish.direction, wish.weight, noticeable)


def _relation_term(wish: LandmarkWish, values: Floats) -> Term:
    relation = RELATIONS[wish.relation]
    name = f"{wish.relation}:{wish.phrase}" + (f"|{wish.other}" if wish.other else "")
    return Term(name, values, relation.unit, relation.direction, wish.weight, relation.noticeable)


def _unseen(wish: LandmarkWish, scene: Scene) -> str:
    named = dict.fromkeys(phrase for phrase in (wish.phrase, wish.other) if phrase)
    missing = [phrase for phrase in named if key(phrase) not in scene.seen]
    if not missing:
        return f"Only one '{wish.phrase}' was seen: going between them takes two."
    return " and ".join(f"'{phrase}'" for phrase in missing) + " was not seen."
