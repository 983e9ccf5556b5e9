"""Every frame of a bag through the three skills, in the order of stamps.

Work goes in steps: a batch of frames, or a message of candidate paths. Steps are cut by the bag
alone, never by the clock, so that the same bag gives the same results; and a run may begin at any
step, after an earlier run or beside other machines, and gives what one run gives from there on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from time import perf_counter
from typing import NamedTuple, Protocol

from vlm_robot.messages import add_transforms, nanoseconds
from vlm_robot.perception import Perception
from vlm_robot.replay.agenda import SECOND, Agenda, Item
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


class Step(NamedTuple):
    """An event of a step; a frame that is only passed by stays undecoded."""

    number: int
    event: Event | RawFrame


class Done(NamedTuple):
    """How far a run has come.

    Attributes:
        frames: that were looked at, in this run.
        log_time: of the newest, nanoseconds.
    """

    frames: int
    log_time: int


class Sink(Protocol):
    """Where records go."""

    def write(self, records: list[Record], steps: int) -> None:
        """Take records, which complete the first `steps` steps of the bag."""
        ...


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
        output: Sink,
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
        self._batch: list[FrameRead | Failed | RawFrame] = []
        self._first = self._step = 0
        self._newest: dict[str, Frame | RawFrame] = {}
        self._grid: OccupancyGrid | None = None
        self._paths: PathsRead | None = None

    def run(
        self,
        events: Iterator[Event | RawFrame],
        *,
        first: int = 0,
        last: int | None = None,
        stop: Callable[[], bool] = lambda: False,
        on_done: Callable[[Done], None] = lambda done: None,
    ) -> bool:
        """Do all events, or those until `stop` says so. Returns whether all are done.

        Args:
            first: steps before it are passed by: done by another run.
            last: the step before which to end; None: the bag's end.
        """
        self._first = first
        span = round(self._perception.settings.tf_buffer * SECOND) // 2
        steps = in_steps(events, self._batch_size, span)
        work = prefetched(_decoded_between(steps, first, last), ahead=AHEAD)
        with closing(work):  # type: ignore[type-var]
            for step in work:
                if step.number != self._step:
                    self._finish_batch()
                    self._step = step.number
                if stop():
                    return False
                self._take(step.event)
                if isinstance(step.event, FrameRead):
                    on_done(Done(self.counts["frame"], step.event.log_time))
        self._finish_batch()
        self._step += 1
        if last is None or self._step < last:
            self._fail_what_was_never_asked()
        return True

    @property
    def _passes_by(self) -> bool:
        return self._step < self._first

    def _take(self, event: Event | RawFrame) -> None:
        if isinstance(event, TransformsRead):
            add_transforms(self._perception.transforms, event.message, static=event.static)
        elif isinstance(event, GridRead):
            self._grid = event.grid
        elif isinstance(event, PathsRead):
            self._paths = event
            goals = self._goals or ([event.goal] if event.goal else [])
            self._write([self._evaluated(goal, event.log_time) for goal in goals])
        else:
            self._batch.append(event)

    def _finish_batch(self) -> None:
        """Look at the waiting frames together, and answer what is due with each."""
        batch, self._batch = self._batch, []
        if self._passes_by:
            for event in batch:
                self._pass_by(event)
        elif batch:
            self._look_at(batch)

    def _look_at(self, batch: Sequence[FrameRead | Failed | RawFrame]) -> None:
        reads = [event for event in batch if isinstance(event, FrameRead)]
        start = perf_counter()
        observations = self._perception.detect([read.frame for read in reads]) if reads else []
        milliseconds = (perf_counter() - start) * 1e3 / max(len(reads), 1)
        found = iter(observations)
        records: list[Record] = []
        for event in batch:
            if isinstance(event, Failed):
                records.append(failure_record(event))
            elif isinstance(event, FrameRead):
                records.append(frame_record(next(found), event.log_time, milliseconds))
                self._newest[event.frame.camera] = event.frame
                for item in self._agenda.due(event.frame.camera, event.log_time):
                    records.append(self._answered(item, event))
        self._write(records)

    def _pass_by(self, event: FrameRead | Failed | RawFrame) -> None:
        """Follow what is due, and evaluate goals again: they leave landmarks in the memory."""
        if not isinstance(event, RawFrame):
            return
        if not self._agenda.is_due(event.camera, event.log_time):
            self._newest[event.camera] = event
            return
        try:
            self._newest[event.camera] = event.decode()
        except InputError:
            return  # it failed; what is due waits for the next
        for item in self._agenda.due(event.camera, event.log_time):
            if item.is_goal:
                self._evaluated(item.text, event.log_time)

    def _fail_what_was_never_asked(self) -> None:
        """In a step of its own after the bag's last, so that it is done once."""
        records = [failure_record(failed) for failed in self._agenda.never_asked()]
        if records:
            self._write(records)

    def _write(self, records: list[Record]) -> None:
        if not self._passes_by:
            self.counts.update(record["kind"] for record in records)
            self._output.write(records, self._step + 1)

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
                frames=lambda: [_decoded(newest) for newest in self._newest.values()],
                stamp=paths.stamp,
            )
        except InputError as error:
            stamp = paths.stamp if paths else 0
            return failure_record(Failed("candidate_paths", stamp, log_time, f"'{goal}': {error}"))
        return plan_record(plan, log_time)


def _decoded(frame: Frame | RawFrame) -> Frame:
    return frame if isinstance(frame, Frame) else frame.decode()


def in_steps(events: Iterator[Event | RawFrame], batch: int, span: int) -> Iterator[Step]:
    """Number the steps: `batch` images make one, and so does a message of candidate paths.

    Images wait while transforms come, and must be looked at before theirs are forgotten: a step
    also ends before an image or a transform that is more than `span` (ns) after its first image.
    """
    number = images = first = 0
    for event in events:
        if isinstance(event, PathsRead) or (first and _stamp(event) > first + span):
            number += bool(images)
            images = first = 0
        yield Step(number, event)
        if isinstance(event, PathsRead):
            number += 1
        elif isinstance(event, (RawFrame, Failed)):
            images += 1
            first = first or event.stamp
            if images == batch:
                number, images, first = number + 1, 0, 0


def _stamp(event: Event | RawFrame) -> int:
    """Of an image or of the newest transform, nanoseconds; 0 for what holds at any time."""
    if isinstance(event, RawFrame):
        return event.stamp
    if isinstance(event, TransformsRead) and not event.static:
        return max((nanoseconds(t.header.stamp) for t in event.message.transforms), default=0)
    return 0


def _decoded_between(steps: Iterator[Step], first: int, last: int | None) -> Iterator[Step]:
    """Steps before `last`; frames from step `first` on are decoded."""
    for step in steps:
        if last is not None and step.number >= last:
            return
        if step.number < first:
            yield step
        else:
            yield from (Step(step.number, event) for event in decoded(iter([step.event])))
