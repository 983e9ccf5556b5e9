"""Messages that stay in the middleware until somebody wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import CallbackGroup


class GatedGroup(CallbackGroup):
    """Lets an executor take messages only while they are wanted, one at a time.

    While they aren't, the middleware keeps the newest and drops the others, without Python ever
    seeing them: thirty images a second that nobody would look at cost the interpreter nothing.
    When that changes the executor has to be woken.

    Args:
        wanted: asked before each wait and each take, on the executor's thread.

    Attributes:
        lock: held while a message is taken and handed on. Who takes messages without the
            executor holds it too.
    """

    def __init__(self, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self._wanted = wanted

    def can_execute(self, entity: Any) -> bool:
        """Whether the executor may wait for and take messages."""
        return self._wanted()

    def beginning_execution(self, entity: Any) -> bool:
        """Take the lock, if that is possible now."""
        return self.lock.acquire(blocking=False)

    def ending_execution(self, entity: Any) -> None:
        """Give the lock back."""
        self.lock.release()
