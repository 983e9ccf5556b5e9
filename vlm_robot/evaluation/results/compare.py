"""`vlm-robot compare`: two replays of the same bag, for a person and for CI."""

from __future__ import annotations

import argparse
import json
import sys
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vlm_robot.evaluation.results.comparison import Comparison, Difference, compare, is_regression
from vlm_robot.evaluation.results.folder import Key, Results, read_results
from vlm_robot.evaluation.results.truth import read_truth
from vlm_robot.replay.bag import Bag, BagError
from vlm_robot.replay.events import EventReader, Span
from vlm_robot.replay.report.figures import FrameKey
from vlm_robot.replay.report.pictures import take_pictures
from vlm_robot.replay.topics import BagTopics
from vlm_robot.settings import CameraSettings
from vlm_robot.types import InputError

EXIT_CODES = """\
exit codes:
  0  B is as good as A
  1  B is worse: with --truth its F1 fell by more than --most-drop and more than chance;
     without, the runs agree less than --least-agreement
  2  the results can't be used, or aren't of the same bag
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("a", type=Path, metavar="A", help="folder that `vlm-robot replay` wrote, the old one")
    add("b", type=Path, metavar="B", help="the new one")
    add("--truth", type=Path, help="boxes in COCO's format; file_name is camera/stamp")
    add("--most-drop", type=float, default=0.02, help="of F1 against truth; default 0.02")
    add("--least-agreement", type=float, default=0.0, help="of boxes, 0..1; default 0: never fail")
    add("--json", type=Path, help="write the figures there")
    add("--html", type=Path, help="write a page with the frames that changed most")
    add("--bag", type=Path, help="for the pictures; default: where the replay read it")


def run(arguments: argparse.Namespace) -> int:
    """Print what differs."""
    try:
        a, b = read_results(arguments.a), read_results(arguments.b)
        truth = read_truth(arguments.truth) if arguments.truth else None
        found = compare(a, b, truth)
        if arguments.html:
            page = _page(a, b, found, arguments.bag or Path(a.run["bag"]))
            arguments.html.write_text(page, "utf-8")
    except (InputError, BagError) as error:
        print(f"vlm-robot compare: {error}", file=sys.stderr)
        return 2
    if arguments.json:
        arguments.json.write_text(json.dumps(_plain(found), ensure_ascii=False, indent=2) + "\n")
    _print(found, Console())
    worse = is_regression(
        found, most_drop=arguments.most_drop, least_agreement=arguments.least_agreement
    )
    return 1 if worse else 0


def _plain(found: Comparison) -> dict[str, Any]:
    return found._asdict() | {
        "f1": found.f1._asdict() if found.f1 else None,
        "rates": {phrase: rate._asdict() for phrase, rate in found.rates.items()},
        "changed": [{"camera": c, "stamp": s, "boxes": n} for (c, s), n in found.changed],
    }


def _rows(found: Comparison) -> list[tuple[str, str, str, str]]:
    def row(name: str, d: Difference) -> tuple[str, str, str, str]:
        return name, f"{d.a:.3f}", f"{d.b:.3f}", f"{d.change:+.3f} [{d.low:+.3f}, {d.high:+.3f}]"

    rows = [row(f"frames with '{phrase}'", rate) for phrase, rate in found.rates.items()]
    if found.f1:
        rows.insert(0, row("F1 against truth", found.f1))
    return rows


def _print(found: Comparison, console: Console) -> None:
    table = Table(title=f"{found.frames} frames; boxes agree by {found.agreement:.3f}")
    for name in ("figure", "A", "B", "B - A [95 %]"):
        table.add_column(name)
    for row in _rows(found):
        table.add_row(*row)
    console.print(table)
    for title, changed in (("answers", found.answers), ("plans", found.plans)):
        for name, first, second in changed:
            console.print(f"{title}: {name}: {first} → {second}", highlight=False, soft_wrap=True)


def _page(a: Results, b: Results, found: Comparison, bag: Path) -> str:
    keys = [key for key, _ in found.changed]
    pictures = [_pictures(run, keys, bag) for run in (a, b)]
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}' for cell in row)}</tr>" for row in _rows(found)
    )
    figures = "".join(
        f"<h2>{escape(key[0])} {key[1] / 1e9:.3f} s: {count} boxes differ</h2><div class=pair>"
        + "".join(
            f'<img alt="{name}" src="{some[key]}">'
            for name, some in zip("AB", pictures, strict=True)
        )
        + "</div>"
        for key, count in found.changed
        if all(key in some for some in pictures)
    )
    return _PAGE.format(
        a=escape(str(a.path)),
        b=escape(str(b.path)),
        frames=found.frames,
        agreement=f"{found.agreement:.3f}",
        rows=rows,
        figures=figures,
    )


def _pictures(run: Results, keys: list[Key], bag_path: Path) -> dict[Key, str]:
    """Annotated frames out of the bag, by camera and stamp."""
    records = [run.frames[key] for key in keys]
    shown = {FrameKey(r["camera"], r["stamp"], r["log_time"]): r["detections"] for r in records}
    topics = BagTopics(
        tuple((n, CameraSettings(t["image"], "", "")) for n, t in run.run["cameras"].items()),
        (), "", (),
    )  # fmt: skip
    with Bag(bag_path) as bag:
        events = EventReader(bag, topics, depth_slop=0, span=Span())
        pictures = take_pictures(events, set(shown), shown, (), ())
    return {(key.camera, key.stamp): uri for key, uri in pictures.frames.items()}


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{a} and {b}</title>
<style>body {{ font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem;
max-width: 70rem; overflow-wrap: anywhere; }} td {{ padding: .2rem .8rem .2rem 0; }}
h2 {{ font-size: 1rem; }}
.pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; }}
img {{ width: 100%; }}</style>
</head><body><h1>A: {a}<br>B: {b}</h1><p>{frames} frames; boxes agree by {agreement}.</p>
<table><tr><td>figure<td>A<td>B<td>B - A [95 %]</tr>{rows}</table>{figures}</body></html>
"""
