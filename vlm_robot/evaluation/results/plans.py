"""Plan evaluations of a replay against the paths that are best in truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from vlm_robot.evaluation.results.folder import read_json
from vlm_robot.replay.records import Record
from vlm_robot.types import InputError


class BestPath(NamedTuple):
    """The truth of one set of candidate paths.

    Attributes:
        goal: that it holds for.
        feasible: of each path; empty where that isn't known.
    """

    stamp: int
    goal: str
    best_index: int
    feasible: tuple[bool, ...]


def read_best_paths(path: Path) -> list[BestPath]:
    """Read {'sets': [{stamp, goal, best_index, paths: [{feasible}]}]}.

    Raises:
        InputError: the file isn't that.
    """
    try:
        return [
            BestPath(
                int(one["stamp"]),
                str(one["goal"]),
                int(one["best_index"]),
                tuple(bool(p["feasible"]) for p in one.get("paths", ())),
            )
            for one in read_json(path, {"sets"})["sets"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: each set must have stamp, goal and best_index ({error!r})"
        ) from error


def plan_figures(plans: list[Record], truth: list[BestPath]) -> dict[str, Any]:
    """How often the best path came first, and whether feasibility was judged right.

    Raises:
        InputError: no evaluation is of a set of the truth.
    """
    known = {(best.stamp, best.goal): best for best in truth}
    pairs = [
        (plan, known[plan["stamp"], plan["goal"]])
        for plan in plans
        if (plan["stamp"], plan["goal"]) in known
    ]
    if not pairs:
        raise InputError(
            f"none of the {len(plans)} plan evaluations has stamp and goal of a set of the truth"
        )
    judged = [
        (path["feasible"], true)
        for plan, best in pairs
        for path, true in zip(plan["paths"], best.feasible, strict=False)
    ]
    first = [
        best.feasible[p["best_index"]]
        for p, best in pairs
        if best.feasible and p["best_index"] >= 0
    ]
    return {
        "sets": len(pairs),
        "without truth": len(plans) - len(pairs),
        "best path first": sum(p["best_index"] == b.best_index for p, b in pairs) / len(pairs),
        "feasibility judged right": sum(a == b for a, b in judged) / len(judged)
        if judged
        else None,
        "infeasible path first": sum(not ok for ok in first),
    }
