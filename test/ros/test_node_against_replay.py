"""Node and replay are two edges of the same skills: they say the same of the same frames."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
from graph import Graph, wait_until
from rclpy.serialization import deserialize_message
from vision_msgs.msg import Detection2DArray, Detection3DArray

from vlm_robot.cli import main
from vlm_robot.messages import nanoseconds
from vlm_robot.replay.bag import Bag
from vlm_robot.ros.play_bag import message_class, profile

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "sample" / "home_drive"
CONFIG = ROOT / "config" / "demo.yaml"
LOOK_AHEAD = 500_000_000
RESULTS = {"detections": Detection2DArray, "detections_3d": Detection3DArray}
IMAGES = {"front": "/front/image_raw/compressed", "rear": "/rear/image_raw/compressed"}
DEPTH = "/front/depth/image_raw/compressedDepth"


class Feeder:
    """Publishes the bag's bytes to the node: transforms ahead of time, one image at a time."""

    def __init__(self, graph, bag):
        kinds = {"tf2_msgs/msg/TFMessage", "sensor_msgs/msg/CameraInfo"}
        wanted = [*IMAGES.values(), DEPTH]
        wanted += [t.name for t in bag.topics.values() if t.msgtype in kinds]
        self.messages = list(bag.messages(wanted))
        self.publishers = {
            name: graph.client.create_publisher(
                message_class(bag.topics[name].msgtype), name, profile(bag.offered_qos(name))
            )
            for name in wanted
        }
        for publisher in self.publishers.values():
            wait_until(publisher.get_subscription_count, f"subscription to {publisher.topic_name}")
        self.sent = set()

    def send(self, stamp, image_topic):
        """Publish what is needed to look at the image of that stamp."""
        for index, message in enumerate(self.messages):
            topic = message.topic
            moving = topic.startswith("/tf") or topic.endswith("camera_info")
            early = moving and message.log_time < stamp + LOOK_AHEAD
            if index not in self.sent and (early or topic in (image_topic, DEPTH)):
                data = bytes(message.data)
                if early or self._stamp(topic, data) == stamp:
                    self.sent.add(index)
                    self.publishers[topic].publish(data)

    def _stamp(self, topic, data):
        kind = self.publishers[topic].msg_type
        return nanoseconds(deserialize_message(data, kind).header.stamp)


def replayed(folder, name, camera):
    """What the replay wrote on a topic, by stamp."""
    kind = RESULTS[name]
    with Bag(folder / "results.mcap") as bag:
        found = bag.messages([f"/vlm_robot/{camera}/{name}"])
        messages = [deserialize_message(bytes(m.data), kind) for m in found]
    return {nanoseconds(m.header.stamp): m for m in messages}


def test_the_node_publishes_what_the_replay_writes(tmp_path):
    out = tmp_path / "out"
    words = ["replay", str(SAMPLE), "-o", str(out), "--config", str(CONFIG), "--quiet"]
    assert main([*words, "--batch", "1", "--every", "10", "--no-report"]) == 0
    parameters = yaml.safe_load(CONFIG.read_text())["/**"]["ros__parameters"]
    for camera in IMAGES:
        topics = parameters.pop(camera)
        parameters |= {f"{camera}.{name}": topic for name, topic in topics.items()}
    graph = Graph(parameters)
    try:
        received = {
            (camera, name): graph.listen(kind, f"/vlm_robot/{camera}/{name}")
            for camera in IMAGES
            for name, kind in RESULTS.items()
        }
        graph.start()
        looked_at = 0
        with Bag(SAMPLE) as bag:
            feeder = Feeder(graph, bag)
            for camera, topic in IMAGES.items():
                names = ["detections", "detections_3d"] if camera == "front" else ["detections"]
                wanted = {name: replayed(out, name, camera) for name in names}
                for stamp in sorted(wanted["detections"]):
                    feeder.send(stamp, topic)
                    for name in names:
                        messages = received[camera, name]
                        wait_until(lambda m=messages: m, f"{name} of {camera} at {stamp}")
                        assert messages.pop() == wanted[name][stamp]
                    looked_at += 1
        assert looked_at == 30
        assert any(
            message.detections for message in replayed(out, "detections_3d", "front").values()
        )
    finally:
        graph.close()
