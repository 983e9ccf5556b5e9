"""Images read as cv_bridge reads them, where a distribution has one that works."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
pytest.importorskip(
    "cv_bridge", reason="no cv_bridge that works with this numpy", exc_type=ImportError
)
import cv_bridge
from sensor_msgs.msg import Image

from vlm_robot.messages import depth_from, image_from


def message(encoding, dtype, channels):
    data = np.random.default_rng(0).integers(1, 255, (48, 64, channels)).astype(dtype)
    image = Image(height=48, width=64, encoding=encoding, step=data.nbytes // 48)
    image.data = data.tobytes()
    return image


@pytest.mark.parametrize(
    ("encoding", "channels"), [("rgb8", 3), ("bgr8", 3), ("rgba8", 4), ("bgra8", 4), ("mono8", 1)]
)
def test_colours_are_those_of_cv_bridge(encoding, channels):
    image = message(encoding, np.uint8, channels)
    theirs = cv_bridge.CvBridge().imgmsg_to_cv2(image, "rgb8")
    assert np.array_equal(image_from(image), theirs)


@pytest.mark.parametrize(
    ("encoding", "dtype", "scale"), [("16UC1", "u2", 1e-3), ("32FC1", "f4", 1)]
)
def test_depth_is_that_of_cv_bridge(encoding, dtype, scale):
    image = message(encoding, dtype, 1)
    theirs = cv_bridge.CvBridge().imgmsg_to_cv2(image, "passthrough")
    assert np.allclose(depth_from(image), theirs * scale)
