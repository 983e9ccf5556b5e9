"""What the inference thread does next: the newest frame of each camera, requests between them.

Knows no ROS and no model. Any thread offers frames and requests; one thread takes jobs.
A frame that a newer one overtakes is dropped and counted. Frames are pulled from where they wait
just before a batch is made of them, so that it has the newest. Requests go first, but after each
request a waiting batch of frames has its turn, so neither starves the other.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

FrameT = TypeVar("FrameT")
ResultT = TypeVar("ResultT")

AGES_KEPT = 300


class SchedulerBusyError(Exception):
    """The queue of requests is full."""


class SchedulerClosedError(Exception):
    """No more work is taken."""


class RequestDeadlineError(Exception):
    """A request waited past its deadline and was not started."""


class Ticket(NamedTuple, Generic[FrameT]):
    """A frame on its way: `received` is when it came, by the scheduler's clock, nanoseconds."""

    camera: str
    received: int
    frame: FrameT


class Batch(NamedTuple, Generic[FrameT]):
    """The newest frames of all cameras that have one, oldest arrival first."""

    tickets: tuple[Ticket[FrameT], ...]


@dataclass(frozen=True)
class Request:
    """Work asked for by a service or action; its result goes to `future`.

    Attributes:
        deadline: by the scheduler's clock, nanoseconds; infinity for none.
    """

    work: Callable[[], Any]
    deadline: float
    future: Future[Any]

    def run(self) -> None:
        """Do the work on the calling thread, unless the asker has given up."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.work()
        except Exception as error:  # noqa: BLE001 - the asker's thread raises it again
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class CameraCounts(NamedTuple):
    """Account of one camera: `received` is the sum of the others and of what is under way.

    Attributes:
        processed: results were published.
        dropped: a newer frame came first, or the node was inactive, or it was lost on its way.
        failed: broken frames, and frames whose inference failed.
        age_p50, age_p95: seconds from `received` to publication, of the last results; NaN for none.
    """

    received: int
    processed: int
    dropped: int
    failed: int
    age_p50: float
    age_p95: float


class _Camera(Generic[FrameT]):
    """Slot and account of one camera; the scheduler's lock guards it."""

    def __init__(self) -> None:
        self.waiting: Ticket[FrameT] | None = None
        self.due = 0
        self.received = self.processed = self.dropped = self.failed = 0
        self.ages: deque[int] = deque(maxlen=AGES_KEPT)

    def drop_waiting(self) -> None:
        if self.waiting is not None:
            self.waiting = None
            self.dropped += 1

    def counts(self) -> CameraCounts:
        p50, p95 = np.percentile(self.ages, (50, 95)) / 1e9 if self.ages else (np.nan, np.nan)
        return CameraCounts(
            self.received, self.processed, self.dropped, self.failed, float(p50), float(p95)
        )


class Scheduler(Generic[FrameT]):
    """Newest-frame slots and a bounded queue of requests, taken by one thread.

    Args:
        cameras: names that frames are offered under.
        request_queue: the most requests that wait.
        max_rate: the most frames of a camera taken in a second; 0 for no limit.
        pull: offers the frames that wait elsewhere; called by the taking thread.
        on_idle: called when the taking thread begins to wait, and frames are wanted at once.
        clock: monotonic nanoseconds.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        *,
        request_queue: int = 16,
        max_rate: float = 0.0,
        pull: Callable[[], None] = lambda: None,
        on_idle: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._cameras: dict[str, _Camera[FrameT]] = {name: _Camera() for name in cameras}
        self._requests: deque[Request] = deque()
        self._request_queue = request_queue
        self._pull = pull
        self._on_idle = on_idle
        self._clock = clock
        self._changed = threading.Condition()
        self._active = False
        self._closed = False
        self._idle = False
        self._frames_turn = False
        self.set_max_rate(max_rate)

    def set_max_rate(self, rate: float) -> None:
        """Limit frames of each camera to `rate` in a second; 0 lifts the limit."""
        with self._changed:
            self._period = round(1e9 / rate) if rate else 0
            for camera in self._cameras.values():
                camera.due = min(camera.due, self._clock() + self._period)
            self._changed.notify()

    def activate(self, active: bool) -> None:
        """Start or stop taking frames; those that wait at a stop are dropped and counted."""
        with self._changed:
            self._active = active
            if not active:
                for camera in self._cameras.values():
                    camera.drop_waiting()
            self._changed.notify()

    def wants(self, camera: str) -> bool:
        """Whether the taking thread waits, and has no frame of `camera` yet."""
        with self._changed:
            return self._idle and self._cameras[camera].waiting is None

    def offer(self, camera: str, frame: FrameT, *, received: int | None = None) -> None:
        """Put the newest frame of `camera` in its slot; what waited there is dropped.

        Args:
            received: when it came, by the scheduler's clock; None: now.
        """
        with self._changed:
            slot = self._cameras[camera]
            slot.received += 1
            if not self._active:
                slot.dropped += 1
                return
            slot.drop_waiting()
            slot.waiting = Ticket(camera, self._clock() if received is None else received, frame)
            self._changed.notify()

    def miss(self, camera: str, count: int) -> None:
        """Count frames of `camera` that were overtaken before they could be offered."""
        with self._changed:
            self._cameras[camera].received += count
            self._cameras[camera].dropped += count

    def refuse(self, camera: str) -> None:
        """Count a message of `camera` that is no frame: broken at arrival."""
        with self._changed:
            self._cameras[camera].received += 1
            self._cameras[camera].failed += 1

    def request(
        self, work: Callable[[], ResultT], *, timeout: float = math.inf, own: bool = False
    ) -> Future[ResultT]:
        """Queue `work` for the inference thread; it isn't started after `timeout` seconds.

        Args:
            own: it is a job of the node itself, which a full queue doesn't refuse.

        Raises:
            SchedulerBusyError: as many requests as allowed wait already.
            SchedulerClosedError: the scheduler was closed.
        """
        with self._changed:
            if self._closed:
                raise SchedulerClosedError("the node is shutting down")
            self._requests = deque(r for r in self._requests if not r.future.cancelled())
            if len(self._requests) >= self._request_queue and not own:
                raise SchedulerBusyError(
                    f"{len(self._requests)} requests wait already: ask again later,"
                    " or raise request_queue"
                )
            request = Request(work, self._clock() + timeout * 1e9, Future())
            self._requests.append(request)
            self._changed.notify()
            return request.future

    def take(self, *, block: bool = True) -> Request | Batch[FrameT] | None:
        """The next job; None when closed, or when there is none and `block` is false."""
        while True:
            if not self._closed:
                self._pull()
            with self._changed:
                job = None if self._closed else self._next()
                if job is not None or self._closed or not block:
                    return job
                self._idle = True
                self._on_idle()
                self._changed.wait(self._until_next_event())
                self._idle = False

    def finish(self, ticket: Ticket[FrameT], *, failed: bool = False) -> None:
        """Account for a taken frame: published now, or failed."""
        with self._changed:
            camera = self._cameras[ticket.camera]
            if failed:
                camera.failed += 1
            else:
                camera.processed += 1
                camera.ages.append(self._clock() - ticket.received)

    def discard(self, ticket: Ticket[FrameT]) -> None:
        """Account for a taken frame whose result nobody wants any more: dropped."""
        with self._changed:
            self._cameras[ticket.camera].dropped += 1

    def counts(self) -> dict[str, CameraCounts]:
        """The account of each camera."""
        with self._changed:
            return {name: camera.counts() for name, camera in self._cameras.items()}

    def close(self) -> None:
        """End: waiting requests fail, frames are dropped, `take` returns None."""
        with self._changed:
            self._closed = True
            for camera in self._cameras.values():
                camera.drop_waiting()
            waiting, self._requests = self._requests, deque()
            self._changed.notify_all()
        for request in waiting:
            _fail(request, SchedulerClosedError("the node is shutting down"))

    def _next(self) -> Request | Batch[FrameT] | None:
        """What is due now."""
        self._expire_requests()
        batch_ready = self._ready()
        if self._requests and not (self._frames_turn and batch_ready):
            self._frames_turn = True
            return self._requests.popleft()
        if batch_ready:
            self._frames_turn = False
            return self._take_batch(batch_ready)
        return None

    def _expire_requests(self) -> None:
        now = self._clock()
        late = [r for r in self._requests if r.deadline <= now]
        if late:
            self._requests = deque(r for r in self._requests if r.deadline > now)
        for request in late:
            _fail(request, RequestDeadlineError("the request waited past its deadline"))

    def _ready(self) -> list[_Camera[FrameT]]:
        now = self._clock()
        return [c for c in self._cameras.values() if c.waiting is not None and c.due <= now]

    def _take_batch(self, ready: list[_Camera[FrameT]]) -> Batch[FrameT]:
        now = self._clock()
        tickets = []
        for camera in ready:
            assert camera.waiting is not None
            tickets.append(camera.waiting)
            camera.waiting = None
            # A rate is kept on average: late by less than a period, the next isn't put off.
            camera.due = max(camera.due + self._period, now) if self._period else 0
        return Batch(tuple(sorted(tickets, key=lambda ticket: ticket.received)))

    def _until_next_event(self) -> float | None:
        """Seconds until a slot becomes due; None where nothing waits, as no request does here."""
        times = [c.due for c in self._cameras.values() if c.waiting is not None]
        return max(0.0, (min(times) - self._clock()) / 1e9) if times else None


def _fail(request: Request, error: Exception) -> None:
    if request.future.set_running_or_notify_cancel():
        request.future.set_exception(error)
