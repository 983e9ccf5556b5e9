"""Camera topics: found, matched, watched, and what becomes of broken ones."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from graph import wait_until
from rclpy.duration import Duration
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from vlm_robot.ros import found_subscription
from vlm_robot.ros.cameras import CameraInput
from vlm_robot.ros.conversions import header
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.settings import CameraSettings

TOPIC = "/camera/image_raw"


@pytest.mark.parametrize("best_effort", [False, True], ids=["reliable", "best effort"])
def test_result_carries_the_images_header_and_the_phrases(make_graph, best_effort):
    graph = make_graph().start()
    results = graph.detections()
    publisher = graph.publisher(Image, TOPIC, best_effort=best_effort)
    graph.send_until(publisher, graph.image, results)
    message = results[0]
    assert message.header.frame_id == "camera_optical_frame"
    assert message.header.stamp.sec == 1
    assert message.header.stamp.nanosec % 1_000_000 == 0
    phrases = {d.results[0].hypothesis.class_id for d in message.detections}
    assert phrases
    assert phrases <= {"chair", "red mug"}


@pytest.mark.parametrize("topic", [TOPIC, f"{TOPIC}/compressed"])
def test_compressed_images_are_found_out(make_graph, topic):
    graph = make_graph().start()
    results = graph.detections()
    publisher = graph.publisher(CompressedImage, topic)
    graph.send_until(publisher, graph.jpeg, results)
    assert results[0].detections


def test_a_simulated_clock_that_stands_still_blinds_nobody(make_graph):
    graph = make_graph({"use_sim_time": True}).start()
    results = graph.detections()
    graph.send_until(graph.publisher(Image, TOPIC), graph.image, results)


def test_two_cameras_share_one_model(make_graph):
    graph = make_graph({"cameras": ["front", "rear"]}).start()
    front, rear = graph.detections("front"), graph.detections("rear")
    first = graph.publisher(Image, "/front/image_raw")
    second = graph.publisher(CompressedImage, "/rear/image_raw/compressed")
    graph.send_until(first, graph.image, front)
    graph.send_until(second, graph.jpeg, rear)


def test_a_topic_without_publisher_is_warned_about_by_name(make_graph):
    graph = make_graph().start()
    level, text, _ = graph.status("camera camera", lambda s: s.level == DiagnosticStatus.WARN)
    assert level == DiagnosticStatus.WARN
    assert "/camera/image_raw/compressed has no publisher" in text


def test_a_wrong_type_is_warned_about_with_the_types_wanted(make_graph):
    graph = make_graph()
    graph.client.create_publisher(String, TOPIC, 10)
    graph.start()
    _, text, _ = graph.status("camera camera", lambda s: "has type" in s.message)
    assert "std_msgs/msg/String, wanted sensor_msgs/msg/Image or" in text


def test_a_burst_of_200_frames_is_accounted_for(make_graph):
    graph = make_graph().start()
    results = graph.detections()
    publisher = graph.publisher(Image, TOPIC)
    graph.send_until(publisher, graph.image, results)
    for _ in range(200):
        publisher.publish(graph.image())
    # What came before the burst only adds to the account.
    graph.status("camera camera", lambda status: _accounts_for(status, 200))


def _accounts_for(status, count):
    values = {v.key: v.value for v in status.values}
    received, *parts = (int(values[k]) for k in ("received", "processed", "dropped", "failed"))
    return received == sum(parts) and received >= count


def spoilt_message(kind, image, jpeg):
    """An image with one fault."""
    match kind:
        case "wrong step":
            image.step = 7
        case "zero size":
            image.width = image.height = image.step = 0
            image.data = b""
        case "unknown encoding":
            image.encoding = "rgb1000"
        case "short data":
            image.data = image.data[:100]
        case "truncated jpeg":
            jpeg.data = jpeg.data[: len(jpeg.data) // 2]
            return jpeg
        case "no jpeg":
            jpeg.data = b"not a picture"
            return jpeg
    return image


@pytest.mark.parametrize(
    "kind",
    ["wrong step", "zero size", "unknown encoding", "short data", "truncated jpeg", "no jpeg"],
)
def test_a_broken_image_is_counted_and_the_next_one_is_looked_at(make_graph, kind):
    graph = make_graph().start()
    results = graph.detections()
    message = spoilt_message(kind, graph.image(), graph.jpeg())
    publisher = graph.publisher(type(message), TOPIC)
    for _ in range(3):
        publisher.publish(message)
    graph.status("camera camera", lambda s: int(s.values[3].value) >= 1)
    make = graph.jpeg if isinstance(message, CompressedImage) else graph.image
    graph.send_until(publisher, make, results)
    assert results[0].detections


@pytest.mark.parametrize(
    ("stamps", "text"),
    [
        pytest.param((0, 0), "stamp zero", id="zero"),
        pytest.param((5_000_000_000, 4_000_000_000), "go backwards", id="backwards"),
    ],
)
def test_odd_stamps_are_said_and_the_frames_looked_at(make_graph, stamps, text):
    graph = make_graph().start()
    results = graph.detections()
    publisher = graph.publisher(Image, TOPIC)
    graph.send_until(publisher, graph.image, results)
    count = len(results)
    for stamp in stamps:
        graph.stamp = stamp - 1_000_000
        publisher.publish(graph.image())
    graph.status("camera camera", lambda s: text in s.message)
    wait_until(lambda: len(results) > count, "a result")


def test_a_camera_that_stops_is_warned_about(make_graph):
    graph = make_graph().start()
    graph.publisher(Image, TOPIC)
    graph.status("camera camera", lambda s: "no image on" in s.message)


def test_pictures_are_drawn_only_while_subscribed(make_graph):
    graph = make_graph().start()
    results = graph.detections()
    publisher = graph.publisher(Image, TOPIC)
    graph.send_until(publisher, graph.image, results)
    pictures = graph.listen(Image, "/vlm_robot/camera/annotated")
    jpegs = graph.listen(CompressedImage, "/vlm_robot/camera/annotated/compressed")
    graph.send_until(publisher, lambda: graph.image(width=640, height=480), pictures)
    graph.send_until(publisher, graph.image, jpegs)
    assert pictures[-1].encoding == "rgb8"
    assert np.asarray(pictures[-1].data).size == pictures[-1].step * pictures[-1].height


@pytest.fixture
def lone_camera(ros):
    """A camera with depth that takes images only when pulled, and what comes of it."""
    node = rclpy.create_node("lone_camera")
    frames, missed = [], []
    camera = CameraInput(
        node,
        "lone",
        CameraSettings.for_camera("lone", {"depth": "/lone/depth"}),
        depth_slop=1.0,
        log=SlowLog(node.get_logger()),
        wanted=lambda: False,
        on_frame=frames.append,
        on_missed=missed.append,
    )
    publishers = [node.create_publisher(Image, f"/lone/{n}", 10) for n in ("image_raw", "depth")]

    def is_subscribed():
        camera.poll()
        return all(publisher.get_subscription_count() for publisher in publishers)

    wait_until(is_subscribed, "subscriptions")
    yield camera, publishers, frames, missed
    camera.close()
    node.destroy_node()


def test_of_pairs_that_wait_only_the_newest_is_deserialized(lone_camera, monkeypatch):
    camera, publishers, frames, missed = lone_camera
    kinds = []

    def counted(data, kind):
        kinds.append(kind)
        return deserialize_message(data, kind)

    monkeypatch.setattr(found_subscription, "deserialize_message", counted)
    for second in range(1, 9):
        for publisher in publishers:
            publisher.publish(Image(header=header(second * 1_000_000_000, "lens")))
    for publisher in publishers:
        assert publisher.wait_for_all_acked(Duration(seconds=30))
    camera.pull()
    assert [(f.image.header.stamp.sec, f.depth.header.stamp.sec) for f in frames] == [(8, 8)]
    assert kinds == [Image, Image]
    assert sum(missed) == 7
