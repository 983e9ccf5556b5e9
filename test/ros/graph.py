"""A real ROS graph for tests: the node in this process, a client beside it, DDS between them."""

from __future__ import annotations

import os
import threading
import time

os.environ.setdefault("ROS_DOMAIN_ID", str(100 + os.getpid() % 100))
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray

from vlm_robot.ros.conversions import header, image_msg
from vlm_robot.ros.node import PerceptionNode

TIMEOUT = 120.0
"""Seconds: generous, since the machine may be busy; reached only by a failing test."""


def wait_until(condition, what, timeout=TIMEOUT):
    """Wait for a condition; `what` names it when it never comes."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, f"no {what} within {timeout:g} s"
        threading.Event().wait(0.01)
    return value


def picture(seed=0, *, width=64, height=48):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


class Graph:
    """The node with the given parameters, and a client that publishes, listens and calls."""

    def __init__(self, parameters, **options):
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.node = PerceptionNode(parameter_overrides=overrides, **options)
        self.client = rclpy.create_node("client")
        self.executor = self.node.make_executor()
        self.executor.add_node(self.client)
        self.thread = threading.Thread(target=self.executor.spin, daemon=True)
        self.thread.start()
        self.diagnostics = self.listen(DiagnosticArray, "/diagnostics")
        self.stamp = 1_000_000_000

    def start(self):
        assert self.node.start()
        return self

    def close(self):
        self.node.close()
        self.executor.shutdown(timeout_sec=5)
        self.thread.join(5)
        self.node.destroy_node()
        self.client.destroy_node()

    def listen(self, kind, topic):
        messages = []
        self.client.create_subscription(kind, topic, messages.append, 100)
        return messages

    def publisher(self, kind, topic, *, best_effort=False):
        """A publisher that the node has found."""
        reliability = ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE
        publisher = self.client.create_publisher(
            kind, topic, QoSProfile(depth=300, reliability=reliability)
        )
        wait_until(publisher.get_subscription_count, f"subscription of the node to {topic}")
        return publisher

    def detections(self, camera="camera"):
        """A list that fills with the camera's detections; the node's publisher is matched."""
        topic = f"/vlm_robot/{camera}/detections"
        messages = self.listen(Detection2DArray, topic)
        wait_until(lambda: self.client.count_publishers(topic), topic)
        return messages

    def image(self, seed=0, **size):
        """A new image; its stamp is 1 ms after the last one's."""
        self.stamp += 1_000_000
        return image_msg(header(self.stamp, "camera_optical_frame"), picture(seed, **size))

    def jpeg(self, seed=0):
        self.stamp += 1_000_000
        data = cv2.imencode(".jpg", picture(seed))[1].tobytes()
        head = header(self.stamp, "camera_optical_frame")
        return CompressedImage(header=head, format="jpeg", data=data)

    def send_until(self, publisher, make, messages, count=1):
        """Send images until `count` results have come: the first may be lost in discovery."""

        def enough():
            publisher.publish(make())
            threading.Event().wait(0.05)
            return len(messages) >= count

        return wait_until(enough, "result")

    def call(self, kind, name, request):
        client = self.client.create_client(kind, name)
        assert client.wait_for_service(TIMEOUT), f"no service {name}"
        done = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: done.set())
        assert done.wait(TIMEOUT), f"no response of {name}"
        self.client.destroy_client(client)
        return future.result()

    def status(self, name, condition=lambda status: True):
        """The newest status of that name that fulfils `condition`, as (level, text, values)."""

        def newest():
            for message in reversed(self.diagnostics):
                for status in message.status:
                    if status.name.endswith(f": {name}") and condition(status):
                        return status
            return None

        found = wait_until(newest, f"diagnostics of {name}")
        return found.level, found.message, {v.key: v.value for v in found.values}


__all__ = ["TIMEOUT", "Graph", "Image", "picture", "wait_until"]
