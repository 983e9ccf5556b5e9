"""Figures as JSON and as a table beside the targets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple


class Target(NamedTuple):
    """One line of the table.

    Attributes:
        figure: its key.
        what: in words.
        relation: `>=` or `<=`.
        value: the target.
    """

    figure: str
    what: str
    relation: str
    value: float


TARGETS = (
    Target("known_ap50", "AP50, known phrases, known objects", ">=", 0.90),
    Target("known_ap", "AP50:95, known phrases, known objects", ">=", 0.62),
    Target("heldout_phrasings_ap50", "AP50, phrasings never trained on", ">=", 0.75),
    Target("unseen_instances_ap50", "AP50, unseen instances of known kinds", ">=", 0.55),
    Target("unseen_kinds_ap50", "AP50, kinds never trained on", ">=", 0.15),
    Target("unseen_kinds_gain", "… times a phrase-shuffled control", ">=", 5.0),
    Target("unseen_kinds_top10_recall", "… top-10 recall of their boxes", ">=", 0.90),
    Target("enrolled_1_ap50", "AP50 of these kinds, enrolled from 1 box", ">=", 0.20),
    Target("enrolled_5_ap50", "… from 5 boxes", ">=", 0.30),
    Target("enrolled_10_ap50", "… from 10 boxes", ">=", 0.40),
    Target("wrong_names", "unknown objects given a wrong name", "<=", 0.15),
    Target("absent_false_boxes", "absent phrases: images with a false box", "<=", 0.03),
    Target("calibration_error", "expected calibration error after the fit", "<=", 0.08),
    Target(
        "mean_relative_ap50", "mean relative AP50 under four corruptions, strength 3", ">=", 0.80
    ),
)


def table(figures: dict[str, Any]) -> str:
    """A markdown table of the figures that have a target, and whether each is met."""
    lines = ["| what | target | measured | met |", "| --- | --- | --- | --- |"]
    for target in TARGETS:
        value = figures.get(target.figure)
        if value is None:
            continue
        met = value >= target.value if target.relation == ">=" else value <= target.value
        lines.append(
            f"| {target.what} | {target.relation} {target.value:g} | {value:.3f} |"
            f" {'yes' if met else 'no'} |"
        )
    return "\n".join(lines)


def read(out: Path, model: Path) -> dict[str, Any]:
    """Figures measured before, if they are of the same weights."""
    file = out / "figures.json"
    figures: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return figures if figures.get("weights_sha256") == _digest(model) else {}


def _digest(model: Path) -> str:
    config = json.loads((model / "config.json").read_text())
    return str(config.get("weights_sha256"))


def write(out: Path, model: Path, measured: dict[str, Any]) -> None:
    """Write figures.json and figures.md into `out`, beside what was measured before."""
    out.mkdir(parents=True, exist_ok=True)
    figures = {"weights_sha256": _digest(model), **read(out, model), **measured}
    (out / "figures.json").write_text(json.dumps(figures, indent=2) + "\n")
    rest = "\n".join(f"- {name}: {value}" for name, value in figures.items())
    (out / "figures.md").write_text(f"{table(figures)}\n\nAll figures:\n\n{rest}\n")
