"""Solids from numbers: boxes, turned profiles, bent tubes and extruded outlines as meshes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vlm_robot.simulation.assets.mesh import Floats, Ints, Paint, Part, stand_on_floor

Vector = Sequence[float] | Floats


def rotation(axis: str, degrees: float) -> Floats:
    """(3, 3) turn about x, y or z, right-handed."""
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix


class Builder:
    """Collects solids, in metres with z up; `parts` merges those of one paint."""

    def __init__(self) -> None:
        self._pieces: dict[Paint, list[tuple[Floats, Ints, Floats]]] = {}

    def add(
        self,
        paint: Paint,
        vertices: Floats,
        faces: Ints,
        uv: Floats,
        at: Vector = (0, 0, 0),
        turn: Floats | None = None,
    ) -> None:
        """Add a mesh, turned about its own origin and then moved to `at`."""
        placed = vertices if turn is None else vertices @ turn.T
        self._pieces.setdefault(paint, []).append((placed + np.asarray(at, float), faces, uv))

    def box(self, paint: Paint, size: Vector, at: Vector, turn: Floats | None = None) -> None:
        """A box with full side lengths `size` about `at`."""
        vertices, faces, uv = _CUBE
        self.add(paint, vertices * np.asarray(size), faces, uv, at, turn)

    def turned(
        self,
        paint: Paint,
        profile: Sequence[tuple[float, float]],
        at: Vector = (0, 0, 0),
        turn: Floats | None = None,
        *,
        sides: int = 20,
        squash: float = 1.0,
    ) -> None:
        """A profile of (radius, height) spun about z; `squash` scales its y."""
        self.add(paint, *_spin(np.asarray(profile, float), sides, squash), at, turn)

    def rod(
        self,
        paint: Paint,
        radius: float,
        height: float,
        at: Vector = (0, 0, 0),
        turn: Floats | None = None,
        *,
        sides: int = 14,
        top: float | None = None,
    ) -> None:
        """A closed cylinder that stands on `at`, or a frustum with `top` radius."""
        end = radius if top is None else top
        profile = [(0, 0), (radius, 0), (end, height), (0, height)]
        self.turned(paint, profile, at, turn, sides=sides)

    def ellipsoid(
        self, paint: Paint, radii: Vector, at: Vector, turn: Floats | None = None
    ) -> None:
        """An ellipsoid about `at`."""
        angle = np.linspace(-np.pi / 2, np.pi / 2, 13)
        profile = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        vertices, faces, uv = _spin(profile, 20, 1.0)
        self.add(paint, vertices * np.asarray(radii), faces, uv, at, turn)

    def tube(
        self,
        paint: Paint,
        path: Sequence[Vector],
        radius: float,
        *,
        closed: bool = False,
        sides: int = 10,
    ) -> None:
        """A round tube along `path`."""
        self.add(paint, *_sweep(np.asarray(path, float), radius, closed, sides))

    def ring(
        self,
        paint: Paint,
        large: float,
        small: float,
        at: Vector = (0, 0, 0),
        turn: Floats | None = None,
    ) -> None:
        """A torus about `at` in the plane of x and y."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        path = np.stack([large * np.cos(angle), large * np.sin(angle), 0 * angle], axis=1)
        vertices, faces, uv = _sweep(path, small, True, 10)
        self.add(paint, vertices, faces, uv, at, turn)

    def slab(
        self,
        paint: Paint,
        outline: Sequence[tuple[float, float]],
        thickness: float,
        at: Vector = (0, 0, 0),
        turn: Floats | None = None,
    ) -> None:
        """An outline in x and y (counter-clockwise, star-shaped about its mean), extruded in z."""
        self.add(paint, *_extrude(np.asarray(outline, float), thickness), at, turn)

    def parts(self) -> list[Part]:
        """One part for each paint; the whole stands centred on z = 0."""
        merged = []
        for paint, pieces in self._pieces.items():
            starts = np.cumsum([0, *[len(vertices) for vertices, _, _ in pieces]])
            faces = [f + start for (_, f, _), start in zip(pieces, starts, strict=False)]
            merged.append(
                Part(
                    np.concatenate([vertices for vertices, _, _ in pieces]),
                    np.concatenate(faces),
                    np.concatenate([uv for _, _, uv in pieces]),
                    paint,
                )
            )
        return stand_on_floor(merged)


def _cube() -> tuple[Floats, Ints, Floats]:
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    vertices: list[Floats] = []
    faces: list[Ints] = []
    for axis in range(3):
        for side in (-0.5, 0.5):
            corner = np.insert(square, axis, side, axis=1)
            order = [0, 1, 2, 0, 2, 3] if (side > 0) != (axis == 1) else [0, 2, 1, 0, 3, 2]
            faces.append(np.array(order).reshape(2, 3) + 4 * len(vertices))
            vertices.append(corner)
    uv = np.tile(np.array([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0], [0.0, 0.0]]), (6, 1))
    return np.concatenate(vertices), np.concatenate(faces), uv


_CUBE = _cube()


def _grid_faces(rows: int, columns: int) -> Ints:
    """Triangles of a (rows, columns) grid of vertices, counter-clockwise seen from outside."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])


def _spin(profile: Floats, sides: int, squash: float) -> tuple[Floats, Ints, Floats]:
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    radius, height = profile[:, :1], profile[:, 1:]
    vertices = np.stack(
        [
            radius * np.cos(angle),
            radius * np.sin(angle) * squash,
            np.broadcast_to(height, (len(profile), sides + 1)),
        ],
        axis=-1,
    )
    steps = np.linalg.norm(np.diff(profile, axis=0), axis=1)
    along = np.concatenate([[0], np.cumsum(steps)]) / max(steps.sum(), 1e-9)
    uv = np.stack(np.broadcast_arrays(angle / (2 * np.pi), 1 - along[:, None]), axis=-1)
    faces = _grid_faces(len(profile), sides + 1)
    return _proper(vertices.reshape(-1, 3), faces, uv.reshape(-1, 2).astype(np.float64))


def _sweep(path: Floats, radius: float, closed: bool, sides: int) -> tuple[Floats, Ints, Floats]:
    if closed:
        path = np.concatenate([path, path[:1]])
    tangent = np.gradient(path, axis=0)
    if closed:
        tangent[0] = tangent[-1] = path[1] - path[-2]
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    spread = np.ptp(path, axis=0)
    reference = np.eye(3)[int(np.argmin(spread))]
    across = np.cross(tangent, reference)
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    over = np.cross(tangent, across)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    circle = (
        across[:, None] * np.cos(angle)[None, :, None]
        + over[:, None] * np.sin(angle)[None, :, None]
    )
    vertices = path[:, None] + radius * circle
    if not closed:
        caps = [
            np.repeat(path[end : end + 1][None], sides + 1, axis=1) for end in (0, -1 % len(path))
        ]
        vertices = np.concatenate([caps[0], vertices, caps[1]])
    rows = len(vertices)
    uv = np.stack(np.meshgrid(np.linspace(0, 1, sides + 1), np.linspace(0, 1, rows)), axis=-1)
    return _proper(vertices.reshape(-1, 3), _grid_faces(rows, sides + 1), uv.reshape(-1, 2))


def _extrude(outline: Floats, thickness: float) -> tuple[Floats, Ints, Floats]:
    count = len(outline)
    middle = outline.mean(axis=0)
    low, high = outline.min(axis=0), outline.max(axis=0)
    flat_uv = (np.vstack([outline, middle]) - low) / np.maximum(high - low, 1e-9)
    flat_uv[:, 1] = 1 - flat_uv[:, 1]
    ring = np.arange(count)
    fan = np.stack([ring, (ring + 1) % count, np.full(count, count)], axis=1)
    plane = np.vstack([outline, middle])
    top = np.column_stack([plane, np.full(count + 1, thickness / 2)])
    bottom = np.column_stack([plane, np.full(count + 1, -thickness / 2)])
    loop = np.append(ring, 0)
    wall = np.concatenate([bottom[loop], top[loop]])
    wall_uv = np.concatenate([flat_uv[loop], flat_uv[loop]])
    wall_faces = _grid_faces(2, count + 1) + 2 * (count + 1)
    return (
        np.concatenate([top, bottom, wall]),
        np.concatenate([fan, fan[:, ::-1] + count + 1, wall_faces]),
        np.concatenate([flat_uv, flat_uv, wall_uv]),
    )


def _proper(vertices: Floats, faces: Ints, uv: Floats) -> tuple[Floats, Ints, Floats]:
    """Leave out triangles without area (the poles of a turned profile)."""
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keep: NDArray[np.bool_] = np.linalg.norm(normal, axis=1) > 1e-12
    return vertices, faces[keep], uv
