"""Things that stand about in a home, from parameters."""

from __future__ import annotations

import numpy as np

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape

GREEN = Paint((0.13, 0.42, 0.14, 1))
LEAF = Paint((0.25, 0.55, 0.18, 1))
SOIL = Paint((0.2, 0.13, 0.08, 1))
GLASS = Paint((0.75, 0.88, 0.93, 1), shine=0.8)
SCREEN = Paint((0.04, 0.05, 0.07, 1), shine=0.9)
CARD = Paint((0.72, 0.54, 0.34, 1), shine=0.02)


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
def trash_can(b: Builder, look: Look, form: str) -> None:
    """A bin."""
    r, h = look.between(0.13, 0.18), look.between(0.28, 0.5)
    if form == "open":
        b.turned(
            look.main, [(0, 0), (r * 0.8, 0), (r, h), (r * 0.95, h), (r * 0.75, 0.03), (0, 0.03)]
        )
    elif form == "pedal":
        b.rod(look.main, r, h)
        b.ellipsoid(look.dark, (r, r, 0.07), (0, 0, h))
        b.box(look.dark, (0.08, 0.06, 0.015), (0, -r - 0.02, 0.03))
    else:
        b.box(look.main, (2 * r, 1.7 * r, h), (0, 0, h / 2))
        b.box(look.matt(0.7), (2.1 * r, 1.8 * r, 0.05), (0, 0, h + 0.02))
        if form == "wheelie":
            b.rod(look.dark, 0.06, 2 * r, (-r, r * 0.9, 0.06), rotation("y", 90))


@shape
def tv(b: Builder, look: Look, form: str) -> None:
    """A flat screen on a foot."""
    w = look.between(0.6, 1.0)
    h = w * 0.58
    screen = look.printed() if look.rng.random() < 0.5 else SCREEN
    b.box(look.dark, (w, 0.05, h), (0, 0, h / 2 + 0.08))
    b.box(screen, (w * 0.94, 0.01, h * 0.9), (0, -0.025, h / 2 + 0.085))
    if form == "feet":
        for x in (-0.35, 0.35):
            b.box(look.dark, (0.03, 0.2, 0.08), (x * w, 0, 0.04))
    else:
        b.box(look.dark, (0.08, 0.05, 0.1), (0, 0, 0.05))
        b.box(look.dark, (w * 0.4, 0.2, 0.015), (0, 0, 0.01))


@shape
def monitor(b: Builder, look: Look, form: str) -> None:
    """A computer screen on a stand."""
    w = look.between(0.45, 0.62)
    h = w * (0.56 if form == "wide" else 0.75)
    b.box(look.main, (w, 0.03, h), (0, 0, h / 2 + 0.14))
    b.box(Paint((0.2, 0.4, 0.75, 1)), (w * 0.93, 0.01, h * 0.88), (0, -0.014, h / 2 + 0.145))
    b.rod(look.metal, 0.022, 0.16, (0, 0.03, 0))
    b.rod(look.metal, 0.1, 0.012, (0, 0.02, 0))


@shape
def laptop(b: Builder, look: Look, form: str) -> None:
    """An open laptop."""
    w = look.between(0.3, 0.37)
    d = w * 0.68
    b.box(look.main, (w, d, 0.018), (0, 0, 0.009))
    b.box(look.dark, (w * 0.86, d * 0.5, 0.003), (0, d * 0.15, 0.019))
    b.box(look.metal, (w * 0.3, d * 0.26, 0.003), (0, -d * 0.28, 0.019))
    lean = rotation("x", -15 if form == "open" else -45)
    up = np.array([0, d / 2, 0.015]) + lean @ np.array([0, 0, d / 2])
    b.box(look.main, (w, 0.01, d), up, lean)
    b.box(
        Paint((0.25, 0.45, 0.8, 1)),
        (w * 0.92, 0.006, d * 0.86),
        up + lean @ np.array([0, -0.005, 0]),
        lean,
    )


@shape
def keyboard(b: Builder, look: Look, form: str) -> None:
    """A computer keyboard."""
    w, d = (0.43, 0.14) if form == "full" else (0.29, 0.12)
    b.box(look.main, (w, d, 0.02), (0, 0, 0.01))
    key = look.dark if sum(look.main.rgba[:3]) > 1 else look.light
    for row in range(5):
        for column in range(int(w / 0.024)):
            x = (column + 0.5) * 0.024 - w / 2 + 0.004
            b.box(key, (0.018, 0.018, 0.01), (x, d / 2 - 0.02 - row * d * 0.19, 0.024))


@shape
def phone(b: Builder, look: Look, form: str) -> None:
    """A mobile telephone, lying or on a stand."""
    k = look.between(1.0, 1.5)
    lean = rotation("x", 70) if form == "stand" else np.eye(3)
    at = np.array([0, 0, 0.08 * k]) if form == "stand" else np.array([0, 0, 0.006])
    b.box(look.main, (0.08 * k, 0.16 * k, 0.012), at, lean)
    b.box(SCREEN, (0.074 * k, 0.15 * k, 0.004), at + lean @ np.array([0, 0, 0.006]), lean)
    if form == "stand":
        b.box(look.metal, (0.06, 0.08, 0.05), (0, 0.04, 0.025))


@shape
def remote(b: Builder, look: Look, form: str) -> None:
    """A remote control."""
    w, d = 0.055, look.between(0.17, 0.22)
    b.box(look.main, (w, d, 0.025), (0, 0, 0.0125))
    key = look.light if sum(look.main.rgba[:3]) < 1.5 else look.dark
    for i in range(5):
        for x in (-0.015, 0, 0.015):
            b.rod(key, 0.005, 0.006, (x, -d * 0.3 + i * 0.02, 0.024), sides=8)
    b.rod(Paint((0.8, 0.1, 0.1, 1)), 0.008, 0.006, (0, d * 0.4, 0.024))
    if form == "dial":
        b.rod(key, 0.02, 0.005, (0, d * 0.22, 0.024))


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


@shape
def box(b: Builder, look: Look, form: str) -> None:
    """A box: closed, open or flat; cardboard unless coloured."""
    w, d, h = look.between(0.16, 0.4), look.between(0.14, 0.3), look.between(0.1, 0.3)
    paint = look.main
    if form == "flat":
        h = look.between(0.04, 0.07)
    if form in ("closed", "flat"):
        b.box(paint, (w, d, h), (0, 0, h / 2))
        b.box(look.matt(0.8), (w * 1.005, 0.05, 0.003), (0, 0, h))
        return
    b.box(paint, (w, d, 0.01), (0, 0, 0.005))
    for s in (-1, 1):
        b.box(paint, (0.01, d, h), (s * w / 2, 0, h / 2))
        b.box(paint, (w, 0.01, h), (0, s * d / 2, h / 2))
        out = rotation("y", s * 50)
        at = np.array([s * w / 2, 0, h]) + out @ np.array([0, 0, w * 0.2])
        b.box(paint, (0.008, d, w * 0.4), at, out)


@shape
def suitcase(b: Builder, look: Look, form: str) -> None:
    """A case with a handle."""
    w, d, h = look.between(0.34, 0.45), look.between(0.16, 0.24), look.between(0.45, 0.65)
    if form == "vintage":
        h, w = w * 0.75, h
        b.box(look.main, (w, d, h), (0, 0, h / 2))
        for x in (-0.3, 0.3):
            b.box(look.dark, (0.04, d * 1.02, h * 1.01), (x * w, 0, h / 2))
        b.tube(
            look.dark,
            [(-0.07, 0, h), (-0.06, 0, h + 0.05), (0.06, 0, h + 0.05), (0.07, 0, h)],
            0.012,
        )
        return
    b.box(look.main, (w, d, h), (0, 0, h / 2 + 0.05))
    if form == "ribbed":
        for i in range(6):
            b.box(look.matt(0.8), (0.02, d * 1.04, h * 0.94), ((i - 2.5) * w / 7, 0, h / 2 + 0.05))
    for x in (-1, 1):
        b.rod(look.dark, 0.03, 0.04, (x * w * 0.4, 0.02, 0.03), rotation("x", 90))
        b.rod(look.metal, 0.008, 0.3, (x * 0.07, d * 0.4, h))
    b.box(look.dark, (0.17, 0.03, 0.03), (0, d * 0.4, h + 0.3))


@shape
def backpack(b: Builder, look: Look, form: str) -> None:
    """A rucksack."""
    w, d, h = look.between(0.28, 0.34), look.between(0.15, 0.2), look.between(0.36, 0.48)
    b.box(look.main, (w, d, h * 0.8), (0, 0, h * 0.4))
    b.ellipsoid(look.main, (w / 2, d / 2, h * 0.25), (0, 0, h * 0.78))
    b.box(look.matt(0.75), (w * 0.8, d * 0.4, h * 0.4), (0, -d * 0.55, h * 0.25))
    b.ring(look.dark, 0.035, 0.009, (0, 0.02, h * 1.02), rotation("x", 90))
    for x in (-1, 1):
        b.tube(
            look.dark,
            [
                (x * 0.09, d / 2, h * 0.85),
                (x * 0.1, d / 2 + 0.07, h * 0.5),
                (x * 0.09, d / 2, h * 0.1),
            ],
            0.018,
        )
    if form == "pockets":
        for x in (-1, 1):
            b.box(look.matt(0.75), (0.07, d * 0.7, h * 0.35), (x * w * 0.55, 0, h * 0.22))


@shape
def shoe(b: Builder, look: Look, form: str) -> None:
    """One shoe that points to -y."""
    length = look.between(0.24, 0.31)
    b.box(look.light, (0.095, length, 0.025), (0, 0, 0.0125))
    b.ellipsoid(look.main, (0.047, length * 0.36, 0.06), (0, -length * 0.14, 0.035))
    tall = 0.2 if form == "boot" else 0.09
    b.turned(
        look.main,
        [(0.05, 0.02), (0.046, tall), (0.036, tall), (0.036, tall - 0.03)],
        (0, length * 0.26, 0),
        squash=1.35,
    )
    for i in range(3):
        b.box(look.light, (0.06, 0.008, 0.006), (0, -length * (0.05 + 0.06 * i), 0.094 - 0.006 * i))


@shape
def umbrella(b: Builder, look: Look, form: str) -> None:
    """An umbrella: open on the floor, or rolled up and upright."""
    if form == "open":
        r = look.between(0.4, 0.5)
        b.turned(
            look.main,
            [(0, 0.26), (r * 0.5, 0.21), (r * 0.85, 0.1), (r, 0.0), (r * 0.83, 0.09), (0, 0.24)],
            (0, 0, 0.5),
            sides=8,
        )
        b.rod(look.metal, 0.01, 0.78)
    else:
        b.turned(look.main, [(0.01, 0), (0.035, 0.3), (0.05, 0.55), (0.015, 0.62)])
        b.rod(look.metal, 0.009, 0.72)
    angle = np.linspace(0, np.pi, 8)
    bottom = 0.02 if form == "open" else 0.75
    sign = -1 if form == "open" else 1
    hook = [(0.04 - 0.04 * np.cos(a), 0, bottom + sign * 0.04 * np.sin(a)) for a in angle]
    b.tube(look.wood, hook, 0.014)


@shape
def ladder(b: Builder, look: Look, form: str) -> None:
    """A step ladder, or one that leans straight."""
    h, w = look.between(0.9, 1.6), look.between(0.4, 0.5)
    steps = int(h / 0.26)
    lean = 0.25 * h
    for s in (-1, 1):
        b.tube(look.main, [(s * w / 2, -lean, 0), (s * w * 0.4, 0, h)], 0.02)
        if form == "step":
            b.tube(look.main, [(s * w / 2, lean, 0), (s * w * 0.4, 0, h)], 0.016)
    for i in range(1, steps + 1):
        z = i * h / (steps + 0.3)
        size = (w * 0.92, 0.09, 0.025) if form == "step" else (w * 0.92, 0.03, 0.03)
        b.box(look.main if form != "step" else look.metal, size, (0, -lean * (1 - z / h), z))


@shape
def bucket(b: Builder, look: Look, form: str) -> None:
    """A pail with a handle."""
    r, h = look.between(0.12, 0.16), look.between(0.22, 0.3)
    b.turned(
        look.main,
        [
            (0, 0),
            (r * 0.75, 0),
            (r, h),
            (r * 1.05, h),
            (r * 0.95, h - 0.01),
            (r * 0.7, 0.02),
            (0, 0.02),
        ],
    )
    angle = np.linspace(0, np.pi, 12)
    if form == "up":
        path = [(r * np.cos(a), 0, h + r * np.sin(a)) for a in angle]
    else:
        path = [(r * np.cos(a), -r * 1.05 * np.sin(a), h - 0.02 - 0.08 * np.sin(a)) for a in angle]
    b.tube(look.metal, path, 0.007)
    if form == "mop":
        b.box(look.matt(0.7), (r * 1.5, r, 0.1), (0, r * 0.4, h + 0.03))


@shape
def broom(b: Builder, look: Look, form: str) -> None:
    """A broom or mop, upright; the head wears the colour."""
    h = look.between(1.0, 1.3)
    b.rod(look.wood if form == "straw" else look.metal, 0.013, h, (0, 0, 0.2))
    if form == "straw":
        b.turned(look.main, [(0, 0), (0.17, 0), (0.1, 0.16), (0.025, 0.3)], squash=0.35)
    elif form == "push":
        b.box(look.main, (0.4, 0.06, 0.05), (0, 0, 0.12))
        b.box(look.matt(0.6), (0.38, 0.05, 0.1), (0, 0, 0.05))
    else:
        for i in range(10):
            turn = rotation("z", 36 * i)
            b.tube(
                look.main,
                [(0, 0, 0.25), turn @ (0.06, 0, 0.18), turn @ (0.12, 0, 0.0)],
                0.02,
                sides=6,
            )


@shape
def wet_floor_sign(b: Builder, look: Look, form: str) -> None:
    """A folding warning board."""
    h, w = look.between(0.5, 0.65), 0.28
    for s in (-1, 1):
        lean = rotation("x", s * 14)
        at = lean @ np.array([0, 0, -h / 2]) + [0, 0, h]
        if form == "board":
            b.box(look.main, (w, 0.015, h), at, lean)
        else:
            b.slab(
                look.main,
                [(-w / 2, -h / 2), (w / 2, -h / 2), (w * 0.22, h / 2), (-w * 0.22, h / 2)],
                0.015,
                at,
                lean @ rotation("x", 90),
            )
        face = at + lean @ np.array([0, s * 0.009, 0.05])
        b.slab(
            look.dark,
            [(-0.08, -0.06), (0.08, -0.06), (0.0, 0.09)],
            0.004,
            face,
            lean @ rotation("x", 90),
        )
        b.box(look.dark, (w * 0.6, 0.004, 0.03), at + lean @ np.array([0, s * 0.008, -0.12]), lean)


@shape
def fire_extinguisher(b: Builder, look: Look, form: str) -> None:
    """A red bottle with a hose."""
    r, h = look.between(0.06, 0.09), look.between(0.35, 0.5)
    b.turned(look.main, [(0, 0), (r, 0), (r, h * 0.8), (r * 0.5, h * 0.93), (r * 0.3, h), (0, h)])
    b.box(look.dark, (0.03, 0.13, 0.02), (0, -0.02, h + 0.05))
    b.rod(look.metal, 0.02, 0.05, (0, 0, h))
    b.box(look.light, (r * 1.2, 0.01, h * 0.3), (0, -r, h * 0.45))
    end = 0.12 if form == "short" else 0.3
    b.tube(look.dark, [(0.02, 0, h + 0.03), (r * 1.5, 0, h), (r * 1.5, 0, h - end)], 0.013)
    b.turned(look.dark, [(0.015, 0.08), (0.03, 0), (0, 0)], (r * 1.5, 0, h - end - 0.06))


@shape
def traffic_cone(b: Builder, look: Look, form: str) -> None:
    """A cone with white bands."""
    h, r = look.between(0.3, 0.6), look.between(0.1, 0.15)
    b.box(
        look.dark if form == "dark_foot" else look.main, (2.6 * r, 2.6 * r, 0.025), (0, 0, 0.0125)
    )
    b.rod(look.main, r, h, (0, 0, 0.02), top=0.018, sides=20)
    bands = (0.35, 0.65) if form == "two_bands" else (0.5,)
    for z in bands:
        low, high = r * (1 - z) + 0.018 * z + 0.002, r * (0.85 - z) + 0.018 * (z + 0.15) + 0.002
        b.rod(look.light, low, h * 0.15, (0, 0, 0.02 + h * z), top=high, sides=20)


@shape
def person(b: Builder, look: Look, form: str) -> None:
    """A person: shirt in the main colour. Standing, walking or with arms up; faces -y."""
    h = look.between(1.45, 1.85)
    skin = Paint(
        [(0.95, 0.78, 0.66, 1), (0.8, 0.58, 0.42, 1), (0.5, 0.33, 0.22, 1), (0.33, 0.21, 0.14, 1)][
            int(look.rng.integers(4))
        ]
    )
    hair = [look.dark, look.wood, Paint((0.75, 0.6, 0.3, 1))][int(look.rng.integers(3))]
    stride = 0.14 if form == "walking" else 0.0
    for s in (-1, 1):
        hip, foot = (s * 0.09, 0, h * 0.5), (s * 0.1, s * stride, 0.05)
        b.tube(
            look.other, [hip, ((hip[0] + foot[0]) / 2, foot[1] * 0.3 - 0.02, h * 0.27), foot], 0.065
        )
        b.ellipsoid(look.dark, (0.05, 0.12, 0.045), (foot[0], foot[1] - 0.05, 0.045))
        top = np.array([s * 0.19, 0, h * 0.8])
        hand = np.array([s * 0.26, -s * stride * 1.3 - 0.05, h * 0.48])
        if form == "arms_up":
            hand = np.array([s * 0.32, -0.05, h * 1.05])
        elbow = (top + hand) / 2 + [s * 0.05, 0.02, 0]
        b.tube(look.main, [top, elbow], 0.05)
        b.tube(skin, [elbow, hand], 0.038)
        b.ellipsoid(skin, (0.04, 0.04, 0.06), hand)
    b.ellipsoid(look.main, (0.19, 0.12, h * 0.18), (0, 0, h * 0.67))
    b.ellipsoid(look.other, (0.16, 0.11, 0.1), (0, 0, h * 0.51))
    b.rod(skin, 0.05, 0.1, (0, 0, h * 0.82))
    b.ellipsoid(skin, (0.085, 0.1, 0.12), (0, 0, h * 0.925))
    b.ellipsoid(hair, (0.09, 0.1, 0.1), (0, 0.02, h * 0.955))


@shape
def fan(b: Builder, look: Look, form: str) -> None:
    """A fan on a stand."""
    h = look.between(0.8, 1.1) if form == "floor" else look.between(0.2, 0.3)
    r = look.between(0.14, 0.2)
    up = rotation("x", 90)
    b.rod(look.main, r * 0.8, 0.03)
    b.rod(look.main, 0.02, h)
    b.ring(look.main, r, 0.01, (0, -0.04, h + r * 0.6), up)
    b.ring(look.main, r * 0.6, 0.005, (0, -0.06, h + r * 0.6), up)
    b.rod(look.main, 0.05, 0.12, (0, 0.06, h + r * 0.6), up)
    for i in range(4):
        turn = rotation("y", 90 * i + 20)
        b.box(
            look.other,
            (0.07, 0.008, r * 0.8),
            turn @ (0, 0, r * 0.5) + (0, -0.04, h + r * 0.6),
            turn @ rotation("z", 25),
        )


@shape
def robot_vacuum(b: Builder, look: Look, form: str) -> None:
    """A round cleaning robot."""
    r = look.between(0.15, 0.18)
    b.turned(look.main, [(0, 0), (r, 0.01), (r, 0.07), (r * 0.95, 0.085), (0, 0.085)], sides=28)
    b.box(look.dark, (r, 0.02, 0.03), (0, -r * 0.98, 0.045))
    if form == "turret":
        b.rod(look.dark, 0.05, 0.03, (0, 0, 0.085))
    else:
        b.rod(look.metal, 0.035, 0.006, (0, r * 0.4, 0.085))


@shape
def cart(b: Builder, look: Look, form: str) -> None:
    """A serving trolley."""
    w, d, h = look.between(0.5, 0.7), look.between(0.35, 0.42), look.between(0.7, 0.85)
    for z in (0.15, h) if form == "two" else (0.15, h / 2, h):
        b.box(look.main, (w, d, 0.03), (0, 0, z))
        for y in (-1, 1):
            b.box(look.main, (w, 0.015, 0.07), (0, y * d / 2, z + 0.04))
    for x in (-1, 1):
        for y in (-1, 1):
            b.rod(look.metal, 0.013, h, (x * w * 0.47, y * d * 0.46, 0.06))
            b.ellipsoid(look.dark, (0.035, 0.02, 0.035), (x * w * 0.47, y * d * 0.46, 0.035))


@shape
def barrel(b: Builder, look: Look, form: str) -> None:
    """A drum or a wooden cask."""
    r, h = look.between(0.2, 0.27), look.between(0.55, 0.75)
    if form == "cask":
        b.turned(look.main, [(0, 0), (r * 0.85, 0), (r * 1.1, h / 2), (r * 0.85, h), (0, h)])
        bands = (0.12, 0.88)
    else:
        b.rod(look.main, r, h)
        bands = (0.33, 0.66)
    for z in bands:
        b.ring(
            look.metal if form == "cask" else look.main,
            r * (0.95 if form == "cask" else 1.0),
            0.014,
            (0, 0, z * h),
        )


@shape
def tire(b: Builder, look: Look, form: str) -> None:
    """A car tyre, lying or standing."""
    r = look.between(0.2, 0.3)
    turn = np.eye(3) if form == "lying" else rotation("x", 90)
    b.ring(look.main, r, r * 0.32, (0, 0, 0), turn)
    b.rod(look.metal, r * 0.7, 0.05, (0, 0, 0) if form == "lying" else (0, 0.025, 0), turn)


@shape
def pet_bowl(b: Builder, look: Look, form: str) -> None:
    """A low bowl with feed."""
    r = look.between(0.08, 0.12)
    b.turned(
        look.main, [(0, 0), (r * 1.15, 0), (r, 0.06), (r * 0.88, 0.06), (r * 0.8, 0.03), (0, 0.03)]
    )
    b.rod(SOIL if form == "feed" else Paint((0.6, 0.8, 0.95, 1)), r * 0.83, 0.02, (0, 0, 0.025))


@shape
def pet_bed(b: Builder, look: Look, form: str) -> None:
    """A soft basket to lie in."""
    r = look.between(0.25, 0.35)
    if form == "square":
        for s in (-1, 1):
            b.ellipsoid(look.main, (r * 1.15, 0.09, 0.09), (0, s * r, 0.09))
            b.ellipsoid(look.main, (0.09, r * 1.15, 0.09), (s * r, 0, 0.09))
        b.box(look.light, (1.9 * r, 1.9 * r, 0.07), (0, 0, 0.035))
    else:
        b.ring(look.main, r, 0.085, (0, 0, 0.085))
        b.rod(look.light, r, 0.06)


@shape
def iron(b: Builder, look: Look, form: str) -> None:
    """A clothes iron."""
    outline = [
        (-0.06, 0.12),
        (-0.06, 0.0),
        (-0.04, -0.08),
        (0, -0.14),
        (0.04, -0.08),
        (0.06, 0.0),
        (0.06, 0.12),
    ]
    b.slab(look.metal, outline, 0.012, (0, 0, 0.006))
    b.slab(look.main, [(x * 0.9, y * 0.92) for x, y in outline], 0.06, (0, 0.005, 0.04))
    top = 0.14 if form == "high" else 0.12
    b.tube(
        look.matt(0.7), [(0, 0.1, 0.06), (0, 0.1, top), (0, -0.04, top), (0, -0.08, 0.06)], 0.017
    )
