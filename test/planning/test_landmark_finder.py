import numpy as np
import pytest

from vlm_robot.geometry.transforms import FrameTree
from vlm_robot.planning.landmark_finder import LandmarkFinder
from vlm_robot.types import Boxes3D, Detections, Frame, Observation

FORWARD = (-0.5, 0.5, -0.5, 0.5)
"""Quaternion of a camera that looks along x of the map."""


def observed(phrase, *, frame_id="optical", stamp=0):
    """An observation of a thing two metres ahead."""
    frame = Frame("front", stamp, frame_id, np.zeros((480, 640, 3), np.uint8))
    box = np.array([[300, 200, 340, 280]], np.float32)
    found = Detections(box, np.ones(1), np.zeros(1, np.int64), (phrase,))
    return Observation(frame, found, Boxes3D(frame_id, [(0, 0, 2)], np.ones((1, 3)), ("",)))


@pytest.mark.parametrize(
    "later",
    [
        pytest.param([], id="no observation"),
        pytest.param([observed("cat", frame_id="unplaced", stamp=1)], id="no transform"),
    ],
)
def test_far_from_the_map_s_origin_what_was_seen_is_kept_when_the_robot_s_place_is_not_told(later):
    transforms = FrameTree()
    transforms.add_static("map", "optical", (50.0, 0.0, 1.0), FORWARD)
    finder = LandmarkFinder(transforms, memory_time=30.0, memory_distance=10.0)
    (seen,) = finder.find(["couch"], [observed("couch")], "map", 0)
    assert seen.position == pytest.approx((52.0, 0.0, 1.0))
    assert finder.find(["couch"], later, "map", 0)[0].position == seen.position
