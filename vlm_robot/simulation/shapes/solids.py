"""Geometric solids, from parameters: the grid of colour and shape."""

from __future__ import annotations

import numpy as np

from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape


@shape
def ball(b: Builder, look: Look, form: str) -> None:
    """A ball of one colour, or with a band or dots of another."""
    r = look.between(0.03, 0.11)
    b.ellipsoid(look.main, (r, r, r), (0, 0, r))
    if form == "banded":
        b.turned(
            look.light,
            [(r * 0.97, -0.25 * r), (r * 1.015, 0), (r * 0.97, 0.25 * r)],
            (0, 0, r),
            rotation("x", look.between(-60, 60)),
        )
    elif form == "dotted":
        for _ in range(14):
            way = look.rng.normal(size=3)
            at = way / np.linalg.norm(way) * r * 0.9
            b.ellipsoid(look.light, (r * 0.2, r * 0.2, r * 0.2), at + np.array([0, 0, r]))


@shape
def cube(b: Builder, look: Look, form: str) -> None:
    """A cube, plain or with a letter block's rim."""
    a = look.between(0.04, 0.12)
    b.box(look.main, (a, a, a), (0, 0, a / 2))
    if form == "framed":
        for axis in range(3):
            size = np.full(3, a * 0.6)
            size[axis] = a * 1.02
            b.box(look.light, size, (0, 0, a / 2))
    elif form == "brick":
        for x in (-1, 1):
            for y in (-1, 1):
                b.rod(look.main, a * 0.16, a * 0.15, (x * a / 4, y * a / 4, a))


@shape
def cylinder(b: Builder, look: Look, form: str) -> None:
    """A cylinder: tall, flat or lying."""
    r, h = look.between(0.025, 0.06), look.between(0.06, 0.16)
    if form == "flat":
        b.rod(look.main, r * 1.3, r * 0.7, sides=28)
    elif form == "lying":
        b.rod(look.main, r, h * 1.2, (0, h * 0.6, r), rotation("x", 90), sides=28)
    else:
        b.rod(look.main, r, h + r, sides=28)


@shape
def cone(b: Builder, look: Look, form: str) -> None:
    """A plain cone."""
    r, h = look.between(0.04, 0.09), look.between(0.1, 0.2)
    b.rod(look.main, r, h, top=r * 0.35 if form == "blunt" else 0.001, sides=28)


@shape
def pyramid(b: Builder, look: Look, form: str) -> None:
    """A pyramid with a square or triangular foot."""
    r, h = look.between(0.06, 0.11), look.between(0.08, 0.16)
    sides = 4 if form == "square" else 3
    b.turned(look.main, [(0, 0), (r, 0), (0.0005, h)], sides=sides)


@shape
def ring(b: Builder, look: Look, form: str) -> None:
    """A torus, lying or on edge."""
    r = look.between(0.05, 0.1)
    thick = r * look.between(0.2, 0.38)
    b.ring(look.main, r, thick, (0, 0, 0), rotation("x", 90) if form == "upright" else None)


@shape
def capsule(b: Builder, look: Look, form: str) -> None:
    """A cylinder with round ends."""
    r, h = look.between(0.025, 0.045), look.between(0.06, 0.12)
    angle = np.linspace(0, np.pi / 2, 6)
    profile = [(r * np.sin(a), r - r * np.cos(a)) for a in angle]
    profile += [(r * np.cos(a), h + r + r * np.sin(a)) for a in angle]
    b.turned(look.main, profile, (0, 0, 0), rotation("y", 90) if form == "lying" else None)


@shape
def prism(b: Builder, look: Look, form: str) -> None:
    """A triangular or hexagonal block."""
    a, t = look.between(0.05, 0.1), look.between(0.04, 0.1)
    sides = 3 if form == "triangle" else 6
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False) + np.pi / 2
    outline = [(float(a * np.cos(x)), float(a * np.sin(x))) for x in angle]
    b.slab(look.main, outline, t, (0, 0, 0), rotation("x", 90) if form == "triangle" else None)
