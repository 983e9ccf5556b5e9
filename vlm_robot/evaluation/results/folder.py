"""The results that `vlm-robot replay` left in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from vlm_robot.replay.output import RESULTS, RUN
from vlm_robot.replay.records import Record, read_records
from vlm_robot.types import InputError

Key = tuple[str, int]
"""Camera and stamp (ns) of a frame."""


class Results(NamedTuple):
    """All records of a replay, by kind.

    Attributes:
        run: the summary of the run.
        frames: the first record of each frame.
    """

    path: Path
    run: Record
    frames: dict[Key, Record]
    answers: list[Record]
    plans: list[Record]

    @property
    def phrases(self) -> list[str]:
        """What was looked for."""
        return list(self.run["detections"])


def read_results(path: Path) -> Results:
    """Read a folder of results.

    Raises:
        InputError: it isn't one, or it is broken.
    """
    try:
        run = json.loads((path / RUN).read_text("utf-8"))
        records = list(read_records(path / RESULTS))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} isn't the output of `vlm-robot replay`: {error}") from error
    frames: dict[Key, Record] = {}
    for record in records:
        if record["kind"] == "frame":
            frames.setdefault((record["camera"], record["stamp"]), record)
    return Results(
        path,
        run,
        frames,
        [record for record in records if record["kind"] == "answer"],
        [record for record in records if record["kind"] == "plan"],
    )


def read_json(path: Path, keys: set[str]) -> dict[str, Any]:
    """Read a file of truth.

    Raises:
        InputError: it can't be read, or lacks one of `keys`.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"can't read {path}: {error}") from error
    missing = keys - set(content) if isinstance(content, dict) else keys
    if missing:
        raise InputError(f"{path} has no '{min(missing)}': it must hold {', '.join(sorted(keys))}")
    return dict(content)
