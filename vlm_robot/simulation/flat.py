"""The furnished flat of the sample drive: a living room and a kitchen with a way between them.

Its plan is drawn by hand so that it looks lived in; which chair, which colours and which sizes
come from the seed. Its walls and floors are from a texture stream that no data set uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_robot.simulation.catalog import Solid, make_solid
from vlm_robot.simulation.home import Home, Light, Panel, Pose, Room, Slab
from vlm_robot.simulation.textures import Bank
from vlm_robot.simulation.vocabulary import Instance, Split, load_vocabulary

WIDTH, DEPTH, TALL = 8.4, 5.0, 2.5
"""Metres: x, y and z of the flat; its corner is the map's origin."""
DIVIDER, THICK = 4.6, 0.12
DOORWAY = (1.8, 3.1)
"""Metres along y that are open in the dividing wall."""
LINTEL = 2.1
WEST, EAST, NORTH, SOUTH = np.pi / 2, -np.pi / 2, 0.0, np.pi
"""Yaw of furniture whose back is to that wall."""
COUNTER = Slab((7.0, 0.3, 0.42), (2.6, 0.6, 0.84), paint=2)


@dataclass(frozen=True)
class Item:
    """A thing of the plan.

    Attributes:
        kind, form, colours: which instances fit ('' and (): any).
        x, y: metres in the map; or from the middle of what it is `on`.
        yaw: radians, or a wall's name.
        z: metres above the floor; ignored with `on`.
        on: name of the item that it stands on.
        name: what others call it in `on`.
        to_wall: move it back until it touches the wall that its yaw names.
        size: scale factor for a mesh or drawing.
    """

    kind: str
    x: float
    y: float
    yaw: float = 0.0
    form: str = ""
    colours: tuple[str, ...] = ()
    z: float = 0.0
    on: str = ""
    name: str = ""
    to_wall: bool = False
    size: float = 0.0


PLAN = (
    Item("rug", 1.9, 3.5, 0.0, "bordered", ("blue", "brown", "gray")),
    Item("couch", 1.9, 5.0, NORTH, "three_seats", ("red",), to_wall=True, name="couch"),
    Item("couch", 0.0, 3.2, WEST, "armchair", ("green", "blue"), to_wall=True),
    Item("table", 1.9, 3.55, 0.0, "low", ("wooden",), name="coffee table"),
    Item("mug", -0.25, 0.05, 0.6, on="coffee table", size=1.1),
    Item("vase", 0.1, 0.1, 0.0, "flowers", ("white", "blue"), on="coffee table"),
    Item("bowl", 0.36, -0.08, on="coffee table", size=1.1),
    Item("banana", -0.05, -0.15, 0.4, on="coffee table", size=0.8),
    Item("lamp", 3.3, 4.6, 0.0, "floor", ("yellow", "white")),
    Item("potted plant", 4.2, 4.55, 0.0, "tree", ("white", "blue")),
    Item("picture frame", 1.3, 5.0, NORTH, "wide", ("black", "wooden"), z=1.35, to_wall=True),
    Item("picture frame", 2.4, 5.0, NORTH, "square", ("black", "wooden"), z=1.4, to_wall=True),
    Item("cabinet", 3.3, 0.0, SOUTH, "white_cabinet", to_wall=True, name="cabinet", size=2.3),
    Item("tv", 0.0, 0.0, SOUTH, "feet", on="cabinet"),
    Item("bookshelf", 0.0, 1.9, WEST, "tall", ("wooden", "white"), to_wall=True),
    Item("door", 0.0, 0.7, WEST, "panels", ("white", "wooden", "brown"), to_wall=True),
    Item("mirror", 1.35, 0.0, SOUTH, "oval", ("wooden", "red"), z=0.5, to_wall=True),
    Item("basket", 0.75, 0.25, SOUTH, "red_basket", size=0.9),
    Item("trash can", 4.3, 0.3, 0.0, "pedal", ("black", "green")),
    Item("backpack", 4.2, 1.3, EAST, "pockets", ("blue", "red")),
    Item("teddy bear", 3.5, 1.6, EAST + 0.4, size=1.4),
    Item("ball", 4.0, 1.85, 0.0, "banded", ("red", "blue")),
    Item("toy blocks", 3.0, 1.55, 0.4, "pyramid", size=1.3),
    Item("pillow", 1.2, 4.45, 0.2, "leaning", ("yellow", "orange", "pink"), z=0.5),
    Item("cat", 3.85, 3.3, EAST - 0.3, size=1.6),
    Item("suitcase", 4.3, 3.75, EAST, "ribbed", ("purple", "green", "yellow")),
    Item("shoe", 0.45, 1.25, 0.5, "sneaker", ("red", "blue")),
    Item("dinosaur", 2.2, 2.95, -0.6, size=1.1),
    Item("table", 6.7, 3.3, 0.0, "round", ("wooden", "white"), name="dining table"),
    Item("chair", 6.0, 3.45, 1.4, "slat", ("wooden",)),
    Item("chair", 7.4, 3.55, -1.8, "slat", ("wooden",)),
    Item("chair", 6.75, 2.5, SOUTH, "slat", ("wooden",)),
    Item("wine bottle", 0.12, 0.15, on="dining table", size=1.1),
    Item("plate", -0.2, -0.1, on="dining table", size=1.0),
    Item("juice carton", 0.22, -0.1, 0.5, on="dining table", size=1.2),
    Item("mug", -0.05, 0.22, 2.0, on="dining table", size=1.1),
    Item("fridge", 8.4, 4.5, EAST, to_wall=True, size=2.6),
    Item("person", 7.85, 2.95, -0.8, "standing", ("blue", "green")),
    Item("microwave", 6.2, 0.3, SOUTH, z=0.84, size=1.1),
    Item("kettle", 6.85, 0.28, 0.3, "electric", ("silver", "red"), z=0.84),
    Item("toaster", 7.3, 0.28, SOUTH, "bread", ("red", "silver"), z=0.84),
    Item("cooking pot", 7.8, 0.3, 0.0, "lid", ("blue", "red"), z=0.84),
    Item("potted plant", 5.05, 4.55, 0.0, "leafy", ("red", "orange")),
    Item("window", 8.4, 2.1, EAST, z=0.9, to_wall=True, size=3.4),
    Item("radiator", 8.4, 2.1, EAST, "fins", ("white",), to_wall=True),
    Item("stacking rings", 8.1, 1.55, 0.0, "thick", size=1.4),
    Item("bucket", 5.25, 0.95, 0.3, "up", ("blue", "green")),
    Item("fire extinguisher", 4.85, 0.3, 0.0, "short"),
    Item("broom", 5.45, 0.2, 0.0, "straw", ("blue", "red", "green")),
    Item("pet bowl", 7.15, 0.82, 0.0, "feed", ("red", "pink")),
    Item("dog", 6.2, 0.8, SOUTH, size=1.6),
    Item("watering can", 8.1, 0.85, 1.9, "tapered", ("green", "yellow")),
    Item("traffic cone", 5.35, 3.3, 0.0, "two_bands", ("orange",)),
    Item("box", 5.75, 4.55, 0.2, "open", ("cardboard",)),
    Item("robot vacuum", 6.9, 4.6, 0.4),
)


@dataclass(frozen=True)
class Flat:
    """The compiled flat.

    Attributes:
        home, room, poses: to show it.
        walls: what stands in the way besides solids, for the map.
    """

    home: Home
    room: Room
    poses: dict[int, Pose]
    walls: tuple[Slab, ...]

    def outline(self, kind: str, form: str = "") -> NDArray[np.float64]:
        """(N, 2) points of the first thing of a kind seen from above, metres in the map."""
        for index, pose in self.poses.items():
            solid = self.home.solids[index]
            if solid.instance.kind == kind and form in solid.instance.name:
                return pose.place(solid.points)[:, :2]
        raise KeyError(f"the flat has no {kind} {form}")


def build_flat(
    bank: Bank, rng: np.random.Generator, *, width: int, height: int, assets: Path | None = None
) -> Flat:
    """Furnish the flat; `width` and `height` are of the pictures, pixels."""
    solids: list[Solid] = []
    poses: dict[int, Pose] = {}
    tops: dict[str, tuple[Pose, float]] = {}
    for item in PLAN:
        solid = _choose(item, bank, rng, assets)
        pose = _pose(item, solid, tops)
        tops[item.name] = (pose, pose.z + solid.height)
        poses[len(solids)] = pose
        solids.append(solid)
    sizes = [(size, panel) for size, panel in _panels(rng, len(bank.walls))]
    home = Home(solids, bank, width=width, height=height, walls=[s for s, _ in sizes], counters=1)
    room = Room(
        tuple(panel for _, panel in sizes),
        (COUNTER,),
        floor=int(rng.integers(len(bank.floors))),
        wall=0,
        counter=0,
        lights=(
            Light((2.2, 2.4, 2.4), (2.3, 2.6, 0), (0.56, 0.54, 0.49), shadow=True),
            Light((6.6, 2.4, 2.4), (6.6, 2.5, 0), (0.56, 0.55, 0.54), shadow=False),
        ),
        ambient=0.46,
        headlight=0.12,
    )
    return Flat(home, room, poses, _blocking())


def _choose(item: Item, bank: Bank, rng: np.random.Generator, assets: Path | None) -> Solid:
    fits = [i for i in load_vocabulary().instances if _fits(i, item)]
    if not fits:
        raise KeyError(f"no instance of {item.kind} {item.form} {item.colours}")
    known = [i for i in fits if i.split is Split.KNOWN] or fits
    instance = known[int(rng.integers(len(known)))]
    if item.size:
        instance = replace(instance, size=(item.size, item.size))
    return make_solid(instance, rng, bank.tints, assets=assets)


def _fits(instance: Instance, item: Item) -> bool:
    # Twemoji's drawings ask for a credit wherever they are shown: the bag does without them.
    return (
        not instance.name.endswith("/twitter")
        and instance.kind == item.kind
        and item.form in (instance.form, instance.model, "")
        and (not item.colours or instance.colour in item.colours)
    )


def _pose(item: Item, solid: Solid, tops: dict[str, tuple[Pose, float]]) -> Pose:
    if item.on:
        under, top = tops[item.on]
        spot = under.place(np.array([[item.x, item.y, 0.0]]))[0]
        return Pose(float(spot[0]), float(spot[1]), top, item.yaw)
    x, y = item.x, item.y
    if item.to_wall:
        gap = solid.half[1] + 0.015
        x += {WEST: gap, EAST: -gap}.get(item.yaw, 0.0)
        y += {NORTH: -gap, SOUTH: gap}.get(item.yaw, 0.0)
    return Pose(x, y, item.z, item.yaw)


def _panels(rng: np.random.Generator, paints: int) -> list[tuple[tuple[float, float], Panel]]:
    """Width, height and place of every wall, two paints: one for each room."""
    one, two, top = (int(paint) for paint in rng.permutation(paints)[:3])
    z = TALL / 2
    low, high = DOORWAY
    west, east = DIVIDER - THICK / 2, DIVIDER + THICK / 2
    kitchen = (WIDTH - DIVIDER, (DIVIDER + WIDTH) / 2)
    living = (DIVIDER, DIVIDER / 2)
    panels = [
        ((DEPTH, TALL), Panel((0, DEPTH / 2, z), (1, 0, 0), one)),
        ((DEPTH, TALL), Panel((WIDTH, DEPTH / 2, z), (-1, 0, 0), two)),
        ((WIDTH, DEPTH), Panel((WIDTH / 2, DEPTH / 2, TALL), (0, 0, -1), top)),
        ((THICK, TALL), Panel((DIVIDER, low, z), (0, 1, 0), one)),
        ((THICK, TALL), Panel((DIVIDER, high, z), (0, -1, 0), one)),
    ]
    for (length, middle), paint in ((living, one), (kitchen, two)):
        panels.append(((length, TALL), Panel((middle, 0, z), (0, 1, 0), paint)))
        panels.append(((length, TALL), Panel((middle, DEPTH, z), (0, -1, 0), paint)))
    over = TALL - LINTEL
    for x, way, paint in ((west, -1.0, one), (east, 1.0, two)):
        panels.append(((low, TALL), Panel((x, low / 2, z), (way, 0, 0), paint)))
        end = DEPTH - high
        panels.append(((end, TALL), Panel((x, high + end / 2, z), (way, 0, 0), paint)))
        at = ((x, (low + high) / 2, TALL - over / 2), (way, 0.0, 0.0))
        panels.append(((high - low, over), Panel(*at, paint)))
    return panels


def _blocking() -> tuple[Slab, ...]:
    """Walls as boxes, 10 cm thick outside and THICK between the rooms."""
    t, z = 0.1, TALL / 2
    low, high = DOORWAY
    return (
        Slab((-t / 2, DEPTH / 2, z), (t, DEPTH + 2 * t, TALL)),
        Slab((WIDTH + t / 2, DEPTH / 2, z), (t, DEPTH + 2 * t, TALL)),
        Slab((WIDTH / 2, -t / 2, z), (WIDTH, t, TALL)),
        Slab((WIDTH / 2, DEPTH + t / 2, z), (WIDTH, t, TALL)),
        Slab((DIVIDER, low / 2, z), (THICK, low, TALL)),
        Slab((DIVIDER, (high + DEPTH) / 2, z), (THICK, DEPTH - high, TALL)),
        COUNTER,
    )
