"""Things that stand about in a home, from parameters."""

from __future__ import annotations

import numpy as np

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape

SOIL = Paint((0.2, 0.13, 0.08, 1))


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
