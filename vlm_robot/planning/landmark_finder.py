"""Landmarks from detections: put into the paths' frame by depth or the ground, and remembered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytransform3d.rotations import matrix_from_quaternion

from vlm_robot.geometry.projection import on_floor
from vlm_robot.geometry.transforms import FrameTree, FrameTreeError, transform_boxes
from vlm_robot.planning.floor_outline import FLAT, Outline, floor_outline
from vlm_robot.planning.landmark_memory import LandmarkMemory
from vlm_robot.planning.landmarks import SeenLandmark, key
from vlm_robot.types import Observation

Floats = NDArray[np.float64]


class LandmarkFinder:
    """Places what is detected, and keeps it for a while after the robot has turned away.

    Args:
        transforms: frames of the robot, filled by whoever listens to them.
        memory_time: seconds that a landmark is remembered.
        memory_distance: metres that the robot may go away from it.
    """

    def __init__(
        self, transforms: FrameTree, *, memory_time: float, memory_distance: float
    ) -> None:
        self._transforms = transforms
        self._memory_time = memory_time
        self._memory_distance = memory_distance
        self._memories: dict[str, LandmarkMemory] = {}
        self._outlined: dict[str, _Outlined] = {}

    def find(
        self,
        phrases: Sequence[str],
        observations: Sequence[Observation],
        frame_id: str,
        stamp: int,
    ) -> tuple[SeenLandmark, ...]:
        """Sightings of `phrases` in `frame_id`, of these observations and of the memory.

        Args:
            frame_id: a frame that doesn't move with the robot; z is up and the floor is z = 0.
            stamp: now, nanoseconds; observations of a later stamp make it later.
        """
        memory = self._memories.setdefault(
            frame_id,
            LandmarkMemory(seconds=self._memory_time, metres=self._memory_distance),
        )
        robot: tuple[float, float] | None = None
        for observation in sorted(observations, key=lambda o: o.frame.stamp):
            try:
                matrix = self._transforms.lookup(
                    frame_id, observation.frame.frame_id, observation.frame.stamp
                )
                seen = self._placed(observation, matrix, frame_id)
            except FrameTreeError:
                continue  # unseen for want of a transform: the evaluation names what isn't seen
            robot = (float(matrix[0, 3]), float(matrix[1, 3]))
            for landmark in seen:
                memory.add(landmark, stamp=observation.frame.stamp)
        now = max([stamp, *(o.frame.stamp for o in observations)])
        wanted = {key(phrase) for phrase in phrases}
        known = memory.recall(stamp=now, robot=robot)
        return tuple(landmark for landmark in known if key(landmark.phrase) in wanted)

    def _placed(
        self, observation: Observation, matrix: Floats, frame_id: str
    ) -> list[SeenLandmark]:
        positions, sizes = _on_ground(observation, matrix)
        flat = np.zeros(len(positions), bool)
        boxes = observation.boxes_3d
        if boxes is not None and boxes.valid.any():
            to_frame = self._transforms.lookup(frame_id, boxes.frame_id, observation.frame.stamp)
            placed = transform_boxes(boxes, to_frame, frame_id)
            positions[boxes.valid] = placed.centers[boxes.valid]
            x, y, z, w = placed.orientation
            axes = np.abs(matrix_from_quaternion([w, x, y, z]))
            sizes[boxes.valid] = boxes.sizes[boxes.valid] @ axes.T
            flat = boxes.valid & (np.abs(positions[:, 2]) < FLAT)
        outlines = self._outlines(observation, matrix, flat)
        return [
            SeenLandmark(
                observation.detections.phrase(i),
                (float(x), float(y), float(z)),
                (float(dx), float(dy), float(dz)),
                float(observation.detections.scores[i]),
                outline=outlines[i],
            )
            for i, ((x, y, z), (dx, dy, dz)) in enumerate(zip(positions, sizes, strict=True))
            if np.isfinite([x, y, z]).all()
        ]

    def _outlines(
        self, observation: Observation, matrix: Floats, flat: NDArray[np.bool_]
    ) -> list[Outline]:
        """Outlines of what lies flat; those of a camera's last observation are kept.

        Candidate paths may come more often than images, and an outline takes 12 ms.
        """
        kept = self._outlined.get(observation.frame.camera)
        if (
            kept is not None
            and kept.observation is observation
            and np.array_equal(kept.matrix, matrix)
            and np.array_equal(kept.flat, flat)
        ):
            return kept.outlines
        outlines = [
            floor_outline(observation.frame, box, matrix) if lies else ()
            for box, lies in zip(observation.detections.boxes, flat, strict=True)
        ]
        self._outlined[observation.frame.camera] = _Outlined(observation, matrix, flat, outlines)
        return outlines


class _Outlined(NamedTuple):
    """Outlines of an observation's things, and what else they depend on."""

    observation: Observation
    matrix: Floats
    flat: NDArray[np.bool_]
    outlines: list[Outline]


def _on_ground(observation: Observation, matrix: Floats) -> tuple[Floats, Floats]:
    """Positions and sizes (N, 3) of things that stand on the floor z = 0; NaN where they can't."""
    boxes = observation.detections.boxes.astype(np.float64)
    nowhere = np.full((len(boxes), 3), np.nan)
    intrinsics = observation.frame.intrinsics
    if intrinsics is None or not len(boxes):
        return nowhere, nowhere.copy()
    feet = np.column_stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]])
    positions, depths = on_floor(feet, intrinsics, matrix)
    widths = (boxes[:, 2] - boxes[:, 0]) / intrinsics.matrix[0, 0] * depths
    heights = (boxes[:, 3] - boxes[:, 1]) / intrinsics.matrix[1, 1] * depths
    positions[:, 2] = heights / 2
    return positions, np.column_stack([widths, widths, heights])
