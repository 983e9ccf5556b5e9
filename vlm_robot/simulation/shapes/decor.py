"""Plants, lamps and what decorates a home, from parameters."""

from __future__ import annotations

import numpy as np

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape

GREEN = Paint((0.13, 0.42, 0.14, 1))
LEAF = Paint((0.25, 0.55, 0.18, 1))
SOIL = Paint((0.2, 0.13, 0.08, 1))


@shape
def plant(b: Builder, look: Look, form: str) -> None:
    """A potted plant; the pot wears the colour."""
    r, h = look.between(0.09, 0.16), look.between(0.13, 0.26)
    b.turned(
        look.main, [(0, 0), (r * 0.7, 0), (r, h), (r * 0.9, h), (r * 0.85, h * 0.9), (0, h * 0.9)]
    )
    b.rod(SOIL, r * 0.85, 0.02, (0, 0, h * 0.88))
    leaf = GREEN if look.rng.random() < 0.5 else LEAF
    n = int(look.rng.integers(9, 16))
    for i in range(n):
        turn = rotation("z", 360 * i / n + look.between(-15, 15))
        lean = look.between(15, 70)
        length = look.between(0.14, 0.32)
        tilt = turn @ rotation("y", lean)
        middle = np.array([0, 0, h * 0.9]) + tilt @ np.array([0, 0, length])
        if form == "spiky":
            b.turned(
                leaf,
                [(0.022, 0), (0.02, length), (0, 2 * length)],
                (0, 0, h * 0.9),
                tilt,
                sides=6,
                squash=0.3,
            )
        elif form == "bushy":
            b.ellipsoid(
                leaf,
                (0.08, 0.06, 0.07),
                np.array([0, 0, h + 0.12]) + (middle - [0, 0, h * 0.9]) * 0.6,
                tilt,
            )
        else:
            b.ellipsoid(leaf, (0.05, 0.012, length * 0.5), middle, tilt)
            b.tube(GREEN, [(0, 0, h * 0.9), tuple(middle)], 0.006, sides=6)
    if form == "tree":
        b.rod(look.wood, 0.02, 0.6, (0, 0, h * 0.9))
        for _ in range(14):
            at = look.rng.normal(0, 0.11, 3) + np.array([0, 0, h + 0.68])
            b.ellipsoid(leaf, (0.1, 0.1, 0.07), at)


@shape
def flower_vase(b: Builder, look: Look, form: str) -> None:
    """A vase; `flowers` holds some."""
    h, r = look.between(0.18, 0.32), look.between(0.05, 0.09)
    necks = {
        "bulb": [
            (0, 0),
            (0.6, 0),
            (1.1, 0.35),
            (0.45, 0.8),
            (0.6, 1),
            (0.5, 1),
            (0.35, 0.8),
            (0, 0.6),
        ],
        "straight": [(0, 0), (0.7, 0), (0.85, 1), (0.75, 1), (0.6, 0.3), (0, 0.3)],
        "amphora": [
            (0, 0),
            (0.45, 0),
            (1.1, 0.65),
            (0.4, 0.85),
            (0.65, 1),
            (0.55, 1),
            (0.3, 0.85),
            (0, 0.7),
        ],
        "flowers": [
            (0, 0),
            (0.5, 0),
            (0.95, 0.45),
            (0.55, 0.85),
            (0.8, 1),
            (0.7, 1),
            (0.4, 0.8),
            (0, 0.6),
        ],
    }
    b.turned(look.main, [(x * r, z * h) for x, z in necks[form]])
    if form == "flowers":
        for i in range(6):
            turn = rotation("z", 60 * i) @ rotation("y", look.between(5, 30))
            top = turn @ np.array([0, 0, h * 0.9]) + [0, 0, h * 0.8]
            b.tube(GREEN, [(0, 0, h * 0.7), tuple(top)], 0.004, sides=6)
            b.ellipsoid(look.other, (0.03, 0.03, 0.02), top, turn)


@shape
def lamp(b: Builder, look: Look, form: str) -> None:
    """A lamp; the shade wears the colour."""
    floor = form in ("floor", "arc", "floor_globe")
    h = look.between(1.2, 1.5) if floor else look.between(0.25, 0.4)
    k = 1.6 if floor else 1.0
    b.rod(look.metal, 0.08 * k, 0.02)
    if form in ("table_globe", "floor_globe"):
        b.rod(look.metal, 0.012, h)
        b.ellipsoid(look.main, (0.1 * k, 0.1 * k, 0.1 * k), (0, 0, h + 0.06))
    elif form in ("desk", "arc"):
        b.tube(
            look.metal,
            [(0, 0, 0), (-0.05 * k, 0, h * 0.8), (0.1 * k, 0, h), (0.22 * k, 0, h * 0.95)],
            0.012,
        )
        b.turned(
            look.main,
            [(0.03, 0.1), (0.09 * k, -0.02), (0.08 * k, -0.02)],
            (0.22 * k, 0, h * 0.93),
            rotation("y", 20),
        )
    else:
        b.rod(look.metal, 0.012, h)
        top = look.between(0.05, 0.11) * k
        b.turned(
            look.main,
            [(0.13 * k, 0), (top, 0.18 * k), (top * 0.95, 0.18 * k), (0.125 * k, 0)],
            (0, 0, h - 0.04),
        )


@shape
def clock(b: Builder, look: Look, form: str) -> None:
    """A clock to hang or stand; its rim wears the colour."""
    r = look.between(0.11, 0.18)
    up = rotation("x", 90)
    if form == "square":
        b.box(look.main, (2 * r, 0.05, 2 * r), (0, 0, r))
        b.box(look.light, (1.75 * r, 0.01, 1.75 * r), (0, -0.025, r))
    else:
        b.rod(look.main, r, 0.05, (0, 0.025, r), up, sides=28)
        b.rod(look.light, r * 0.86, 0.01, (0, -0.022, r), up, sides=28)
    for i in range(12):
        turn = rotation("y", 30 * i)
        b.box(look.dark, (0.012, 0.01, 0.03), turn @ (0, 0, r * 0.72) + (0, -0.034, r), turn)
    for length, degrees in ((0.45, look.between(0, 360)), (0.65, look.between(0, 360))):
        turn = rotation("y", degrees)
        b.box(
            look.dark,
            (0.014, 0.01, r * length),
            turn @ (0, 0, r * length / 2) + (0, -0.036, r),
            turn,
        )
    if form == "standing":
        b.box(look.wood, (1.2 * r, 0.12, 0.03), (0, 0, -0.01))


@shape
def picture_frame(b: Builder, look: Look, form: str) -> None:
    """A framed picture; its frame wears the colour."""
    w = look.between(0.25, 0.6)
    h = w * {"wide": 0.7, "tall": 1.35, "square": 1.0}[form]
    b.box(look.light, (w, 0.015, h), (0, 0, h / 2))
    b.box(look.printed(), (w * 0.8, 0.01, h * 0.8), (0, -0.008, h / 2))
    t = look.between(0.02, 0.05)
    for x in (-1, 1):
        b.box(look.main, (t, 0.03, h + t), (x * w / 2, 0, h / 2))
    for z in (0, h):
        b.box(look.main, (w + t, 0.03, t), (0, 0, z))


@shape
def mirror(b: Builder, look: Look, form: str) -> None:
    """A mirror with a rim (its glass shows the sky, not the room)."""
    w, h = look.between(0.3, 0.45), look.between(0.5, 1.2)
    glass = Paint((0.78, 0.85, 0.9, 1), shine=1.0)
    if form == "oval":
        up = rotation("x", 90)
        b.turned(
            look.main,
            [(0, 0), (w / 2, 0), (w / 2, 0.03), (0, 0.03)],
            (0, 0.015, h / 2),
            up,
            squash=h / w,
            sides=28,
        )
        b.turned(
            glass,
            [(0, 0), (w * 0.43, 0), (w * 0.43, 0.005), (0, 0.005)],
            (0, -0.013, h / 2),
            up,
            squash=h / w,
            sides=28,
        )
        return
    b.box(look.main, (w, 0.03, h), (0, 0, h / 2))
    b.box(glass, (w * 0.84, 0.01, h * 0.9), (0, -0.014, h / 2))


@shape
def rug(b: Builder, look: Look, form: str) -> None:
    """A flat carpet."""
    w, d = look.between(0.9, 1.5), look.between(0.6, 1.1)
    if form == "round":
        b.rod(look.main, w / 2, 0.012, sides=32)
        b.rod(look.other, w * 0.38, 0.003, (0, 0, 0.012), sides=32)
        b.rod(look.main, w * 0.3, 0.003, (0, 0, 0.014), sides=32)
    elif form == "striped":
        n = 9
        for i in range(n):
            paint = look.main if i % 2 == 0 else look.light
            b.box(paint, (w / n, d, 0.012), ((i - (n - 1) / 2) * w / n, 0, 0.006))
    else:
        b.box(look.main, (w, d, 0.012), (0, 0, 0.006))
        b.box(look.other, (w * 0.85, d * 0.8, 0.002), (0, 0, 0.013))
        b.box(look.main, (w * 0.78, d * 0.7, 0.002), (0, 0, 0.0145))


@shape
def pillow(b: Builder, look: Look, form: str) -> None:
    """A cushion, leaning or lying."""
    w = look.between(0.35, 0.5)
    h = w * (0.65 if form == "long" else 1.0)
    grid = np.linspace(-1, 1, 13)
    x, y = np.meshgrid(grid, grid)
    swell = (1 - x**4) * (1 - y**4)
    lean = rotation("x", 65) if form == "leaning" else np.eye(3)
    index = np.arange(169).reshape(13, 13)
    a, c = index[:-1, :-1].ravel(), index[1:, 1:].ravel()
    right, up = index[:-1, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.concatenate([np.stack([a, right, c], 1), np.stack([a, c, up], 1)])
    uv = np.stack([(x.ravel() + 1) / 2, (1 - y.ravel()) / 2], axis=1)
    for sign in (1, -1):
        vertices = np.stack([x * w / 2, y * h / 2, sign * swell * 0.08], axis=-1).reshape(-1, 3)
        b.add(look.main, vertices, faces if sign > 0 else faces[:, ::-1], uv, (0, 0, 0), lean)
