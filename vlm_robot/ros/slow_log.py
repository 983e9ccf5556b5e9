"""Log lines that say a thing once, and again only slowly while it lasts."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

REPEAT_AFTER = 30.0
"""Seconds until the same complaint is logged again."""
CHANGED_AFTER = 5.0
"""Seconds until another complaint about the same subject is logged: its text may hold a number
that is never twice the same."""
RECENT = 5.0
"""Seconds for which a complaint counts as current."""


class Logger(Protocol):
    """What is used of rclpy's logger."""

    def warning(self, message: str) -> object:
        """Log a warning."""
        ...

    def info(self, message: str) -> object:
        """Log for information."""
        ...


class SlowLog:
    """Warnings by subject: the first at once, a changed one soon, the same again after a while.

    Any thread may use it.
    """

    def __init__(self, logger: Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: dict[str, tuple[str, float]] = {}
        self._newest: dict[str, tuple[str, float]] = {}

    def warn(self, subject: str, text: str) -> None:
        """Warn about `subject`, unless that was done lately."""
        with self._lock:
            now = self._clock()
            self._newest[subject] = text, now
            logged, when = self._logged.get(subject, ("", -math.inf))
            if now - when < (REPEAT_AFTER if text == logged else CHANGED_AFTER):
                return
            self._logged[subject] = text, now
        self._logger.warning(text)

    def clear(self, subject: str, text: str = "") -> None:
        """The complaint about `subject` is over; `text`, if any, is logged when there was one."""
        with self._lock:
            self._newest.pop(subject, None)
            logged, when = self._logged.get(subject, ("", -math.inf))
            # When it was logged is kept: what comes and goes isn't logged each time either.
            self._logged[subject] = "", when
        if logged and text:
            self._logger.info(text)

    @property
    def complaints(self) -> dict[str, str]:
        """What was complained about lately, by subject."""
        with self._lock:
            since = self._clock() - RECENT
            return {subject: text for subject, (text, at) in self._newest.items() if at >= since}
