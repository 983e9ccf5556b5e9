"""The inference thread: it alone runs the models, on frames and requests as they are due."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from time import perf_counter

from vlm_robot.perception import Perception
from vlm_robot.ros.cameras import RawFrame
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.scheduler import Batch, Request, Scheduler, Ticket
from vlm_robot.types import Frame, InputError, Observation

TIMES_KEPT = 300
PAUSE_SECONDS = 0.1
"""After a fault outside of all jobs: it may come again at once."""


class InferenceThread(threading.Thread):
    """Takes jobs from the scheduler until that is closed.

    A broken frame, a failing model or a result that can't be published is complained about,
    counted, and no end.

    Attributes:
        seconds: what the last inferences took, a batch each.
        last_error: text of the newest failure of the model; empty after a success.
    """

    def __init__(
        self,
        scheduler: Scheduler[RawFrame],
        perception: Perception,
        publish: Callable[[Observation], bool],
        log: SlowLog,
    ) -> None:
        """`publish` sends an observation and returns whether it did: the node may be inactive."""
        super().__init__(name="inference", daemon=True)
        self._scheduler = scheduler
        self._perception = perception
        self._publish = publish
        self._log = log
        self.seconds: deque[float] = deque(maxlen=TIMES_KEPT)
        self.last_error = ""

    def run(self) -> None:
        """Work until the scheduler is closed."""
        while True:
            try:
                if (job := self._scheduler.take()) is None:
                    return
                if isinstance(job, Request):
                    job.run()
                else:
                    self._process(job)
            except Exception as error:  # noqa: BLE001 - nothing works without this thread
                self._log.warn("inference", f"the inference thread failed: {_told(error)}")
                time.sleep(PAUSE_SECONDS)

    def _process(self, batch: Batch[RawFrame]) -> None:
        decoded = [(t, f) for t in batch.tickets if (f := self._decode(t)) is not None]
        if not self._perception.prompts.labels:
            for ticket, _ in decoded:
                self._scheduler.discard(ticket)
            return
        if not decoded:
            return
        try:
            observations = self._infer([frame for _, frame in decoded])
        except Exception as error:  # noqa: BLE001 - any fault of a model must leave the node alive
            self.last_error = _told(error)
            self._log.warn("model", f"inference failed: {self.last_error}")
            for ticket, _ in decoded:
                self._scheduler.finish(ticket, failed=True)
            return
        for (ticket, _), observation in zip(decoded, observations, strict=True):
            self._deliver(ticket, observation)

    def _infer(self, frames: list[Frame]) -> list[Observation]:
        start = perf_counter()
        observations = self._perception.detect(frames)
        self.seconds.append(perf_counter() - start)
        self.last_error = ""
        self._log.clear("model", "inference works again")
        return observations

    def _decode(self, ticket: Ticket[RawFrame]) -> Frame | None:
        try:
            return ticket.frame.decode()
        except Exception as error:  # noqa: BLE001 - one camera's frames must not stop the others'
            self._fail(
                ticket, "frame", str(error) if isinstance(error, InputError) else _told(error)
            )
            return None

    def _deliver(self, ticket: Ticket[RawFrame], observation: Observation) -> None:
        try:
            published = self._publish(observation)
        except Exception as error:  # noqa: BLE001 - one camera's results must not stop the others'
            self._fail(ticket, "results", f"results can't be published: {_told(error)}")
            return
        if published:
            self._scheduler.finish(ticket)
        else:
            self._scheduler.discard(ticket)

    def _fail(self, ticket: Ticket[RawFrame], kind: str, reason: str) -> None:
        self._scheduler.finish(ticket, failed=True)
        self._log.warn(f"{ticket.camera}.{kind}", f"camera {ticket.camera}: {reason}")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
