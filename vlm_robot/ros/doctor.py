"""`ros2 run vlm_robot doctor`: what a bag, or the running graph, has and lacks.

The graph is listened to for some seconds; what came is kept as a bag and looked at like one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rich.console import Console

from vlm_robot.replay import doctor
from vlm_robot.replay.bag import Bag, BagError
from vlm_robot.replay.doctor import Finding, bag_findings, machine_findings, tell
from vlm_robot.replay.topic_table import topic_rows, topic_table
from vlm_robot.replay.topics import find_topics
from vlm_robot.ros.graph_recorder import GraphRecorder, Heard
from vlm_robot.settings import Settings
from vlm_robot.types import InputError

GRAPH = "the graph"


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at a bag, or at the graph. Returns an exit code."""
    parser = argparse.ArgumentParser(prog="doctor", description=__doc__)
    doctor.add_arguments(parser)
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="to listen to the graph, without a bag"
    )
    options = parser.parse_args(rclpy.utilities.remove_ros_args(arguments or sys.argv)[1:])
    if options.bag:
        return doctor.run(options)
    if not options.seconds > 0:
        parser.error(f"--seconds must be positive, got {options.seconds:g}")
    try:
        return _graph(options)
    except (BagError, InputError) as error:
        print(f"doctor: {error}", file=sys.stderr)
        return 2
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130


def _graph(options: argparse.Namespace) -> int:
    settings = Settings.from_yaml(options.config) if options.config else Settings()
    findings = list(machine_findings(settings))
    with tempfile.TemporaryDirectory(prefix="vlm_robot_doctor_") as folder:
        path = Path(folder) / "graph"
        heard = _listen(path, options.seconds)
        findings += [_silence(topic, options.seconds) for topic in heard if not topic.messages]
        with Bag(path, name=GRAPH) as bag:
            by_name = {topic.name: topic for topic in heard}
            rows = [
                row._replace(messages=t.messages, rate=t.messages / options.seconds, qos=t.qos)
                for row in topic_rows(bag)
                for t in [by_name[row.name]]
            ]
            Console().print(topic_table(GRAPH, rows))
            topics = find_topics(bag, settings=settings if options.config else None)
            findings += bag_findings(bag, topics, settings)
    return tell(findings)


def _listen(path: Path, seconds: float) -> list[Heard]:
    """Record the graph for some seconds."""
    rclpy.init()
    node = rclpy.create_node("vlm_robot_doctor")
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        with GraphRecorder(node, path) as recorder:
            recorder.listen(executor, seconds)
            return recorder.heard()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


def _silence(topic: Heard, seconds: float) -> Finding:
    mend = "look whether what publishes it works; a topic that is sent seldom may be fine"
    text = f"{topic.publishers} publisher(s), no message in {seconds:g} s"
    return Finding(f"topic {topic.name}", text, mend)


if __name__ == "__main__":
    sys.exit(main())
