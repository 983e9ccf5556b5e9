"""Heat maps of traces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vlm_robot.evaluation.dependence.tracing import Trace


def plot_traces(traces: Sequence[tuple[str, Trace]], path: Path) -> None:
    """Write a PNG: a row for each trace, a heat map (layer down, token across) for each stage."""
    from matplotlib.figure import Figure

    stages = list(traces[0][1].scores)
    figure = Figure(figsize=(7 * len(stages), 3.4 * len(traces)), layout="constrained")
    grid = figure.subplots(len(traces), len(stages), squeeze=False)
    for axes, (title, found) in zip(grid, traces, strict=True):
        for axis, stage in zip(axes, stages, strict=True):
            picture = axis.imshow(found.scores[stage], vmin=0, vmax=1, aspect="auto", cmap="magma")
            labels = [label.replace("$", r"\$") for label in found.tokens[stage]]
            axis.set_xticks(range(len(labels)), labels, rotation=60, ha="right", fontsize=7)
            axis.set_yticks(range(len(found.scores[stage])))
            axis.set(title=f"{title}\n{stage}: {found.corrupt:.2f} → {found.clean:.2f}",
                     ylabel="layer")  # fmt: skip
        figure.colorbar(picture, ax=axes, label="share of the answer restored")
    figure.savefig(path, dpi=90)
