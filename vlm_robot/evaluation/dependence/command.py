"""`vlm-robot evaluate dependence`: does the answer come from the picture, and which way?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from vlm_robot.evaluation.dependence.answerers import (
    BlipAnswering,
    ChatAnswering,
    PerceptionAnswering,
    load_answering,
)
from vlm_robot.evaluation.dependence.audit import Answering, Audited, audit, figures
from vlm_robot.evaluation.dependence.cases import Case, read_cases
from vlm_robot.evaluation.dependence.plots import plot_traces
from vlm_robot.evaluation.dependence.traceable import traceable
from vlm_robot.evaluation.dependence.tracing import Trace, mean_by_layer, trace
from vlm_robot.evaluation.results.evaluate import flat
from vlm_robot.evaluation.results.folder import read_results
from vlm_robot.evaluation.results.section import section, with_section
from vlm_robot.evaluation.results.truth import Truth, read_truth
from vlm_robot.evaluation.robustness.material import Material, read_material, settings_of
from vlm_robot.evaluation.robustness.questions import existence
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.perception import Perception
from vlm_robot.replay.bag import BagError
from vlm_robot.replay.output import REPORT
from vlm_robot.types import InputError

NAME = "dependence"
EXIT_CODES = "exit codes: 0 measured; 2 results, bag, truth, cases or model can't be used"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("source", type=Path, metavar="RESULTS|CASES", help="folder that `vlm-robot replay` wrote,"
        " or a YAML list of {image, ask, answer, box}")  # fmt: skip
    add("--truth", type=Path, help="with RESULTS: boxes in COCO's format, which are asked for")
    add("--bag", type=Path, help="with RESULTS: where the bag is now")
    add("--frames", type=int, default=50, help="with RESULTS: of all cameras; default 50")
    add("--model", help="a BLIP for questions or a chat model; default: the replay's answerer")
    add("--trace", type=int, default=0, metavar="N", help="trace the first N right answers of"
        " --model")  # fmt: skip
    add("--most", type=int, default=0, metavar="N", help="cases at most; default: all")
    add("--seed", type=int, default=0)
    add("-o", "--output", type=Path, help="folder to write; default: RESULTS, or CASES' folder")


def run(arguments: argparse.Namespace) -> int:
    """Audit, trace, print, and write."""
    try:
        content, traces = _measured(arguments)
    except (InputError, BagError, ModelError) as error:
        print(f"vlm-robot evaluate dependence: {error}", file=sys.stderr)
        return 2
    source: Path = arguments.source
    folder: Path = arguments.output or (source if source.is_dir() else source.parent)
    _write(folder, content, traces)
    table = Table(title=f"{content['model']}: does the answer come from the picture?")
    for name in ("answers", "figure", "value"):
        table.add_column(name)
    for row in _rows(content):
        table.add_row(*row)
    Console().print(table)
    return 0


def _measured(arguments: argparse.Namespace) -> tuple[dict[str, Any], list[tuple[str, Trace]]]:
    if arguments.trace and not arguments.model:
        raise InputError("--trace looks into the layers of a model: name one with --model")
    own, cases = _of_replay(arguments) if arguments.source.is_dir() else (None, None)
    cases = cases if cases is not None else read_cases(arguments.source)
    loaded = load_answering(arguments.model) if arguments.model else None
    model: Answering | None = loaded or own
    if model is None:
        raise InputError("a list of cases has no answerer of its own: name one with --model")
    cases = cases[: arguments.most] if arguments.most else cases
    audited = audit(model, cases, seed=arguments.seed)
    content: dict[str, Any] = {"model": model.name, "answers": figures(audited)}
    traces = _traces(loaded, audited, arguments) if loaded and arguments.trace else []
    if traces:
        content["traces"] = {
            "answers": len(traces),
            "restored": mean_by_layer([found for _, found in traces]),
        }
    return content, traces


def _of_replay(arguments: argparse.Namespace) -> tuple[PerceptionAnswering | None, list[Case]]:
    results = read_results(arguments.source)
    if not arguments.truth:
        raise InputError("a replay's answers need the right ones: give --truth")
    bag = arguments.bag or Path(results.run["bag"])
    material = read_material(results, bag, frames=arguments.frames)
    cases = _cases(material, read_truth(arguments.truth), arguments.seed)
    if arguments.model:
        return None, cases
    settings = settings_of(results)
    perception = Perception.load(settings).anew(material.transforms)
    return PerceptionAnswering(perception, settings.answerer), cases


def _cases(material: Material, truth: Truth, seed: int) -> list[Case]:
    """As many questions for what is there as for what isn't."""
    cases = []
    for asked in existence(truth, list(truth.categories), material, seed=seed):
        frame = material.frames[asked.frame]
        place = (truth.images[frame.camera, frame.stamp], truth.categories[asked.phrase.lower()])
        boxes = truth.boxes[place][0] if place in truth.boxes else np.zeros((0, 4), np.float32)
        cases.append(Case(frame, asked.question, asked.accepted or (), boxes))
    return cases


def _traces(
    model: BlipAnswering | ChatAnswering, audited: Sequence[Audited], arguments: argparse.Namespace
) -> list[tuple[str, Trace]]:
    right = [one for one in audited if one.right and one.text][: arguments.trace]
    found = []
    for one in right:
        ready = traceable(model, one.case.frame.image, one.case.question, one.text)
        found.append((f"{one.case.question} {one.text}", trace(ready, seed=arguments.seed)))
    return found


def _rows(content: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (form, name, value)
        for form, some in content["answers"].items()
        for name, value in flat(some)
    ]


def _write(folder: Path, content: dict[str, Any], traces: list[tuple[str, Trace]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    (folder / f"{NAME}.json").write_text(text, "utf-8")
    picture = folder / "traces.png" if traces else None
    if picture:
        plot_traces(traces, picture)
    report = folder / REPORT
    if report.exists():
        html = section(NAME, "Does the answer come from the picture?", _rows(content), picture)
        report.write_text(with_section(report.read_text("utf-8"), NAME, html), "utf-8")
