"""What goes wrong on a robot, done to the node over DDS: it says so, and goes on."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import torch
from graph import Graph, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image

from vlm_robot.perception import Perception
from vlm_robot.ros.conversions import header

TOPIC = "/camera/image_raw"


class FaultyDetector:
    """A real detector that fails as it is told to."""

    def __init__(self, detector):
        self._detector = detector
        self.info, self.encode = detector.info, detector.encode
        self.failure = None

    def detect(self, images, prompts, options):
        if self.failure is not None:
            raise self.failure
        return self._detector.detect(images, prompts, options)


@pytest.fixture
def faulty(make_graph):
    def load(settings):
        perception = Perception.load(settings)
        perception.detector = FaultyDetector(perception.detector)
        return perception

    graph = make_graph(load=load).start()
    graph.detector = graph.node._pipeline.perception.detector
    graph.results = graph.detections()
    graph.images = graph.publisher(Image, TOPIC)
    graph.send_until(graph.images, graph.image, graph.results)
    return graph


@pytest.mark.parametrize(
    "failure",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError("no memory for 600 boxes"),
        ValueError("cannot reshape"),
        AssertionError("a model's own check"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_a_model_that_fails_is_said_counted_and_gone_on_with(faulty, failure):
    faulty.detector.failure = failure
    faulty.images.publish(faulty.image())
    faulty.status("model", lambda s: str(failure) in s.message)
    faulty.status("camera camera", lambda s: int(s.values[3].value) >= 1)
    faulty.detector.failure = None
    count = len(faulty.results)
    faulty.send_until(faulty.images, faulty.image, faulty.results, count + 1)


def test_cameras_come_and_go_and_come_back_compressed(make_graph):
    graph = make_graph({"cameras": ["front", "rear"]}).start()
    front, rear = graph.detections("front"), graph.detections("rear")
    steady = graph.publisher(Image, "/rear/image_raw")
    for turn in range(3):
        kind = CompressedImage if turn % 2 else Image
        topic = "/front/image_raw/compressed" if turn % 2 else "/front/image_raw"
        publisher = graph.publisher(kind, topic, best_effort=turn == 2)
        make = graph.jpeg if turn % 2 else graph.image
        graph.send_until(publisher, make, front, len(front) + 1)
        graph.client.destroy_publisher(publisher)
        wait_until(lambda t=topic: not graph.node.count_publishers(t), "its going")
        graph.send_until(steady, graph.image, rear, len(rear) + 1)
    graph.status("camera front", lambda s: "has no publisher" in s.message)


def test_a_clock_that_jumps_stops_no_results(make_graph):
    graph = make_graph({"use_sim_time": True}).start()
    results = graph.detections()
    clock = graph.client.create_publisher(Clock, "/clock", 10)
    images = graph.publisher(Image, TOPIC)
    for second in (1000, 1001, 5, 2_000_000, 0, 1002):
        clock.publish(Clock(clock=header(second * 1_000_000_000, "").stamp))
        graph.stamp = second * 1_000_000_000
        graph.send_until(images, graph.image, results, len(results) + 1)


def test_a_killed_node_looks_again_when_it_is_started_again(ros, run_node, tiny_checkpoint):
    client = Camera()
    parameters = (f"detector:={tiny_checkpoint('owlv2')}", "threshold:=0.01")
    try:
        for _ in range(2):
            node = run_node(*parameters)
            client.wait_for_results(node)
            node.process.kill()
            assert node.end() == -9
            client.results.clear()
    finally:
        client.close()


class Camera(Graph):
    """The client of a graph alone, whose camera never stops; the node is another process."""

    def __init__(self):
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from vision_msgs.msg import Detection2DArray

        self.stamp = 1_000_000_000
        self.client = rclpy.create_node("camera_alone")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.client)
        self.results = self.listen(Detection2DArray, "/vlm_robot/camera/detections")
        self._images = self.client.create_publisher(Image, TOPIC, 5)
        self.client.create_timer(0.1, lambda: self._images.publish(self.image()))
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()

    def wait_for_results(self, node):
        def seen():
            assert node.alive, node.text
            return self.results

        wait_until(seen, "result of the process")

    def close(self):
        self.executor.shutdown(timeout_sec=5)
        self.thread.join(5)
        self.client.destroy_node()
