"""Seeded scenes of the simulated home with candidate paths, a goal about landmarks, and its answer.

The right answer is measured here from the things' own points, apart from the planner's code. A
scene is only kept where it is beyond dispute: the best path leads by a clear margin.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from vlm_robot.simulation.arrange import box_walls
from vlm_robot.simulation.catalog import Solid
from vlm_robot.simulation.drive import Mount, planar, robot_mounts
from vlm_robot.simulation.home import Home, Light, Pose, Room, Slab
from vlm_robot.simulation.labels import Label, label_view
from vlm_robot.simulation.occupancy import occupancy_grid
from vlm_robot.types import Frame, OccupancyGrid

Floats = NDArray[np.float64]

HALF = (3.2, 2.3)
"""Half the room's width and depth, metres; its middle is the map's origin."""
START = (-2.8, 0.0, 0.0)
"""x, y (metres) and yaw of the robot, which looks along the room."""
END_X = 2.6
ROBOT_RADIUS = 0.2
IMAGE_SIZE = (640, 480)
CLEAR_LEAD = 0.35
"""Metres by which the best path must lead the second."""
LANDMARKS = ("couch", "person", "wet floor sign", "door", "potted plant", "chair", "trolley")
FLAT = "rug"
BESIDE = ("box", "barrel", "suitcase", "traffic cone", "bucket", "stool", "backpack")
COLOURED = ("couch", "chair", "door", "rug", "trolley", "wet floor sign")
"""Kinds that a goal may name with their colour."""
SAID = {
    "avoid": (
        "Keep well away from the {}.",
        "Stay clear of the {} on your way.",
        "Take the shortest way, but above all keep your distance from the {}.",
    ),
    "near": ("Pass close to the {}.", "Stay near the {} on the way."),
    "left_of": ("Pass the {} on its left.", "Go to the left of the {}."),
    "right_of": ("Pass the {} on its right.", "Go to the right of the {}."),
    "towards": ("Drive towards the {}.", "Head for the {}."),
    "between": ("Go between the {} and the {}.", "Pass between the {} and the {}."),
    "never_cross": (
        "Take the shortest way, but never drive over the {}.",
        "Be quick, but never cross the {}.",
    ),
}


class Arrangement(NamedTuple):
    """What stands where, and what is asked about.

    Attributes:
        things: index of the solid that the goal names first, and second for `between`.
    """

    poses: dict[int, Pose]
    things: tuple[int, ...]
    relation: str


@dataclass(frozen=True)
class Walk:
    """A scene.

    Attributes:
        goal: in words.
        phrases: that the goal names, with the solid that each is.
        paths: each (N, 3): x, y in metres and yaw in radians, in the map.
        best: index of the path that serves the goal best.
        grid: what stands in the way.
        frame: what the robot's front camera sees, with depth.
        labels: what is seen of each thing.
        camera_pose: (4, 4) map from the camera's optical frame.
    """

    goal: str
    relation: str
    phrases: tuple[tuple[str, int], ...]
    paths: tuple[Floats, ...]
    best: int
    grid: OccupancyGrid
    frame: Frame
    labels: tuple[Label, ...]
    camera_pose: Floats


def walks(home: Home, rng: np.random.Generator, relations: Sequence[str]) -> Iterator[Walk]:
    """A scene for each of `relations`; those whose answer can be disputed are drawn again."""
    for relation in relations:
        walk = None
        while walk is None:
            walk = _walk(home, relation, rng)
        yield walk


def _walk(home: Home, relation: str, rng: np.random.Generator) -> Walk | None:
    arranged = _arrange(home.solids, relation, rng)
    grid = occupancy_grid(
        home.solids, arranged.poses, _walls(), low=(-HALF[0], -HALF[1]), high=HALF
    )
    paths = _paths(grid, arranged, rng)
    best = _best(home.solids, arranged, paths) if len(paths) >= 3 else -1
    if best < 0:
        return None
    mount = robot_mounts(*IMAGE_SIZE)[0]
    frame, labels = _seen(home, arranged, mount, rng)
    plain = {label.index for label in labels if not label.ignore}
    if not set(arranged.things) <= plain:
        return None
    names = [_phrase(home.solids[thing], rng) for thing in arranged.things]
    said = SAID[relation]
    goal = said[int(rng.integers(len(said)))].format(*names)
    pairs = tuple(zip(names, arranged.things, strict=True))
    pose = planar(*START) @ mount.base_from_optical()
    return Walk(goal, relation, pairs, tuple(paths), best, grid, frame, labels, pose)


def _arrange(solids: Sequence[Solid], relation: str, rng: np.random.Generator) -> Arrangement:
    """The landmark, for `between` a second one on the other side, and up to three other things."""
    kinds = [FLAT] if relation == "never_cross" else list(LANDMARKS)
    if relation == "between":
        kinds.remove("door")
    fit = [i for i, solid in enumerate(solids) if solid.instance.kind in kinds]
    first = fit[int(rng.integers(len(fit)))]
    spot = _spot(solids[first], relation, rng)
    poses, things = {first: spot}, [first]
    if relation == "between":
        fit = [i for i in fit if solids[i].instance.kind != solids[first].instance.kind]
        second = fit[int(rng.integers(len(fit)))]
        x = spot.x + float(rng.uniform(-0.3, 0.3))
        y = -float(np.copysign(rng.uniform(0.9, 1.4), spot.y))
        poses[second] = Pose(x, y, 0.0, float(rng.uniform(-np.pi, np.pi)))
        things.append(second)
    _scatter(solids, poses, len(things) + 3, rng)
    return Arrangement(poses, tuple(things), relation)


def _scatter(
    solids: Sequence[Solid], poses: dict[int, Pose], most: int, rng: np.random.Generator
) -> None:
    """Put things of other kinds where there is room, until there are `most`."""
    used = {solids[i].instance.kind for i in poses} | {"door"}
    beside = [i for i, s in enumerate(solids) if s.instance.kind in (*BESIDE, *LANDMARKS)]
    for index in map(int, rng.permutation(beside)[:12]):
        x, y, yaw = rng.uniform((-0.8, -1.9, -3.0), (2.6, 1.9, 3.0)).tolist()
        solid = solids[index]
        apart = all(
            np.hypot(x - p.x, y - p.y) > solid.radius + solids[i].radius + 0.5
            for i, p in poses.items()
        )
        inside = abs(y) + solid.radius < HALF[1] and abs(x) + solid.radius < HALF[0]
        if len(poses) < most and apart and inside and solid.instance.kind not in used:
            poses[index] = Pose(x, y, 0.0, yaw)
            used.add(solid.instance.kind)


def _spot(solid: Solid, relation: str, rng: np.random.Generator) -> Pose:
    """A door in a side wall, a rug along the walls, a thing beside the middle of the room."""
    if solid.instance.kind == "door":
        side = 1.0 if rng.random() < 0.5 else -1.0
        y = side * (HALF[1] - solid.half[1] - 0.015)
        return Pose(float(rng.uniform(0.3, 1.8)), y, 0.0, 0.0 if side > 0 else np.pi)
    if solid.instance.kind == FLAT:
        yaw = float(rng.integers(2) * np.pi / 2 + rng.uniform(-0.1, 0.1))
        return Pose(float(rng.uniform(-0.6, 1.0)), float(rng.uniform(-0.5, 0.5)), 0.0, yaw)
    wide = 1.2 if relation in ("towards", "between") else 0.5
    y = float(rng.uniform(-wide, wide))
    if relation == "between":
        y = float(np.copysign(rng.uniform(0.9, 1.4), y))
    x = float(rng.uniform(1.6, 2.3) if relation == "towards" else rng.uniform(-0.6, 1.0))
    return Pose(x, y, 0.0, float(rng.uniform(-np.pi, np.pi)))


def _paths(grid: OccupancyGrid, arranged: Arrangement, rng: np.random.Generator) -> list[Floats]:
    """Up to five smooth ways past the landmark, or to places before it, that touch nothing."""
    free = (grid.cells == 0).astype(np.uint8)
    away = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * grid.resolution
    x = arranged.poses[arranged.things[0]].x
    towards = arranged.relation == "towards"
    made: list[Floats] = []
    for offset in rng.permutation(np.linspace(-1.9, 1.9, 11)).tolist():
        end = (x - 0.9, float(rng.uniform(-1.7, 1.7))) if towards else (END_X, 0.0)
        middle = ((START[0] + end[0]) / 2 if towards else x, offset)
        path = _smooth((START[:2], middle, end))
        cells = ((path[:, :2] - grid.origin[:2]) / grid.resolution).astype(int)
        if away[cells[:, 1], cells[:, 0]].min() > ROBOT_RADIUS + 0.1:
            made.append(path)
        if len(made) == 5:
            break
    return made


def _smooth(points: tuple[tuple[float, float], ...]) -> Floats:
    xy = np.asarray(points)
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=1))])
    spline = CubicSpline(along, xy, bc_type="natural")
    knots = np.linspace(0, along[-1], max(int(along[-1] / 0.1), 2) + 1)
    slope = spline(knots, 1)
    return np.column_stack([spline(knots), np.arctan2(slope[:, 1], slope[:, 0])])


def _best(solids: Sequence[Solid], arranged: Arrangement, paths: list[Floats]) -> int:
    """Index of the path that serves the wish; -1 where that can be disputed."""
    outline = _outline(solids, arranged, arranged.things[0])
    if arranged.relation == "never_cross":
        return _shortest_around(outline, paths)
    if arranged.relation in ("left_of", "right_of"):
        # All paths run along +x, whose left is +y.
        x, y = outline.mean(axis=0)
        left = _at(paths, x) - y
        fits = left > 0 if arranged.relation == "left_of" else left < 0
        return int(fits.argmax()) if fits.sum() == 1 and np.abs(left).min() > 0.3 else -1
    if arranged.relation == "between":
        ends = np.stack(
            [outline.mean(axis=0), _outline(solids, arranged, arranged.things[1]).mean(axis=0)]
        )
        y = _at(paths, float(ends[:, 0].mean()))
        fits = (y > ends[:, 1].min()) & (y < ends[:, 1].max())
        return int(fits.argmax()) if fits.sum() == 1 else -1
    parts = [p[-1:] for p in paths] if arranged.relation == "towards" else paths
    near = np.array([np.linalg.norm(p[:, None, :2] - outline, axis=2).min() for p in parts])
    return _leader(np.minimum(near, 3.0) if arranged.relation == "avoid" else -near, CLEAR_LEAD)


def _at(paths: list[Floats], x: float) -> Floats:
    """The y of each path where it comes to `x`."""
    return np.array([path[np.abs(path[:, 0] - x).argmin(), 1] for path in paths])


def _shortest_around(outline: Floats, paths: list[Floats]) -> int:
    """The shortest path that keeps off the outline, where the shortest of all does not."""
    hull = cv2.convexHull(outline.astype(np.float32))
    deep = np.array(
        [
            max(cv2.pointPolygonTest(hull, (float(x), float(y)), True) for x, y in path[:, :2])
            for path in paths
        ]
    )
    over, clear = deep > 0.1, deep < -ROBOT_RADIUS - 0.1
    length = np.array([np.linalg.norm(np.diff(p[:, :2], axis=0), axis=1).sum() for p in paths])
    if not over[length.argmin()] or over.all() or not (over | clear).all():
        return -1
    return _leader(-np.where(over, 1e6, length), 0.1)


def _leader(values: Floats, lead: float) -> int:
    order = np.argsort(-values)
    return int(order[0]) if values[order[0]] - values[order[1]] >= lead else -1


def _outline(solids: Sequence[Solid], arranged: Arrangement, index: int) -> Floats:
    points: Floats = arranged.poses[index].place(solids[index].points)[:, :2]
    return points


def _seen(
    home: Home, arranged: Arrangement, mount: Mount, rng: np.random.Generator
) -> tuple[Frame, tuple[Label, ...]]:
    room = Room(
        box_walls(HALF),
        (),
        floor=int(rng.integers(len(home.bank.floors))),
        wall=int(rng.integers(len(home.bank.walls))),
        counter=0,
        lights=(Light((0.0, 0.0, 2.3), (0.3, 0.2, 0.0), (0.5, 0.5, 0.5), shadow=True),),
        ambient=float(rng.uniform(0.3, 0.45)),
        headlight=0.15,
    )
    home.arrange(room, arranged.poses)
    camera = mount.camera(planar(*START))
    view = home.view(camera, depth=True)
    labels = tuple(label_view(view, camera, home.solids, arranged.poses))
    frame = Frame("front", 0, "front_optical_frame", view.image, view.depth, mount.intrinsics)
    return frame, labels


def _phrase(solid: Solid, rng: np.random.Generator) -> str:
    """What the goal calls a thing: its kind, with its colour half of the time."""
    instance = solid.instance
    colour = instance.colour if instance.kind in COLOURED else ""
    if colour in ("", "wooden") or rng.random() < 0.5:
        return instance.kind
    return f"{colour} {instance.kind}"


def _walls() -> tuple[Slab, ...]:
    x, y = HALF
    return (
        Slab((x + 0.05, 0, 1.25), (0.1, 2 * y + 0.2, 2.5)),
        Slab((-x - 0.05, 0, 1.25), (0.1, 2 * y + 0.2, 2.5)),
        Slab((0, y + 0.05, 1.25), (2 * x + 0.2, 0.1, 2.5)),
        Slab((0, -y - 0.05, 1.25), (2 * x + 0.2, 0.1, 2.5)),
    )
