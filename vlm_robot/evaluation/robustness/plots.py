"""Pictures of the grid: performance over strength, flips by rewording, the attack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_robot.evaluation.detections.corruptions import NAMES
from vlm_robot.evaluation.robustness.text_changes import ANY
from vlm_robot.types import InputError


def figure_class() -> Any:
    """The `Figure` of matplotlib.

    Raises:
        InputError: matplotlib isn't installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("plots need matplotlib: run `pip install 'vlm_robot[report]'`") from error
    return Figure


def plot(skills: Mapping[str, Any], attack: Mapping[str, Any] | None, path: Path) -> None:
    """Write a PNG: a row for each skill, and one for the attack."""
    rows = len(skills) + bool(attack and attack["ways"])
    figure = figure_class()(figsize=(12, 3.4 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False)
    for (name, content), (left, right) in zip(skills.items(), axes, strict=False):
        _plot_strengths(left, name, content["rows"])
        _plot_words(right, name, content["rows"])
    if attack and attack["ways"]:
        _plot_attack(axes[-1], attack)
    figure.savefig(path, dpi=90)


def _plot_strengths(axis: Any, name: str, rows: list[dict[str, Any]]) -> None:
    for image in NAMES:
        for kind, style in (("image", "-"), ("both", ":")):
            some = [r for r in rows if r["kind"] == kind and r["image"] == image]
            points = [(r["strength"], r["relative"]) for r in some if r["relative"] is not None]
            if points:
                label = image.replace("_", " ") if kind == "image" else None
                color = f"C{NAMES.index(image)}"
                axis.plot(*zip(*points, strict=True), style, marker=".", color=color, label=label)
    axis.set(title=f"{name}: relative performance", xlabel="strength (dotted: words changed too)")
    axis.set_ylim(bottom=0)
    if axis.lines:
        axis.legend(fontsize=7, ncols=2)


def _plot_words(axis: Any, name: str, rows: list[dict[str, Any]]) -> None:
    some = [r for r in rows if r["kind"] == "text" and r["flip_rate"] is not None]
    labels = ["any of them" if r["text"] == ANY else r["text"].replace("_", " ") for r in some]
    axis.barh(labels, [r["flip_rate"] for r in some])
    axis.set(title=f"{name}: share that flips when the words change", xlim=(0, 1))
    axis.invert_yaxis()


def _plot_attack(axes: Any, attack: Mapping[str, Any]) -> None:
    ways = list(attack["ways"])
    for axis, figure in zip(axes, ("found", "similarity"), strict=True):
        axis.barh(ways, [attack["ways"][way][figure] for way in ways], color="C3")
        axis.set(title=f"attack on {attack['targets']} detections: {figure}", xlim=(0, 1))
        axis.invert_yaxis()
