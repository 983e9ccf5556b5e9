"""Log lines that say a thing once, and again only slowly while it lasts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

REPEAT_AFTER = 30.0
"""Seconds until the same complaint is logged again."""
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
    """Warnings by subject: the first, a changed one at once, the same again after a while."""

    def __init__(self, logger: Logger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._logged: dict[str, tuple[str, float]] = {}
        self._last: dict[str, float] = {}

    def warn(self, subject: str, text: str) -> None:
        """Warn about `subject`, unless the same was logged lately."""
        logged, when = self._logged.get(subject, ("", -REPEAT_AFTER))
        now = self._last[subject] = self._clock()
        if text != logged or now - when >= REPEAT_AFTER:
            self._logged[subject] = (text, now)
            self._logger.warning(text)

    def clear(self, subject: str, text: str = "") -> None:
        """The complaint about `subject` is over; `text`, if any, is logged when there was one."""
        if self._logged.pop(subject, None) and text:
            self._logger.info(text)

    @property
    def complaints(self) -> dict[str, str]:
        """What was complained about lately, by subject."""
        since = self._clock() - RECENT
        return {
            subject: text
            for subject, (text, _) in self._logged.items()
            if self._last[subject] >= since
        }
