"""Small things for tables, from parameters."""

from __future__ import annotations

import numpy as np

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape

STEEL = Paint((0.65, 0.67, 0.7, 1), shine=0.8)


@shape
def glass_bottle(b: Builder, look: Look, form: str) -> None:
    """A bottle: for water, slim or squat."""
    r, h = look.between(0.03, 0.045), look.between(0.2, 0.28)
    if form == "sport":
        b.turned(
            look.main,
            [
                (0, 0),
                (r, 0),
                (r, h * 0.4),
                (r * 0.85, h * 0.5),
                (r, h * 0.6),
                (r, h * 0.8),
                (0, h * 0.85),
            ],
        )
        b.rod(look.dark, r * 0.5, h * 0.13, (0, 0, h * 0.82))
    elif form == "squat":
        b.turned(
            look.main,
            [
                (0, 0),
                (r * 1.5, 0),
                (r * 1.5, h * 0.45),
                (r * 0.5, h * 0.65),
                (r * 0.5, h * 0.75),
                (0, h * 0.75),
            ],
        )
        b.rod(look.light, r * 0.6, h * 0.08, (0, 0, h * 0.74))
    else:
        b.turned(
            look.main, [(0, 0), (r, 0), (r, h * 0.6), (r * 0.4, h * 0.8), (r * 0.4, h), (0, h)]
        )
        b.rod(look.light, r * 0.45, 0.02, (0, 0, h))
        b.rod(look.light, r * 1.01, h * 0.25, (0, 0, h * 0.2))


@shape
def spray_bottle(b: Builder, look: Look, form: str) -> None:
    """A bottle with a trigger."""
    r, h = look.between(0.038, 0.05), look.between(0.16, 0.2)
    b.turned(look.main, [(0, 0), (r, 0), (r, h * 0.6), (r * 0.4, h), (0, h)], squash=0.75)
    b.box(look.other, (0.03, 0.1, 0.035), (0, -0.02, h + 0.03))
    b.box(look.other, (0.015, 0.015, 0.06), (0, -0.05, h - 0.005), rotation("x", -25))
    if form == "label":
        b.box(look.light, (r * 1.3, 0.005, h * 0.35), (0, -r * 0.74, h * 0.3))


@shape
def watering_can(b: Builder, look: Look, form: str) -> None:
    """A can with a spout."""
    r, h = look.between(0.08, 0.11), look.between(0.14, 0.2)
    top = r * (0.75 if form == "tapered" else 1.0)
    b.turned(
        look.main, [(0, 0), (r, 0), (top, h), (top * 0.9, h), (top * 0.85, h * 0.8), (0, h * 0.8)]
    )
    b.tube(
        look.main, [(r * 0.8, 0, h * 0.25), (r * 1.7, 0, h * 0.7), (r * 2.3, 0, h * 1.15)], 0.014
    )
    b.turned(
        look.main, [(0.014, 0), (0.04, 0.04), (0, 0.045)], (r * 2.2, 0, h * 1.1), rotation("y", 55)
    )
    angle = np.linspace(-0.3, np.pi - 0.6, 10)
    b.tube(
        look.main,
        [(-r * 0.5 - r * np.sin(a), 0, h * 0.7 + h * 0.5 * np.cos(a)) for a in angle],
        0.01,
    )


@shape
def pot(b: Builder, look: Look, form: str) -> None:
    """A cooking pot with two handles."""
    r, h = look.between(0.1, 0.14), look.between(0.1, 0.16)
    b.turned(
        look.main, [(0, 0), (r, 0), (r, h), (r * 0.95, h), (r * 0.95, 0.02), (0, 0.02)], sides=28
    )
    for s in (-1, 1):
        b.ring(look.dark, 0.035, 0.009, (s * (r + 0.012), 0, h * 0.8))
    if form == "lid":
        b.turned(look.main, [(r * 1.02, 0), (r * 0.6, 0.03), (0, 0.04)], (0, 0, h))
        b.ellipsoid(look.dark, (0.02, 0.02, 0.018), (0, 0, h + 0.055))


@shape
def jar(b: Builder, look: Look, form: str) -> None:
    """A jar; its lid or its body wears the colour."""
    r, h = look.between(0.035, 0.055), look.between(0.09, 0.15)
    glass = Paint((0.82, 0.9, 0.93, 1), shine=0.9)
    body = glass if form == "glass" else look.main
    b.turned(body, [(0, 0), (r, 0), (r, h * 0.8), (r * 0.8, h * 0.9), (0, h * 0.9)])
    b.rod(look.main if form == "glass" else look.wood, r * 0.87, h * 0.16, (0, 0, h * 0.88))


@shape
def pen_holder(b: Builder, look: Look, form: str) -> None:
    """A cup with pens."""
    r, h = look.between(0.035, 0.045), look.between(0.09, 0.11)
    if form == "square":
        for s in (-1, 1):
            b.box(look.main, (0.006, 2 * r, h), (s * r, 0, h / 2))
            b.box(look.main, (2 * r, 0.006, h), (0, s * r, h / 2))
    else:
        b.turned(look.main, [(0, 0), (r, 0), (r, h), (r * 0.9, h), (r * 0.9, 0.01), (0, 0.01)])
    paints = [
        look.other,
        look.dark,
        look.wood,
        Paint((0.9, 0.7, 0.1, 1)),
        Paint((0.8, 0.1, 0.1, 1)),
    ]
    for i, paint in enumerate(paints):
        turn = rotation("z", 72 * i) @ rotation("y", look.between(4, 16))
        b.rod(paint, 0.005, look.between(0.13, 0.17), (0, 0, 0.01), turn, sides=8)


@shape
def tissue_box(b: Builder, look: Look, form: str) -> None:
    """A box with a paper sticking out."""
    w, d, h = (0.23, 0.12, 0.08) if form == "long" else (0.12, 0.12, 0.13)
    b.box(look.main, (w, d, h), (0, 0, h / 2))
    b.box(look.matt(0.6), (w * 0.5, d * 0.35, 0.002), (0, 0, h))
    b.slab(
        look.light,
        [(-0.04, 0), (0.04, 0), (0.055, 0.06), (0.0, 0.045), (-0.03, 0.075)],
        0.006,
        (0, 0, h),
        rotation("x", 80),
    )


@shape
def rolled_paper(b: Builder, look: Look, form: str) -> None:
    """A roll of kitchen paper, upright or lying."""
    h = 0.24 if form != "short" else 0.1
    turn = rotation("x", 90) if form == "lying" else None
    b.turned(
        look.main,
        [(0.02, 0), (0.055, 0), (0.055, h), (0.02, h), (0.02, 0)],
        (0, 0, 0),
        turn,
        sides=24,
    )
    b.turned(
        Paint((0.6, 0.45, 0.3, 1)),
        [(0.018, 0.001), (0.02, -0.001), (0.021, h + 0.001), (0.018, h + 0.001)],
        (0, 0, 0),
        turn,
    )


@shape
def hat(b: Builder, look: Look, form: str) -> None:
    """A hat with a brim."""
    r, h = look.between(0.08, 0.1), look.between(0.08, 0.12)
    crown = 0.75 if form == "fedora" else 1.0
    b.turned(
        look.main,
        [
            (r * 1.8, 0.008),
            (r * 1.75, 0),
            (r, 0.005),
            (r * crown, h),
            (0, h * (0.9 if form == "fedora" else 1.2)),
        ],
        sides=24,
    )
    b.turned(look.dark, [(r * 1.02, 0.006), (r * 1.0, 0.035)], sides=24)


@shape
def toy_blocks(b: Builder, look: Look, form: str) -> None:
    """A tower or pyramid of blocks in several colours."""
    a = look.between(0.035, 0.05)
    paints = [
        Paint((0.85, 0.1, 0.1, 1)),
        Paint((0.1, 0.3, 0.85, 1)),
        Paint((0.95, 0.8, 0.1, 1)),
        Paint((0.1, 0.6, 0.2, 1)),
    ]
    rows = [3, 2, 1] if form == "pyramid" else [1, 1, 1, 1]
    for level, count in enumerate(rows):
        for i in range(count):
            paint = paints[int(look.rng.integers(4))]
            turn = rotation("z", look.between(-12, 12))
            b.box(paint, (a, a, a), ((i - (count - 1) / 2) * a * 1.06, 0, (level + 0.5) * a), turn)


@shape
def stacking_rings(b: Builder, look: Look, form: str) -> None:
    """Rings of falling size on a peg."""
    paints = [
        (0.85, 0.1, 0.1),
        (0.98, 0.55, 0.1),
        (0.95, 0.85, 0.1),
        (0.1, 0.6, 0.2),
        (0.1, 0.3, 0.85),
    ]
    z = 0.02
    b.rod(look.light, 0.06, 0.02)
    for i, (red, green, blue) in enumerate(paints):
        thick = 0.016 if form == "thick" else 0.012
        b.ring(Paint((red, green, blue, 1)), 0.062 - 0.009 * i, thick, (0, 0, z + thick))
        z += 2 * thick
    b.ellipsoid(look.light, (0.018, 0.018, 0.018), (0, 0, z + 0.015))


@shape
def toy_vehicle(b: Builder, look: Look, form: str) -> None:
    """A block-like toy car, truck or train."""
    length = look.between(0.14, 0.22)
    w, h = length * 0.45, length * 0.2
    b.box(look.main, (length, w, h), (0, 0, h))
    if form == "pickup":
        b.box(look.main, (length * 0.35, w * 0.9, h), (length * 0.1, 0, 2 * h))
    elif form == "van":
        b.box(look.main, (length * 0.8, w * 0.95, h * 1.2), (-length * 0.08, 0, 2 * h))
    else:
        b.slab(
            look.main,
            [(-length * 0.4, 0), (length * 0.3, 0), (length * 0.15, h), (-length * 0.25, h)],
            w * 0.9,
            (0, 0, 1.5 * h),
            rotation("x", 90),
        )
    b.box(
        Paint((0.6, 0.8, 0.9, 1)), (length * 0.2, w * 0.97, h * 0.6), (length * 0.06, 0, 1.95 * h)
    )
    for x in (-0.3, 0.3):
        for s in (-1, 1):
            b.rod(
                look.dark,
                h * 0.55,
                0.02,
                (x * length, s * w / 2 + 0.01, h * 0.55),
                rotation("x", 90),
            )


@shape
def dumbbell(b: Builder, look: Look, form: str) -> None:
    """A hand weight."""
    r, w = look.between(0.035, 0.055), look.between(0.1, 0.14)
    side = rotation("y", 90)
    b.rod(STEEL, 0.014, w, (-w / 2, 0, r), side)
    for s in (-1, 1):
        sides = 6 if form == "hex" else 24
        b.rod(look.main, r, 0.05, (s * w / 2 - 0.025, 0, r), side, sides=sides)


@shape
def paint_can(b: Builder, look: Look, form: str) -> None:
    """A tin with a coloured label and a wire handle."""
    r, h = look.between(0.07, 0.09), look.between(0.14, 0.2)
    b.rod(STEEL, r, h, sides=24)
    b.rod(look.main, r * 1.01, h * 0.75, (0, 0, h * 0.12), sides=24)
    b.ring(STEEL, r * 0.95, 0.006, (0, 0, h))
    angle = np.linspace(0, np.pi, 10)
    tall = 0.9 if form == "up" else -0.5
    b.tube(
        STEEL,
        [
            (
                r * np.cos(a),
                -0.03 * np.sin(a) - r * 0.9 * (tall < 0) * np.sin(a),
                h * 0.8 + r * tall * np.sin(a),
            )
            for a in angle
        ],
        0.004,
    )


@shape
def flower_pot(b: Builder, look: Look, form: str) -> None:
    """An empty pot, upright or as a nest of two."""
    r, h = look.between(0.06, 0.1), look.between(0.1, 0.15)
    for i in range(2 if form == "nested" else 1):
        z = i * h * 0.35
        b.turned(
            look.main,
            [
                (0, 0),
                (r * 0.65, 0),
                (r * 0.9, h * 0.75),
                (r, h * 0.75),
                (r, h),
                (r * 0.9, h),
                (r * 0.6, 0.02),
                (0, 0.02),
            ],
            (0, 0, z),
        )


@shape
def cushion_cube(b: Builder, look: Look, form: str) -> None:
    """A pouf: a soft stool without legs."""
    r, h = look.between(0.22, 0.28), look.between(0.32, 0.4)
    if form == "round":
        b.turned(
            look.main,
            [(0, 0), (r * 0.9, 0.02), (r * 1.05, h * 0.5), (r * 0.9, h * 0.97), (0, h)],
            sides=24,
        )
    else:
        b.box(look.main, (1.8 * r, 1.8 * r, h), (0, 0, h / 2))
        b.ellipsoid(look.main, (0.88 * r, 0.88 * r, 0.05), (0, 0, h))
