"""Questions and goals, and when in a bag their time has come."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vlm_robot.types import InputError

SECOND = 1_000_000_000


class Item(NamedTuple):
    """A question or a goal.

    Attributes:
        text: in words.
        at: seconds after the start of the recording; asked once.
        every: seconds from one time to the next, where it is asked again and again; else 0.
        camera: whose images a question is about; empty for the first camera.
        is_goal: it is a goal for the newest candidate paths.
    """

    text: str
    at: float = 0.0
    every: float = 0.0
    camera: str = ""
    is_goal: bool = False


class Agenda:
    """Tells what is due.

    Args:
        start: log time that the seconds count from, nanoseconds.
    """

    def __init__(self, items: Iterable[Item], *, start: int, cameras: Iterable[str]) -> None:
        names = list(cameras)
        self._items = [item._replace(camera=item.camera or names[0]) for item in items]
        for item in self._items:
            if item.camera not in names:
                raise InputError(
                    f"'{item.text}' is for camera '{item.camera}', which isn't replayed;"
                    f" there are {', '.join(names)}"
                )
        self._due: list[int | None] = [start + round(i.at * SECOND) for i in self._items]

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
            step = round(item.every * SECOND)
            self._due[index] = due + ((log_time - due) // step + 1) * step if step else None
        return items


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
    times = [entry.get("at", 0.0), entry.get("every", 0.0)]
    if not all(isinstance(t, (int, float)) and 0 <= t < 1e9 for t in times):
        raise InputError(f"{path}: 'at' and 'every' of '{entry[key]}' must be seconds, 0 or more")
    camera = str(entry.get("camera", ""))
    return Item(entry[key], float(times[0]), float(times[1]), camera, key == "goal")
