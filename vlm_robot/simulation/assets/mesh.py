"""The one form in which every object's geometry is held: textured triangle meshes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Paint:
    """How a surface looks.

    Attributes:
        rgba: colour 0..1; it multiplies the texture.
        texture: key of a texture in the bank, a PNG file, or empty for none.
        repeat: how often the texture repeats over the unit square of `uv`.
        shine: specular strength 0..1.
    """

    rgba: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    texture: str = ""
    repeat: tuple[float, float] = (1.0, 1.0)
    shine: float = 0.2


@dataclass(frozen=True)
class Part:
    """Triangles of one paint.

    Attributes:
        vertices: (N, 3) metres in the object's frame (z up, the object stands on z = 0).
        faces: (M, 3) indices into `vertices`.
        uv: (N, 2) texture coordinates, v down as in an image's rows.
    """

    vertices: Floats
    faces: Ints
    uv: Floats
    paint: Paint


def stand_on_floor(parts: list[Part]) -> list[Part]:
    """Move parts so that their bounding box is centred in x and y and stands on z = 0."""
    points = np.concatenate([part.vertices for part in parts])
    low, high = points.min(axis=0), points.max(axis=0)
    shift = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return [Part(p.vertices - shift, p.faces, p.uv, p.paint) for p in parts]


def save_parts(file: Path, parts: list[Part]) -> None:
    """Write parts to one .npz file."""
    arrays: dict[str, NDArray[np.generic]] = {"count": np.array(len(parts))}
    for index, part in enumerate(parts):
        arrays[f"v{index}"] = part.vertices.astype(np.float32)
        arrays[f"f{index}"] = part.faces.astype(np.int32)
        arrays[f"t{index}"] = part.uv.astype(np.float32)
        arrays[f"c{index}"] = np.array([*part.paint.rgba, *part.paint.repeat], np.float32)
        arrays[f"n{index}"] = np.array(part.paint.texture)
    with file.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def load_parts(file: Path) -> list[Part]:
    """Read what `save_parts` wrote; texture names are files beside it."""
    parts = []
    with np.load(file, allow_pickle=False) as data:
        for index in range(int(data["count"])):
            paint = data[f"c{index}"].tolist()
            name = str(data[f"n{index}"])
            parts.append(
                Part(
                    data[f"v{index}"].astype(np.float64),
                    data[f"f{index}"].astype(np.int64),
                    data[f"t{index}"].astype(np.float64),
                    Paint(
                        (paint[0], paint[1], paint[2], paint[3]),
                        str(file.parent / name) if name else "",
                        (paint[4], paint[5]),
                    ),
                )
            )
    return parts
