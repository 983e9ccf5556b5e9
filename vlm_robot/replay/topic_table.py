"""The topics of a bag as a table: types, rates, encodings, QoS."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from rich.table import Table

from vlm_robot.replay.bag import Bag, BagError, Topic
from vlm_robot.replay.topics import COMPRESSED_IMAGE, IMAGE


class TopicRow(NamedTuple):
    """A line of the table.

    Attributes:
        rate: messages a second; None where there are too few to tell.
        encoding: of the images; empty for other topics.
        qos: that it was published with; empty where that isn't known.
    """

    name: str
    msgtype: str
    messages: int
    rate: float | None
    encoding: str
    qos: str


def topic_rows(bag: Bag) -> list[TopicRow]:
    """A line for each topic of a bag."""
    seconds = max((bag.end - bag.start) / 1e9, 1e-9)
    return [
        TopicRow(
            topic.name,
            topic.msgtype,
            topic.messages,
            topic.messages / seconds if topic.messages > 1 else None,
            _encoding(bag, topic),
            qos_in_words(qos.reliability, qos.durability) if qos else "",
        )
        for topic in bag.topics.values()
        for qos in [bag.offered_qos(topic.name)]
    ]


def topic_table(title: str, rows: list[TopicRow]) -> Table:
    """The lines, for a terminal."""
    table = Table(title=title)
    for name in ("topic", "type", "messages", "Hz", "encoding", "QoS"):
        table.add_column(name, overflow="fold")
    for row in rows:
        rate = "–" if row.rate is None else f"{row.rate:.1f}"
        table.add_row(row.name, row.msgtype, str(row.messages), rate, row.encoding, row.qos)
    return table


def qos_in_words(reliability: Enum, durability: Enum) -> str:
    """Such as 'best effort, volatile'; the policies of rosbags and of rclpy have the same names."""
    return ", ".join(word.name.lower().replace("_", " ") for word in (reliability, durability))


def _encoding(bag: Bag, topic: Topic) -> str:
    """That of the first image."""
    if topic.msgtype not in (IMAGE, COMPRESSED_IMAGE) or not bag.can_decode(topic.msgtype):
        return ""
    message = next(bag.messages([topic.name]), None)
    if message is None:
        return ""
    try:
        image = bag.decode(message)
    except BagError:
        return "broken"
    return str(image.encoding if topic.msgtype == IMAGE else image.format)
