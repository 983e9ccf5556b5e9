"""Bags of ROS 2 (sqlite3, mcap; compressed, split) and ROS 1, read by rosbags.

What a crash of the recorder left is read as far as it goes: `Bag.warnings` says what is missing.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Protocol

import apsw
from rosbags.interfaces import (
    Connection,
    MessageDefinition,
    MessageDefinitionFormat,
    Nodetype,
    Qos,
)
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag1 import ReaderError as ReaderError1
from rosbags.rosbag2 import Reader as Reader2
from rosbags.rosbag2 import ReaderError as ReaderError2
from rosbags.rosbag2 import storage_mcap
from rosbags.serde import SerdeError
from rosbags.typesys import (
    Stores,
    TypesysError,
    get_types_from_idl,
    get_types_from_msg,
    get_typestore,
)
from rosbags.typesys.store import Typestore

from vlm_robot.replay.interfaces import typestore
from vlm_robot.replay.mcap_stream import McapStream

STORAGE_SUFFIXES = (".mcap", ".db3")
ROS1_SUFFIX = ".bag"

BROKEN_FILE = (
    ReaderError1,
    ReaderError2,
    apsw.Error,
    storage_mcap.zstd.ZstdError,  # type: ignore[attr-defined]
    struct.error,
    AssertionError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What readers and decompressors raise over broken bytes."""


class BagError(Exception):
    """A bag that can't be read. The text says what is wrong with it and how to mend it."""


class Topic(NamedTuple):
    """A topic of a bag."""

    name: str
    msgtype: str
    messages: int


class Message(NamedTuple):
    """A message as it was recorded.

    Attributes:
        log_time: when it was recorded, nanoseconds.
        data: still serialised; `Bag.decode` reads it.
    """

    topic: str
    msgtype: str
    log_time: int
    data: bytes | memoryview


class Reader(Protocol):
    """One file of a bag, or all, as rosbags reads them."""

    @property
    def connections(self) -> list[Connection]:
        """Topics and their types."""
        ...

    @property
    def start_time(self) -> int:
        """Of the first message, nanoseconds."""
        ...

    @property
    def end_time(self) -> int:
        """After the last message, nanoseconds."""
        ...

    def open(self) -> None:
        """Read the index."""
        ...

    def close(self) -> None:
        """Close the file."""
        ...

    def messages(
        self, connections: Collection[Connection], start: int | None, stop: int | None
    ) -> Iterator[tuple[Connection, int, bytes | memoryview]]:
        """Messages in the order of their log times."""
        ...


class Bag:
    """A recording, open for reading; a context manager.

    Args:
        name: what to call it in messages; None for its path.

    Attributes:
        path: the file or folder.
        warnings: what couldn't be read, and what was done about it.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        self.path = path
        self.name = name or str(path)
        self.warnings: list[str] = []
        self._stack = ExitStack()
        self._is_ros1 = path.suffix == ROS1_SUFFIX
        try:
            self._readers = self._open()
            self._store = self._types()
        except BaseException:
            self._stack.close()
            raise
        counts: Counter[str] = Counter()
        types: dict[str, str] = {}
        for connection in self._connections():
            counts[connection.topic] += connection.msgcount
            types.setdefault(connection.topic, connection.msgtype)
        self.topics = {name: Topic(name, types[name], counts[name]) for name in sorted(types)}

    def __enter__(self) -> Bag:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its files."""
        self._stack.close()

    @property
    def start(self) -> int:
        """Log time of the first message, nanoseconds; 0 for an empty bag."""
        return min((r.start_time for r in self._readers if _count(r)), default=0)

    @property
    def end(self) -> int:
        """Just after the log time of the last message, nanoseconds; 0 for an empty bag."""
        return max((r.end_time for r in self._readers if _count(r)), default=0)

    def offered_qos(self, topic: str) -> Qos | None:
        """QoS that a topic was recorded from, the first publisher's; None: the bag doesn't tell."""
        for connection in self._connections():
            profiles = getattr(connection.ext, "offered_qos_profiles", ())
            if connection.topic == topic and profiles:
                qos: Qos = profiles[0]
                return qos
        return None

    def can_decode(self, msgtype: str) -> bool:
        """Whether the definition of a type is in the bag or known."""
        return msgtype in self._store.fielddefs

    def decode(self, message: Message) -> Any:
        """The message as an object with the fields of its type.

        Raises:
            BagError: its bytes aren't such a message.
        """
        try:
            if self._is_ros1:
                return self._store.deserialize_ros1(message.data, message.msgtype)
            return self._store.deserialize_cdr(message.data, message.msgtype)
        except (SerdeError, *BROKEN_FILE) as error:
            raise BagError(
                f"a message of {message.topic} isn't a {message.msgtype}: {error}"
            ) from error

    def messages(
        self, topics: Collection[str], start: int | None = None, stop: int | None = None
    ) -> Iterator[Message]:
        """Messages of `topics` in the order of their log times.

        Args:
            start, stop: only those with start <= log time < stop, nanoseconds.
        """
        wanted = [[c for c in r.connections if c.topic in topics] for r in self._readers]
        sources = [
            self._read(reader, connections, start, stop)
            for reader, connections in zip(self._readers, wanted, strict=True)
            if connections
        ]
        return merge(*sources, key=lambda message: message.log_time)

    def _read(
        self, reader: Reader, connections: list[Connection], start: int | None, stop: int | None
    ) -> Iterator[Message]:
        read = 0
        try:
            for connection, log_time, data in reader.messages(connections, start, stop):
                read += 1
                yield Message(connection.topic, connection.msgtype, log_time, data)
        except BROKEN_FILE as error:
            self.warnings.append(
                f"{self.path.name} is broken after {read} messages, the rest is lost: {error}"
            )

    def _connections(self) -> list[Connection]:
        return [connection for reader in self._readers for connection in reader.connections]

    def _open(self) -> list[Reader]:
        if not self.path.exists():
            raise BagError(f"there is no bag at {self.path}")
        if self.path.is_dir():
            return self._open_folder()
        if self._is_ros1:
            return [self._entered(Reader1(self.path), "run `rosbag reindex` on it")]
        if self.path.suffix not in STORAGE_SUFFIXES:
            raise BagError(
                f"{self.path} isn't a bag: give a rosbag2 folder, an .mcap or .db3 file of one,"
                " or a ROS 1 .bag"
            )
        return [self._open_file(self.path)]

    def _open_folder(self) -> list[Reader]:
        files = sorted(p for p in self.path.iterdir() if p.suffix in STORAGE_SUFFIXES)
        if (self.path / "metadata.yaml").exists():
            try:
                reader = Reader2(self.path)
                reader.open()
            except (FileNotFoundError, *BROKEN_FILE) as error:
                self.warnings.append(f"metadata.yaml doesn't fit the bag, read without: {error}")
            else:
                self._stack.callback(reader.close)
                if not files or _agrees(reader):
                    return [reader]
                self.warnings.append("metadata.yaml lists other messages than the bag's files hold")
        else:
            self.warnings.append("the bag has no metadata.yaml: its files were read one by one")
        if not files:
            raise BagError(
                f"{self.path} isn't a bag that can be read: "
                + " ".join([*self.warnings[-1:], "It holds no .mcap or .db3 file"])
            )
        return [self._open_file(path) for path in files]

    def _open_file(self, path: Path) -> Reader:
        if path.suffix != ".mcap":
            mend = f"what is left of it: `sqlite3 {path.name} .recover | sqlite3 mended.db3`"
            return self._entered(Reader2(path), mend)
        reader: Reader = Reader2(path)
        try:
            reader.open()
        except BROKEN_FILE as error:
            reader = McapStream(path)
            self._entered(reader, "it isn't an MCAP file, or was cut at its very start")
            self.warnings.append(
                f"{path.name} has no index ({error}): its recorder was stopped hard;"
                f" {_count(reader)} messages can be read"
            )
            return reader
        self._stack.callback(reader.close)
        return reader

    def _entered(self, reader: Reader, mend: str) -> Reader:
        try:
            reader.open()
        except BROKEN_FILE as error:
            raise BagError(f"can't read {self.path}: {error}; {mend}") from error
        self._stack.callback(reader.close)
        return reader

    def _types(self) -> Typestore:
        """Definitions out of the bag; where it has none, those that are known."""
        store = get_typestore(Stores.EMPTY)
        known = get_typestore(Stores.ROS1_NOETIC) if self._is_ros1 else typestore()
        for connection in self._connections():
            if connection.msgtype in store.fielddefs:
                continue
            try:
                store.register(_definition(connection.msgtype, connection.msgdef, known))
            except (TypesysError, *BROKEN_FILE) as error:
                self.warnings.append(
                    f"{connection.topic} is left out: the bag doesn't define its type"
                    f" {connection.msgtype} ({error})"
                )
        return store


def _definition(msgtype: str, definition: MessageDefinition, known: Typestore) -> dict[str, Any]:
    if definition.format == MessageDefinitionFormat.MSG:
        return dict(get_types_from_msg(definition.data, msgtype))
    if definition.format == MessageDefinitionFormat.IDL:
        return _from_idl(definition.data)
    found: dict[str, Any] = {}
    _gather(msgtype, known, found)
    return found


def _from_idl(text: str) -> dict[str, Any]:
    """Types of an IDL definition; one of several files has a line above each."""
    found: dict[str, Any] = {}
    for part in text.split("=" * 80 + "\n"):
        heading, _, body = part.partition("\n")
        found |= get_types_from_idl(body if heading.startswith("IDL: ") else part) if part else {}
    return found


def _gather(msgtype: str, known: Typestore, found: dict[str, Any]) -> None:
    """Take a type and all that it is made of out of `known`."""
    if msgtype in found:
        return
    found[msgtype] = known.fielddefs[msgtype]
    for _, field in known.fielddefs[msgtype][1]:
        inner: Any = field
        if inner[0] in (Nodetype.ARRAY, Nodetype.SEQUENCE):
            inner = inner[1][0]
        if inner[0] == Nodetype.NAME:
            _gather(inner[1], known, found)


def _count(reader: Reader) -> int:
    return sum(connection.msgcount for connection in reader.connections)


def _agrees(reader: Reader2) -> bool:
    """Whether metadata.yaml counts the messages that the storage files hold."""
    storages = getattr(reader.storage, "storages", None)
    if storages is None:
        return True
    told = Counter({(c.topic, c.msgtype): c.msgcount for c in reader.connections})
    held: Counter[tuple[str, str]] = Counter()
    for connection in (c for storage in storages for c in storage.connections):
        held[connection.topic, connection.msgtype] += connection.msgcount
    return +told == +held
