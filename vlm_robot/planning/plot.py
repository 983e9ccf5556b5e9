"""A picture of an evaluation: `python -m vlm_robot.planning.plot --output plan.png`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.landmarks import SeenLandmark
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.types import InputError, OccupancyGrid, PathCandidate, PlanEvaluation


def plot_evaluation(
    evaluation: PlanEvaluation,
    candidates: Sequence[PathCandidate],
    output: Path,
    *,
    grid: OccupancyGrid | None = None,
    landmarks: Sequence[SeenLandmark] = (),
) -> Path:
    """Draw the map, the paths by score, landmarks, and each path's terms; write a PNG.

    Raises:
        InputError: matplotlib isn't installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("plots need matplotlib: run `pip install 'vlm_robot[report]'`") from error
    figure = Figure(figsize=(13, 6.5), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    scene, bars = figure.subplots(1, 2, width_ratios=(1.2, 1))
    if grid is not None:
        _draw_grid(scene, grid)
    _draw_paths(scene, evaluation, candidates)
    _draw_landmarks(scene, landmarks)
    _draw_bars(bars, evaluation)
    scene.set(aspect="equal", xlabel="x, m", ylabel="y, m")
    figure.suptitle(
        f"“{_wrapped(evaluation.goal)}”\nbest: path {evaluation.best_index},"
        f" confidence {evaluation.confidence:.2f}",
        fontsize=11,
    )
    canvas.print_png(output)
    return output


def _wrapped(goal: str, most: int = 110) -> str:
    return goal if len(goal) <= most else goal[: most - 1] + "…"


def _draw_grid(axes: Any, grid: OccupancyGrid) -> None:
    from matplotlib.transforms import Affine2D

    x, y, yaw = grid.origin
    height, width = grid.cells.shape
    shades = np.where(grid.cells < 0, 0.75, 1.0 - np.clip(grid.cells, 0, 100) / 100.0)
    place = Affine2D().rotate(yaw).translate(x, y) + axes.transData
    image = axes.imshow(
        shades,
        cmap="gray",
        vmin=0,
        vmax=1,
        origin="lower",
        extent=(0, width * grid.resolution, 0, height * grid.resolution),
    )
    image.set_transform(place)
    corners = (
        Affine2D()
        .rotate(yaw)
        .translate(x, y)
        .transform(np.array([[0, 0], [width, 0], [0, height], [width, height]]) * grid.resolution)
    )
    axes.set_xlim(corners[:, 0].min(), corners[:, 0].max())
    axes.set_ylim(corners[:, 1].min(), corners[:, 1].max())


def _draw_paths(axes: Any, evaluation: PlanEvaluation, candidates: Sequence[PathCandidate]) -> None:
    from matplotlib import colormaps

    totals = [path.total for path in evaluation.paths if path.feasible]
    low, high = min(totals, default=0.0), max(totals, default=1.0)
    for path, candidate in zip(evaluation.paths, candidates, strict=True):
        x, y = candidate.poses[:, 0], candidate.poses[:, 1]
        if not path.feasible:
            axes.plot(x, y, ":", color="0.45", linewidth=1.5)
            text = f"{path.index}: out"
        else:
            share = (path.total - low) / (high - low) if high > low else 1.0
            best = path.index == evaluation.best_index
            axes.plot(x, y, color=colormaps["RdYlGn"](share), linewidth=4 if best else 2)
            text = f"{path.index}: {path.total:.2f}"
        if len(x) and np.isfinite(candidate.poses).all():
            middle = len(x) // 2
            axes.annotate(
                text, (x[middle], y[middle]), fontsize=9, bbox={"fc": "white", "ec": "0.5"}
            )


def _draw_landmarks(axes: Any, landmarks: Sequence[SeenLandmark]) -> None:
    from matplotlib.patches import Rectangle

    for thing in landmarks:
        (x, y, _), (across, along, _) = thing.position, thing.size
        corner = (x - across / 2, y - along / 2)
        axes.add_patch(Rectangle(corner, across, along, fc="#4477aa55", ec="#4477aa"))
        axes.plot(x, y, "x", color="#4477aa")
        axes.annotate(
            thing.phrase, (x, y), color="#4477aa", fontsize=9, bbox={"fc": "white", "ec": "none"}
        )


def _draw_bars(axes: Any, evaluation: PlanEvaluation) -> None:
    """One stacked bar a path: the length of a piece is weight times score."""
    from matplotlib import colormaps

    paths = [path for path in evaluation.paths if path.feasible]
    names = [criterion.name for criterion in paths[0].criteria] if paths else []
    left = np.zeros(len(paths))
    rows = np.arange(len(paths))
    for place, name in enumerate(names):
        parts = [path.criteria[place].weight * path.criteria[place].score for path in paths]
        weight = paths[0].criteria[place].weight
        color = colormaps["tab20"](place % 20)
        axes.barh(rows, parts, left=left, color=color, label=f"{name} (weight {weight:.2f})")
        left += parts
    axes.set_yticks(rows, [f"path {path.index}" for path in paths])
    axes.invert_yaxis()
    axes.set(xlabel="total of the terms", xlim=(0, 1))
    if names:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), fontsize=8, ncols=2)


def example(goal: str, output: Path) -> PlanEvaluation:
    """Evaluate and draw a small made-up room: four paths round a couch and a table."""
    cells = np.zeros((120, 200), np.int8)
    cells[:2], cells[-2:], cells[:, :2], cells[:, -2:] = 100, 100, 100, 100
    cells[48:72, 70:90] = 100
    cells[30:44, 130:146] = 100
    grid = OccupancyGrid(0, "map", cells, 0.05)
    couch = SeenLandmark("red couch", (4.0, 3.0, 0.4), (1.0, 1.2, 0.8), 0.9)
    corners = (
        ((1, 3), (3, 4.3), (5, 4.3), (9, 3)),
        ((1, 3), (3, 1.6), (6.9, 0.9), (9, 3)),
        ((1, 3), (2, 5.2), (8, 5.2), (9, 3)),
        ((1, 3), (9, 3)),
    )
    candidates = [
        PathCandidate("map", np.array([(x, y, 0.0) for x, y in points])) for points in corners
    ]
    evaluator = PathEvaluator(limits=RobotLimits(), interpreter=EmbeddedInterpreter())
    evaluation = evaluator.evaluate(goal, candidates, grid=grid, landmarks=[couch])
    plot_evaluation(evaluation, candidates, output, grid=grid, landmarks=[couch])
    return evaluation


def main() -> None:
    """Draw the example for a goal."""
    parser = argparse.ArgumentParser(description="Draw how paths in an example room are scored.")
    parser.add_argument(
        "--goal",
        default="take the shortest way but keep well clear of obstacles, and pass the red couch"
        " on its left",
    )
    parser.add_argument("--output", type=Path, default=Path("plan.png"))
    arguments = parser.parse_args()
    print(example(arguments.goal, arguments.output).explanation)


if __name__ == "__main__":
    main()
