"""Every frame of a bag through the three skills, in the order of stamps.

Batches are cut by the bag alone, never by the clock, so that the same bag gives the same results.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from time import perf_counter
from typing import NamedTuple

from vlm_robot.messages import add_transforms, frame_from
from vlm_robot.perception import Perception
from vlm_robot.replay.agenda import Agenda, Item
from vlm_robot.replay.events import (
    Event,
    Failed,
    FrameRead,
    GridRead,
    PathsRead,
    RawFrame,
    TransformsRead,
    decoded,
)
from vlm_robot.replay.output import Output
from vlm_robot.replay.prefetch import prefetched
from vlm_robot.replay.records import (
    Record,
    answer_record,
    failure_record,
    frame_record,
    plan_record,
)
from vlm_robot.types import Frame, InputError, OccupancyGrid

AHEAD = 8
"""Frames decoded ahead of the model."""


class Skipped(NamedTuple):
    """An event that an earlier run has done; of frames, the newest may be needed for a goal."""

    raw: RawFrame | None


class Done(NamedTuple):
    """How far a run has come.

    Attributes:
        frames: that were looked at, in this run.
        log_time: of the newest, nanoseconds.
    """

    frames: int
    log_time: int


class Runner:
    """Runs a bag's events through `perception`.

    Args:
        goals: evaluated on all candidate paths, instead of the goals that came with them.
        batch: frames that the model looks at together.

    Attributes:
        counts: records written in this run, by kind.
    """

    def __init__(
        self,
        perception: Perception,
        output: Output,
        *,
        agenda: Agenda,
        goals: Sequence[str] = (),
        batch: int = 1,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._perception = perception
        self._output = output
        self._agenda = agenda
        self._goals = goals
        self._batch_size = batch
        self._batch: list[FrameRead | Failed] = []
        self._events = 0
        self._newest: dict[str, Frame | RawFrame] = {}
        self._grid: OccupancyGrid | None = None
        self._paths: PathsRead | None = None

    def run(
        self,
        events: Iterator[Event | RawFrame],
        *,
        stop: Callable[[], bool] = lambda: False,
        on_done: Callable[[Done], None] = lambda done: None,
    ) -> bool:
        """Do all events, or those until `stop` says so. Returns whether all are done."""
        work = prefetched(_decoded_from(events, self._output.done), ahead=AHEAD)
        with closing(work):  # type: ignore[type-var]
            for event in work:
                if stop():
                    return False
                self._take(event)
                if isinstance(event, FrameRead):
                    on_done(Done(self.counts["frame"], event.log_time))
        self._finish_batch()
        return True

    def _take(self, event: Event | Skipped) -> None:
        if isinstance(event, TransformsRead):
            add_transforms(self._perception.transforms, event.message, static=event.static)
        elif isinstance(event, Skipped):
            self._events += 1
            if event.raw is not None:
                self._newest[event.raw.camera] = event.raw
                self._agenda.due(event.raw.camera, event.raw.log_time)
        elif isinstance(event, (FrameRead, Failed)):
            self._batch.append(event)
            frames = sum(isinstance(waiting, FrameRead) for waiting in self._batch)
            if frames >= self._batch_size:
                self._finish_batch()
        elif isinstance(event, GridRead):
            self._grid = event.grid
        else:
            self._finish_batch()
            self._take_paths(event)

    def _take_paths(self, event: PathsRead) -> None:
        self._paths = event
        self._events += 1
        if self._events > self._output.done:
            goals = self._goals or ([event.goal] if event.goal else [])
            self._write([self._evaluated(goal, event.log_time) for goal in goals])

    def _finish_batch(self) -> None:
        """Look at the waiting frames together, and answer what is due with each."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        reads = [event for event in batch if isinstance(event, FrameRead)]
        start = perf_counter()
        observations = self._perception.detect([read.frame for read in reads]) if reads else []
        milliseconds = (perf_counter() - start) * 1e3 / max(len(reads), 1)
        found = iter(observations)
        records: list[Record] = []
        for event in batch:
            self._events += 1
            if isinstance(event, Failed):
                records.append(failure_record(event))
                continue
            records.append(frame_record(next(found), event.log_time, milliseconds))
            self._newest[event.frame.camera] = event.frame
            for item in self._agenda.due(event.frame.camera, event.log_time):
                records.append(self._answered(item, event))
        self._write(records)

    def _write(self, records: list[Record]) -> None:
        self.counts.update(record["kind"] for record in records)
        self._output.write(records, self._events)

    def _answered(self, item: Item, event: FrameRead) -> Record:
        if item.is_goal:
            return self._evaluated(item.text, event.log_time)
        try:
            return answer_record(self._perception.ask(item.text, event.frame), event.log_time)
        except InputError as error:
            frame = event.frame
            return failure_record(
                Failed(frame.camera, frame.stamp, event.log_time, f"'{item.text}': {error}")
            )

    def _evaluated(self, goal: str, log_time: int) -> Record:
        paths = self._paths
        try:
            if paths is None:
                raise InputError("no candidate paths were recorded until then")
            plan = self._perception.evaluate_paths(
                goal,
                paths.candidates,
                grid=self._grid,
                frames=lambda: [self._decoded(newest) for newest in self._newest.values()],
                stamp=paths.stamp,
            )
        except InputError as error:
            stamp = paths.stamp if paths else 0
            return failure_record(Failed("candidate_paths", stamp, log_time, f"'{goal}': {error}"))
        return plan_record(plan, log_time)

    def _decoded(self, newest: Frame | RawFrame) -> Frame:
        if isinstance(newest, Frame):
            return newest
        return frame_from(
            newest.camera,
            newest.image,
            info=newest.info,
            depth=newest.depth,
            depth_missing=newest.depth_missing,
        )


def _decoded_from(events: Iterator[Event | RawFrame], done: int) -> Iterator[Event | Skipped]:
    """Decoded events, but for the first `done`, which an earlier run has written."""
    seen = 0
    for event in events:
        if isinstance(event, (RawFrame, Failed, PathsRead)):
            seen += 1
        if seen > done or isinstance(event, (TransformsRead, GridRead, PathsRead)):
            yield from decoded(iter([event]))
        else:
            yield Skipped(event if isinstance(event, RawFrame) else None)
