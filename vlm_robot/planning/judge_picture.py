"""Numbered paths on a camera's image and on the map, side by side, for `visual_judge`."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.geometry.projection import project
from vlm_robot.types import Frame, Image, Intrinsics, OccupancyGrid

Floats = NDArray[np.float64]
Color = tuple[int, int, int]

COLORS: tuple[Color, ...] = (
    (230, 25, 75), (60, 180, 75), (0, 100, 230), (245, 130, 48), (145, 30, 180), (0, 160, 170),
    (240, 50, 230), (128, 128, 0), (120, 60, 20),
)  # fmt: skip
"""RGB of path 1, 2, …: easy to tell apart. They follow the number, so that they tell no more."""
MAP_SIDE = 480
"""Pixels."""
MARGIN = 0.5
"""Metres around the paths that the map shows."""


def picture(
    paths: Sequence[Floats],
    numbers: Sequence[int],
    *,
    grid: OccupancyGrid | None,
    frame: Frame | None = None,
    camera_from_map: Floats | None = None,
) -> Image:
    """The map from above, and on its left what the camera sees, with paths and their numbers.

    Args:
        paths: each (N, 3) x, y, yaw; metres and radians in the map's frame.
        numbers: of each path, from 1.
        camera_from_map: (4, 4), points of the map's frame to the optical frame; without it, or
            without the camera's calibration, the camera's image is left out.
    """
    above = _from_above(paths, numbers, grid)
    if frame is None or camera_from_map is None or frame.intrinsics is None:
        return above
    view = camera_view(paths, numbers, frame.image, frame.intrinsics, camera_from_map)
    width = round(view.shape[1] * MAP_SIDE / view.shape[0])
    scaled = cv2.resize(view, (width, MAP_SIDE), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(np.hstack([scaled, above]))


def camera_view(
    paths: Sequence[Floats],
    numbers: Sequence[int],
    image: Image,
    intrinsics: Intrinsics,
    camera_from_map: Floats,
) -> Image:
    """A copy of a camera's image with paths on the floor and their numbers, as `picture` has it."""
    view = np.ascontiguousarray(image.copy())
    for path, number in _by_number(paths, numbers):
        floor = np.column_stack([path[:, :2], np.zeros(len(path)), np.ones(len(path))])
        pixels = project((floor @ camera_from_map.T)[:, :3], intrinsics)
        _draw(view, pixels, number)
    return view


def _from_above(
    paths: Sequence[Floats], numbers: Sequence[int], grid: OccupancyGrid | None
) -> Image:
    places = np.concatenate([path[:, :2] for path in paths])
    low, high = places.min(axis=0) - MARGIN, places.max(axis=0) + MARGIN
    side = float((high - low).max())
    corner = (low + high) / 2 - side / 2
    scale = MAP_SIDE / side
    canvas = _obstacles(grid, corner, scale)
    for path, number in _by_number(paths, numbers):
        pixels = (path[:, :2] - corner) * scale
        pixels[:, 1] = MAP_SIDE - pixels[:, 1]
        _draw(canvas, pixels, number)
    return canvas


def _obstacles(grid: OccupancyGrid | None, corner: Floats, scale: float) -> Image:
    """The part of the map that starts at `corner`, dark where it isn't free."""
    blank: Image = np.full((MAP_SIDE, MAP_SIDE, 3), 255, np.uint8)
    if grid is None:
        return blank
    across = (np.arange(MAP_SIDE) + 0.5) / scale
    x, y = np.meshgrid(corner[0] + across, corner[1] + across[::-1])
    x0, y0, yaw = grid.origin
    dx, dy = x - x0, y - y0
    column = np.floor((np.cos(yaw) * dx + np.sin(yaw) * dy) / grid.resolution).astype(int)
    row = np.floor((np.cos(yaw) * dy - np.sin(yaw) * dx) / grid.resolution).astype(int)
    rows, columns = grid.cells.shape
    inside = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    value = np.where(inside, grid.cells[row.clip(0, rows - 1), column.clip(0, columns - 1)], -1)
    blank[value < 0] = 200
    blank[value > 0] = (255 - 2 * value[value > 0].astype(int))[:, None].clip(40, 255)
    return blank


def _by_number(paths: Sequence[Floats], numbers: Sequence[int]) -> list[tuple[Floats, int]]:
    return sorted(zip(paths, numbers, strict=True), key=lambda pair: pair[1])


def _draw(canvas: Image, pixels: Floats, number: int) -> None:
    """A line, and the number where the path has gone two thirds of its way in the picture."""
    height, width = canvas.shape[:2]
    color = COLORS[(number - 1) % len(COLORS)]
    x, y = pixels.T
    far = 4 * max(height, width)
    with np.errstate(invalid="ignore"):
        seen = (np.abs(x) < far) & (np.abs(y) < far)  # NaN isn't
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    for start in np.flatnonzero(seen[:-1] & seen[1:]):
        first, second = (tuple(np.rint(pixels[i]).astype(int).tolist()) for i in (start, start + 1))
        cv2.line(canvas, first, second, color, 3, cv2.LINE_AA)
    places = np.flatnonzero(inside)
    if not len(places):
        return
    left, top = np.rint(pixels[places[2 * len(places) // 3]]).astype(int).tolist()
    cv2.circle(canvas, (left, top), 13, (255, 255, 255), -1, cv2.LINE_AA)
    cv2.circle(canvas, (left, top), 13, color, 2, cv2.LINE_AA)
    font, black = cv2.FONT_HERSHEY_SIMPLEX, (0, 0, 0)
    cv2.putText(canvas, str(number), (left - 7, top + 7), font, 0.65, black, 2, cv2.LINE_AA)
