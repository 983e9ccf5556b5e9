"""Cameras and callers that ask more than the machine can give, for as long as is asked.

A few seconds in the suite; half an hour with eight cameras at 30 Hz and 50 callers by `make soak`.
"""

from __future__ import annotations

import os
import threading
import time
from statistics import median
from typing import NamedTuple

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from graph import picture, wait_until
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray
from vlm_robot_msgs.srv import Detect

from vlm_robot.ros.conversions import header, image_msg
from vlm_robot.ros.node import SPARE_THREADS
from vlm_robot.ros.requests import SERVICE_QOS
from vlm_robot.settings import Settings

SAMPLE_SECONDS = 0.5
MOST_GROWTH = 1.05
POOL = Settings().request_queue + SPARE_THREADS
ANSWERED = {Detect.Response.NONE, Detect.Response.BUSY, Detect.Response.DEADLINE}


class Load(NamedTuple):
    """How much is asked of the node."""

    cameras: int
    rate: float
    callers: int
    seconds: float
    detector: str


SMALL = Load(cameras=2, rate=10.0, callers=10, seconds=6.0, detector="owlv2")
WHOLE = Load(
    cameras=8,
    rate=30.0,
    callers=50,
    seconds=float(os.environ.get("VLM_ROBOT_SOAK_SECONDS", "1800")),
    detector="compact",
)


class Crowd:
    """Cameras that publish, and callers of whom each asks again once it has its answer."""

    def __init__(self, load, names):
        self.load = load
        # A DDS participant of its own: the session's has talked to nodes that other tests killed,
        # whose part of its shared memory isn't given back.
        self._context = rclpy.Context()
        self._context.init()
        self.node = rclpy.create_node("crowd", context=self._context)
        self.published = dict.fromkeys(names, 0)
        self.received = dict.fromkeys(names, 0)
        self.strange = []
        self.codes = []
        self.under_way = 0
        self.diagnostics = None
        self._stamps = {name: set() for name in names}
        self._stopped = False
        self._picture = picture(width=160, height=120)
        self._images = {
            name: self.node.create_publisher(Image, f"/{name}/image_raw", 5) for name in names
        }
        for name in names:
            self.node.create_subscription(
                Detection2DArray,
                f"/vlm_robot/{name}/detections",
                lambda message, n=name: self._take(n, message),
                100,
            )
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._diagnose, 10)
        self._clients = [
            self.node.create_client(Detect, "/vlm_robot/detect", qos_profile=SERVICE_QOS)
            for _ in range(load.callers)
        ]
        self.executor = SingleThreadedExecutor(context=self._context)
        self.executor.add_node(self.node)
        self._thread = threading.Thread(target=self.executor.spin, daemon=True)
        self._thread.start()

    def begin(self):
        self.node.create_timer(1 / self.load.rate, self._publish)
        wait_until(lambda: all(self.received.values()), "result of every camera")
        for client in self._clients:
            self._ask(client)

    def stop(self):
        self._stopped = True
        wait_until(lambda: not self.under_way, "answer to every caller")

    def close(self):
        self.executor.shutdown(timeout_sec=5)
        self._thread.join(5)
        self.node.destroy_node()
        self._context.try_shutdown()

    def account(self, name):
        """(received, processed, dropped, failed) of a camera, as the node counts."""
        for status in self.diagnostics.status:
            if status.name.endswith(f"camera {name}"):
                values = {v.key: v.value for v in status.values}
                keys = ("received", "processed", "dropped", "failed")
                return tuple(int(values[key]) for key in keys)
        return None

    def _publish(self):
        if self._stopped:
            return
        for name, publisher in self._images.items():
            stamp = time.time_ns()
            self._stamps[name].add(stamp)
            self.published[name] += 1
            publisher.publish(image_msg(header(stamp, name), self._picture))

    def _take(self, name, message):
        self.received[name] += 1
        stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        if stamp not in self._stamps[name] or message.header.frame_id != name:
            self.strange.append((name, stamp))  # of no image, of another camera's, or doubled
        self._stamps[name].discard(stamp)

    def _diagnose(self, message):
        if any("camera " in status.name for status in message.status):
            self.diagnostics = message

    def _ask(self, client):
        self.under_way += 1
        client.call_async(Detect.Request()).add_done_callback(
            lambda future: self._answered(client, future)
        )

    def _answered(self, client, future):
        self.under_way -= 1
        self.codes.append(future.result().error_code)
        if not self._stopped:
            self._ask(client)


@pytest.mark.parametrize(
    "load",
    [
        pytest.param(SMALL, id="seconds"),
        pytest.param(WHOLE, id="half an hour", marks=[pytest.mark.soak, pytest.mark.timeout(7200)]),
    ],
)
def test_under_load_nothing_is_lost_uncounted_and_nothing_grows(
    ros, run_node, tiny_checkpoint, load
):
    names = [f"cam{n}" for n in range(load.cameras)]
    folder = load.detector if load.detector == "compact" else str(tiny_checkpoint(load.detector))
    node = run_node(f"detector:={folder}", f"cameras:=[{', '.join(names)}]", "threshold:=0.05")
    crowd = Crowd(load, names)
    try:
        crowd.begin()
        used = _watched(node, load.seconds)
        crowd.stop()
        assert node.alive, node.text
        # Diagnostics come once a second: what they say may be older than the last results.
        wait_until(lambda: _all_accounted(crowd, names), "account of every frame and result")
    finally:
        crowd.close()
    assert not crowd.strange
    assert "Traceback" not in node.text
    assert set(crowd.codes) <= ANSWERED
    assert len(crowd.codes) >= load.callers
    _check_flat(used)


def _watched(node, seconds):
    """What the process held, from time to time."""
    used, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        assert node.alive, node.text
        used.append(node.usage())
        threading.Event().wait(SAMPLE_SECONDS)
    return used


def _all_accounted(crowd, names):
    return all(_accounted(crowd.account(name), crowd.received[name]) for name in names)


def _accounted(account, delivered):
    """Whether every frame that came is accounted for, and every result that was delivered."""
    if account is None:
        return False
    received, processed, dropped, failed = account
    return received == processed + dropped + failed and processed >= delivered


def _check_flat(used):
    third = len(used) // 3
    middle, last = used[third : 2 * third], used[2 * third :]
    for what in ("memory", "threads", "files"):
        before, after = (median(getattr(u, what) for u in part) for part in (middle, last))
        most = before * MOST_GROWTH
        if what == "threads":  # the executor's pool fills as callers meet one another
            most = max(most, used[0].threads + POOL)
        assert after <= most, f"{what} grew from {before} to {after}"
