"""The SROS 2 policy allows what the running node does on the graph, and nothing besides."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
from graph import wait_until
from sensor_msgs.msg import CameraInfo, Image

POLICY = Path(__file__).parents[2] / "security" / "vlm_robot.policy.xml"
MAYBE = {
    "/camera/image_raw/compressed",
    "/camera/depth/compressedDepth",
    "/clock",
    "/parameter_events",
    "~/costmap",
    "~/get_type_description",
}
"""Allowed, though not every start uses it: other transport, simulated time, newer ROS."""


def allowed(kind, right):
    profile = ElementTree.parse(POLICY).find(".//profile[@node='vlm_robot']")
    return {
        expression.text
        for group in profile.findall(kind)
        if group.get(right) == "ALLOW"
        for expression in group
    }


def private(name):
    return f"~{name.removeprefix('/vlm_robot')}" if name.startswith("/vlm_robot/") else name


def used(names_and_types):
    return {private(name) for name, _ in names_and_types if "/_action/" not in name}


@pytest.fixture
def graph(make_graph):
    running = make_graph({"camera.depth": "/camera/depth"}).start()
    for kind, topic in (
        (Image, "/camera/image_raw"),
        (CameraInfo, "/camera/camera_info"),
        (Image, "/camera/depth"),
    ):
        running.publisher(kind, topic)
    wait_until(lambda: running.client.count_subscribers("/camera/depth"), "subscription")
    return running


@pytest.mark.parametrize(
    ("kind", "right", "ask"),
    [
        ("topics", "publish", "get_publisher_names_and_types_by_node"),
        ("topics", "subscribe", "get_subscriber_names_and_types_by_node"),
        ("services", "reply", "get_service_names_and_types_by_node"),
    ],
)
def test_the_policy_is_what_the_node_does(graph, kind, right, ask):
    done = used(getattr(graph.client, ask)("vlm_robot", "/"))
    permitted = allowed(kind, right)
    assert done <= permitted, f"not allowed: {sorted(done - permitted)}"
    assert permitted - MAYBE <= done, f"allowed, not used: {sorted(permitted - done)}"


def test_the_action_is_allowed():
    assert allowed("actions", "execute") == {"~/ask_stream"}
