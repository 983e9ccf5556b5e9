"""What happened in a bag, in the order of stamps.

A bag is in the order of recording, in which an image may overtake another one and transforms come
after the image that they place. So each image waits for `LOOK_AHEAD` of the recording: then
images go out in the order of their stamps, with depth and calibration, after the transforms that
were recorded meanwhile. Only encoded messages wait, and only that long: memory is bounded.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from vlm_robot.messages import (
    candidate_from,
    frame_from,
    grid_from,
    is_rectified,
    nanoseconds,
)
from vlm_robot.replay.bag import Bag, BagError, Message
from vlm_robot.replay.topics import BagTopics
from vlm_robot.stamp_pairing import Pair, StampPairing
from vlm_robot.types import Frame, InputError, OccupancyGrid, PathCandidate

LOOK_AHEAD = 500_000_000
"""Nanoseconds of recording."""


class RawFrame(NamedTuple):
    """An image with what belongs to it, not decoded yet."""

    camera: str
    stamp: int
    log_time: int
    image: Any
    info: Any
    depth: Any
    depth_missing: str
    rectified: bool = False

    def decode(self) -> Frame:
        """Decode. A calibration that doesn't fit costs the 3D, not the frame.

        Raises:
            InputError: the image is broken.
        """
        return frame_from(
            self.camera,
            self.image,
            info=self.info,
            depth=self.depth,
            depth_missing=self.depth_missing,
            rectified=self.rectified,
        )


class FrameRead(NamedTuple):
    """A frame; times in nanoseconds."""

    frame: Frame
    log_time: int


class Failed(NamedTuple):
    """A message that couldn't be used. `topic` is the camera's name for an image."""

    topic: str
    stamp: int
    log_time: int
    reason: str


class TransformsRead(NamedTuple):
    """A tf2_msgs/TFMessage."""

    message: Any
    static: bool


class GridRead(NamedTuple):
    """A new map."""

    grid: OccupancyGrid


class PathsRead(NamedTuple):
    """Candidate paths with the goal that came with them."""

    stamp: int
    log_time: int
    goal: str
    candidates: tuple[PathCandidate, ...]


Event: TypeAlias = FrameRead | Failed | TransformsRead | GridRead | PathsRead
_Waiting: TypeAlias = RawFrame | Failed | GridRead | PathsRead


class Span(NamedTuple):
    """What part of a bag is looked at.

    Attributes:
        start, stop: log times, nanoseconds; None for the bag's own.
        every: of each camera's images, every n-th.
    """

    start: int | None = None
    stop: int | None = None
    every: int = 1


def decoded(events: Iterator[Event | RawFrame]) -> Iterator[Event]:
    """Decode the images; one that can't be becomes a `Failed`."""
    for event in events:
        if not isinstance(event, RawFrame):
            yield event
            continue
        try:
            frame = event.decode()
        except InputError as error:
            yield Failed(event.camera, event.stamp, event.log_time, str(error))
        else:
            yield FrameRead(frame, event.log_time)


class EventReader:
    """Reads a bag's events.

    Attributes:
        irregular: how often stamps of a camera were zero, equal or backwards, by what they were.
    """

    def __init__(self, bag: Bag, topics: BagTopics, *, depth_slop: float, span: Span) -> None:
        self.irregular: Counter[str] = Counter()
        self._bag = bag
        self._topics = topics
        self._span = span
        self._images = {t.image: name for name, t in topics.cameras}
        self._rectified = {name: is_rectified(t.image) for name, t in topics.cameras}
        self._infos: dict[str, Any] = {}
        self._depths: dict[str, list[str]] = {}
        for name, camera in topics.cameras:
            if camera.depth:
                self._depths.setdefault(camera.depth, []).append(name)
        self._pairing = {
            name: StampPairing[Any, Any](int(depth_slop * 1e6))
            for name, camera in topics.cameras
            if camera.depth
        }
        self._heap: list[tuple[int, int, int, _Waiting]] = []
        self._arrived: deque[tuple[int, int]] = deque()
        self._released_early: set[int] = set()
        self._sequence = count()
        self._recording_delay = 0
        self._times_set_back = 0
        self._last_arrival: dict[str, int] = {}
        self._seen: Counter[str] = Counter()
        self._last_stamp: dict[str, int] = {}

    def __iter__(self) -> Iterator[Event | RawFrame]:
        for message in self._messages():
            yield from self._released(before=message.log_time - LOOK_AHEAD)
            yield from self._take(message)
        for name, pairing in self._pairing.items():
            for pair in pairing.flush():
                self._wait_frame(name, pair)
        yield from self._released(before=None)

    def _messages(self) -> Iterator[Message]:
        topics = self._topics
        infos = [camera.camera_info for _, camera in topics.cameras if camera.camera_info]
        fixed = [topics.grid, *infos, *(t for t in topics.transforms if _is_static(t))]
        changing = [*topics.transforms, *topics.paths, *self._images, *self._depths]
        if self._span.start is not None:  # what was sent once, at the start, holds later too
            yield from self._bag.messages([t for t in fixed if t], None, self._span.start)
        every = [t for t in {*fixed, *changing} if t]
        yield from self._bag.messages(every, self._span.start, self._span.stop)

    def _released(self, *, before: int | None) -> Iterator[Event | RawFrame]:
        """What has waited since `before`, and all of a smaller stamp."""
        while self._arrived and (before is None or self._arrived[0][0] < before):
            _, _, sequence, event = heappop(self._heap)
            self._released_early.add(sequence)
            while self._arrived and self._arrived[0][1] in self._released_early:
                self._released_early.remove(self._arrived.popleft()[1])
            if not isinstance(event, RawFrame):
                yield event
                continue
            self._seen[event.camera] += 1
            self._note_stamp(event)
            if (self._seen[event.camera] - 1) % self._span.every == 0:
                yield event._replace(info=self._infos.get(self._info_topic(event.camera)))

    def _note_stamp(self, event: RawFrame) -> None:
        last = self._last_stamp.get(event.camera)
        if event.stamp == 0:
            self.irregular[f"stamps of camera '{event.camera}' that are zero"] += 1
        elif last is not None and event.stamp <= last:
            kind = "equal to the one before" if event.stamp == last else "going backwards"
            self.irregular[f"stamps of camera '{event.camera}' {kind}"] += 1
        self._last_stamp[event.camera] = event.stamp

    def _info_topic(self, camera: str) -> str:
        return dict(self._topics.cameras)[camera].camera_info

    def _take(self, message: Message) -> Iterator[Event]:
        try:
            content = self._bag.decode(message)
            if message.topic in self._topics.transforms:
                yield TransformsRead(content, _is_static(message.topic))
            else:
                self._keep(message, content)
        except (BagError, InputError) as error:
            name = self._images.get(message.topic, message.topic)
            self._wait(Failed(name, 0, message.log_time, str(error)), 0, message.log_time)

    def _keep(self, message: Message, content: Any) -> None:
        topic, log_time = message.topic, message.log_time
        if topic in self._images:
            self._keep_image(self._images[topic], log_time, content)
        elif topic == self._topics.grid:
            self._wait(GridRead(grid_from(content)), 0, log_time)
        elif topic in self._topics.paths:
            self._keep_paths(content, log_time)
        elif topic in self._depths:
            stamp = nanoseconds(content.header.stamp)
            for camera in self._depths[topic]:
                for pair in self._pairing[camera].add_depth(stamp, content):
                    self._wait_frame(camera, pair)
        else:
            self._infos[topic] = content

    def _keep_image(self, camera: str, log_time: int, content: Any) -> None:
        if camera not in self._pairing:
            self._wait_frame(camera, Pair((log_time, content), None, ""))
            return
        stamp = nanoseconds(content.header.stamp)
        for pair in self._pairing[camera].add_image(stamp, (log_time, content)):
            self._wait_frame(camera, pair)

    def _keep_paths(self, content: Any, log_time: int) -> None:
        stamp = nanoseconds(content.header.stamp)
        frame_id = content.header.frame_id
        candidates = tuple(candidate_from(path, frame_id) for path in content.paths)
        self._wait(PathsRead(stamp, log_time, content.goal, candidates), stamp, log_time)

    def _wait_frame(self, camera: str, pair: Pair[Any, Any]) -> None:
        log_time, image = pair.image
        stamp = nanoseconds(image.header.stamp)
        if stamp and stamp < self._last_arrival.get(camera, 0) - LOOK_AHEAD:
            self._times_set_back += 1  # a simulator was reset: what comes now comes after
        self._last_arrival[camera] = stamp
        rectified = self._rectified[camera]
        raw = RawFrame(camera, stamp, log_time, image, None, pair.depth, pair.missing, rectified)
        self._wait(raw, stamp, log_time)

    def _wait(self, event: _Waiting, stamp: int, log_time: int) -> None:
        """Queue an event; one without a stamp goes where its time of recording puts it."""
        if stamp:
            self._recording_delay = log_time - stamp
        place = stamp or log_time - self._recording_delay
        sequence = next(self._sequence)
        heappush(self._heap, (self._times_set_back, place, sequence, event))
        self._arrived.append((log_time, sequence))


def _is_static(topic: str) -> bool:
    return topic.endswith("tf_static")
