"""From an instance of the vocabulary to the solid that is put into a scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from vlm_robot.simulation.assets.fetch import default_folder
from vlm_robot.simulation.assets.mesh import Floats, Paint, Part, load_parts, stand_on_floor
from vlm_robot.simulation.shapes import SHAPES, Builder, Look
from vlm_robot.simulation.shapes.builder import rotation
from vlm_robot.simulation.vocabulary import Instance, load_vocabulary

SURFACE_POINTS = 240
SOFT = ("couch", "bed", "pillow", "rug", "curtain", "cart", "person", "backpack", "pouf", "hat")


@dataclass(frozen=True)
class Solid:
    """An instance with its measures: parts stand centred on z = 0.

    Attributes:
        radius: of the circle about the origin that holds it from above, metres.
        height: metres.
        half: half its extent along x and y, metres.
        points: (SURFACE_POINTS, 3) points on its surface, to tell how much of it is seen.
    """

    instance: Instance
    parts: tuple[Part, ...]
    radius: float
    height: float
    half: tuple[float, float]
    points: Floats


def make_solid(
    instance: Instance,
    rng: np.random.Generator,
    tints: dict[str, list[str]],
    *,
    assets: Path | None = None,
) -> Solid:
    """Build one instance with random measures; `tints` names textures by family."""
    if instance.source == "shape":
        builder = Builder()
        SHAPES[instance.model](builder, _look(instance, rng, tints), instance.form)
        parts = _scaled(builder.parts(), rng.uniform(0.9, 1.1))
    else:
        folder = (assets or default_folder()) / "baked"
        stem = "meshes" if instance.source == "mesh" else "drawings"
        parts = _baked(folder / stem / f"{instance.model}.npz")
        if instance.turn and rng.random() < 0.8:
            upright = rotation("x", 90)
            parts = stand_on_floor([replace(p, vertices=p.vertices @ upright.T) for p in parts])
        parts = _scaled(parts, rng.uniform(*instance.size))
    vertices = np.concatenate([part.vertices for part in parts])
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    half = np.maximum(np.abs(low), np.abs(high))
    return Solid(
        instance,
        tuple(parts),
        float(np.linalg.norm(vertices[:, :2], axis=1).max()),
        float(high[2]),
        (float(half[0]), float(half[1])),
        _surface(parts, rng),
    )


@lru_cache(maxsize=1024)
def _baked(file: Path) -> list[Part]:
    return load_parts(file)


def _scaled(parts: list[Part], scale: float) -> list[Part]:
    return [replace(part, vertices=part.vertices * scale) for part in parts]


def _surface(parts: list[Part], rng: np.random.Generator) -> Floats:
    """Points spread evenly over the triangles' area."""
    corners = np.concatenate([part.vertices[part.faces] for part in parts])
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1)
    chosen = corners[rng.choice(len(corners), SURFACE_POINTS, p=area / area.sum())]
    u, v = rng.random((2, SURFACE_POINTS, 1))
    fold = u + v > 1
    u, v = np.where(fold, 1 - u, u), np.where(fold, 1 - v, v)
    points: Floats = (
        chosen[:, 0] + u * (chosen[:, 1] - chosen[:, 0]) + v * (chosen[:, 2] - chosen[:, 0])
    )
    return points


def _look(instance: Instance, rng: np.random.Generator, tints: dict[str, list[str]]) -> Look:
    palette = load_vocabulary().palette
    family = "mottled"
    if instance.colour in ("wooden", "brown") and instance.model not in SOFT:
        family = "wood"
    elif instance.model in SOFT:
        family = "fabric"
    elif instance.colour == "wooden":
        family = "wood"
    textured = family == "wood" or rng.random() < 0.6
    main = _paint(palette[instance.colour], rng, _texture(rng, tints[family]) if textured else "")
    names = sorted(set(palette) - {instance.colour, "wooden", "cardboard"})
    other = _paint(palette[names[int(rng.integers(len(names)))]], rng, "")
    return Look(
        main=main,
        wood=_paint(palette["wooden"], rng, _texture(rng, tints["wood"])),
        metal=replace(_paint(palette["silver"], rng, ""), shine=0.8),
        dark=_paint((0.07, 0.07, 0.08), rng, ""),
        light=_paint(palette["white"], rng, ""),
        other=other,
        textures=tuple(tints["art"]),
        rng=rng,
    )


def _texture(rng: np.random.Generator, names: list[str]) -> str:
    return names[int(rng.integers(len(names)))]


def _paint(rgb: tuple[float, float, float], rng: np.random.Generator, texture: str) -> Paint:
    """A colour that is a little off, as real ones are, but keeps its name."""
    shade = rng.uniform(0.85, 1.12)
    red, green, blue = np.clip(np.asarray(rgb) * shade + rng.normal(0, 0.02, 3), 0.02, 1).tolist()
    repeat = float(rng.choice([1.0, 2.0, 3.0]))
    return Paint((red, green, blue, 1.0), texture, (repeat, repeat), float(rng.uniform(0.05, 0.5)))
