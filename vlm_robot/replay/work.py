"""What is asked of a bag: all that a process or another machine needs to do a part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_robot.replay.agenda import Agenda, Item
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.events import EventReader, Span
from vlm_robot.replay.topics import BagTopics
from vlm_robot.settings import Settings


@dataclass(frozen=True)
class Work:
    """A bag's file or folder with all that is asked of it.

    Attributes:
        items: questions and goals with their times.
        goals: for all candidate paths, instead of those that came with them.
        batch: frames that the model looks at together.
    """

    path: Path
    topics: BagTopics
    settings: Settings
    span: Span
    items: Sequence[Item]
    goals: Sequence[str]
    batch: int

    def reader(self, bag: Bag) -> EventReader:
        """The bag's events, from the start of the part that is asked for."""
        slop = self.settings.depth_slop
        return EventReader(bag, self.topics, depth_slop=slop, span=self.span)

    def agenda(self, bag: Bag) -> Agenda:
        """When what is due, by the bag's time."""
        cameras = self.settings.cameras
        return Agenda(self.items, start=bag.start, cameras=cameras, begin=self.span.start)

    def steps(self, bag: Bag) -> int:
        """About how many steps it has, by the bag's index."""
        start, stop, every = self.span
        begin, end = max(start or bag.start, bag.start), min(stop or bag.end, bag.end)
        part = (end - begin) / max(bag.end - bag.start, 1)
        images = sum(bag.topics[camera.image].messages for _, camera in self.topics.cameras)
        paths = sum(bag.topics[name].messages for name in self.topics.paths)
        return max(1, round(part * (images / every / self.batch + paths)))
