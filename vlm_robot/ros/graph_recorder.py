"""Keeps for a while what the graph says on the topics that a replay reads."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.subscription import Subscription
from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer

from vlm_robot.messages import NODE_NAME
from vlm_robot.replay.interfaces import typestore
from vlm_robot.replay.topic_table import qos_in_words
from vlm_robot.replay.topics import CAMERA_INFO, COMPRESSED_IMAGE, GRID, IMAGE, PATHS, TRANSFORMS
from vlm_robot.ros.found_subscription import fitting
from vlm_robot.ros.play_bag import message_class

READ_TYPES = (IMAGE, COMPRESSED_IMAGE, CAMERA_INFO, GRID, PATHS, *TRANSFORMS)

MOST_KEPT = 60
"""Images of a topic that are kept; later ones are counted only."""
_LOOK_AGAIN = 0.5
"""Seconds after which new topics are looked for."""


class Heard(NamedTuple):
    """What came on a topic.

    Attributes:
        messages: all, those that weren't kept too.
        qos: the first publisher's, in words.
    """

    name: str
    msgtype: str
    publishers: int
    messages: int
    qos: str


class GraphRecorder:
    """Writes a bag of the topics that cameras, transforms, map and paths are published on.

    Use it as a context manager; the bag is whole when it ends.

    Args:
        path: of the bag's folder, which must not be there yet.
    """

    def __init__(self, node: Node, path: Path) -> None:
        self._node = node
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._subscriptions: dict[str, Subscription] = {}
        self._connections: dict[str, Connection] = {}
        self._counts: Counter[str] = Counter()
        self._qos: dict[str, str] = {}

    def __enter__(self) -> GraphRecorder:
        self._writer.open()
        return self

    def __exit__(self, *error: object) -> None:
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._writer.close()

    def listen(self, executor: Executor, seconds: float) -> None:
        """Record for some seconds; topics that appear meanwhile are recorded too."""
        now = look = time.monotonic()
        end = now + seconds
        while now < end:
            if now >= look:
                self._subscribe()
                look = now + _LOOK_AGAIN
            executor.spin_once(timeout_sec=min(look, end) - now)
            now = time.monotonic()

    def heard(self) -> list[Heard]:
        """What came so far, by topic."""
        return [
            Heard(
                name,
                connection.msgtype,
                self._node.count_publishers(name),
                self._counts[name],
                self._qos[name],
            )
            for name, connection in sorted(self._connections.items())
        ]

    def _subscribe(self) -> None:
        for name, types in self._node.get_topic_names_and_types():
            if name not in self._connections and types[0] in READ_TYPES:
                self._record(name, types[0])

    def _record(self, name: str, msgtype: str) -> None:
        offered = [
            publisher.qos_profile
            for publisher in self._node.get_publishers_info_by_topic(name)
            if publisher.topic_type == msgtype and publisher.node_name != NODE_NAME
        ]
        kind = message_class(msgtype)
        if not offered or kind is None:
            return
        self._connections[name] = self._writer.add_connection(name, msgtype, typestore=typestore())
        self._qos[name] = qos_in_words(offered[0].reliability, offered[0].durability)

        def keep(data: bytes) -> None:
            self._keep(name, data)

        self._subscriptions[name] = self._node.create_subscription(
            kind, name, keep, fitting(offered), raw=True
        )

    def _keep(self, name: str, data: bytes) -> None:
        self._counts[name] += 1
        connection = self._connections[name]
        is_image = connection.msgtype in (IMAGE, COMPRESSED_IMAGE)
        if not is_image or self._counts[name] <= MOST_KEPT:
            self._writer.write(connection, time.time_ns(), data)
