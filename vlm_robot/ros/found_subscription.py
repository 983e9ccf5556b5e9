"""A subscription that finds out from the graph what is published, and how."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from rclpy.callback_groups import CallbackGroup
from rclpy.exceptions import InvalidHandle
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription

HISTORY = 10
"""Messages that the middleware keeps. A large image comes in pieces, and where there is no place to
collect the next ones, Fast DDS loses them, or waits for one for ever: 1 isn't enough."""


class Arrival(NamedTuple):
    """A message, and when it came to this machine: monotonic nanoseconds."""

    message: Any
    at: int


class Waiting(NamedTuple):
    """A message that stays serialized until it is known that it is wanted.

    Attributes:
        at: when it came to this machine, monotonic nanoseconds.
    """

    data: bytes
    message_type: Any
    at: int

    @property
    def stamp(self) -> int:
        """Of its header, nanoseconds; of a message that begins with one."""
        # CDR: four bytes, of which the second tells the order of bytes, then the message.
        order = "<" if self.data[1] & 1 else ">"
        seconds, nanoseconds = struct.unpack_from(f"{order}iI", self.data, 4)
        return int(seconds * 1_000_000_000 + nanoseconds)

    def arrival(self) -> Arrival:
        """The message."""
        return Arrival(deserialize_message(self.data, self.message_type), self.at)


class Choice(NamedTuple):
    """A topic and the message type that is understood on it."""

    topic: str
    message_type: Any

    @property
    def type_name(self) -> str:
        """As the graph names it: `sensor_msgs/msg/Image`."""
        package, kind = self.message_type.__module__.split(".")[:2]
        return f"{package}/{kind}/{self.message_type.__name__}"


class _Match(NamedTuple):
    choice: Choice
    qos: QoSProfile


class FoundSubscription:
    """Subscribes to the first of `choices` that has publishers, with QoS that fits all of them.

    `poll` looks at the graph; call it about once a second.
    """

    def __init__(
        self,
        node: Node,
        choices: Sequence[Choice],
        callback: Callable[[Arrival], None],
        *,
        group: CallbackGroup | None = None,
        on_missed: Callable[[int], None] = lambda count: None,
    ) -> None:
        """`on_missed` gets the number of messages that weren't handed on: overtaken, or lost."""
        self._node = node
        self._choices = [c._replace(topic=node.resolve_topic_name(c.topic)) for c in choices]
        self._callback = callback
        self._group = group
        self._on_missed = on_missed
        self._publishers = 0
        self._sequence = 0
        self._match: _Match | None = None
        self._subscription: Subscription | None = None

    @property
    def topic(self) -> str:
        """What is subscribed to; the first choice until something is."""
        return (self._match.choice if self._match else self._choices[0]).topic

    def poll(self) -> str:
        """Subscribe to what is published now. Returns what is wrong, or an empty string."""
        match = self._find()
        if match is None:
            return self._complaint()
        if match != self._match:
            self.close()
            self._match = match
            self._subscription = self._subscribe(match)
        return ""

    def take(self, *, only_newest: bool) -> list[Waiting]:
        """What waits in the middleware, without the executor and the callback; oldest first."""
        waiting: list[Waiting] = []
        if (subscription := self._subscription) is None:
            return []
        try:
            with subscription.handle:
                kind = subscription.msg_type
                while len(waiting) < HISTORY:
                    taken = subscription.handle.take_message(kind, True)
                    if taken is None:
                        break
                    waiting.append(Waiting(taken[0], kind, self._arrival(None, taken[1]).at))
        except InvalidHandle:  # unsubscribed meanwhile
            pass
        wanted = waiting[-1:] if only_newest else waiting
        self._on_missed(len(waiting) - len(wanted))
        return wanted

    def close(self) -> None:
        """Unsubscribe."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = self._match = None
        self._sequence = 0

    def _subscribe(self, match: _Match) -> Subscription:
        return self._node.create_subscription(
            match.choice.message_type,
            match.choice.topic,
            self._on_message,
            match.qos,
            callback_group=self._group,
        )

    def _on_message(self, message: Any, info: Mapping[str, Any]) -> None:
        self._callback(self._arrival(message, info))

    def _arrival(self, message: Any, info: Mapping[str, Any]) -> Arrival:
        # The middleware numbers a publisher's messages; None where it doesn't.
        sequence = info["publication_sequence_number"] or 0
        if self._sequence and sequence > self._sequence + 1 and self._publishers == 1:
            self._on_missed(sequence - self._sequence - 1)
        self._sequence = sequence
        # Its clock may be set while it runs. Without a time the message comes just now.
        came = info["received_timestamp"]
        waited = max(0, time.time_ns() - came) if came else 0
        return Arrival(message, time.monotonic_ns() - waited)

    def _find(self) -> _Match | None:
        for choice in self._choices:
            offered = [
                publisher.qos_profile
                for publisher in self._node.get_publishers_info_by_topic(choice.topic)
                if publisher.topic_type == choice.type_name
            ]
            if offered:
                self._publishers = len(offered)
                return _Match(choice, fitting(offered))
        return None

    def _complaint(self) -> str:
        for choice in self._choices:
            if others := self._node.get_publishers_info_by_topic(choice.topic):
                wanted = " or ".join(dict.fromkeys(c.type_name for c in self._choices))
                return f"topic {choice.topic} has type {others[0].topic_type}, wanted {wanted}"
        topics = " or ".join(dict.fromkeys(c.topic for c in self._choices))
        return f"topic {topics} has no publisher: check its name by `ros2 topic list`"


def fitting(offered: Sequence[QoSProfile]) -> QoSProfile:
    """QoS that hears all publishers: a subscriber may ask for no more than the weakest offers."""
    reliable = all(p.reliability == ReliabilityPolicy.RELIABLE for p in offered)
    latched = all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in offered)
    return QoSProfile(
        depth=HISTORY,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
