"""Questions and goals, and when in a bag their time has come."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vlm_robot.replay.events import Failed
from vlm_robot.types import InputError

SECOND = 1_000_000_000


class Item(NamedTuple):
    """A question or a goal.

    Attributes:
        text: in words.
        at: seconds after the start of the recording; None: the start of what is replayed of it.
        every: seconds from one time to the next, where it is asked again and again; else 0.
        camera: whose images a question is about; empty for the first camera.
        is_goal: it is a goal for the newest candidate paths.
    """

    text: str
    at: float | None = None
    every: float = 0.0
    camera: str = ""
    is_goal: bool = False


class Agenda:
    """Tells what is due.

    Args:
        start: log time that the seconds count from, nanoseconds.
        begin: log time from which the recording is replayed; None: all of it.

    Attributes:
        left_out: what was due once, before `begin`; a sentence each.
    """

    def __init__(
        self,
        items: Iterable[Item],
        *,
        start: int,
        cameras: Iterable[str],
        begin: int | None = None,
    ) -> None:
        names = list(cameras)
        begin = start if begin is None else begin
        self._start = start
        self.left_out: list[str] = []
        self._items: list[Item] = []
        self._due: list[int | None] = []
        for item in (item._replace(camera=item.camera or names[0]) for item in items):
            if item.camera not in names:
                raise InputError(
                    f"'{item.text}' is for camera '{item.camera}', which isn't replayed;"
                    f" there are {', '.join(names)}"
                )
            due = _first_due(item, start, begin)
            if due < begin:
                when = self._seconds(due)
                self.left_out.append(
                    f"'{item.text}' is left out: it was due at {when}, before what is replayed"
                )
                continue
            self._items.append(item)
            self._due.append(due)
        self._never_asked = set(range(len(self._items)))

    def _seconds(self, log_time: int) -> str:
        return f"{(log_time - self._start) / SECOND:.2f} s"

    def is_due(self, camera: str, log_time: int) -> bool:
        """Whether `due` would give something."""
        return any(
            item.camera == camera and due is not None and due <= log_time
            for item, due in zip(self._items, self._due, strict=True)
        )

    def due(self, camera: str, log_time: int) -> list[Item]:
        """What is to be asked with the frame of `camera` recorded at `log_time` (ns)."""
        items = []
        for index, item in enumerate(self._items):
            due = self._due[index]
            if item.camera != camera or due is None or log_time < due:
                continue
            items.append(item)
            self._never_asked.discard(index)
            step = round(item.every * SECOND)
            self._due[index] = due + ((log_time - due) // step + 1) * step if step else None
        return items

    def never_asked(self) -> list[Failed]:
        """A failure for each item that was never due with a frame so far."""
        return [
            Failed(
                item.camera,
                0,
                due,
                f"'{item.text}' was never asked: no image of camera '{item.camera}' that can be"
                f" used came at {self._seconds(due)}, when it was due, or later",
            )
            for index, item in enumerate(self._items)
            if index in self._never_asked and (due := self._due[index]) is not None
        ]


def _first_due(item: Item, start: int, begin: int) -> int:
    """Log time (ns); for what is asked again and again, the first one from `begin` on."""
    step = round(item.every * SECOND)
    if item.at is None and not step:
        return begin
    due = start + round((item.at or 0.0) * SECOND)
    return due + max(0, -(-(begin - due) // step)) * step if step else due


def read_agenda(path: Path) -> list[Item]:
    """Questions and goals with their times, from a YAML file.

    Raises:
        InputError: the file can't be read, or isn't such a file.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"can't read questions from {path}: {error}") from error
    if not isinstance(content, dict) or set(content) - {"questions", "goals"}:
        raise InputError(f"{path} must hold 'questions' and 'goals', and nothing else")
    entries = [("ask", entry) for entry in content.get("questions") or []]
    entries += [("goal", entry) for entry in content.get("goals") or []]
    return [_item(key, entry, path) for key, entry in entries]


def _item(key: str, entry: Any, path: Path) -> Item:
    allowed = {key, "at", "every", "camera"}
    if not isinstance(entry, dict) or set(entry) - allowed or not isinstance(entry.get(key), str):
        raise InputError(
            f"{path}: {entry!r} must have '{key}' (text), and may have"
            " 'at' and 'every' (seconds) and 'camera'"
        )
    at, every = entry.get("at"), entry.get("every", 0.0)
    times = [every] if at is None else [at, every]
    if not all(isinstance(t, (int, float)) and 0 <= t < 1e9 for t in times):
        raise InputError(f"{path}: 'at' and 'every' of '{entry[key]}' must be seconds, 0 or more")
    camera = str(entry.get("camera", ""))
    at = None if at is None else float(at)
    return Item(entry[key], at, float(every), camera, key == "goal")
