"""The outline of what lies flat on the floor."""

import math

import cv2
import numpy as np
import pytest
import shapely
from pytransform3d.rotations import quaternion_from_matrix

from vlm_robot.geometry.projection import project
from vlm_robot.geometry.transforms import FrameTree
from vlm_robot.planning import landmark_finder
from vlm_robot.planning.floor_outline import floor_outline
from vlm_robot.planning.landmark_finder import LandmarkFinder
from vlm_robot.planning.landmarks import SeenLandmark, distances
from vlm_robot.types import Boxes3D, Detections, Frame, Intrinsics, Observation

INTRINSICS = Intrinsics(640, 480, np.array([[500.0, 0, 320], [0, 500.0, 240], [0, 0, 1]]))
HEIGHT, DOWN = 0.6, math.radians(20)
"""Of the camera, metres and radians; it looks along x."""
CAMERA = np.array(
    [
        [0, -math.sin(DOWN), math.cos(DOWN), 0],
        [-1, 0, 0, 0],
        [0, -math.cos(DOWN), -math.sin(DOWN), HEIGHT],
        [0, 0, 0, 1],
    ]
)


def rug(x=2.0, y=0.2, long=1.2, wide=0.7, yaw=0.5):
    along, across = (
        np.array([math.cos(yaw), math.sin(yaw)]),
        np.array([-math.sin(yaw), math.cos(yaw)]),
    )
    ends = [(1, 1), (1, -1), (-1, -1), (-1, 1)]
    return np.array([(x, y) + a * long / 2 * along + b * wide / 2 * across for a, b in ends])


def picture(corners, *, colour=(150, 40, 40), around=(120, 130, 120)):
    """A frame with the thing on a floor with some noise, and the box around it."""
    noise = np.random.default_rng(0).normal(0, 4, (480, 640, 3))
    image = np.full((480, 640, 3), around, np.uint8)
    floor = np.column_stack([corners, np.zeros(len(corners))])
    pixels = project((floor - CAMERA[:3, 3]) @ CAMERA[:3, :3], INTRINSICS)
    cv2.fillPoly(image, [np.rint(pixels).astype(np.int32)], colour)
    image = np.clip(image + noise, 0, 255).astype(np.uint8)
    box = np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])
    return Frame("front", 0, "optical", image, intrinsics=INTRINSICS), box


def overlap(outline, corners):
    one, two = shapely.Polygon(outline), shapely.Polygon(corners)
    return one.intersection(two).area / one.union(two).area


@pytest.mark.parametrize("yaw", [0.0, 0.5, 1.2, 2.5])
def test_a_rug_that_lies_askew_has_its_own_outline(yaw):
    corners = rug(yaw=yaw)
    frame, box = picture(corners)
    assert overlap(floor_outline(frame, box, CAMERA), corners) > 0.9


def test_a_round_rug_stays_round():
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.column_stack([2.2 + 0.6 * np.cos(angles), 0.6 * np.sin(angles)])
    frame, box = picture(circle)
    assert overlap(floor_outline(frame, box, CAMERA), circle) > 0.9


def test_what_looks_like_the_floor_is_all_that_the_box_covers():
    corners = rug()
    frame, box = picture(corners, colour=(120, 130, 120))
    outline = shapely.Polygon(floor_outline(frame, box, CAMERA)).buffer(0.02)
    assert outline.covers(shapely.Polygon(corners))


def test_the_same_picture_has_the_same_outline():
    frame, box = picture(rug())
    assert floor_outline(frame, box, CAMERA) == floor_outline(frame, box, CAMERA)


@pytest.mark.parametrize(
    ("box", "intrinsics"),
    [
        pytest.param((100, 10, 300, 200), INTRINSICS, id="above the horizon"),
        pytest.param((100, 300, 300, 400), None, id="no camera_info"),
    ],
)
def test_there_is_none_where_the_floor_isnt_known(box, intrinsics):
    frame = Frame("front", 0, "optical", picture(rug())[0].image, intrinsics=intrinsics)
    assert floor_outline(frame, np.array(box), CAMERA) == ()


def observed():
    """An observation of the rug, placed by depth in the middle of its box."""
    frame, box = picture(rug())
    found = Detections(box[None].astype(np.float32), np.ones(1), np.zeros(1, np.int64), ("rug",))
    middle = (np.array([[2.0, 0.2, 0.0]]) - CAMERA[:3, 3]) @ CAMERA[:3, :3]
    return Observation(frame, found, Boxes3D("optical", middle, np.ones((1, 3)), ("",)))


def test_an_observation_that_comes_again_is_outlined_once(monkeypatch):
    transforms, asked = FrameTree(), []
    w, x, y, z = quaternion_from_matrix(CAMERA[:3, :3])
    transforms.add_static("map", "optical", CAMERA[:3, 3], (x, y, z, w))
    finder = LandmarkFinder(transforms, memory_time=30.0, memory_distance=10.0)
    outline = lambda *given: asked.append(given) or floor_outline(*given)  # noqa: E731
    monkeypatch.setattr(landmark_finder, "floor_outline", outline)
    one = observed()
    first, second = (finder.find(["rug"], [one], "map", 0) for _ in range(2))
    assert len(asked) == 1
    assert first == second
    assert overlap(first[0].outline, rug()) > 0.9
    finder.find(["rug"], [observed()], "map", 0)
    assert len(asked) == 2


def test_distances_are_from_the_outline_and_not_from_the_box():
    square = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))
    thing = SeenLandmark("rug", (0.0, 0.0, 0.0), (2.0, 2.0, 0.0), outline=square)
    away = distances(np.array([(0.9, 0.9), (0.2, 0.2), (2.0, 0.0)]), [thing])
    assert away == pytest.approx([0.8 / math.sqrt(2), 0.0, 1.0])
