"""Pictures with something taken out of them: everything, the evidence, or as much elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.types import Frame

GREY = 127
"""What stands where something was taken out."""
_TRIES = 200

Boxes = NDArray[np.float32]


def blanked(frame: Frame) -> Frame:
    """Nothing but grey; the depth says nothing either."""
    height, width = frame.image.shape[:2]
    return without(frame, np.array([[0, 0, width, height]], np.float32))


def without(frame: Frame, boxes: Boxes) -> Frame:
    """The frame with grey boxes (N, 4), xyxy pixels."""
    image = frame.image.copy()
    depth = None if frame.depth is None else frame.depth.copy()
    for x1, y1, x2, y2 in np.round(boxes).astype(int).clip(0):
        image[y1:y2, x1:x2] = GREY
        if depth is not None:
            depth[y1:y2, x1:x2] = np.nan
    return replace(frame, image=image, depth=depth)


def elsewhere(boxes: Boxes, size: tuple[int, int], rng: np.random.Generator) -> Boxes:
    """Boxes of the same sizes (N, 4), placed at random where they cover `boxes` least.

    Args:
        size: width and height of the image, pixels.
    """
    placed = [_placed(box, boxes, size, rng) for box in boxes]
    return np.array(placed, np.float32).reshape(-1, 4)


def _placed(
    box: Boxes, avoided: Boxes, size: tuple[int, int], rng: np.random.Generator
) -> NDArray[np.float64]:
    sides = box[2:] - box[:2]
    room = np.maximum(np.array(size) - sides, 0)
    corners = rng.uniform(0, room, (_TRIES, 2))
    tried = np.hstack([corners, corners + sides])
    covered = iou_matrix(tried.astype(np.float32), avoided).sum(axis=1)
    return np.asarray(tried[int(np.argmin(covered))])
