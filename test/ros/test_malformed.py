"""Messages with any values on every topic and service that the node takes: none stops it.

How many is set by VLM_ROBOT_MALFORMED; `make soak` sends 20,000.
"""

from __future__ import annotations

import os

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import cv2
from geometry_msgs.msg import Point, Pose, PoseStamped, TransformStamped
from graph import picture, wait_until
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from messages_at_random import messages, spoilt
from nav_msgs.msg import OccupancyGrid, Path
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage
from vlm_robot_msgs.msg import CandidatePaths
from vlm_robot_msgs.srv import Ask, Detect, EvaluatePaths, SetPrompts

from vlm_robot.ros.conversions import header, image_msg

pytestmark = pytest.mark.ros

COUNT = int(os.environ.get("VLM_ROBOT_MALFORMED", "240"))
TOPICS = {
    "/a/image_raw": Image,
    "/b/image_raw": CompressedImage,
    "/a/camera_info": CameraInfo,
    "/b/camera_info": CameraInfo,
    "/a/depth": Image,
    "/b/depth": CompressedImage,
    "/tf": TFMessage,
    "/tf_static": TFMessage,
    "/vlm_robot/costmap": OccupancyGrid,
    "/vlm_robot/candidate_paths": CandidatePaths,
}
SERVICES = {
    "ask": Ask,
    "detect": Detect,
    "evaluate_paths": EvaluatePaths,
    "set_prompts": SetPrompts,
}
CAMERAS = {"cameras": ["a", "b", "sound"], "a.depth": "/a/depth", "b.depth": "/b/depth"}


@pytest.fixture(scope="module")
def graph(ros, tiny_checkpoint):
    from graph import Graph

    parameters = {
        "detector": str(tiny_checkpoint("owlv2")),
        "prompts": ["chair"],
        "threshold": 0.01,
        "target_frame": "map",
        **CAMERAS,
    }
    running = Graph(parameters).start()
    running.senders = {
        topic: running.client.create_publisher(
            kind,
            topic,
            QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
            if topic == "/tf_static"
            else 10,
        )
        for topic, kind in TOPICS.items()
    }
    for topic, sender in running.senders.items():
        wait_until(sender.get_subscription_count, f"subscription of the node to {topic}")
    yield running
    running.close()


HEAD = header(1_000_000_000, "lens")
PICTURE = image_msg(HEAD, picture(width=8, height=6))
DEPTH = Image(header=HEAD, width=8, height=6, encoding="16UC1", step=16, data=bytes(96))
JPEG = CompressedImage(
    header=HEAD, format="jpeg", data=cv2.imencode(".jpg", picture(width=8, height=6))[1].tobytes()
)
K = [5.0, 0.0, 4.0, 0.0, 5.0, 3.0, 0.0, 0.0, 1.0]
INFO = CameraInfo(header=HEAD, width=8, height=6, distortion_model="plumb_bob", k=K, d=[0.0] * 5)
STEP = TransformStamped(header=header(1_000_000_000, "map"), child_frame_id="lens")
GRID = OccupancyGrid(header=header(0, "map"), data=[0] * 100)
GRID.info.width = GRID.info.height = 10
GRID.info.resolution = 0.1
LINE = Path(poses=[PoseStamped(pose=Pose(position=Point(x=0.1 * n))) for n in range(5)])
SOUND = {
    "/a/image_raw": PICTURE,
    "/b/image_raw": JPEG,
    "/a/camera_info": INFO,
    "/b/camera_info": INFO,
    "/a/depth": DEPTH,
    "/b/depth": JPEG,
    "/tf": TFMessage(transforms=[STEP]),
    "/tf_static": TFMessage(transforms=[STEP]),
    "/vlm_robot/costmap": GRID,
    "/vlm_robot/candidate_paths": CandidatePaths(
        header=header(0, "map"), goal="Take the shortest way.", paths=[LINE]
    ),
    "ask": Ask.Request(question="Is there a chair?", image=PICTURE),
    "detect": Detect.Request(prompts=["bed"], image=PICTURE),
    "evaluate_paths": EvaluatePaths.Request(goal="Go fast.", paths=[LINE], costmap=GRID),
    "set_prompts": SetPrompts.Request(prompts=["chair"]),
}
"""Good ones, to be spoilt: values all at random seldom come past the first check."""


def _any(name, kind):
    return (spoilt(SOUND[name]) | messages(kind)).map(lambda message: (name, message))


ANY_MESSAGE = st.one_of([_any(topic, kind) for topic, kind in TOPICS.items()])
ANY_REQUEST = st.one_of([_any(name, kind.Request) for name, kind in SERVICES.items()])
QUIETLY = {
    "deadline": None,
    "database": None,
    "phases": (Phase.generate,),  # a failure lies messages back: the last one has no fault to find
    "suppress_health_check": list(HealthCheck),
}


def test_any_message_leaves_the_node_looking(graph):
    sent = []

    @settings(max_examples=COUNT, **QUIETLY)
    @given(ANY_MESSAGE)
    def send(drawn):
        topic, message = drawn
        graph.senders[topic].publish(message)
        sent.append(topic)

    send()
    assert set(sent) == set(TOPICS)
    results = graph.detections("sound")
    publisher = graph.publisher(Image, "/sound/image_raw")
    graph.send_until(publisher, graph.image, results)
    assert graph.node._pipeline.inference.is_alive()
    for camera in ("a", "b"):
        graph.status(f"camera {camera}", _adds_up)


def _adds_up(status):
    values = {v.key: v.value for v in status.values}
    received, *parts = (int(values[k]) for k in ("received", "processed", "dropped", "failed"))
    return received > 0 and received == sum(parts)


def test_any_request_is_answered_with_a_code_and_a_word(graph):
    results = graph.detections("sound")
    publisher = graph.publisher(Image, "/sound/image_raw")
    graph.send_until(publisher, graph.image, results)

    @settings(max_examples=max(20, COUNT // 10), **QUIETLY)
    @given(ANY_REQUEST)
    def ask(drawn):
        name, request = drawn
        response = graph.call(SERVICES[name], f"/vlm_robot/{name}", request)
        assert response.error_code != Detect.Response.MODEL_FAILED, response.error_msg
        assert bool(response.error_code) == bool(response.error_msg)

    ask()
