"""Turn pictures with a transparent ground into toys: puffed-up solids that wear the picture.

A drawing says more than a flat card when light and view change, so that its outline is
triangulated and swollen by the distance to its edge, front and back.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from vlm_robot.simulation.assets.mesh import Floats, Paint, Part, save_parts, stand_on_floor

STYLES = {
    "fluent": "fluent-emoji-3d/assets/{code}.webp",
    "google": "emoji-datasource-google/img/google/64/{code}.png",
    "twitter": "emoji-datasource-twitter/img/twitter/64/{code}.png",
}
HEIGHT = 0.2
_GRID = 128


def drawing_file(raw: Path, style: str, symbol: str) -> Path | None:
    """The picture of the character(s) `symbol` in `style`, or None where it has none."""
    points = [f"{ord(char):04x}" for char in symbol]
    plain = [point for point in points if point != "fe0f"]
    for codes in (points, plain, [*plain, "fe0f"]):
        file = raw / STYLES[style].format(code="-".join(codes))
        if file.exists():
            return file
    return None


def bake_drawing(name: str, file: Path, out: Path) -> None:
    """Write `out`/`name`.npz and .png: a toy `HEIGHT` metres high that faces -y."""
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != 4:
        raise ValueError(f"{file} isn't a picture with transparency")
    picture = _crop(cv2.resize(picture, (256, 256), interpolation=cv2.INTER_CUBIC))
    mask = cv2.resize(picture[:, :, 3], (_GRID, _GRID), interpolation=cv2.INTER_AREA) > 110
    cv2.imwrite(str(out / f"{name}.png"), _bleed(picture))
    save_parts(out / f"{name}.npz", stand_on_floor([_puffed(mask, picture.shape, f"{name}.png")]))


def _crop(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    rows, columns = np.nonzero(picture[:, :, 3] > 110)
    return picture[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _bleed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Fill the transparent ground with the nearest colour, so that edges don't turn black."""
    clear = (picture[:, :, 3] < 200).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(
        clear, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(clear == 0)
    order = np.zeros(labels.max() + 1, np.int64)
    order[labels[rows, columns]] = np.arange(len(rows))
    nearest = order[labels]
    filled = picture[rows[nearest], columns[nearest], :3]
    small: NDArray[np.uint8] = cv2.resize(filled, (192, 192), interpolation=cv2.INTER_AREA)
    return small


def _puffed(mask: NDArray[np.bool_], shape: tuple[int, ...], texture: str) -> Part:
    padded = np.pad(mask, 1).astype(np.uint8)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rim = np.concatenate([outline[::3, 0] for outline in outlines if len(outline) > 8])
    inner = np.stack(np.meshgrid(np.arange(4, _GRID, 9), np.arange(4, _GRID, 9)), -1).reshape(-1, 2)
    inner = inner[depth[inner[:, 1], inner[:, 0]] > 4]
    points = np.concatenate([rim, inner]).astype(np.float64)
    triangles = Delaunay(points + np.random.default_rng(0).normal(0, 1e-3, points.shape)).simplices
    middles = points[triangles].mean(axis=1).round().astype(int)
    triangles = triangles[mask[middles[:, 1], middles[:, 0]]]
    swell = np.concatenate([np.full(len(rim), 2.0), 2 + 2.6 * np.sqrt(_at(depth, inner))])
    return _two_sided(points, swell, triangles, shape, texture)


def _at(image: NDArray[np.float32], points: NDArray[np.int64]) -> Floats:
    return image[points[:, 1], points[:, 0]].astype(np.float64)


def _two_sided(
    points: Floats,
    swell: Floats,
    triangles: NDArray[Any],
    shape: tuple[int, ...],
    texture: str,
) -> Part:
    size = HEIGHT / max(shape[0], shape[1])
    across = (points[:, 0] / _GRID - 0.5) * shape[1] * size
    up = (1 - points[:, 1] / _GRID) * shape[0] * size
    thick = swell / _GRID * HEIGHT
    front = np.stack([across, -thick, up], axis=1)
    back = np.stack([across, thick, up], axis=1)
    ends = points[triangles]
    one, two = ends[:, 1] - ends[:, 0], ends[:, 2] - ends[:, 0]
    flipped = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] > 0
    triangles = np.where(flipped[:, None], triangles[:, ::-1], triangles)
    count = len(points)
    edges = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    unique, times = np.unique(edges, axis=0, return_counts=True)
    border = unique[times == 1]
    side = np.concatenate(
        [
            np.stack([border[:, 0], border[:, 1], border[:, 1] + count], axis=1),
            np.stack([border[:, 0], border[:, 1] + count, border[:, 0] + count], axis=1),
        ]
    )
    # A side wall's winding isn't known here, so that both are given.
    faces = np.concatenate([triangles, triangles[:, ::-1] + count, side, side[:, ::-1]])
    uv = np.tile(points / _GRID, (2, 1))
    return Part(np.concatenate([front, back]), faces, uv, Paint(texture=texture, shine=0.1))
