"""A small bag player into the real graph: as recorded, at a rate, again and again.

On a robot `ros2 bag play` does the same; this one needs no rosbag2.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import rclpy
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosbags.interfaces import Qos, QosDurability, QosReliability
from rosgraph_msgs.msg import Clock

from vlm_robot.replay.bag import Bag, BagError, Message
from vlm_robot.ros.conversions import header
from vlm_robot.ros.main import on_signal

QUEUE = 100


class BagPlayer:
    """Publishes the messages of a bag with the pauses between them that were recorded.

    Args:
        rate: of play; 2 is twice as fast.
        topics: only these; empty for all.
        clock: publish the log times on /clock too, for nodes with use_sim_time.
    """

    def __init__(
        self,
        node: Node,
        bag: Bag,
        *,
        rate: float = 1.0,
        topics: Sequence[str] = (),
        clock: bool = False,
    ) -> None:
        self._node = node
        self._bag = bag
        self._rate = rate
        self._publishers: dict[str, Publisher] = {}
        for topic in bag.topics.values():
            if topics and topic.name not in topics:
                continue
            kind = message_class(topic.msgtype)
            if kind is None:
                node.get_logger().warning(
                    f"{topic.name} is skipped: its package isn't installed ({topic.msgtype})"
                )
                continue
            self._publishers[topic.name] = node.create_publisher(
                kind, topic.name, profile(bag.offered_qos(topic.name))
            )
        self._clock = node.create_publisher(Clock, "/clock", 10) if clock else None

    @property
    def topics(self) -> tuple[str, ...]:
        """What is played."""
        return tuple(self._publishers)

    def wait_for_subscriber(self, topic: str, timeout: float, stop: threading.Event) -> bool:
        """Wait up to `timeout` seconds until somebody listens to `topic`."""
        end = time.monotonic() + timeout
        publisher = self._publishers[topic]
        while time.monotonic() < end and not publisher.get_subscription_count():
            if stop.wait(0.05):
                return False
        return bool(publisher.get_subscription_count())

    def play(self, stop: threading.Event) -> int:
        """Publish the whole bag once, unless `stop` is set. Returns how many messages went out."""
        start = time.monotonic()
        sent = 0
        for message in self._bag.messages(self._publishers):
            due = start + (message.log_time - self._bag.start) / 1e9 / self._rate
            pause = due - time.monotonic()
            if stop.wait(pause) if pause > 0 else stop.is_set():
                break
            self._publish(message)
            sent += 1
        return sent

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        self._publishers.clear()

    def _publish(self, message: Message) -> None:
        if self._clock is not None:
            self._clock.publish(Clock(clock=header(message.log_time, "").stamp))
        # Serialised bytes go out as they were recorded.
        self._publishers[message.topic].publish(bytes(message.data))


def message_class(msgtype: str) -> Any:
    """The class of a type such as sensor_msgs/msg/Image; None where it isn't installed."""
    package, _, name = msgtype.replace("/msg/", "/").partition("/")
    try:
        return getattr(import_module(f"{package}.msg"), name, None)
    except ImportError:
        return None


def profile(recorded: Qos | None) -> QoSProfile:
    """The QoS that a topic was recorded with; reliable and volatile where that isn't known."""
    best_effort = recorded and recorded.reliability == QosReliability.BEST_EFFORT
    latched = recorded and recorded.durability == QosDurability.TRANSIENT_LOCAL
    return QoSProfile(
        depth=QUEUE,
        reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a bag from the command line. Returns 0, or 2 when it can't be played."""
    parser = argparse.ArgumentParser(prog="play_bag", description=__doc__)
    parser.add_argument("bag", type=Path, help="rosbag2 folder, .mcap or .db3")
    parser.add_argument("--rate", type=float, default=1.0, help="2 is twice as fast")
    parser.add_argument("--loop", action="store_true", help="start again at the end")
    parser.add_argument("--clock", action="store_true", help="publish /clock for use_sim_time")
    parser.add_argument("--topics", nargs="*", default=(), help="only these")
    parser.add_argument("--wait-for", metavar="TOPIC", help="start when somebody listens to it")
    options = parser.parse_args(rclpy.utilities.remove_ros_args(arguments or sys.argv)[1:])
    if not options.rate > 0:
        parser.error(f"--rate must be positive, got {options.rate}")
    # With rclpy's own handlers the graph is gone while a message is on its way.
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    stop = threading.Event()
    on_signal(stop.set)
    node = rclpy.create_node("play_bag")
    try:
        with Bag(options.bag) as bag:
            player = BagPlayer(
                node, bag, rate=options.rate, topics=options.topics, clock=options.clock
            )
            _play(player, options, stop)
    except BagError as error:
        print(f"play_bag: {error}", file=sys.stderr)
        return 2
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def _play(player: BagPlayer, options: argparse.Namespace, stop: threading.Event) -> None:
    if options.wait_for in player.topics:
        player.wait_for_subscriber(options.wait_for, 60.0, stop)
    player.play(stop)
    while options.loop and not stop.is_set():
        player.play(stop)


if __name__ == "__main__":
    sys.exit(main())
