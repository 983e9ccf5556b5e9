"""Curves of a run's log as a picture."""

from __future__ import annotations

import csv
from pathlib import Path


def draw_curves(log: Path, picture: Path) -> None:
    """Draw each column of a log (CSV, the first column is minutes) as one small plot."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    with log.open(newline="") as stream:
        header, *rows = list(csv.reader(stream))
    values = [[float(cell) for cell in row] for row in rows if len(row) == len(header)]
    if not values:
        return
    columns = list(zip(*values, strict=True))
    across = 3
    down = -(-(len(columns) - 1) // across)
    figure, axes = pyplot.subplots(down, across, figsize=(4 * across, 2.6 * down), squeeze=False)
    for axis, name, column in zip(axes.flat, header[1:], columns[1:], strict=False):
        axis.plot(columns[0], column, linewidth=1)
        axis.set_title(name, fontsize=9)
        axis.grid(visible=True, alpha=0.3)
    figure.supxlabel("minutes")
    figure.tight_layout()
    figure.savefig(picture, dpi=80)
    pyplot.close(figure)
