"""The page: figures and pictures into the template."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from vlm_robot.drawing import phrase_color
from vlm_robot.replay.events import Event, RawFrame
from vlm_robot.replay.records import Record, read_records
from vlm_robot.replay.report.figures import (
    BINS,
    SECOND,
    Figures,
    FrameKey,
    gather,
    key_frames,
)
from vlm_robot.replay.report.pictures import Pictures, take_pictures

FRAMES_SHOWN = 120
ANSWERS_SHOWN = 60
PLANS_SHOWN = 30
TERM_COLORS = (
    *("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee"),
    *("#aa3377", "#888888", "#dd7722", "#225555", "#9977cc"),
)


def write_report(
    path: Path,
    results: Path,
    summary: Record,
    events: Callable[[], Iterable[Event | RawFrame]],
    *,
    start: int,
    end: int,
) -> None:
    """Write the report of finished results.

    Args:
        results: JSON lines.
        summary: of the run, as in run.json.
        events: opens the bag's events once more, for pictures.
        start, end: log times that were replayed, nanoseconds.
    """
    figures = gather(read_records(results), list(summary["detections"]), start, end)
    shown = key_frames(figures, most=FRAMES_SHOWN)
    answers, plans = figures.answers[:ANSWERS_SHOWN], figures.plans[:PLANS_SHOWN]
    pictures = take_pictures(
        events(),
        set(shown),
        _detections(results, set(shown)),
        answers,
        {plan["stamp"] for plan in plans},
    )
    environment = Environment(
        loader=PackageLoader("vlm_robot.replay.report", "."),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["color"] = lambda phrase: "#{:02x}{:02x}{:02x}".format(
        *phrase_color(phrase)
    )
    page = environment.get_template("template.html").render(
        summary=summary,
        figures=figures,
        bins=BINS,
        seconds=(end - start) / SECOND,
        frames=_frames(figures, shown, pictures),
        answers=[_answer(answer, figures, pictures) for answer in answers],
        plans=[_plan(plan, figures, pictures) for plan in plans],
    )
    path.write_text(page, "utf-8")


def _detections(results: Path, keys: set[FrameKey]) -> dict[FrameKey, list[Record]]:
    """Detections of the frames that are shown."""
    found = {}
    for record in read_records(results):
        if record["kind"] == "frame":
            key = FrameKey(record["camera"], record["stamp"], record["log_time"])
            if key in keys:
                found[key] = record["detections"]
    return found


def _after_start(log_time: int, figures: Figures) -> float:
    return (log_time - figures.start) / SECOND


def _frames(figures: Figures, shown: list[FrameKey], pictures: Pictures) -> list[dict[str, Any]]:
    return [
        {
            "camera": key.camera,
            "seconds": _after_start(key.log_time, figures),
            "phrases": list(figures.frames[key]),
            "picture": pictures.frames[key],
        }
        for key in shown
        if key in pictures.frames
    ]


def _answer(answer: Record, figures: Figures, pictures: Pictures) -> dict[str, Any]:
    key = FrameKey(answer["camera"], answer["stamp"], answer["log_time"])
    return answer | {
        "seconds": _after_start(answer["log_time"], figures),
        "picture": pictures.evidence.get((key, answer["question"]), ""),
    }


def _plan(plan: Record, figures: Figures, pictures: Pictures) -> dict[str, Any]:
    names = list(dict.fromkeys(c["name"] for path in plan["paths"] for c in path["criteria"]))
    colors = {name: TERM_COLORS[i % len(TERM_COLORS)] for i, name in enumerate(names)}
    totals = [sum(_parts(path).values()) for path in plan["paths"]]
    longest = max([*totals, 1e-9])
    bars = [
        [
            {"name": name, "percent": 100 * part / longest, "part": part, "color": colors[name]}
            for name, part in _parts(path).items()
        ]
        for path in plan["paths"]
    ]
    return plan | {
        "seconds": _after_start(plan["log_time"], figures),
        "colors": colors,
        "bars": bars,
        "map": pictures.maps.get(plan["stamp"]),
    }


def _parts(path: Record) -> dict[str, float]:
    """Each term's part of a path's total."""
    return {c["name"]: (c["weight"] or 0.0) * (c["score"] or 0.0) for c in path["criteria"]}
