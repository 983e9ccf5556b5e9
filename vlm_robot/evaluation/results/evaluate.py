"""`vlm-robot evaluate`: a replay's results against truth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vlm_robot.evaluation.results.answers import answer_figures, read_questions
from vlm_robot.evaluation.results.detections import detection_figures
from vlm_robot.evaluation.results.folder import Results, read_results
from vlm_robot.evaluation.results.plans import plan_figures, read_best_paths
from vlm_robot.evaluation.results.section import section, with_section
from vlm_robot.evaluation.results.truth import read_truth
from vlm_robot.replay.output import REPORT
from vlm_robot.types import InputError

EVALUATION = "evaluation.json"

EXIT_CODES = "exit codes: 0 evaluated; 2 results or truth can't be used, or don't belong together"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("results", type=Path, help="folder that `vlm-robot replay` wrote")
    add("--truth", type=Path, help="boxes in COCO's format; file_name is camera/stamp")
    add("--questions", type=Path, help="YAML list of {ask, answer, camera, stamp}")
    add("--plans", type=Path, help="JSON: sets of {stamp, goal, best_index, paths}")


def run(arguments: argparse.Namespace) -> int:
    """Print the figures, and write them into the folder and its report."""
    try:
        figures = _figures(read_results(arguments.results), arguments)
    except InputError as error:
        print(f"vlm-robot evaluate: {error}", file=sys.stderr)
        return 2
    text = json.dumps(figures, ensure_ascii=False, indent=2) + "\n"
    (arguments.results / EVALUATION).write_text(text, "utf-8")
    report = arguments.results / REPORT
    if report.exists():
        report.write_text(with_evaluation(report.read_text("utf-8"), figures), "utf-8")
    for part, content in figures.items():
        table = Table(title=part)
        table.add_column("figure")
        table.add_column("value", justify="right")
        for name, value in flat(content):
            table.add_row(name, value)
        Console().print(table)
    return 0


def _figures(results: Results, arguments: argparse.Namespace) -> dict[str, Any]:
    figures = {}
    if arguments.truth:
        figures["detections"] = detection_figures(results, read_truth(arguments.truth))
    if arguments.questions:
        expected = read_questions(arguments.questions)
        figures["answers"] = answer_figures(results.answers, expected)
    if arguments.plans:
        figures["plans"] = plan_figures(results.plans, read_best_paths(arguments.plans))
    if not figures:
        raise InputError("nothing to evaluate against: give --truth, --questions or --plans")
    return figures


def flat(content: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Names and values as text; what is inside is named 'outer, inner'."""
    rows = []
    for name, value in content.items():
        if isinstance(value, dict):
            rows += flat(value, f"{prefix}{name}, ")
        elif isinstance(value, list):
            rows.append((prefix + name, ", ".join(map(str, value)) or "none"))
        else:
            text = f"{value:.3f}" if isinstance(value, float) else "–" if value is None else value
            rows.append((prefix + name, str(text)))
    return rows


def with_evaluation(page: str, figures: dict[str, Any]) -> str:
    """The report with the figures as its last section, in place of older ones."""
    rows = [
        (part, name, value) for part, content in figures.items() for name, value in flat(content)
    ]
    return with_section(page, "evaluation", section("evaluation", "Against the truth", rows))
