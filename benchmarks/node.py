"""What the node costs over its model, and whether it keeps up with four cameras.

The node runs in this process in a real graph; images come from another process over DDS. Costs
are CPU time of the threads that do the work, which other load on the machine hardly changes; ages
are wall time.

    tools/run.sh python benchmarks/node.py --json out.json
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("ROS_DOMAIN_ID", "88")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import numpy as np
import rclpy
import torch
from rclpy.parameter import Parameter
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image

from vlm_robot.models.device import choose_device, memory
from vlm_robot.ros.cameras import RawFrame
from vlm_robot.ros.conversions import header, image_msg
from vlm_robot.ros.node import PerceptionNode
from vlm_robot.ros.pipeline import Pipeline
from vlm_robot.scheduler import Batch, Ticket

CDR_HEADER = 4
"""Bytes before the first field of a serialized message, here the stamp."""
CAMERAS = ("front", "rear", "left", "right")
TARGETS = {
    "own work a VGA frame, ms": 5.0,
    "end to end / bare model": 1.15,
    "age p95 / inference time": 2.0,
    "memory at the end / after warm-up": 1.02,
}
"""At most."""


class Clocked:
    """Sums the CPU time that the calling thread spends in a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.times: list[float] = []

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Call through."""
        start = time.thread_time()
        try:
            return self.function(*arguments, **options)
        finally:
            self.times.append((time.thread_time() - start) * 1e3)


def publish(cameras: list[str], rate: float, seconds: float) -> None:
    """Publish random VGA images, as the other process; prints the part of a core that it took.

    It shares the node's cores, which drivers in C++ would use less of: the images are serialized
    beforehand, and only the stamps written into them.
    """
    rclpy.init()
    node = rclpy.create_node("cameras")
    publishers = [node.create_publisher(Image, f"/{name}/image_raw", 5) for name in cameras]
    pictures = [np.random.default_rng(n).integers(0, 255, (480, 640, 3), np.uint8) for n in (0, 1)]
    images = [
        bytearray(serialize_message(image_msg(header(0, "optical"), picture)))
        for picture in pictures
    ]
    while not all(p.get_subscription_count() for p in publishers):
        time.sleep(0.05)
    start, before = time.monotonic(), time.process_time()
    for number in range(round(rate * seconds) * len(cameras)):
        # Cameras run freely: each at its own phase of the period.
        time.sleep(max(0.0, start + number / rate / len(cameras) - time.monotonic()))
        turn, camera = divmod(number, len(cameras))
        image = images[turn % 2]
        struct.pack_into("<iI", image, CDR_HEADER, *divmod(time.time_ns(), 1_000_000_000))
        publishers[camera].publish(bytes(image))
    print(json.dumps((time.process_time() - before) / (time.monotonic() - start)))
    rclpy.shutdown()


def run(cameras: list[str], rate: float, seconds: float, detector: str, watch: Any) -> Any:
    """Run the node on cameras for a while; `watch` gets it before and after."""
    overrides = {"cameras": cameras, "detector": detector, "autostart": False}
    node = PerceptionNode(parameter_overrides=[Parameter(k, value=v) for k, v in overrides.items()])
    executor = node.make_executor()
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    if not node.start():
        raise SystemExit("the node didn't start")
    before = watch(node, None)
    words = [sys.executable, __file__, "--publish", *cameras]
    words += ["--rate", str(rate), "--seconds", str(seconds)]
    publisher = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    figures = watch(node, before) | {"publisher, cores": round(json.loads(publisher.stdout), 2)}
    node.close()
    executor.shutdown()
    thread.join(5)
    node.destroy_node()
    return figures


def cost(detector: str, seconds: float) -> dict[str, float]:
    """CPU time of one camera's frames, at a rate that the machine keeps up with."""

    def watch(node: PerceptionNode, before: Any) -> Any:
        pipeline = node._pipeline
        if before is None:
            inference = pipeline.inference
            inference._process = process = Clocked(inference._process)  # type: ignore[method-assign]
            return process, _clocked_parts(_network(pipeline.perception.detector))
        process, parts = before
        kept = slice(2, None)  # the first frames warm up
        whole = process.times[kept]
        model = [sum(times) for times in zip(*(part.times[kept] for part in parts), strict=True)]
        own = [w - m for w, m in zip(whole, model, strict=False)]
        return {
            "frames": len(own),
            "model, ms": round(median(model), 2),
            "own work a VGA frame, ms": round(median(own), 2),
            "end to end / bare model": round(median(whole) / median(model), 3),
        }

    return run(["front"], 3.0, seconds, detector, watch)


def _network(detector: Any) -> torch.nn.Module:
    """The bare model: the largest module that the detector holds."""
    modules = [v for v in vars(detector).values() if isinstance(v, torch.nn.Module)]
    return max(modules, key=lambda m: sum(p.numel() for p in m.parameters()))


def _clocked_parts(network: Any) -> list[Clocked]:
    """Clock what of a network runs once a batch: all of it, or the compact one's two parts."""
    parts = []
    for name in ("forward", "describe"):
        if hasattr(network, name):
            parts.append(Clocked(getattr(network, name)))
            setattr(network, name, parts[-1])
    return parts


class Journey:
    """Where the frames' time goes between their arrival and their publication.

    Attributes:
        ages, waits: milliseconds of each published frame, from its arrival to its publication,
            and to the start of its batch.
        batches: frames of each batch.
        used: bytes of memory, once a second from the first result on.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self.ages: list[float] = []
        self.waits: list[float] = []
        self.batches: list[int] = []
        self.used: list[int] = []
        self._pipeline = pipeline
        self._done = threading.Event()
        self._process, self._finish = pipeline.inference._process, pipeline.scheduler.finish
        pipeline.inference._process = self._processed  # type: ignore[method-assign]
        pipeline.scheduler.finish = self._finished  # type: ignore[method-assign]
        threading.Thread(target=self._sample, daemon=True).start()

    def end(self) -> None:
        """Stop looking at the memory."""
        self._done.set()

    def _processed(self, batch: Batch[RawFrame]) -> None:
        now = time.monotonic_ns()
        self.batches.append(len(batch.tickets))
        self.waits += [(now - ticket.received) / 1e6 for ticket in batch.tickets]
        self._process(batch)

    def _finished(self, ticket: Ticket[RawFrame], *, failed: bool = False) -> None:
        self._finish(ticket, failed=failed)
        self.ages.append((time.monotonic_ns() - ticket.received) / 1e6)

    def _sample(self) -> None:
        device = choose_device("auto")
        while not self._done.wait(1.0):
            if self.ages:
                self.used.append(memory(device).used)


def keeping_up(detector: str, seconds: float) -> dict[str, Any]:
    """Four cameras at 30 Hz: ages, counts and memory."""

    def watch(node: PerceptionNode, journey: Journey | None) -> Any:
        pipeline = node._pipeline
        assert pipeline is not None
        if journey is None:
            pipeline.inference.seconds = deque()  # all of them, not only the last
            return Journey(pipeline), time.process_time(), time.monotonic()
        journey, cpu, start = journey
        journey.end()
        cores = (time.process_time() - cpu) / (time.monotonic() - start)
        counts = pipeline.scheduler.counts().values()
        inference = median(pipeline.inference.seconds) * 1e3
        age = float(np.percentile(journey.ages, 95))
        third = len(journey.used) // 3
        end = median(journey.used[-third:])
        return {
            "received": sum(count.received for count in counts),
            "processed": sum(count.processed for count in counts),
            "dropped": sum(count.dropped for count in counts),
            "frames of a batch": round(float(np.mean(journey.batches)), 2),
            "inference of a batch, ms": round(inference, 1),
            "inference of a batch p95, ms": round(
                float(np.percentile(pipeline.inference.seconds, 95)) * 1e3, 1
            ),
            "wait for the batch p50, p95, ms": np.percentile(journey.waits, (50, 95))
            .round(1)
            .tolist(),
            "age p50, ms": round(median(journey.ages), 1),
            "age p95, ms": round(age, 1),
            "age p95 / inference time": round(age / inference, 2),
            "node, cores": round(cores, 2),
            "memory, MB": round(end / 1e6),
            "memory at the end / after warm-up": round(
                end / median(journey.used[third : 2 * third]), 3
            ),
        }

    return run(list(CAMERAS), 30.0, seconds, detector, watch)


def main() -> int:
    """Print the figures; returns 1 where a target isn't reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--publish", nargs="+", help=argparse.SUPPRESS)
    parser.add_argument("--rate", type=float, default=30.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish:
        publish(options.publish, options.rate, options.seconds)
        return 0
    torch.set_num_threads(1)
    rclpy.init()
    figures: dict[str, Any] = cost(options.detector, min(20.0, options.seconds))
    figures |= keeping_up(options.detector, options.seconds)
    figures |= {"machine": platform.processor() or platform.machine(), "threads": 1}
    figures |= {"date": datetime.now(UTC).date().isoformat()}
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    rclpy.shutdown()
    return int(any(figures[name] > most for name, most in TARGETS.items()))


if __name__ == "__main__":
    sys.exit(main())
