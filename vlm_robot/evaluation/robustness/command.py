"""`vlm-robot evaluate robustness`: a replay's skills while image and words change."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from vlm_robot.evaluation.detections.corruptions import STRENGTHS
from vlm_robot.evaluation.results.answers import read_questions
from vlm_robot.evaluation.results.evaluate import flat
from vlm_robot.evaluation.results.folder import read_results
from vlm_robot.evaluation.results.plans import BestPath, read_best_paths
from vlm_robot.evaluation.results.section import section, with_section
from vlm_robot.evaluation.results.truth import Truth, read_truth
from vlm_robot.evaluation.robustness.attack import Target, attack
from vlm_robot.evaluation.robustness.conditions import Skill, grid
from vlm_robot.evaluation.robustness.detection import Detection
from vlm_robot.evaluation.robustness.figures import markdown, rows_of, summary
from vlm_robot.evaluation.robustness.material import Material, read_material, settings_of
from vlm_robot.evaluation.robustness.plots import figure_class, plot
from vlm_robot.evaluation.robustness.questions import existence, there_and_absent
from vlm_robot.evaluation.robustness.skills import Answers, Asked, Judged, Plans
from vlm_robot.evaluation.robustness.text_changes import default_goals
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.perception import Perception
from vlm_robot.replay.bag import BagError
from vlm_robot.replay.output import REPORT
from vlm_robot.types import InputError

NAME = "robustness"
SKILLS = ("detection", "answers", "plans")
EXIT_CODES = (
    "exit codes: 0 measured; 1 a figure is below --least-relative or above --most-flips;"
    " 2 results, bag, truth or model can't be used"
)
_TARGETS_A_FRAME = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("results", type=Path, help="folder that `vlm-robot replay` wrote: its bag and settings")
    add("--bag", type=Path, help="where the bag is now; default: where the replay read it")
    add("--truth", type=Path, help="boxes in COCO's format; without, the clean boxes are taken")
    add("--questions", type=Path, help="YAML list of {ask, answer, camera, stamp}; default: is"
        " there …, of what the truth has")  # fmt: skip
    add("--plans", type=Path, help="JSON: sets of {stamp, goal, best_index, paths}")
    add("--goal", action="append", default=[], help="besides the bag's own; repeatable")
    add("--prompts", nargs="+", metavar="PHRASE", help="default: the truth's, or the replay's")
    add("--threshold", type=float, help="least score of a detection; default: the replay's")
    add("--skills", nargs="+", choices=SKILLS, default=SKILLS)
    add("--strengths", nargs="+", type=int, choices=STRENGTHS, default=STRENGTHS)
    add("--frames", type=int, default=24, help="of all cameras, evenly spread; default 24")
    add("--seed", type=int, default=0)
    add("--least-relative", type=float, default=0.0, help="mean relative AP50, else exit code 1")
    add("--most-flips", type=float, default=1.0, help="of plans reworded, else exit code 1")


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and write into the folder and its report."""
    try:
        content = _measured(arguments)
    except (InputError, BagError, ModelError) as error:
        print(f"vlm-robot evaluate robustness: {error}", file=sys.stderr)
        return 2
    _write(arguments.results, content)
    _print(content)
    return int(_fails(content, arguments))


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.frames < 1:
        raise InputError(f"--frames is {arguments.frames}: it must be 1 or more")
    figure_class()  # told before what takes minutes, not after
    results = read_results(arguments.results)
    truth = read_truth(arguments.truth) if arguments.truth else None
    settings = settings_of(results)
    if arguments.threshold is not None:
        settings = settings.changed({"threshold": arguments.threshold, "prompt_thresholds": ()})
    bag = arguments.bag or Path(results.run["bag"])
    material = read_material(results, bag, frames=arguments.frames)
    perception = Perception.load(settings).anew(material.transforms)
    phrases = arguments.prompts or (_shown(truth, material) if truth else results.phrases)
    detection = Detection(perception, material, phrases, truth)
    content: dict[str, Any] = {
        "detector": perception.detector.info.name,
        "bag": str(bag),
        "frames": len(material.frames),
        "path sets": len(material.path_sets),
        "seed": arguments.seed,
        "threshold": detection.threshold,
        "phrases": list(phrases),
        "skills": {},
    }
    for skill in _skills(arguments, perception, material, detection, truth):
        content["skills"][skill.name] = _grid(skill, arguments)
    if "detection" in arguments.skills:
        targets = _targets(detection.truth, material, phrases, arguments.seed)
        content["attack"] = attack(
            perception, material, targets, threshold=detection.threshold, seed=arguments.seed
        )
    return content


def _shown(truth: Truth, material: Material) -> list[str]:
    """The truth's phrases that the frames show, the truth's own order."""
    names = {number: name for name, number in truth.categories.items()}
    images = {truth.images.get((f.camera, f.stamp)) for f in material.frames}
    there = {category for image, category in truth.boxes if image in images}
    if not there:
        raise InputError(
            "the truth annotates none of the frames: file_name must be 'camera/stamp', with"
            f" cameras {', '.join(sorted({f.camera for f in material.frames}))}"
        )
    return [names[category] for category in names if category in there]


def _skills(
    arguments: argparse.Namespace,
    perception: Perception,
    material: Material,
    detection: Detection,
    truth: Truth | None,
) -> Iterator[Skill]:
    if "detection" in arguments.skills:
        yield detection
    if "answers" in arguments.skills:
        if arguments.questions:
            questions = _given_questions(arguments.questions, material)
        else:
            questions = existence(truth, detection.phrases, material, seed=arguments.seed)
        yield Answers(perception, material, questions)
    if "plans" in arguments.skills and material.path_sets:
        best = read_best_paths(arguments.plans) if arguments.plans else []
        yield Plans(perception, material, _judged(material, best, arguments.goal))


def _grid(skill: Skill, arguments: argparse.Namespace) -> dict[str, Any]:
    conditions = list(grid(arguments.strengths, seed=arguments.seed))
    console = Console(stderr=True)
    steps = track(conditions, skill.name, console=console, disable=not console.is_terminal)
    rows = rows_of({condition: skill.measure(condition) for condition in steps})
    return {"performance": skill.performance, "summary": summary(rows), "rows": rows}


def _given_questions(path: Path, material: Material) -> list[Asked]:
    asked = [
        Asked(number, want.question, want.accepted)
        for want in read_questions(path)
        for number, frame in enumerate(material.frames)
        if want.camera in ("", frame.camera) and want.stamp in (0, frame.stamp)
    ]
    if not asked:
        raise InputError(f"{path}: no question is of one of the {len(material.frames)} frames")
    return asked


def _judged(material: Material, best: Sequence[BestPath], goals: Sequence[str]) -> list[Judged]:
    """The bag's own goals with their truth, and others."""
    known = {(one.stamp, one.goal): one.best_index for one in best}
    judged = []
    for number, paths in enumerate(material.path_sets):
        asked = [paths.goal] if paths.goal else []
        for goal in dict.fromkeys([*asked, *goals, *default_goals()]):
            judged.append(Judged(number, goal, known.get((paths.stamp, goal))))
    return judged


def _targets(
    truth: Truth | None, material: Material, phrases: Sequence[str], seed: int
) -> list[Target]:
    """Some true phrases of each frame, with their boxes."""
    if truth is None:
        return []
    rng = np.random.default_rng(seed)
    targets = []
    for number, frame in enumerate(material.frames):
        there, _ = there_and_absent(truth, frame.camera, frame.stamp, phrases)
        for i in rng.permutation(len(there))[:_TARGETS_A_FRAME]:
            place = (truth.images[frame.camera, frame.stamp], truth.categories[there[i].lower()])
            boxes, crowd = truth.boxes[place]
            targets.append(Target(number, there[i], boxes[~crowd]))
    return targets


def _write(folder: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, default=str) + "\n"
    (folder / f"{NAME}.json").write_text(text, "utf-8")
    tables = [markdown(n, some["performance"], some) for n, some in content["skills"].items()]
    (folder / f"{NAME}.md").write_text("\n".join(tables), "utf-8")
    picture = folder / f"{NAME}.png"
    plot(content["skills"], content.get("attack"), picture)
    report = folder / REPORT
    if report.exists():
        html = section(NAME, "While image and words change", _summary_rows(content), picture)
        report.write_text(with_section(report.read_text("utf-8"), NAME, html), "utf-8")


def _summary_rows(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = [
        (name, figure, value)
        for name, some in content["skills"].items()
        for figure, value in flat(some["summary"])
    ]
    return rows + [("attack", *pair) for pair in flat(content.get("attack", {}))]


def _print(content: dict[str, Any]) -> None:
    table = Table(title=f"{content['detector']}, {content['frames']} frames")
    for name in ("skill", "figure", "value"):
        table.add_column(name)
    for row in _summary_rows(content):
        table.add_row(*row)
    Console().print(table)


def _fails(content: dict[str, Any], arguments: argparse.Namespace) -> bool:
    def figure(skill: str, words: str) -> float | None:
        found = content["skills"].get(skill, {}).get("summary", {})
        return next((v for name, v in found.items() if words in name), None)

    relative = figure("detection", "mean relative performance")
    flips = figure("plans", "rewordings: flip rate")
    return bool(
        (relative is not None and relative < arguments.least_relative)
        or (flips is not None and flips > arguments.most_flips)
    )
