"""Numbered paths on the floor of a rendered scene, and which of them passes what.

The scenes tell the camera's height, not its tilt: the floor is the plane at that height that most
of the depth image lies on (RANSAC, Fischler and Bolles, 1981). Answers are geometry on the floor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.geometry.projection import project
from vlm_robot.planning.judge_picture import camera_view
from vlm_robot.training.shots import Pick, Shot
from vlm_robot.types import Frame, Image, Intrinsics

Floats = NDArray[np.float64]

_TRIALS, _SAMPLE = 200, 3000
_THICK = 0.02
"""Metres from the plane that count as on it, and that its height may be off."""
_LEAST_FLOOR = 0.08
"""Share of the depth image that must show floor."""
_NEAR, _APART, _RATIO = 0.6, 0.35, 0.6
"""The best path is nearer than _NEAR metres, and nearer than the next by _APART and by _RATIO."""
_POINTS = 60
_LEAST_SEEN = 15
"""Of a path's points, those that must lie in the picture."""


class Drawing(NamedTuple):
    """Paths, each (N, 3) x forward, y left, yaw, from the camera's foot; path i has number i + 1.

    Attributes:
        camera_from_floor: (4, 4).
    """

    paths: tuple[Floats, ...]
    camera_from_floor: Floats

    def on(self, image: Image, intrinsics: Intrinsics) -> Image:
        """The image with the paths, drawn as the visual judge draws them."""
        numbers = range(1, len(self.paths) + 1)
        return camera_view(self.paths, numbers, image, intrinsics, self.camera_from_floor)


class Choice(NamedTuple):
    """A form of question about paths, the place that it names, and the number that is right."""

    form: str
    number: int


def find_floor(frame: Frame, height: float, pick: Pick) -> Floats | None:
    """Points of the floor (x forward, y left, z up) to the optical frame, (4, 4).

    Args:
        height: of the camera above the floor, metres.

    Returns:
        None where too little of the floor is seen to be sure of.
    """
    points = _points(frame, pick)
    best, most = None, _LEAST_FLOOR * len(points)
    for _ in range(_TRIALS if len(points) >= _SAMPLE // 10 else 0):
        first, second, third = points[pick.integers(len(points), size=3)]
        normal = np.cross(second - first, third - first)
        length = float(np.linalg.norm(normal))
        if length < 1e-6:
            continue
        down = normal / length * np.sign(normal[1] or 1.0)
        if abs(float(down @ first) - height) > _THICK:
            continue
        count = int((np.abs(points @ down - height) < _THICK).sum())
        if count > most:
            best, most = down, count
    return None if best is None else _camera_from_floor(best, height)


def _points(frame: Frame, pick: Pick) -> Floats:
    assert frame.depth is not None
    assert frame.intrinsics is not None
    rows, columns = np.nonzero(np.isfinite(frame.depth))
    chosen = pick.integers(len(rows), size=_SAMPLE) if len(rows) else np.zeros(0, int)
    pixels = np.column_stack([columns, rows, np.ones(len(rows))])[chosen]
    depth = frame.depth[rows[chosen], columns[chosen]].astype(np.float64)
    rays = pixels @ np.linalg.inv(frame.intrinsics.matrix).T
    return np.asarray(rays * depth[:, None], np.float64)


def _camera_from_floor(down: Floats, height: float) -> Floats:
    forward = np.array([0.0, 0.0, 1.0]) - down[2] * down
    forward /= np.linalg.norm(forward)
    made = np.eye(4)
    made[:3, :3] = np.column_stack([forward, np.cross(forward, down), -down])
    made[:3, 3] = height * down
    return made


def draw_paths(camera_from_floor: Floats, intrinsics: Intrinsics, pick: Pick) -> Drawing:
    """Two or three paths from the robot outwards, apart from each other, in the camera's view."""
    count = int(pick.integers(2, 4))
    half = float(np.arctan(intrinsics.width / 2 / intrinsics.matrix[0, 0]))
    edges = np.linspace(-half, half, count + 1)
    angles = [pick.uniform(low, high) for low, high in pairwise(edges)]
    paths = [_path(float(angles[i]), pick) for i in pick.permutation(count)]
    return Drawing(tuple(paths), camera_from_floor)


def _path(angle: float, pick: Pick) -> Floats:
    """A quadratic Bézier curve from the robot to a place at `angle`, starting nearly ahead."""
    length = pick.uniform(1.5, 4.5)
    end = length * np.array([np.cos(angle), np.sin(angle)])
    bend = 0.5 * length * np.array([1.0, pick.uniform(-0.3, 0.3) + np.tan(angle) * 0.5])
    t = np.linspace(0, 1, _POINTS)[:, None]
    places = 2 * t * (1 - t) * bend + t**2 * end
    steps = np.gradient(places, axis=0)
    return np.column_stack([places, np.arctan2(steps[:, 1], steps[:, 0])])


def choices(drawing: Drawing, center: Floats) -> Iterator[Choice]:
    """What can be asked beyond dispute of a thing at `center`, (3,) in the optical frame."""
    place = (np.linalg.inv(drawing.camera_from_floor) @ [*center, 1.0])[:2]
    away = [np.linalg.norm(path[:, :2] - place, axis=1) for path in drawing.paths]
    nearest = np.array([float(one.min()) for one in away])
    ends = np.array([float(one[-1]) for one in away])
    best = _clear(nearest)
    if best is not None and away[best].argmin() < 0.85 * _POINTS:
        yield Choice("path_passes", best + 1)
    goal = _clear(ends)
    if goal is not None and goal == int(nearest.argmin()):
        yield Choice("path_leads", goal + 1)
    left = _left(drawing.paths, place, away)
    if left is not None:
        yield Choice("path_left", left + 1)
    order = np.sort(nearest)
    if order[-2] < _RATIO * order[-1] and order[-1] - order[-2] > _APART:
        yield Choice("path_farthest", int(nearest.argmax()) + 1)


def _clear(distances: Floats) -> int | None:
    first, second = np.sort(distances)[:2]
    sure = first < _NEAR and first < _RATIO * second and second - first > _APART
    return int(distances.argmin()) if sure else None


def _left(paths: Sequence[Floats], place: Floats, away: Sequence[Floats]) -> int | None:
    """The only path that passes `place` with it on the right; None if there is another or none."""
    sides = []
    for path, distance in zip(paths, away, strict=True):
        at = int(distance.argmin())
        x, y = place - path[at, :2]
        ahead = path[at, 2]
        across = float(np.cos(ahead) * y - np.sin(ahead) * x)
        passes = 0 < at < 0.85 * _POINTS
        sides.append(across if passes else float("nan"))
    if not all(np.isfinite(sides)) or min(map(abs, sides)) < _APART / 2:
        return None
    left = [i for i, across in enumerate(sides) if across < 0]
    return left[0] if len(left) == 1 else None


def drawing_of(shot: Shot, pick: Pick) -> Drawing | None:
    """Paths in a placed shot; None where its floor isn't seen, or not all of them."""
    if not np.isfinite(shot.camera_height):
        return None
    floor = find_floor(shot.frame(), shot.camera_height, pick)
    if floor is None:
        return None
    drawing = draw_paths(floor, shot.intrinsics, pick)
    return drawing if all_seen(drawing, shot.intrinsics) else None


def all_seen(drawing: Drawing, intrinsics: Intrinsics) -> bool:
    """Whether enough of every path is in the picture for its number to be read there."""
    size = (intrinsics.width, intrinsics.height)
    for path in drawing.paths:
        floor = np.column_stack([path[:, :2], np.zeros(len(path)), np.ones(len(path))])
        pixels = project((floor @ drawing.camera_from_floor.T)[:, :3], intrinsics)
        inside = ((pixels >= 0) & (pixels < size)).all(axis=1)
        if inside.sum() < _LEAST_SEEN:
            return False
    return True
