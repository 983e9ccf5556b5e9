"""How well goals in words pick the better of two paths: `make bench-paths`.

300 pairs of paths (test/planning/data) and goals with the descriptors that they ask for. A pair
is labelled for a goal by PathEval's rule: of the descriptors asked for, those that differ
noticeably must all prefer the same path. Accuracy is the mean over goals of each goal's share of
pairs in which the evaluator ranks the labelled path first.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray

from vlm_robot.planning.clearance import PolygonField
from vlm_robot.planning.descriptors import PATHEVAL, Mode
from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.goals.interpreter import GoalInterpreter, Interpretation
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.types import InputError, PathCandidate

GOALS = Path(__file__).with_name("bench_goals.yaml")
DATA = Path(__file__).parents[2] / "test" / "planning" / "data"
DIFFERS = dict(zip(PATHEVAL, (0.8, 0.8, 0.8, 50.0, 90.0, 1.0, 30.0), strict=True))
"""The least difference in a descriptor that makes one path the better, by PathEval."""
METRICS = {
    "min_clearance": "Minimum clearance",
    "max_clearance": "Maximum clearance",
    "mean_clearance": "Average clearance",
    "path_length": "Path length",
    "smoothness": "Smoothness",
    "sharp_turns": "Sharp turns",
    "max_turn_angle": "Maximum angle",
}


class Goal(NamedTuple):
    """A goal of the benchmark; `asks` has the direction of each descriptor asked for."""

    text: str
    kind: str
    asks: dict[str, int]
    against_habit: bool


class Pair(NamedTuple):
    """Two paths in a map, and what the second has more than the first of each descriptor."""

    field: PolygonField
    paths: tuple[PathCandidate, PathCandidate]
    excess: dict[str, float]


class Result(NamedTuple):
    """What a goal came to.

    Attributes:
        accuracy, smoother, shorter: share of its labelled pairs that the evaluator, and the rules
            'always smoother' and 'always shorter', get right.
        read: what the interpreter made of it.
    """

    goal: Goal
    pairs: int
    accuracy: float
    smoother: float
    shorter: float
    read: Interpretation


def read_goals(path: Path = GOALS) -> list[Goal]:
    """Read goals: a list of `goal`, `asks` (descriptor with + or -), `kind`, `against_habit`."""
    rows: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    goals = []
    for row in rows:
        asks = {ask[:-1]: {"+": 1, "-": -1}[ask[-1]] for ask in row["asks"]}
        if not set(asks) <= set(PATHEVAL):
            raise InputError(f"goal '{row['goal']}' asks for {sorted(asks)}: use {PATHEVAL}")
        goals.append(
            Goal(row["goal"], row.get("kind", ""), asks, bool(row.get("against_habit", False)))
        )
    return goals


def read_pairs(folder: Path = DATA) -> list[Pair]:
    """Read the path pairs and their maps.

    Raises:
        InputError: the files aren't there; they come with the sources, not with the package.
    """
    try:
        maps = json.loads(gzip.decompress((folder / "patheval_maps.json.gz").read_bytes()))
        lines = gzip.decompress((folder / "patheval_pairs.jsonl.gz").read_bytes()).splitlines()
    except OSError as error:
        raise InputError(
            f"no path pairs in {folder}: run from a checkout, or name their folder with --data"
        ) from error
    fields = {name: PolygonField(polygons) for name, polygons in maps.items()}
    return [_pair(json.loads(line), fields) for line in lines]


def _pair(record: Mapping[str, Any], fields: Mapping[str, PolygonField]) -> Pair:
    first, second = record["path1"], record["path2"]
    excess = {
        name: second["metrics"][metric] - first["metrics"][metric]
        for name, metric in METRICS.items()
    }
    paths = (_candidate(first["points"]), _candidate(second["points"]))
    return Pair(fields[record["env"]], paths, excess)


def _candidate(points: Sequence[Sequence[float]]) -> PathCandidate:
    poses = np.zeros((len(points), 3))
    poses[:, :2] = points
    return PathCandidate("map", poses)


def label(asks: Mapping[str, int], excess: Mapping[str, float]) -> int:
    """Index of the better path by the label rule; -1 where the pair is left out."""
    votes = {
        direction * excess[name] > 0
        for name, direction in asks.items()
        if abs(excess[name]) >= DIFFERS[name]
    }
    return int(votes.pop()) if len(votes) == 1 else -1


def run(
    goals: Sequence[Goal],
    pairs: Sequence[Pair],
    interpreter: GoalInterpreter,
    *,
    mode: Mode = Mode.VERTICES,
) -> list[Result]:
    """Evaluate every labelled pair of every goal."""
    limits = RobotLimits(radius=0.0)
    evaluator = PathEvaluator(limits=limits, interpreter=interpreter, mode=mode)
    results = []
    for goal in goals:
        labels = np.array([label(goal.asks, pair.excess) for pair in pairs])
        chosen = [
            evaluator.evaluate(goal.text, pair.paths, grid=None, field=pair.field).best_index
            for pair, answer in zip(pairs, labels, strict=True)
            if answer >= 0
        ]
        known = labels[labels >= 0]
        results.append(
            Result(
                goal,
                len(known),
                float(np.mean(np.array(chosen) == known)),
                _always("smoothness", pairs, labels),
                _always("path_length", pairs, labels),
                interpreter.interpret(goal.text),
            )
        )
    return results


def _always(name: str, pairs: Sequence[Pair], labels: NDArray[np.int64]) -> float:
    less = np.array([pair.excess[name] < 0 for pair in pairs])
    return float(np.mean((less == labels)[labels >= 0]))


def directions(results: Sequence[Result]) -> dict[str, tuple[float, float]]:
    """For each of the seven descriptors, over all goals: how often its direction is right.

    Returns:
        the share of the goals that ask for it in which the direction read is the right one, and
        the share of all goals in which more, less or not asked for is told right.
    """
    told = {}
    for name in PATHEVAL:
        asked = np.array([result.goal.asks.get(name, 0) for result in results])
        read = np.array(
            [
                next((wish.direction for wish in result.read.wishes if wish.name == name), 0)
                for result in results
            ]
        )
        wanted = asked != 0
        share = float((read == asked)[wanted].mean()) if wanted.any() else float("nan")
        told[name] = share, float((read == asked).mean())
    return told


def table(results: Sequence[Result]) -> str:
    """The figures in Markdown."""
    groups = {
        "all goals": list(results),
        "against habit": [result for result in results if result.goal.against_habit],
        "with habit": [result for result in results if not result.goal.against_habit],
    }
    groups |= {
        f"kind: {kind}": [result for result in results if result.goal.kind == kind]
        for kind in dict.fromkeys(result.goal.kind for result in results)
    }
    lines = [
        "| goals | number | pairs | accuracy | always smoother | always shorter |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, group in groups.items():
        if group:
            means = np.mean([[r.accuracy, r.smoother, r.shorter] for r in group], axis=0)
            pairs = sum(result.pairs for result in group)
            told = " | ".join(f"{mean:.3f}" for mean in means)
            lines.append(f"| {name} | {len(group)} | {pairs} | {told} |")
    lines += [
        "",
        "| descriptor | right where asked | right over all goals |",
        "| --- | --- | --- |",
    ]
    for name, (asked, overall) in directions(results).items():
        lines.append(f"| {name} | {asked:.3f} | {overall:.3f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the figures, and with --goals-shown each goal's."""
    parser = argparse.ArgumentParser(description="Benchmark goals in words on pairs of paths.")
    parser.add_argument("--goals", type=Path, default=GOALS, help="YAML list of goals")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the pairs")
    parser.add_argument("--each", action="store_true", help="show every goal")
    arguments = parser.parse_args()
    pairs = read_pairs(arguments.data)
    results = run(read_goals(arguments.goals), pairs, EmbeddedInterpreter())
    if arguments.each:
        for result in sorted(results, key=lambda result: result.accuracy):
            wishes = ", ".join(
                f"{'+-'[wish.direction < 0]}{wish.name} {wish.weight:.2f}"
                for wish in result.read.wishes
            )
            print(f"{result.accuracy:.3f} {result.goal.text} [{wishes}]")
        print()
    print(table(results))


if __name__ == "__main__":
    main()
