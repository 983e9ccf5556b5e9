"""Furniture and fittings, from parameters."""

from __future__ import annotations

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape


def _legs(
    b: Builder, paint: Paint, width: float, depth: float, height: float, thick: float
) -> None:
    for x in (-1, 1):
        for y in (-1, 1):
            at = (x * (width - thick) / 2, y * (depth - thick) / 2, height / 2)
            b.box(paint, (thick, thick, height), at)


@shape
def chair(b: Builder, look: Look, form: str) -> None:
    """A chair that faces -y."""
    w, d, h = look.between(0.38, 0.5), look.between(0.38, 0.48), look.between(0.4, 0.5)
    back = look.between(0.35, 0.55)
    if form == "office":
        b.box(look.main, (w, d, 0.08), (0, 0, h))
        b.box(look.main, (w * 0.9, 0.06, back), (0, d / 2, h + 0.1 + back / 2))
        b.box(look.dark, (0.05, 0.03, 0.3), (0, d / 2 + 0.03, h + 0.1))
        b.rod(look.metal, 0.03, h - 0.08, (0, 0, 0.06))
        for i in range(5):
            turn = rotation("z", 72 * i)
            b.box(look.dark, (0.28, 0.04, 0.03), turn @ (0.14, 0, 0.07), turn)
            b.ellipsoid(look.dark, (0.03, 0.03, 0.03), turn @ (0.27, 0, 0.03))
        return
    if form == "bucket":
        profile = [(0.0, 0.0), (w * 0.42, 0.03), (w * 0.52, 0.22), (w * 0.48, 0.23), (0.0, 0.06)]
        b.turned(look.main, profile, (0, 0, h - 0.05))
        b.box(look.main, (w * 0.9, 0.04, back), (0, d * 0.46, h + back / 2), rotation("x", -10))
        for x in (-1, 1):
            for y in (-1, 1):
                foot = (x * w * 0.45, y * d * 0.45, 0)
                b.tube(look.wood, [foot, (x * w * 0.2, y * d * 0.2, h)], 0.017)
        return
    b.box(look.main, (w, d, 0.04), (0, 0, h))
    _legs(b, look.main, w, d, h, 0.045 if form != "metal" else 0.025)
    for x in (-1, 1):
        b.box(look.main, (0.04, 0.04, back), (x * (w / 2 - 0.02), d / 2 - 0.02, h + back / 2))
    if form == "slat":
        for i in range(3):
            b.box(look.main, (w - 0.06, 0.02, 0.06), (0, d / 2 - 0.02, h + back * (0.3 + 0.3 * i)))
    elif form == "spindle":
        b.box(look.main, (w, 0.03, 0.07), (0, d / 2 - 0.02, h + back))
        for i in range(4):
            at = ((i - 1.5) * w / 5, d / 2 - 0.02, h)
            b.rod(look.main, 0.012, back, at, sides=8)
    else:
        b.box(look.main, (w - 0.05, 0.02, back * 0.6), (0, d / 2 - 0.02, h + back * 0.65))


@shape
def stool(b: Builder, look: Look, form: str) -> None:
    """A seat without a back."""
    h, r = look.between(0.35, 0.7), look.between(0.15, 0.2)
    if form == "bar":
        b.rod(look.main, r, 0.07, (0, 0, h))
        b.rod(look.metal, 0.03, h)
        b.rod(look.metal, r * 0.95, 0.03)
        b.ring(look.metal, r * 0.7, 0.012, (0, 0, h * 0.4))
    elif form == "square":
        b.box(look.main, (2 * r, 2 * r, 0.05), (0, 0, h))
        _legs(b, look.main, 2 * r, 2 * r, h, 0.04)
    else:
        b.rod(look.main, r, 0.05, (0, 0, h))
        for i in range(3 if form == "three_legs" else 4):
            turn = rotation("z", i * (120 if form == "three_legs" else 90) + 45)
            b.tube(look.main, [turn @ (r, 0, 0), turn @ (r * 0.6, 0, h)], 0.02)


@shape
def bench(b: Builder, look: Look, form: str) -> None:
    """A long seat."""
    w, h = look.between(0.9, 1.4), look.between(0.38, 0.48)
    for i in range(3):
        b.box(look.main, (w, 0.1, 0.04), (0, (i - 1) * 0.12, h))
    for x in (-1, 1):
        b.box(
            look.main if form == "plank" else look.metal, (0.06, 0.34, h), (x * w * 0.4, 0, h / 2)
        )
    if form == "park":
        for i in range(2):
            b.box(look.main, (w, 0.03, 0.1), (0, 0.2, h + 0.17 + 0.16 * i))
        for x in (-1, 1):
            b.box(look.metal, (0.05, 0.03, 0.45), (x * w * 0.4, 0.22, h + 0.2))


@shape
def table(b: Builder, look: Look, form: str) -> None:
    """A table; `low` is a coffee table."""
    h = look.between(0.35, 0.45) if form == "low" else look.between(0.65, 0.78)
    w, d = look.between(0.8, 1.4), look.between(0.6, 0.85)
    if form in ("round", "pedestal"):
        r = look.between(0.4, 0.6)
        b.rod(look.main, r, 0.04, (0, 0, h - 0.04), sides=28)
        if form == "pedestal":
            b.turned(look.main, [(0.25, 0), (0.22, 0.04), (0.05, 0.12), (0.05, h - 0.04)])
        else:
            _legs(b, look.main, r * 1.3, r * 1.3, h - 0.04, 0.05)
        return
    b.box(look.main, (w, d, 0.04), (0, 0, h - 0.02))
    if form == "trestle":
        for x in (-1, 1):
            b.box(look.main, (0.06, d * 0.8, h - 0.04), (x * w * 0.38, 0, (h - 0.04) / 2))
        b.box(look.main, (w * 0.76, 0.04, 0.08), (0, 0, h * 0.35))
    else:
        _legs(b, look.main, w - 0.06, d - 0.06, h - 0.04, look.between(0.04, 0.08))


@shape
def desk(b: Builder, look: Look, form: str) -> None:
    """A writing desk, drawers to one side."""
    w, d, h = look.between(1.0, 1.4), look.between(0.55, 0.7), look.between(0.7, 0.78)
    b.box(look.main, (w, d, 0.03), (0, 0, h))
    if form == "drawers":
        b.box(look.main, (w * 0.3, d * 0.95, h), (w * 0.34, 0, h / 2))
        for i in range(3):
            z = h * (0.2 + 0.27 * i)
            b.box(look.matt(0.85), (w * 0.27, 0.02, h * 0.23), (w * 0.34, -d * 0.48, z))
            b.box(look.metal, (0.1, 0.02, 0.015), (w * 0.34, -d * 0.5, z))
        b.box(look.main, (0.04, d * 0.9, h), (-w * 0.48, 0, h / 2))
    else:
        _legs(b, look.metal, w * 0.96, d * 0.9, h, 0.04)
        b.box(look.main, (w * 0.9, 0.02, h * 0.4), (0, d * 0.4, h * 0.75))


@shape
def couch(b: Builder, look: Look, form: str) -> None:
    """A sofa that faces -y."""
    w = look.between(1.4, 2.0) if form != "armchair" else look.between(0.75, 0.95)
    d, h, arm = look.between(0.75, 0.95), look.between(0.38, 0.45), look.between(0.12, 0.22)
    back = look.between(0.35, 0.5)
    b.box(look.main, (w, d, h - 0.12), (0, 0, h / 2))
    b.box(look.main, (w, 0.2, back + 0.1), (0, d / 2 - 0.1, h + back / 2))
    seats = 1 if form == "armchair" else 2 if form == "two_seats" else 3
    for i in range(seats):
        s = (w - 2 * arm) / seats
        x = (i - (seats - 1) / 2) * s
        b.box(look.matt(1.12), (s * 0.97, d - 0.22, 0.13), (x, -0.1, h))
        b.box(
            look.matt(1.12),
            (s * 0.95, 0.14, back),
            (x, d / 2 - 0.25, h + back / 2),
            rotation("x", -8),
        )
    for x in (-1, 1):
        if form == "round_arms":
            b.rod(
                look.main, arm * 0.6, d, (x * (w / 2 - arm / 2), d / 2, h + 0.15), rotation("x", 90)
            )
        b.box(look.main, (arm, d, h + 0.15), (x * (w / 2 - arm / 2), 0, h / 2 + 0.075))
    _legs(b, look.dark, w * 0.95, d * 0.9, 0.06, 0.05)


@shape
def bed(b: Builder, look: Look, form: str) -> None:
    """A bed with its head at +y."""
    w, length = look.between(0.9, 1.6), look.between(1.85, 2.05)
    frame = look.wood
    b.box(frame, (w, length, 0.14), (0, 0, 0.24))
    _legs(b, frame, w, length, 0.24, 0.07)
    b.box(look.light, (w * 0.97, length * 0.97, 0.18), (0, 0, 0.38))
    b.box(look.main, (w * 1.01, length * 0.65, 0.2), (0, -length * 0.17, 0.39))
    b.box(frame, (w, 0.06, 0.9), (0, length / 2, 0.45))
    if form == "footboard":
        b.box(frame, (w, 0.05, 0.55), (0, -length / 2, 0.28))
    for x in (-0.23, 0.23) if w > 1.2 else (0.0,):
        b.ellipsoid(
            look.light, (0.3 if w > 1.2 else w * 0.35, 0.2, 0.09), (x * w, length * 0.37, 0.5)
        )


@shape
def bookshelf(b: Builder, look: Look, form: str) -> None:
    """Shelves with books."""
    w, d, h = look.between(0.6, 1.0), look.between(0.24, 0.34), look.between(1.0, 1.9)
    if form == "low":
        h = look.between(0.6, 0.8)
    rows = max(2, round(h / 0.36))
    for x in (-1, 1):
        b.box(look.main, (0.03, d, h), (x * w / 2, 0, h / 2))
    if form != "open":
        b.box(look.main, (w, 0.02, h), (0, d / 2, h / 2))
    paints = [look.main, look.other, look.dark, look.light, look.matt(0.6)]
    for i in range(rows + 1):
        b.box(look.main, (w, d, 0.03), (0, 0, 0.015 + i * (h - 0.03) / rows))
    for i in range(rows):
        left = -w / 2 + 0.03
        while left < w / 2 - 0.08 and look.rng.random() < 0.94:
            t, tall = look.between(0.02, 0.05), look.between(0.18, 0.27)
            paint = paints[1 + int(look.rng.integers(4))]
            b.box(
                paint,
                (t, d * 0.7, tall),
                (left + t / 2, -0.03, 0.03 + i * (h - 0.03) / rows + tall / 2),
            )
            left += t + 0.003


@shape
def wardrobe(b: Builder, look: Look, form: str) -> None:
    """A tall cupboard with doors."""
    w, d, h = look.between(0.7, 1.1), look.between(0.45, 0.6), look.between(1.5, 1.9)
    b.box(look.main, (w, d, h), (0, 0, h / 2))
    doors = 3 if form == "three_doors" else 2
    for i in range(doors):
        x = (i - (doors - 1) / 2) * w / doors
        b.box(look.matt(0.9), (w / doors * 0.94, 0.02, h * 0.93), (x, -d / 2, h * 0.51))
        b.box(look.metal, (0.015, 0.03, 0.18), (x + w / doors * 0.36, -d / 2 - 0.02, h * 0.5))


@shape
def door(b: Builder, look: Look, form: str) -> None:
    """A door in its frame, shut."""
    w, h = look.between(0.75, 0.9), look.between(1.95, 2.05)
    for x in (-1, 1):
        b.box(look.light, (0.08, 0.12, h + 0.08), (x * (w / 2 + 0.04), 0, h / 2 + 0.04))
    b.box(look.light, (w + 0.16, 0.12, 0.08), (0, 0, h + 0.04))
    b.box(look.main, (w, 0.05, h), (0, 0, h / 2))
    b.ellipsoid(look.metal, (0.03, 0.04, 0.03), (w * 0.4, -0.05, h * 0.48))
    if form == "panels":
        for z, tall in ((0.27, 0.36), (0.72, 0.4)):
            for across in (-0.22, 0.22):
                b.box(look.matt(0.8), (w * 0.34, 0.06, h * tall * 0.9), (across * w, 0, h * z))
    elif form == "glazed":
        for across in (-0.2, 0.2):
            for z in (0.55, 0.72, 0.88):
                b.box(
                    Paint((0.7, 0.85, 0.95, 1)), (w * 0.34, 0.06, h * 0.14), (across * w, 0, h * z)
                )


@shape
def stairs(b: Builder, look: Look, form: str) -> None:
    """A few steps that rise to +y."""
    w, rise, steps = look.between(0.6, 0.9), look.between(0.12, 0.18), 3 if form == "short" else 5
    for i in range(steps):
        z = rise * (i + 1)
        b.box(look.main, (w, 0.25, z), (0, 0.25 * i, z / 2))
        b.box(look.matt(0.7), (w * 1.02, 0.27, 0.025), (0, 0.25 * i, z))


@shape
def radiator(b: Builder, look: Look, form: str) -> None:
    """A heater with fins."""
    n, h = int(look.rng.integers(7, 13)), look.between(0.5, 0.7)
    for i in range(n):
        x = (i - n / 2) * 0.07
        if form == "columns":
            b.rod(look.main, 0.028, h, (x, 0, 0.08))
        else:
            b.box(look.main, (0.055, 0.1, h), (x, 0, h / 2 + 0.08))
    for z in (0.12, h):
        b.box(look.main, (n * 0.07, 0.05, 0.05), (-0.035, 0, z))


@shape
def curtain(b: Builder, look: Look, form: str) -> None:
    """A hanging cloth with folds."""
    w, h = look.between(0.6, 1.0), look.between(1.5, 2.0)
    n = 10 if form == "folds" else 6
    for i in range(n):
        b.rod(look.main, w / n * 0.62, h, ((i + 0.5 - n / 2) * w / n, 0, 0), sides=10)
    b.tube(look.metal, [(-w * 0.6, 0, h), (0, 0, h), (w * 0.6, 0, h)], 0.018)


@shape
def sink(b: Builder, look: Look, form: str) -> None:
    """A wash basin."""
    w, d = look.between(0.5, 0.65), look.between(0.4, 0.5)
    profile = [(0.08, 0), (0.2, 0.08), (0.24, 0.18), (0.21, 0.18), (0.1, 0.1), (0, 0.09)]
    z = look.between(0.65, 0.75)
    b.turned(look.main, [(r * w / 0.5, h) for r, h in profile], (0, 0, z), squash=d / w)
    if form == "pedestal":
        b.turned(look.main, [(0.14, 0), (0.08, 0.1), (0.08, z - 0.1), (0.15, z)])
    else:
        b.box(look.wood, (w, d, z), (0, 0, z / 2 - 0.01))
    b.tube(
        look.metal, [(0, d * 0.42, z + 0.1), (0, d * 0.42, z + 0.33), (0, d * 0.2, z + 0.34)], 0.016
    )
