"""MCAP files whose end is missing, read record by record from the start."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import zstandard
from mcap.exceptions import McapError
from mcap.records import Channel, McapRecord, Schema
from mcap.records import Message as McapMessage
from mcap.stream_reader import StreamReader
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
)

_END = (McapError, zstandard.ZstdError, struct.error, EOFError, RuntimeError, ValueError)
"""What the reader raises where the file was cut."""


class McapStream:
    """A cut MCAP file, with the face of rosbags' readers; opening it reads it once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[Connection] = []
        self.start_time, self.end_time = 2**63 - 1, 0

    def open(self) -> None:
        """Find the topics and count what can be read.

        Raises:
            ValueError: nothing can be read.
        """
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        counts: Counter[int] = Counter()
        for record in self._records():
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel):
                channels[record.id] = record
            elif isinstance(record, McapMessage):
                counts[record.channel_id] += 1
                self.start_time = min(self.start_time, record.log_time)
                self.end_time = max(self.end_time, record.log_time + 1)
        self.connections = [
            self._connection(channel, schemas[channel.schema_id], counts[channel.id])
            for channel in channels.values()
            if channel.schema_id in schemas
        ]
        if not self.connections:
            raise ValueError("nothing in it can be read")

    def close(self) -> None:
        """Nothing stays open between calls."""

    def messages(
        self, connections: Collection[Connection], start: int | None, stop: int | None
    ) -> Iterator[tuple[Connection, int, bytes | memoryview]]:
        """Messages in the order of the file, up to where it was cut."""
        wanted = {connection.id: connection for connection in connections}
        first, end = start or 0, 2**63 if stop is None else stop
        for record in self._records():
            if not isinstance(record, McapMessage) or record.channel_id not in wanted:
                continue
            if first <= record.log_time < end:
                yield wanted[record.channel_id], record.log_time, record.data

    def _records(self) -> Iterator[McapRecord]:
        with self.path.open("rb") as file:
            records = StreamReader(file).records
            while True:
                try:
                    record = next(records)
                except (StopIteration, *_END):
                    return
                yield record

    def _connection(self, channel: Channel, schema: Schema, count: int) -> Connection:
        is_msg = schema.encoding == "ros2msg" and channel.message_encoding == "cdr"
        return Connection(
            id=channel.id,
            topic=channel.topic,
            msgtype=schema.name,
            msgdef=MessageDefinition(
                MessageDefinitionFormat.MSG if is_msg else MessageDefinitionFormat.NONE,
                schema.data.decode("utf-8", "replace") if is_msg else "",
            ),
            digest="",
            msgcount=count,
            ext=ConnectionExtRosbag2(channel.message_encoding, []),
            owner=self,
        )
