"""Random rooms: where things stand, how it is lit, and where a small robot's camera is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vlm_robot.simulation.assets.mesh import Floats
from vlm_robot.simulation.camera import Camera, look, pinhole
from vlm_robot.simulation.home import LIGHTS, WALL_HEIGHT, Home, Light, Panel, Pose, Room, Slab

CAMERA_LOW, CAMERA_HIGH = 0.15, 1.2
SHARES, CROWDED_SHARES = (0.42, 0.26, 0.32), (0.5, 0.32, 0.18)
"""Of close views of tables, close views of floors, and rooms."""


@dataclass(frozen=True)
class Scene:
    """One picture to take."""

    room: Room
    poses: dict[int, Pose]
    camera: Camera
    subset: str


@dataclass
class _Plan:
    """What stands where while a scene is made: circles seen from above."""

    rng: np.random.Generator
    home: Home
    half: tuple[float, float]
    poses: dict[int, Pose]
    taken: list[tuple[float, float, float]]

    def free(self, x: float, y: float, radius: float, *, tight: float = 1.0) -> bool:
        return all(
            np.hypot(x - cx, y - cy) > tight * (radius + other) for cx, cy, other in self.taken
        )

    def put(self, index: int, pose: Pose, *, tight: float = 1.0) -> bool:
        """Place a solid where nothing stands."""
        radius = self.home.solids[index].radius
        if index in self.poses or not self.free(pose.x, pose.y, radius, tight=tight):
            return False
        self.poses[index] = pose
        self.taken.append((pose.x, pose.y, radius))
        return True


def random_scene(
    home: Home, rng: np.random.Generator, *, width: int, height: int, crowded: bool = False
) -> Scene:
    """A table top close by, a stretch of floor, or a room; `crowded` puts more on tables."""
    half = (float(rng.uniform(1.5, 2.8)), float(rng.uniform(1.5, 2.8)))
    plan = _Plan(rng, home, half, {}, [])
    subset = str(rng.choice(["table", "floor", "room"], p=CROWDED_SHARES if crowded else SHARES))
    intrinsics = pinhole(width, height, float(rng.uniform(40, 62)))
    counters: tuple[Slab, ...] = ()
    if subset == "room":
        _furnish(plan, int(rng.integers(3, 7)))
        _scatter_floor(plan, int(rng.integers(3, 9)))
        position, target = _room_camera(plan)
    else:
        counters, position, target = _close(plan, subset, crowded)
    floor, wall, counter = (int(rng.integers(len(home.bank.floors))) for _ in range(3))
    room = Room(
        box_walls(half),
        counters,
        floor=floor,
        wall=wall,
        counter=counter,
        lights=_lights(rng, half),
        ambient=float(rng.uniform(0.22, 0.45)),
        headlight=float(rng.uniform(0.0, 0.35)),
    )
    camera = look(intrinsics, position, target, float(rng.normal(0, 0.03)))
    return Scene(room, plan.poses, camera, subset)


def pool(home: Home, *places: str) -> list[int]:
    """Indices of the solids that may stand in one of `places`."""
    return [
        i
        for i, solid in enumerate(home.solids)
        if set(solid.instance.place) & set(places)
        and (places != ("table",) or (solid.height < 0.6 and solid.radius < 0.45))
    ]


def _shuffled(rng: np.random.Generator, items: Iterable[int]) -> list[int]:
    items = list(items)
    return [items[i] for i in rng.permutation(len(items))]


def box_walls(half: tuple[float, float]) -> tuple[Panel, ...]:
    """Four walls and a ceiling about the origin, seen from inside."""
    x, y = half
    tall = WALL_HEIGHT
    return (
        Panel((x, 0, tall / 2), (-1, 0, 0)),
        Panel((-x, 0, tall / 2), (1, 0, 0)),
        Panel((0, y, tall / 2), (0, -1, 0)),
        Panel((0, -y, tall / 2), (0, 1, 0)),
        Panel((0, 0, tall), (0, 0, -1)),
    )


def _lights(rng: np.random.Generator, half: tuple[float, float]) -> tuple[Light, ...]:
    lights = []
    count = int(rng.integers(1, LIGHTS + 1))
    shadow = bool(rng.random() < 0.45)
    for index in range(count):
        position = (
            float(rng.uniform(-0.8, 0.8) * half[0]),
            float(rng.uniform(-0.8, 0.8) * half[1]),
            float(rng.uniform(1.9, 2.4)),
        )
        aim = (float(rng.normal(0, 0.7)), float(rng.normal(0, 0.7)), 0.3)
        warm = rng.uniform(-0.18, 0.18)
        red, green, blue = rng.uniform(0.25, 0.8) / count**0.6 * np.array([1 + warm, 1.0, 1 - warm])
        lights.append(Light(position, aim, (red, green, blue), shadow and index == 0))
    return tuple(lights)


def _furnish(plan: _Plan, count: int) -> None:
    """Furniture with its back to a wall, things that hang, and some in the open."""
    rng, home = plan.rng, plan.home
    for index in _shuffled(rng, pool(home, "furniture", "wallfoot"))[: 2 * count]:
        if len(plan.poses) >= count:
            break
        solid = home.solids[index]
        by_wall = "wallfoot" in solid.instance.place or rng.random() < 0.7
        if solid.instance.kind in ("person", "chair", "stool", "table", "pouf"):
            by_wall = rng.random() < 0.35
        for _ in range(6):
            pose = _at_wall(plan, solid.half, 0.0) if by_wall else _in_the_open(plan)
            if plan.put(index, pose, tight=0.85):
                if solid.instance.kind in ("table", "desk", "cabinet", "bench"):
                    _load(plan, index, pose)
                break
    for index in _shuffled(rng, pool(home, "wall"))[: int(rng.integers(0, 4))]:
        solid = home.solids[index]
        hanging = solid.instance.kind not in ("door",)
        height = float(rng.uniform(0.8, 1.4)) if hanging else 0.0
        if solid.instance.kind == "window":
            height = float(rng.uniform(0.6, 1.0))
        pose = _at_wall(plan, solid.half, height)
        if all(
            np.hypot(pose.x - x, pose.y - y) > 0.75 * (solid.radius + r) for x, y, r in plan.taken
        ):
            plan.poses[index] = pose
            plan.taken.append((pose.x, pose.y, solid.radius * (0.6 if hanging else 1.0)))
    for index in _shuffled(rng, pool(home, "floorflat"))[: int(rng.random() < 0.4)]:
        plan.poses[index] = Pose(
            float(rng.normal(0, 0.5)), float(rng.normal(0, 0.5)), 0.0, float(rng.uniform(0, np.pi))
        )


def _at_wall(plan: _Plan, half: tuple[float, float], z: float) -> Pose:
    """Back (+y) to one of the four walls."""
    rng = plan.rng
    side = int(rng.integers(4))
    gap = half[1] + 0.015
    yaw = [0.0, np.pi / 2, np.pi, -np.pi / 2][side]
    normal = np.array([[0, 1], [-1, 0], [0, -1], [1, 0]][side])
    reach = np.abs(normal @ np.array([plan.half[0], plan.half[1]])) - gap
    along = plan.half[1 - int(abs(normal[1]))] - half[0]
    along = plan.half[0] - half[0] if normal[0] == 0 else plan.half[1] - half[0]
    slide = rng.uniform(-1, 1) * max(along, 0.0)
    x, y = normal * reach + np.array([abs(normal[1]), abs(normal[0])]) * slide
    return Pose(float(x), float(y), z, float(yaw))


def _in_the_open(plan: _Plan) -> Pose:
    rng = plan.rng
    x, y = rng.uniform(-0.75, 0.75, 2) * plan.half
    return Pose(float(x), float(y), 0.0, float(rng.uniform(-np.pi, np.pi)))


def _load(plan: _Plan, support: int, pose: Pose, count: int | None = None) -> None:
    """Put small things on top of a piece of furniture."""
    rng, home = plan.rng, plan.home
    solid = home.solids[support]
    top = pose.z + solid.height
    inner = _Plan(rng, home, plan.half, plan.poses, [])
    wanted = int(rng.integers(1, 6)) if count is None else count
    for index in _shuffled(rng, pool(home, "table"))[: 2 * wanted]:
        small = home.solids[index]
        room = np.array(solid.half) * 0.9 - small.radius
        if wanted == 0:
            break
        if (room < 0).any():
            continue
        offset = np.array([*(rng.uniform(-1, 1, 2) * room), 0.0])
        spot = pose.place(offset[None])[0]
        placed = Pose(float(spot[0]), float(spot[1]), top, float(rng.uniform(-np.pi, np.pi)))
        wanted -= inner.put(index, placed, tight=0.8)


def _scatter_floor(plan: _Plan, count: int) -> None:
    for index in _shuffled(plan.rng, pool(plan.home, "floor"))[:count]:
        for _ in range(4):
            if plan.put(index, _in_the_open(plan), tight=0.9):
                break


def _room_camera(plan: _Plan) -> tuple[Floats, Floats]:
    """From a free spot towards one of the things."""
    rng = plan.rng
    targets = list(plan.poses.items())
    index, pose = targets[int(rng.integers(len(targets)))]
    height = float(rng.uniform(CAMERA_LOW + 0.1, CAMERA_HIGH))
    aim = np.array([pose.x, pose.y, pose.z + 0.5 * plan.home.solids[index].height])
    best, clear = np.array([0.0, 0.0, height]), -1.0
    for _ in range(20):
        spot = rng.uniform(-0.92, 0.92, 2) * plan.half
        away = np.hypot(*(spot - aim[:2]))
        gap = min((np.hypot(spot[0] - x, spot[1] - y) - r for x, y, r in plan.taken), default=1.0)
        score = min(gap, 0.3) + 0.15 * min(away, 2.6)
        if score > clear and away > 0.8:
            best, clear = np.array([*spot, height]), score
    aim = aim + rng.normal(0, 0.15, 3)
    aim[2] = np.clip(aim[2], height - 0.9, height + 0.35)
    return best, aim


def _close(plan: _Plan, subset: str, crowded: bool) -> tuple[tuple[Slab, ...], Floats, Floats]:
    """A cluster of small things on a table, a counter or the floor, seen from near by."""
    rng, home = plan.rng, plan.home
    centre = rng.uniform(-0.35, 0.35, 2) * plan.half
    top = 0.0
    counters: tuple[Slab, ...] = ()
    if subset == "table":
        top, counters = _support(plan, centre)
    azimuth = float(rng.uniform(-np.pi, np.pi))
    spread = float(rng.uniform(0.24, 0.46) if crowded else rng.uniform(0.16, 0.42))
    wanted = int(rng.integers(6, 13)) if crowded else 0
    names: tuple[str, ...] = ("table",)
    if subset == "floor":
        names = ("floor", "table") if rng.random() < 0.5 else ("floor",)
    _cluster(plan, _shuffled(rng, pool(home, *names)), centre, top, spread, azimuth, wanted)
    if subset == "floor" and rng.random() < 0.6:
        _furnish(plan, int(rng.integers(1, 4)))
    distance = spread * rng.uniform(1.4, 2.4) + rng.uniform(0.2, 0.5)
    steep = np.radians(rng.uniform(6, 50))
    height = np.clip(top + distance * np.sin(steep), CAMERA_LOW, CAMERA_HIGH + 0.15)
    height = max(height, top + 0.08)
    flat = np.sqrt(max(distance**2 - (height - top) ** 2, (0.5 * distance) ** 2))
    away = np.array([np.cos(azimuth), np.sin(azimuth)])
    spot = np.clip(centre + flat * away, *(np.array([-0.97, 0.97])[:, None] * plan.half))
    aim = np.array([*(centre + rng.normal(0, 0.06, 2)), top + rng.uniform(0.0, 0.16)])
    return counters, np.array([*spot, height]), aim


def _support(plan: _Plan, centre: Floats) -> tuple[float, tuple[Slab, ...]]:
    """A table of the vocabulary, or a counter of the room; its height and the counter."""
    rng, home = plan.rng, plan.home
    tables = [i for i, s in enumerate(home.solids) if s.instance.kind in ("table", "desk")]
    if tables and rng.random() < 0.5:
        index = tables[int(rng.integers(len(tables)))]
        plan.poses[index] = Pose(
            float(centre[0]), float(centre[1]), 0.0, float(rng.uniform(0, 2 * np.pi))
        )
        return home.solids[index].height, ()
    height = float(rng.uniform(0.3, 0.95))
    size = (float(rng.uniform(0.9, 2.4)), float(rng.uniform(0.7, 1.2)))
    thick = height if rng.random() < 0.6 else 0.05
    middle = (float(centre[0]), float(centre[1]), height - thick / 2)
    return height, (Slab(middle, (*size, thick)),)


def _cluster(
    plan: _Plan,
    candidates: list[int],
    centre: Floats,
    top: float,
    spread: float,
    azimuth: float,
    wanted: int,
) -> None:
    """Put up to `wanted` things about `centre` (0: a few)."""
    rng, home = plan.rng, plan.home
    inner = _Plan(rng, home, plan.half, plan.poses, [])
    wanted = wanted or int(rng.integers(3, 10))
    for index in candidates[: 3 * wanted]:
        if wanted == 0:
            break
        solid = home.solids[index]
        if solid.radius > 1.1 * spread + 0.08:
            continue
        # Drawings show their face; the rest turn anywhere.
        flat = solid.instance.source == "drawing"
        turn = rng.normal(0, 0.5) if flat else rng.uniform(-np.pi, np.pi)
        for _ in range(10):
            x, y = centre + rng.normal(0, 0.62 * spread, 2)
            yaw = azimuth + np.pi / 2 + turn
            if inner.put(index, Pose(float(x), float(y), top, float(yaw)), tight=0.72):
                wanted -= 1
                break
    plan.taken.extend(inner.taken)
