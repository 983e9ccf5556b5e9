"""The graph's doctor: what is published, what is silent, what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import rclpy
from graph import TIMEOUT, picture
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image

from vlm_robot.ros.conversions import header, image_msg

RATE = 20
SAMPLE = Path(__file__).parents[2] / "sample" / "home_drive"


def doctor(*words):
    """Run it as a user does; (exit code, output)."""
    done = subprocess.run(
        [sys.executable, "-m", "vlm_robot.ros.doctor", *words],
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def test_a_graph_without_images_is_told(ros):
    code, text = doctor("--seconds", "1")
    assert code == 2
    assert "doctor: the graph has no images that can be read" in text


@pytest.fixture(scope="module")
def camera(ros):
    """A camera that sends best effort, without calibration, and one that is silent."""
    node = rclpy.create_node("camera_driver")
    qos = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    publisher = node.create_publisher(Image, "/front/image_raw", qos)
    node.create_publisher(Image, "/stalled/image_raw", 5)
    stop = threading.Event()

    def send():
        stamp = 0
        while not stop.wait(1 / RATE):
            stamp += 10**9 // RATE
            publisher.publish(image_msg(header(stamp, "front_optical"), picture(stamp % 7)))

    thread = threading.Thread(target=send)
    thread.start()
    yield
    stop.set()
    thread.join()
    node.destroy_node()


@pytest.fixture(scope="module")
def told(camera):
    code, text = doctor("--seconds", "4")
    assert code == 1, text
    return " ".join(text.split())


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("/front/image_raw │ sensor_msgs/msg/Image",), id="its type"),
        pytest.param(("rgb8", "best effort, volatile"), id="its encoding and QoS"),
        pytest.param(("images looked at, 64x48",), id="its size"),
        pytest.param(("record the camera_info beside the image",), id="no calibration"),
        pytest.param(
            ("topic /stalled/image_raw", "1 publisher(s), no message in 4 s"), id="a silent topic"
        ),
    ],
)
def test_the_graph_is_looked_at_like_a_bag(told, words):
    for word in words:
        assert word in told


def test_a_bag_is_looked_at_as_without_ros():
    code, text = doctor(str(SAMPLE))
    assert code == 0, text
    assert "/front/image_raw/compressed" in text
