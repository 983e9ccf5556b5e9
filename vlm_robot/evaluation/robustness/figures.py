"""Relative performance, flips, interaction and misplaced confidence out of what was measured."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from vlm_robot.evaluation.robustness.conditions import Condition, Measured
from vlm_robot.evaluation.robustness.text_changes import ANY, CHANGES, REWORDINGS

Row = dict[str, Any]
MIDDLE = 3
"""The strength that summaries are of."""
_TURNED = tuple(c.name for c in CHANGES if not c.keeps_meaning)


def rows_of(measured: Mapping[Condition, Measured]) -> list[Row]:
    """One row of figures for each condition; the clean one must be among them."""
    clean = next(m for c, m in measured.items() if c.kind == "clean")
    drops = {(c.image, c.strength, c.text): _drop(m, clean) for c, m in measured.items()}
    return [
        {
            "kind": condition.kind,
            "image": condition.image,
            "strength": condition.strength,
            "text": condition.text,
            **_row(found, clean),
            "interaction": _interaction(condition, drops),
        }
        for condition, found in measured.items()
    ]


def _row(found: Measured, clean: Measured) -> Row:
    then, now = _performance(found, clean)
    wrong = [o for o in found.outcomes.values() if o.is_given and o.right is False]
    flips = [o.said != clean.outcomes[k].said for k, o in found.outcomes.items()]
    return {
        "asked": len(found.outcomes),
        "performance": now,
        "relative": now / then if then and now is not None else None,
        "flip_rate": _mean(flips),
        "wrong": len(wrong),
        "confidence_when_wrong": _mean([o.confidence for o in wrong]),
    }


def _performance(found: Measured, clean: Measured) -> tuple[float | None, float | None]:
    """Of the clean condition and of this one, over what this one could be applied to."""
    shared = [key for key in found.values if key in clean.values]
    return _mean([clean.values[k] for k in shared]), _mean([found.values[k] for k in shared])


def _drop(found: Measured, clean: Measured) -> float | None:
    then, now = _performance(found, clean)
    return None if then is None or now is None else then - now


def _interaction(
    condition: Condition, drops: Mapping[tuple[str, int, str], float | None]
) -> float | None:
    """drop(both) - drop(image) - drop(text): above 0, the two together hurt more than alone."""
    if condition.kind != "both":
        return None
    parts = [
        drops.get((condition.image, condition.strength, condition.text)),
        drops.get((condition.image, condition.strength, "")),
        drops.get(("", 0, condition.text)),
    ]
    if any(part is None for part in parts):
        return None
    both, image, text = (float(part or 0.0) for part in parts)
    return both - image - text


def _mean(values: Any) -> float | None:
    found = [v for v in values if v is not None]
    return float(np.mean(found)) if found else None


def summary(rows: list[Row]) -> dict[str, Any]:
    """The few figures that say most."""
    strengths = {r["strength"] for r in rows if r["kind"] == "image"}
    middle = MIDDLE if MIDDLE in strengths else max(strengths, default=0)
    images = [r for r in rows if r["kind"] == "image" and r["strength"] == middle]
    both = [r for r in rows if r["kind"] == "both" and r["strength"] == middle]
    worded = [r for r in rows if r["kind"] == "text" and r["text"] in REWORDINGS]
    turned = [r for r in rows if r["kind"] == "text" and r["text"] in _TURNED]
    return {
        "clean performance": next(r for r in rows if r["kind"] == "clean")["performance"],
        f"image changes at strength {middle}: mean relative performance": _mean(
            r["relative"] for r in images
        ),
        f"image changes at strength {middle}: flip rate": _mean(r["flip_rate"] for r in images),
        "rewordings: mean relative performance": _mean(r["relative"] for r in worded),
        "rewordings: flip rate": _weighted(worded, "flip_rate"),
        f"both at strength {middle}: mean relative performance": _mean(r["relative"] for r in both),
        f"both at strength {middle}: mean interaction": _mean(r["interaction"] for r in both),
        "confidence when wrong, clean": next(r for r in rows if r["kind"] == "clean")[
            "confidence_when_wrong"
        ],
        f"confidence when wrong, image changes at strength {middle}": _mean(
            r["confidence_when_wrong"] for r in images
        ),
        "meaning reversed: followed": _weighted(turned, "performance"),
    }


def _weighted(rows: list[Row], name: str) -> float | None:
    """Mean over everything that was asked, not over conditions."""
    pairs = [(r[name], r["asked"]) for r in rows if r["asked"] and r[name] is not None]
    total = sum(count for _, count in pairs)
    return sum(value * count for value, count in pairs) / total if total else None


def markdown(name: str, performance: str, content: Mapping[str, Any]) -> str:
    """Tables of one skill."""
    lines = [f"## {name.capitalize()}: {performance}", "", "| figure | value |", "| --- | --- |"]
    lines += [f"| {what} | {_cell(value)} |" for what, value in content["summary"].items()]
    lines += ["", "| image | strength | words | asked | performance | relative | flips |"
              " interaction | confidence when wrong |", "| --- " * 9 + "|"]  # fmt: skip
    for row in content["rows"]:
        words = "drawn" if row["text"] == ANY else row["text"]
        figures = ("asked", "performance", "relative", "flip_rate", "interaction",
                   "confidence_when_wrong")  # fmt: skip
        cells = [row["image"] or "-", row["strength"] or "-", words or "-"]
        lines.append(
            "| " + " | ".join([*map(str, cells), *(_cell(row[f]) for f in figures)]) + " |"
        )
    return "\n".join(lines) + "\n"


def _cell(value: Hashable) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "–" if value is None else str(value)
