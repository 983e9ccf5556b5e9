"""How long the node takes from its start to its first detections, and how much memory it keeps.

The node is a process of its own with the compact model, as on a robot; this process plays its
camera. Warm disk: the first of the starts isn't counted.

    tools/run.sh python benchmarks/startup.py --json out.json
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("ROS_DOMAIN_ID", "87")
os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")

import numpy as np
import rclpy
from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2DArray

from vlm_robot.ros.conversions import header, image_msg

TARGETS = {"start to first detections, s": 6.0, "resident memory, MB": 900.0}
"""At most."""
PERIOD = 0.1
MOST_SECONDS = 120.0
FRAMES = 20
"""Detections after which the memory is read."""


class Camera:
    """A camera's topic, and the detections that come back."""

    def __init__(self) -> None:
        self.node = rclpy.create_node("camera_of_the_benchmark")
        self.results: list[Detection2DArray] = []
        self._images = self.node.create_publisher(Image, "/camera/image_raw", 5)
        self._picture = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
        self.node.create_subscription(
            Detection2DArray, "/vlm_robot/camera/detections", self.results.append, 10
        )
        self.node.create_timer(PERIOD, self._publish)

    def _publish(self) -> None:
        self._images.publish(image_msg(header(time.time_ns(), "optical"), self._picture))

    def wait_for(self, count: int) -> None:
        """Spin until `count` results have come."""
        end = time.monotonic() + MOST_SECONDS
        while len(self.results) < count:
            rclpy.spin_once(self.node, timeout_sec=PERIOD)
            if time.monotonic() > end:
                raise SystemExit(f"{len(self.results)} results within {MOST_SECONDS:g} s")


def start_once() -> dict[str, float]:
    """Start the node, wait for detections, end it."""
    camera = Camera()
    begun = time.monotonic()
    node = subprocess.Popen([sys.executable, "-m", "vlm_robot.ros.main"])
    try:
        camera.wait_for(1)
        seconds = time.monotonic() - begun
        camera.wait_for(FRAMES)
        status = dict(
            line.split(":", 1) for line in Path(f"/proc/{node.pid}/status").read_text().splitlines()
        )
        ticks = Path(f"/proc/{node.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    finally:
        node.terminate()
        node.wait(10)
        camera.node.destroy_node()
    return {
        "start to first detections, s": round(seconds, 2),
        "resident memory, MB": round(int(status["VmRSS"].split()[0]) / 1024),
        "highest memory, MB": round(int(status["VmHWM"].split()[0]) / 1024),
        "CPU until then, s": round(sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"), 2),
    }


def main() -> int:
    """Print the figures; returns 1 where a target isn't reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rclpy.init()
    runs = [start_once() for _ in range(options.starts + 1)][1:]
    rclpy.shutdown()
    figures = {name: median(run[name] for run in runs) for name in runs[0]}
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return int(any(figures[name] > most for name, most in TARGETS.items()))


if __name__ == "__main__":
    sys.exit(main())
