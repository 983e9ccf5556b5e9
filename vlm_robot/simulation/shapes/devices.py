"""Things with a plug, from parameters."""

from __future__ import annotations

import numpy as np

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder, rotation
from vlm_robot.simulation.shapes.look import Look, shape

SCREEN = Paint((0.04, 0.05, 0.07, 1), shine=0.9)
STEEL = Paint((0.65, 0.67, 0.7, 1), shine=0.8)


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


@shape
def kettle(b: Builder, look: Look, form: str) -> None:
    """A kettle with spout and handle."""
    r, h = look.between(0.08, 0.1), look.between(0.14, 0.2)
    if form == "electric":
        b.rod(look.dark, r * 1.05, 0.025)
        b.turned(look.main, [(0, 0.02), (r, 0.02), (r * 0.75, h), (0, h + 0.015)])
        b.tube(
            look.dark,
            [
                (-r * 0.75, 0, h),
                (-r * 1.6, 0, h * 0.9),
                (-r * 1.5, 0, h * 0.3),
                (-r * 0.95, 0, h * 0.2),
            ],
            0.014,
        )
    else:
        b.turned(
            look.main,
            [(0, 0), (r * 1.1, 0), (r * 1.2, h * 0.3), (r * 0.7, h * 0.75), (0, h * 0.82)],
        )
        b.ellipsoid(look.dark, (0.016, 0.016, 0.016), (0, 0, h * 0.87))
        angle = np.linspace(0.2, np.pi - 0.2, 10)
        b.tube(look.dark, [(r * np.cos(a), 0, h * 0.6 + h * 0.7 * np.sin(a)) for a in angle], 0.011)
    b.tube(
        look.main, [(r * 0.7, 0, h * 0.35), (r * 1.3, 0, h * 0.65), (r * 1.5, 0, h * 0.85)], 0.017
    )


@shape
def headset_stand(b: Builder, look: Look, form: str) -> None:
    """Headphones on a table."""
    angle = np.linspace(0, np.pi, 12)
    b.tube(look.main, [(0.08 * np.cos(a), 0, 0.05 + 0.12 * np.sin(a)) for a in angle], 0.009)
    for s in (-1, 1):
        b.ellipsoid(
            look.matt(0.8), (0.025 if form == "round" else 0.018, 0.045, 0.05), (s * 0.08, 0, 0.05)
        )


@shape
def toaster(b: Builder, look: Look, form: str) -> None:
    """A toaster with two slots."""
    w, d, h = look.between(0.24, 0.3), 0.16, look.between(0.16, 0.19)
    b.box(look.main, (w, d, h), (0, 0, h / 2 + 0.01))
    for y in (-0.03, 0.03):
        b.box(Paint((0.05, 0.05, 0.05, 1)), (w * 0.7, 0.025, 0.004), (0, y, h + 0.011))
        if form == "bread":
            b.box(Paint((0.75, 0.5, 0.25, 1)), (w * 0.5, 0.018, 0.07), (0, y, h + 0.03))
    b.box(look.dark, (0.02, 0.04, 0.02), (w / 2 + 0.01, 0, h * 0.7))


@shape
def speaker(b: Builder, look: Look, form: str) -> None:
    """A loudspeaker box."""
    w, d, h = look.between(0.14, 0.2), look.between(0.14, 0.18), look.between(0.24, 0.34)
    b.box(look.main, (w, d, h), (0, 0, h / 2))
    face = rotation("x", 90)
    b.rod(look.dark, w * 0.4, 0.01, (0, -d / 2, h * 0.32), face, sides=24)
    b.turned(
        STEEL, [(w * 0.3, 0), (w * 0.1, -0.01), (0, -0.005)], (0, -d / 2 - 0.011, h * 0.32), face
    )
    if form == "two_way":
        b.rod(look.dark, w * 0.2, 0.01, (0, -d / 2, h * 0.75), face)


@shape
def scale(b: Builder, look: Look, form: str) -> None:
    """Kitchen scales."""
    b.box(look.main, (0.2, 0.2, 0.05), (0, 0, 0.025))
    b.box(Paint((0.7, 0.85, 0.7, 1)), (0.09, 0.002, 0.03), (0, -0.1, 0.026))
    if form == "bowl":
        b.turned(
            STEEL, [(0.04, 0), (0.12, 0.06), (0.115, 0.06), (0.03, 0.01), (0, 0.01)], (0, 0, 0.05)
        )
    else:
        b.rod(STEEL, 0.08, 0.012, (0, 0, 0.05), sides=24)
