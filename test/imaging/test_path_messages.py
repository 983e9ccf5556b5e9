"""Paths and maps as they come in messages, sound and not."""

import math
from types import SimpleNamespace as Message

import numpy as np
import pytest

from vlm_robot.messages import candidate_from, grid_from
from vlm_robot.types import InputError


def header(frame_id="map"):
    return Message(stamp=Message(sec=1, nanosec=0), frame_id=frame_id)


def path(*quaternions, frame_id="map"):
    poses = [
        Message(
            pose=Message(
                position=Message(x=float(i), y=0.0, z=0.0),
                orientation=Message(x=x, y=y, z=z, w=w),
            )
        )
        for i, (x, y, z, w) in enumerate(quaternions)
    ]
    return Message(header=header(frame_id), poses=poses)


def grid(*, data=(0, 0, 100, -1), width=2, height=2, resolution=0.1, x=0.0):
    origin = Message(
        position=Message(x=x, y=0.0, z=0.0), orientation=Message(x=0.0, y=0.0, z=0.0, w=1.0)
    )
    info = Message(width=width, height=height, resolution=resolution, origin=origin)
    return Message(header=header(), info=info, data=list(data))


def test_a_quaternion_needs_no_unit_length():
    half = math.sin(math.pi / 4)
    poses = candidate_from(path((0, 0, half, half), (0, 0, 7 * half, 7 * half)), "map").poses
    np.testing.assert_allclose(poses[:, 2], math.pi / 2)


@pytest.mark.parametrize(
    "quaternion", [(0.0, 0.0, 0.0, 0.0), (0.0, 0.0, math.nan, 1.0), (math.inf, 0.0, 0.0, 1.0)]
)
def test_a_quaternion_that_is_none_has_no_yaw(quaternion):
    poses = candidate_from(path((0, 0, 0, 1), quaternion), "map").poses
    assert np.isnan(poses[1, 2])


def test_a_path_without_a_frame_is_in_the_map_s():
    assert candidate_from(path((0, 0, 0, 1), frame_id=""), "odom").frame_id == "odom"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param(
            {"data": (0, 0, 0)}, "holds 3 cells but says 2x2", id="data of another length"
        ),
        pytest.param({"data": (), "width": 0, "height": 0}, "the costmap is empty", id="empty"),
        pytest.param({"resolution": -0.05}, "resolution is -0.05 m", id="negative resolution"),
        pytest.param({"resolution": 0.0}, "resolution is 0.0 m", id="no resolution"),
        pytest.param({"resolution": math.nan}, "resolution is nan m", id="NaN resolution"),
        pytest.param({"x": math.inf}, "isn't finite", id="endless origin"),
    ],
)
def test_a_map_that_cannot_be_one_is_refused_with_the_reason(wrong, says):
    with pytest.raises(InputError, match=says):
        grid_from(grid(**wrong))
