"""From what a camera sees to boxes: the visible extent of each thing, and what to ignore."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.simulation.camera import Camera
from vlm_robot.simulation.catalog import Solid
from vlm_robot.simulation.home import Pose, View


@dataclass(frozen=True)
class Label:
    """A thing in a picture.

    Attributes:
        index: of the solid.
        box: x, y, width, height in pixels of its visible extent.
        area: visible pixels.
        seen: share of its surface's points that project onto its own pixels, 0..1.
        ignore: it is too small, or too little of it is seen, to be asked for.
    """

    index: int
    box: tuple[int, int, int, int]
    area: int
    seen: float
    ignore: bool


def label_view(
    view: View,
    camera: Camera,
    solids: tuple[Solid, ...],
    poses: dict[int, Pose],
    *,
    least_area: int = 90,
    least_side: int = 8,
    least_seen: float = 0.28,
) -> list[Label]:
    """Boxes of everything in `poses` that owns at least one pixel, largest first."""
    area = np.bincount(view.owner.ravel() + 1, minlength=len(solids) + 1)[1:]
    labels = []
    for index, pose in poses.items():
        if not area[index]:
            continue
        mask = view.owner == index
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = (
            int(columns[0]),
            int(rows[0]),
            int(columns[-1] - columns[0] + 1),
            int(rows[-1] - rows[0] + 1),
        )
        seen = _seen(mask, camera, solids[index], pose)
        # A big thing that the frame cuts is still plain to see.
        enough = least_seen if area[index] < 0.06 * mask.size else 0.45 * least_seen
        ignore = area[index] < least_area or min(box[2:]) < least_side or seen < enough
        labels.append(Label(index, box, int(area[index]), seen, bool(ignore)))
    return sorted(labels, key=lambda label: -label.area)


def _seen(mask: NDArray[np.bool_], camera: Camera, solid: Solid, pose: Pose) -> float:
    """Share of surface points whose pixel (or a neighbour) shows the thing itself.

    Unlike a ratio of areas, it is as good for a ladder as for a ball.
    """
    pixels, depth = camera.project(pose.place(solid.points))
    height, width = mask.shape
    inside = (
        (depth > 0.01)
        & (pixels[:, 0] >= 0)
        & (pixels[:, 0] < width)
        & (pixels[:, 1] >= 0)
        & (pixels[:, 1] < height)
    )
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    at = pixels[inside].astype(int)
    return float(wide[at[:, 1], at[:, 0]].sum()) / len(pixels)
