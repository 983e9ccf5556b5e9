"""Pictures for surfaces, drawn from a seed: floors, walls, tints for furniture, and art."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
SIZE = 192
_STREAMS = {"train": 0, "val": 1, "calibration": 2, "test": 3, "drive": 4}


@dataclass(frozen=True)
class Bank:
    """PNG files of one set of textures.

    Attributes:
        floors, walls: of rooms.
        tints: by family (wood, fabric, mottled: to be tinted; art: to be shown).
    """

    floors: tuple[str, ...]
    walls: tuple[str, ...]
    tints: dict[str, list[str]]


def make_bank(
    folder: Path, split: str, seed: int, *, packaged: Path | None = None, count: int = 8
) -> Bank:
    """Draw textures for `split` into `folder`; splits share none.

    `packaged` is a folder of the asset packages' own surfaces; training may show four fifths
    of them, the other splits the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, _STREAMS[split], 7])
    named = {}
    for name, maker in (("floor", floor), ("wall", wall), ("wood", wood), ("fabric", fabric),
                        ("mottled", mottled), ("art", art)):  # fmt: skip
        named[name] = [str(folder / f"{name}{index}.png") for index in range(count)]
        for file in named[name]:
            cv2.imwrite(file, maker(rng))
    extra = _packaged(folder, packaged, split, rng) if packaged else []
    return Bank(
        (*named["floor"], *extra),
        (*named["wall"], *extra),
        {name: named[name] for name in ("wood", "fabric", "mottled", "art")},
    )


def _packaged(folder: Path, packaged: Path, split: str, rng: np.random.Generator) -> list[str]:
    files = sorted(packaged.glob("*.png"))
    held = set(np.random.default_rng(7).permutation(len(files))[: len(files) // 5].tolist())
    mine = [f for i, f in enumerate(files) if (i in held) != (split == "train")]
    out = []
    for file in [mine[i] for i in rng.permutation(len(mine))[:4]]:
        picture = cv2.resize(cv2.imread(str(file)), (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        out.append(str(folder / f"packaged_{file.stem}.png"))
        cv2.imwrite(out[-1], picture)
    return out


def _noise(rng: np.random.Generator, cells: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth noise -1..1 with about `cells` bumps down and across, which tiles roughly."""
    coarse = rng.uniform(-1, 1, cells).astype(np.float32)
    coarse[-1], coarse[:, -1] = coarse[0], coarse[:, 0]
    wide: NDArray[np.float32] = cv2.resize(coarse, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return wide


def _as_picture(values: NDArray[Any]) -> Picture:
    return np.ascontiguousarray(np.clip(values * 255, 0, 255).astype(np.uint8))


def wood(rng: np.random.Generator) -> Picture:
    """Pale grain, to be tinted."""
    grain = _noise(rng, (int(rng.integers(18, 50)), 3)) * 0.5 + _noise(rng, (90, 5)) * 0.35
    return _as_picture(np.repeat((0.84 + 0.15 * grain)[..., None], 3, axis=2))


def fabric(rng: np.random.Generator) -> Picture:
    """Pale weave or stripes, to be tinted."""
    row, column = np.mgrid[0:SIZE, 0:SIZE]
    step = int(rng.choice([4, 6, 8, 12, 24]))
    kind = int(rng.integers(4))
    waves = [
        np.sin(row * np.pi / step) * np.sin(column * np.pi / step),
        np.sign(np.sin(column * np.pi / step)),
        np.sign(np.sin(row * np.pi / (2 * step)) * np.sin(column * np.pi / (2 * step))),
        np.sin((row + column) * np.pi / step),
    ]
    depth = rng.uniform(0.05, 0.22)
    value = 1 - depth + depth * waves[kind] + 0.04 * rng.normal(size=(SIZE, SIZE))
    return _as_picture(np.repeat(value[..., None], 3, axis=2))


def mottled(rng: np.random.Generator) -> Picture:
    """Pale spots, to be tinted: paint, plastic, stone."""
    value = 0.92 + rng.uniform(0.02, 0.08) * _noise(rng, (12, 12)) + 0.02 * _noise(rng, (60, 60))
    return _as_picture(np.repeat(value[..., None], 3, axis=2))


def _colour(rng: np.random.Generator, low: float = 0.2, high: float = 0.95) -> NDArray[np.float64]:
    """A colour as rooms have: mostly of low saturation."""
    value = rng.uniform(low, high)
    return np.clip(value * (1 + rng.normal(0, rng.choice([0.05, 0.12, 0.3]), 3)), 0.03, 1)


def _tiles(rng: np.random.Generator) -> Picture:
    count = int(rng.integers(2, 7))
    size = SIZE // count
    one, two = _colour(rng), _colour(rng)
    if rng.random() < 0.5:
        two = np.clip(one * rng.uniform(0.85, 1.15), 0, 1)
    row, column = np.mgrid[0:SIZE, 0:SIZE]
    odd = ((row // size + column // size) % 2)[..., None]
    value = np.where(odd, one, two) * (1 + 0.06 * _noise(rng, (20, 20)))[..., None]
    gap = ((row % size < 2) | (column % size < 2))[..., None]
    return _as_picture(np.where(gap, value * rng.uniform(0.5, 1.3), value))


def _planks(rng: np.random.Generator) -> Picture:
    base = np.array([0.62, 0.45, 0.28]) * rng.uniform(0.4, 1.45) * (1 + rng.normal(0, 0.1, 3))
    value = base * (0.9 + 0.14 * _noise(rng, (60, 4)))[..., None]
    rows = int(rng.integers(4, 10))
    height = SIZE // rows
    for i in range(rows):
        value[i * height : (i + 1) * height] *= rng.uniform(0.8, 1.15)
        value[i * height : i * height + 1] *= 0.5
        joint = int(rng.integers(SIZE))
        value[i * height : (i + 1) * height, joint : joint + 1] *= 0.55
    return _as_picture(value)


def _plaster(rng: np.random.Generator) -> Picture:
    value = (
        _colour(rng, 0.35)
        * (1 + 0.05 * _noise(rng, (8, 8)) + 0.04 * _noise(rng, (64, 64)))[..., None]
    )
    return _as_picture(value)


def _carpet(rng: np.random.Generator) -> Picture:
    value = _colour(rng, 0.15, 0.7) * (1 + 0.15 * rng.normal(size=(SIZE, SIZE)))[..., None]
    return _as_picture(cv2.GaussianBlur(value, (3, 3), 0))


def _wallpaper(rng: np.random.Generator) -> Picture:
    one = _colour(rng, 0.4)
    two = np.clip(one * rng.uniform(0.75, 1.2, 3), 0, 1)
    row, column = np.mgrid[0:SIZE, 0:SIZE]
    step = int(rng.choice([8, 12, 16, 24, 32]))
    kind = int(rng.integers(3))
    mask = [
        (column // step) % 2 == 0,
        ((row - SIZE // 2) % (2 * step) - step) ** 2 + (column % (2 * step) - step) ** 2
        < step**2 / 3,
        ((row + column) // step) % 2 == 0,
    ][kind]
    return _as_picture(np.where(mask[..., None], one, two))


def _bricks(rng: np.random.Generator) -> Picture:
    base = np.array([0.6, 0.3, 0.22]) if rng.random() < 0.5 else _colour(rng, 0.4)
    row, column = np.mgrid[0:SIZE, 0:SIZE]
    height, width = 16, 48
    shifted = column + (row // height % 2) * width // 2
    value = base * (1 + 0.1 * _noise(rng, (24, 24)))[..., None]
    gap = ((row % height < 2) | (shifted % width < 2))[..., None]
    return _as_picture(np.where(gap, rng.uniform(0.5, 0.85), value))


def _marble(rng: np.random.Generator) -> Picture:
    vein = np.abs(_noise(rng, (6, 6)) + 0.4 * _noise(rng, (20, 20)))
    value = _colour(rng, 0.5) * (1 - 0.45 * np.exp(-vein * 14))[..., None]
    return _as_picture(value)


def floor(rng: np.random.Generator) -> Picture:
    """A floor."""
    return _pick(rng, (_tiles, _planks, _planks, _carpet, _marble, _plaster))


def wall(rng: np.random.Generator) -> Picture:
    """A wall."""
    return _pick(rng, (_plaster, _plaster, _wallpaper, _bricks, _tiles, _marble))


def art(rng: np.random.Generator) -> Picture:
    """A picture to hang or show: a landscape, shapes or blots."""
    kind = int(rng.integers(3))
    if kind == 0:
        sky, land = rng.uniform(0.3, 1, 3), rng.uniform(0.1, 0.7, 3)
        edge = 110 + 30 * _noise(rng, (2, 7))[0]
        below = np.arange(SIZE)[:, None] > edge[None, :]
        canvas = _as_picture(np.where(below[..., None], land, sky) * np.ones((SIZE, SIZE, 1)))
        centre = (int(rng.integers(30, 160)), int(rng.integers(20, 80)))
        cv2.circle(canvas, centre, int(rng.integers(8, 24)), _paint(rng), -1, cv2.LINE_AA)
        return canvas
    if kind == 1:
        canvas = _as_picture(rng.uniform(0.2, 1, 3) * np.ones((SIZE, SIZE, 1)))
        for _ in range(int(rng.integers(3, 10))):
            corner = rng.integers(0, SIZE, 2)
            side = rng.integers(20, 100, 2)
            if rng.random() < 0.5:
                cv2.rectangle(canvas, corner.tolist(), (corner + side).tolist(), _paint(rng), -1)
            else:
                cv2.circle(canvas, corner.tolist(), int(side[0] // 2), _paint(rng), -1, cv2.LINE_AA)
        return canvas
    mix = np.stack([_noise(rng, (5, 5)) for _ in range(3)], axis=-1)
    return _as_picture(0.5 + 0.5 * mix)


def _paint(rng: np.random.Generator) -> list[int]:
    return [int(channel) for channel in rng.integers(0, 256, 3)]


def _pick(
    rng: np.random.Generator, makers: tuple[Callable[[np.random.Generator], Picture], ...]
) -> Picture:
    return makers[int(rng.integers(len(makers)))](rng)
