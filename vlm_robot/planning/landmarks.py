"""Things in the scene that a goal names: how far along a path, and on which side of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from vlm_robot.planning.paths import Paths
from vlm_robot.types import InputError, LandmarkWish

Floats = NDArray[np.float64]


class SeenLandmark(NamedTuple):
    """A thing that the cameras found.

    Attributes:
        phrase: what was looked for.
        position: its middle x, y, z, metres, in the paths' frame.
        size: its extent along x, y, z of that frame, metres.
        score: of the detection, 0..1.
        age_s: since it was seen, seconds.
        outline: corners x, y of what lies flat on the floor, metres; empty: its box.
    """

    phrase: str
    position: tuple[float, float, float]
    size: tuple[float, float, float] = (0.0, 0.0, 0.0)
    score: float = 1.0
    age_s: float = 0.0
    outline: tuple[tuple[float, float], ...] = ()


class Relation(NamedTuple):
    """What is measured for a relation to a landmark.

    Attributes:
        unit: of the value.
        direction: +1 where more serves the wish, -1 where less.
        noticeable: the least difference that counts in full, in `unit`.
        phrases: how many landmarks it takes.
        better, worse: how the explanation says that a path serves the wish more or less.
    """

    unit: str
    direction: int
    noticeable: float
    phrases: int
    better: str
    worse: str


RELATIONS: dict[str, Relation] = {
    "near": Relation("m", -1, 0.5, 1, "passes nearer to {}", "passes further from {}"),
    "avoid": Relation("m", +1, 0.5, 1, "keeps further from {}", "comes closer to {}"),
    "left_of": Relation("deg", +1, 60.0, 1, "passes {} on its left", "doesn't pass {} on its left"),
    "right_of": Relation(
        "deg", -1, 60.0, 1, "passes {} on its right", "doesn't pass {} on its right"
    ),
    "towards": Relation("m", -1, 0.5, 1, "ends nearer to {}", "ends further from {}"),
    "between": Relation("m", -1, 0.5, 2, "goes between {}", "doesn't go between {}"),
    "never_cross": Relation("m", -1, 0.1, 1, "keeps off {}", "crosses {}"),
}
AVOID_CAP = 3.0
"""Metres: a landmark further away than this is avoided well enough."""


def checked(landmarks: Sequence[SeenLandmark]) -> dict[str, list[SeenLandmark]]:
    """Gather sightings by phrase, in an order that doesn't depend on theirs.

    Raises:
        InputError: a position isn't finite, or a size is negative.
    """
    seen: dict[str, list[SeenLandmark]] = {}
    for landmark in sorted(landmarks, key=lambda thing: (thing.phrase, thing.position, thing.size)):
        if not np.isfinite(landmark.position).all():
            raise InputError(
                f"landmark '{landmark.phrase}' is at {landmark.position}: leave out what has no 3D"
            )
        if not (np.isfinite(landmark.size).all() and min(landmark.size) >= 0):
            raise InputError(f"landmark '{landmark.phrase}' has the size {landmark.size} m")
        seen.setdefault(key(landmark.phrase), []).append(landmark)
    return seen


def is_seen(wish: LandmarkWish, seen: Mapping[str, Sequence[SeenLandmark]]) -> bool:
    """Whether all that `wish` names was seen: two things where it goes between two of a kind."""
    phrases = [key(phrase) for phrase in (wish.phrase, wish.other) if phrase]
    places = {phrase: {thing.position for thing in seen.get(phrase, ())} for phrase in phrases}
    return all(len(places[phrase]) >= phrases.count(phrase) for phrase in phrases)


def key(phrase: str) -> str:
    """What two spellings of a phrase have in common."""
    return " ".join(phrase.casefold().split())


def distances(points: Floats, landmarks: Sequence[SeenLandmark]) -> Floats:
    """(P,) metres from each of `points` to the nearest landmark in the plane, 0 inside it."""
    least = np.full(len(points), np.inf)
    for thing in landmarks:
        if thing.outline:
            away = shapely.distance(shapely.Polygon(thing.outline), shapely.points(points))
            least = np.minimum(least, away)
            continue
        across = np.abs(points[:, 0] - thing.position[0]) - thing.size[0] / 2
        along = np.abs(points[:, 1] - thing.position[1]) - thing.size[1] / 2
        least = np.minimum(least, np.hypot(np.maximum(across, 0.0), np.maximum(along, 0.0)))
    return least


def measure_relation(
    paths: Paths,
    wish: LandmarkWish,
    landmarks: Sequence[SeenLandmark],
    others: Sequence[SeenLandmark] = (),
    *,
    radius: float = 0.0,
) -> Floats:
    """(N,) how each path stands to the landmark, in `RELATIONS[wish.relation].unit`.

    near, avoid: the least distance, less the robot's `radius`; avoid is capped at 3 m.
    towards: the distance of the path's last point.
    left_of, right_of: how far the path turns clockwise around the landmark, seen from above;
        clockwise leaves it on the right hand.
    between: the distance of the path from the gap, 0 for a path that goes through it.
    never_cross: metres of the path over the landmark.

    Args:
        paths: sampled along their length.
        landmarks: sightings of `wish.phrase`, at least one.
        others: sightings of `wish.other`, at least one for `between` that isn't the only one of
            `landmarks`.
    """
    if wish.relation in ("left_of", "right_of"):
        return _clockwise(paths, landmarks)
    if wish.relation == "between":
        return _gap(paths, landmarks, others)
    away = np.maximum(distances(paths.points, landmarks) - radius, 0.0)
    if wish.relation == "towards":
        ends: Floats = away[paths.starts[1:] - 1]
        return ends
    if wish.relation == "never_cross":
        return _crossing(paths, away)
    least = paths.least(away)
    return np.minimum(least, AVOID_CAP) if wish.relation == "avoid" else least


def _crossing(paths: Paths, away: Floats) -> Floats:
    step = np.diff(paths.points, axis=0)
    length = np.append(np.where(paths.inner, np.hypot(step[:, 0], step[:, 1]), 0.0), 0.0)
    on = away <= 0.0
    return paths.total(length * on) + paths.most(on.astype(np.float64)) * 1e-3


def _clockwise(paths: Paths, landmarks: Sequence[SeenLandmark]) -> Floats:
    """(N,) degrees, at most 180, that a path turns clockwise around its nearest landmark."""
    swept = np.stack([_sweep(paths, thing) for thing in landmarks])
    nearest = np.stack([paths.least(distances(paths.points, [thing])) for thing in landmarks])
    chosen = nearest.argmin(axis=0)
    clockwise: Floats = np.clip(swept[chosen, np.arange(paths.number)], -180.0, 180.0)
    return clockwise


def _sweep(paths: Paths, thing: SeenLandmark) -> Floats:
    seen = paths.points - np.array(thing.position[:2])
    here, there = seen[:-1], seen[1:]
    cross = here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0]
    angle = np.arctan2(cross, (here * there).sum(axis=1))
    return -np.degrees(paths.total(np.append(np.where(paths.inner, angle, 0.0), 0.0)))


def _gap(paths: Paths, landmarks: Sequence[SeenLandmark], others: Sequence[SeenLandmark]) -> Floats:
    """(N,) metres from the middle of the nearest gap; 0 where the path crosses it."""
    gaps = [(one, two) for one in landmarks for two in others if one != two]
    least: Floats = np.min([_one_gap(paths, one, two) for one, two in gaps], axis=0)
    return least


def _one_gap(paths: Paths, one: SeenLandmark, two: SeenLandmark) -> Floats:
    start, end = np.array(one.position[:2]), np.array(two.position[:2])
    along = end - start
    reach = float(np.hypot(*along))
    away = np.hypot(*(paths.points - (start + end) / 2).T)
    if reach == 0.0:
        return paths.least(away)
    unit = along / reach
    relative = paths.points - start
    side = unit[0] * relative[:, 1] - unit[1] * relative[:, 0]
    ahead = relative @ unit
    here, there = side[:-1], side[1:]
    crosses = (here <= 0) != (there <= 0)
    share = np.where(crosses, here / np.where(crosses, here - there, 1.0), 0.0)
    place = ahead[:-1] + share * (ahead[1:] - ahead[:-1])
    through = np.append(crosses & paths.inner & (place > 0) & (place < reach), False)
    passed = paths.most(through.astype(np.float64)) > 0
    return np.where(passed, 0.0, paths.least(away))
