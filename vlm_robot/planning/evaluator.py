"""Candidate paths scored against a goal: feasibility first, every term shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vlm_robot.planning import feasibility
from vlm_robot.planning.clearance import ClearanceField, GridField
from vlm_robot.planning.descriptors import DEFAULT_SPACING, Mode, measure
from vlm_robot.planning.explanation import VISUAL_JUDGE, Ranking, explain
from vlm_robot.planning.goals.explicit import check_landmarks, check_limits, check_wishes
from vlm_robot.planning.goals.interpreter import GoalInterpreter, Interpretation, Remembering
from vlm_robot.planning.landmarks import SeenLandmark, checked
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.paths import join
from vlm_robot.planning.scene import Scene, broken_limits, mark_seen, terms_of
from vlm_robot.planning.scoring import Term, scores, shares
from vlm_robot.types import (
    Criterion,
    HardLimit,
    InputError,
    OccupancyGrid,
    PathCandidate,
    PathScore,
    PlanEvaluation,
    Wish,
)

Floats = NDArray[np.float64]
Judge = Callable[[Sequence[int]], tuple[Sequence[float], float] | None]
"""From the indices of feasible paths to a score (0..1) of each and the weight of that opinion;
None for no opinion."""

INFEASIBLE = -1.0
"""Total of a path that isn't feasible: below that of any that is."""
JUDGED_NOTICEABLE = 0.3
"""Difference of two paths' probability to be the best, in the judge's eyes, that counts in full."""
TIE = 1e-9
"""Totals nearer than this are alike."""
CLEAR_MARGIN = 0.15
"""Margin of the best total at which the confidence has made two thirds of its way to 1."""


class PathEvaluator:
    """Scores paths. One object serves one robot; calls don't depend on each other.

    Guarantees:
        - A path that isn't feasible has the total -1 and is never best; totals of feasible ones
          are in 0..1.
        - The order of the candidates changes nothing but the indices.
        - Paths that aren't feasible change nothing for the others.
        - A path that is worse than every other one by ten noticeable differences or more, in
          every term, doesn't change the order of the others.
    """

    def __init__(
        self, *, limits: RobotLimits, interpreter: GoalInterpreter, mode: Mode = Mode.ROBOT
    ) -> None:
        self.limits = limits
        self.interpreter = interpreter
        self.mode = mode
        self._interpret = Remembering(interpreter).interpret
        self._grid: tuple[OccupancyGrid, GridField] | None = None

    def landmark_phrases(self, goal: str) -> tuple[str, ...]:
        """What has to be looked for in the cameras before `evaluate`."""
        return self._interpret(goal).phrases() if goal.strip() else ()

    def evaluate(
        self,
        goal: str,
        candidates: Sequence[PathCandidate],
        *,
        grid: OccupancyGrid | None,
        landmarks: Sequence[SeenLandmark] = (),
        wishes: Sequence[Wish] = (),
        hard_limits: Sequence[HardLimit] = (),
        stamp: int = 0,
        field: ClearanceField | None = None,
        judge: Judge | None = None,
    ) -> PlanEvaluation:
        """Score every candidate against the goal.

        Args:
            goal: in words; may be empty where `wishes` or `hard_limits` are given.
            candidates: all in one frame.
            grid: obstacles in that frame; None: what needs them is left out, and said.
            landmarks: what was found of `landmark_phrases(goal)`, in that frame.
            wishes: of the caller; they take the place of those of the same name in the goal.
            hard_limits: of the caller; they add to the goal's.
            stamp: of the candidates, nanoseconds.
            field: obstacles in another form, in place of `grid`.
            judge: asked for its opinion of the feasible paths, which becomes one more term.

        Raises:
            InputError: there is no candidate, frames differ, the costmap is too old, or a wish,
                limit, landmark or the goal can't be used.
        """
        frame_id = _one_frame(candidates)
        read = self._read(goal, wishes, hard_limits)
        obstacles = field if field is not None else self._field(grid, stamp)
        if obstacles is not None and obstacles.frame_id != frame_id:
            raise InputError(
                f"paths are in '{frame_id}', the costmap in '{obstacles.frame_id}':"
                " transform the paths into the costmap's frame"
            )
        found = feasibility.unsound(candidates)
        seen = checked(landmarks)
        read, notes = mark_seen(read, seen), list(read.notes)
        scene = self._scene(candidates, found, obstacles, seen)
        notes += broken_limits(scene, read, found) if scene is not None else []
        terms: list[Term] = []
        evidence = 0.0
        if scene is not None:
            usable = np.array([not names for names in found])[scene.places]
            terms, evidence, said = terms_of(scene, read, usable)
            notes += said
            terms += _judged(scene, usable, judge) if judge is not None and goal.strip() else []
        ranking = _rank(scene, terms, found)
        return PlanEvaluation(
            stamp=stamp,
            frame_id=frame_id,
            goal=goal,
            best_index=ranking.best,
            worst_index=ranking.worst,
            confidence=_confidence(ranking, evidence),
            paths=ranking.paths,
            explanation=explain(ranking, terms, read, notes),
            wishes=read.wishes,
            limits=read.limits,
            landmarks=read.landmarks,
            not_understood=read.not_understood,
            interpreter=read.interpreter,
        )

    def _read(
        self, goal: str, wishes: Sequence[Wish], hard_limits: Sequence[HardLimit]
    ) -> Interpretation:
        check_wishes(wishes)
        check_limits(hard_limits)
        if goal.strip() or not (wishes or hard_limits):
            read = self._interpret(goal)
        else:
            read = Interpretation(interpreter="explicit")
        check_landmarks(read.landmarks)
        told = {wish.name for wish in wishes}
        kept = tuple(wish for wish in read.wishes if wish.name not in told)
        told_limits = read.limits + tuple(hard_limits)
        return _bounded(replace(read, wishes=kept + tuple(wishes), limits=told_limits))

    def _field(self, grid: OccupancyGrid | None, stamp: int) -> GridField | None:
        """The grid's distance transform, kept as long as the same grid comes."""
        if grid is None:
            return None
        age = (stamp - grid.stamp) / 1e9
        if age > self.limits.maximum_costmap_age:
            raise InputError(
                f"the costmap is {age:.1f} s older than the paths: check that its publisher runs,"
                f" or allow more than {self.limits.maximum_costmap_age:g} s"
            )
        if self._grid is None or self._grid[0] is not grid:
            self._grid = grid, GridField(grid, occupied_from=self.limits.occupied_from)
        return self._grid[1]

    def _scene(
        self,
        candidates: Sequence[PathCandidate],
        found: feasibility.Violations,
        field: ClearanceField | None,
        seen: dict[str, list[SeenLandmark]],
    ) -> Scene | None:
        """Measure the sound candidates and add to `found` what they break; None: none is sound."""
        index = np.array([i for i, names in enumerate(found) if not names], dtype=np.int64)
        if not len(index):
            return None
        paths = join([candidates[i] for i in index])
        spacing = field.resolution if field is not None else DEFAULT_SPACING
        early = feasibility.unmeasurable(paths, spacing, self.limits)
        if any(early):
            for place, broken in zip(index, early, strict=True):
                found[place].extend(broken)
            return self._scene(candidates, found, field, seen)
        measured = measure(paths, field, limits=self.limits, mode=self.mode)
        names = feasibility.violations(paths, measured, field, limits=self.limits)
        for place, broken in zip(index, names, strict=True):
            found[place].extend(broken)
        return Scene(index, measured, seen, self.limits.inner_radius)


def _judged(scene: Scene, usable: NDArray[np.bool_], judge: Judge) -> list[Term]:
    """The judge's opinion of the feasible paths as a term; none where it has none."""
    opinion = judge([int(index) for index in scene.places[usable]])
    if opinion is None or not opinion[1] > 0:
        return []
    raw = np.zeros(len(scene.places))
    raw[usable] = np.nan_to_num(np.asarray(opinion[0], dtype=np.float64)).clip(0.0, 1.0)
    return [Term(VISUAL_JUDGE, raw, "1", 1, min(opinion[1], 1.0), JUDGED_NOTICEABLE)]


def _one_frame(candidates: Sequence[PathCandidate]) -> str:
    if not candidates:
        raise InputError("there is no candidate path: send at least one")
    frames = list(dict.fromkeys(candidate.frame_id for candidate in candidates))
    if len(frames) > 1:
        raise InputError(
            f"candidates are in {len(frames)} frames ({', '.join(frames[:3])}):"
            " transform them into one"
        )
    return frames[0]


def _bounded(read: Interpretation) -> Interpretation:
    """Weights scaled so that the largest is at most 1: huge ones would overflow sums."""
    most = max(read.weights(), default=0.0)
    if most <= 1.0:
        return read
    return replace(
        read,
        wishes=tuple(replace(wish, weight=wish.weight / most) for wish in read.wishes),
        landmarks=tuple(replace(wish, weight=wish.weight / most) for wish in read.landmarks),
    )


def _rank(scene: Scene | None, terms: Sequence[Term], found: feasibility.Violations) -> Ranking:
    """Score the feasible paths among themselves."""
    count = len(found)
    weights = shares(np.array([term.weight for term in terms], dtype=np.float64))
    totals = np.full(count, INFEASIBLE)
    single: dict[int, list[Criterion]] = {index: [] for index in range(count)}
    feasible = np.array([index for index, names in enumerate(found) if not names], dtype=np.int64)
    if scene is not None:
        usable = np.isin(scene.places, feasible)
        totals[feasible] = 0.0 if len(terms) else 0.5
        for term, weight in zip(terms, weights, strict=True):
            own = np.zeros(len(scene.places))
            if usable.any():
                own[usable] = scores(term.direction * term.raw[usable], term.noticeable)
            totals[scene.places[usable]] += weight * own[usable]
            for place, raw, score in zip(scene.places, term.raw, own, strict=True):
                criterion = Criterion(term.name, float(raw), term.unit, float(weight), float(score))
                single[int(place)].append(criterion)
    order = _order(scene, totals, feasible)
    paths = tuple(
        PathScore(i, float(totals[i]), not found[i], tuple(found[i]), tuple(single[i]))
        for i in range(count)
    )
    return Ranking(paths, tuple(order))


def _order(scene: Scene | None, totals: Floats, feasible: NDArray[np.int64]) -> list[int]:
    """Feasible paths, best first; ties go to the shorter, then by the poses, never by index."""
    if scene is None or not len(feasible):
        return []
    place = {int(index): spot for spot, index in enumerate(scene.places)}
    length = scene.measured.values["path_length"]
    starts, points = scene.measured.sampled.starts, scene.measured.sampled.points

    def key(index: int) -> tuple[float, float, bytes]:
        spot = place[index]
        body = points[starts[spot] : starts[spot + 1]].tobytes()
        return -round(totals[index] / TIE) * TIE, round(float(length[spot]), 9), body

    return sorted((int(index) for index in feasible), key=key)


def _confidence(ranking: Ranking, evidence: float) -> float:
    """How sure it is that the best is best, 0..1.

    `evidence` (the share of what was asked that was measured) times a certainty that starts at
    one over the number of feasible paths for a tie and nears 1 with the margin.
    """
    if not ranking.order:
        return 0.0
    if len(ranking.order) == 1:
        return float(np.clip(evidence, 0.0, 1.0))
    chance = 1.0 / len(ranking.order)
    margin = max(ranking.total(0) - ranking.total(1), 0.0)
    certainty = chance + (1 - chance) * -math.expm1(-margin / CLEAR_MARGIN)
    return float(np.clip(evidence * certainty, 0.0, 1.0))
