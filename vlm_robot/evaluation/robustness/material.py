"""What is changed: frames and candidate paths of a bag that was replayed, and what is asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vlm_robot.evaluation.results.folder import Key, Results
from vlm_robot.geometry.transforms import FrameTree
from vlm_robot.messages import add_transforms
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.events import (
    Event,
    EventReader,
    FrameRead,
    GridRead,
    PathsRead,
    RawFrame,
    Span,
    TransformsRead,
    decoded,
)
from vlm_robot.replay.topics import BagTopics, find_topics
from vlm_robot.settings import CameraSettings, Settings
from vlm_robot.types import Frame, InputError, OccupancyGrid, PathCandidate


class PathSet(NamedTuple):
    """Candidate paths, and what the robot had seen when they came.

    Attributes:
        goal: that came with them; may be empty.
        frames: the newest of each camera.
    """

    stamp: int
    goal: str
    candidates: tuple[PathCandidate, ...]
    grid: OccupancyGrid | None
    frames: tuple[Frame, ...]


class Material(NamedTuple):
    """Frames spread evenly over the bag, all its path sets, and its transforms, none forgotten."""

    frames: tuple[Frame, ...]
    path_sets: tuple[PathSet, ...]
    transforms: FrameTree


def settings_of(results: Results) -> Settings:
    """The settings that a replay ran with.

    Raises:
        InputError: they aren't settings of this version.
    """
    content = dict(results.run["settings"])
    topics = {name: CameraSettings(**some) for name, some in content.pop("topics")}
    for name, some in topics.items():
        content |= {f"{name}.{f.name}": getattr(some, f.name) for f in fields(some)}
    return Settings.from_mapping(content)


def read_material(results: Results, bag_path: Path, *, frames: int) -> Material:
    """Read about `frames` of the replayed frames, of all cameras together, and every path set.

    Raises:
        BagError: the bag can't be read.
        InputError: it holds no frame that can.
    """
    run = results.run
    cameras = tuple((name, CameraSettings(**topics)) for name, topics in run["cameras"].items())
    seconds = (run["end"] - run["start"]) / 1e9
    wanted = _spread(results.frames, max(1, frames // len(cameras)))
    reading = _Reading(wanted, FrameTree(memory=seconds + 1))
    with Bag(bag_path) as bag:
        topics = BagTopics(
            cameras, find_topics(bag).transforms, run["map_topic"], tuple(run["paths_topics"])
        )
        slop = run["settings"]["depth_slop"]
        for event in EventReader(bag, topics, depth_slop=slop, span=Span()):
            reading.take(event)
    if not reading.frames:
        raise InputError(f"{bag_path} has no frame that can be decoded: was it replayed?")
    return Material(tuple(reading.frames), tuple(reading.sets), reading.transforms)


class _Reading:
    """Takes a bag's events, and keeps what is wanted of them."""

    def __init__(self, wanted: Collection[Key], transforms: FrameTree) -> None:
        self.frames: list[Frame] = []
        self.sets: list[PathSet] = []
        self.transforms = transforms
        self._wanted = set(wanted)
        self._newest: dict[str, RawFrame] = {}
        self._grid: OccupancyGrid | None = None

    def take(self, event: Event | RawFrame) -> None:
        """One event, in the order of the bag."""
        if isinstance(event, TransformsRead):
            add_transforms(self.transforms, event.message, static=event.static)
        elif isinstance(event, GridRead):
            self._grid = event.grid
        elif isinstance(event, PathsRead):
            now = tuple(_frames(self._newest.values()))
            paths = PathSet(event.stamp, event.goal, event.candidates, self._grid, now)
            self.sets.append(paths)
        elif isinstance(event, RawFrame):
            self._newest[event.camera] = event
            key = (event.camera, event.stamp)
            if key in self._wanted:
                self._wanted.remove(key)  # a stamp may come twice
                self.frames += _frames([event])


def _spread(keys: Iterable[Key], number: int) -> list[Key]:
    """At most `number` frames of each camera, evenly over those that there are."""
    cameras: dict[str, list[Key]] = {}
    for key in keys:
        cameras.setdefault(key[0], []).append(key)
    return [
        some[i]
        for some in cameras.values()
        for i in np.unique(np.linspace(0, len(some) - 1, number).round().astype(int))
    ]


def _frames(raw: Iterable[RawFrame]) -> list[Frame]:
    return [event.frame for event in decoded(iter(raw)) if isinstance(event, FrameRead)]
