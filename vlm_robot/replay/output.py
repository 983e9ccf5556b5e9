"""The folder that a replay writes: whole, or not under its name.

Results grow in `NAME.partial`, which gets its name when all is written. A progress file says how
far the results go, so that a run that was killed goes on from there.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from vlm_robot.replay.mcap_output import write_mcap
from vlm_robot.replay.records import Record, read_records, to_line

RESULTS = "results.jsonl"
MCAP = "results.mcap"
RUN = "run.json"
REPORT = "report.html"
_PROGRESS = "progress.json"
_ASKED = "asked"
"""Where the summary says what the run was asked for, as `Progress.run`."""
SAVE_SECONDS = 0.5
"""A killed run does again what it did since it last saved; saving each batch costs a flush of the
file system, a twentieth of the whole run."""


class OutputError(Exception):
    """Results that can't be written. The text says why and what to do."""


class Progress(NamedTuple):
    """How far results go.

    Attributes:
        steps: steps of the bag that are done.
        size: bytes of the results' file that belong to them.
        run: what the run was asked for; another can't go on from it.
    """

    steps: int
    size: int
    run: Any


class Output:
    """Results on their way to disk.

    Attributes:
        path: the folder's final name.
        done: steps that are done, at first by the run that this one goes on from.
        finished: the summary of a run that is complete: there is nothing to go on with; else None.
    """

    def __init__(self, path: Path, *, run: Any, overwrite: bool, resume: bool) -> None:
        self.path = path
        self.done = 0
        self.finished: Record | None = None
        self._partial = path.with_name(path.name + ".partial")
        self._run = json.loads(json.dumps(run))
        self._size = 0
        self._save_at = 0.0
        self._goes_on = resume and (path.exists() or self._partial.exists())
        if self._goes_on:
            self._read_progress()
        elif not overwrite:
            self._refuse_existing()

    def open(self) -> None:
        """Make the folder, or take up the one to go on with.

        Raises:
            OutputError: it can't be written to.
        """
        try:
            if not self._goes_on:
                if self._partial.exists():
                    shutil.rmtree(self._partial)
                self._partial.mkdir(parents=True)
            elif not self._partial.exists():
                self.path.rename(self._partial)
            self._file = (self._partial / RESULTS).open("ab")
            self._file.truncate(self._size)
        except OSError as error:
            raise OutputError(f"can't write to {self._partial}: {error.strerror}") from error

    def _refuse_existing(self) -> None:
        if self._partial.exists():
            raise OutputError(
                f"{self._partial} holds an unfinished run: --resume goes on with it,"
                " --overwrite starts again"
            )
        if self.path.exists():
            raise OutputError(f"{self.path} exists: give another --output, or --overwrite")

    def _read_progress(self) -> None:
        folder = self._partial if self._partial.exists() else self.path
        try:
            if (folder / _PROGRESS).exists():
                progress = Progress(**json.loads((folder / _PROGRESS).read_text("utf-8")))
            elif folder == self._partial:
                progress = Progress(0, 0, self._run)  # killed before its first results
            else:
                self.finished = json.loads((folder / RUN).read_text("utf-8"))
                progress = Progress(0, 0, self.finished.get(_ASKED))
        except FileNotFoundError as error:
            raise OutputError(f"{self.path} isn't the output of a replay") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise OutputError(f"{folder} can't be gone on with: {error}; --overwrite") from error
        if progress.run != self._run:
            raise OutputError(
                f"{folder} was made with {_difference(progress.run, self._run)}:"
                " --resume needs the same; --overwrite starts again"
            )
        self.done, self._size = progress.steps, progress.size

    def write(self, records: list[Record], steps: int) -> None:
        """Write records, which complete the first `steps` steps of the bag.

        Raises:
            OutputError: the disk is full, or otherwise not writable.
        """
        data = "".join(map(to_line, records)).encode()
        try:
            self._file.write(data)
            self._file.flush()
            self._size += len(data)
            self.done = steps
            if monotonic() > self._save_at:
                self._save_progress(steps)
                self._save_at = monotonic() + SAVE_SECONDS
        except OSError as error:
            raise self._failed(error) from error

    def _save_progress(self, steps: int) -> None:
        progress = self._partial / _PROGRESS
        fresh = progress.with_suffix(".new")
        fresh.write_text(json.dumps(Progress(steps, self._size, self._run)._asdict()), "utf-8")
        fresh.replace(progress)

    def finish(self, summary: Record, *, complete: bool) -> None:
        """Write the MCAP and the summary, and give the folder its name.

        Args:
            complete: the bag was read to its end; else a later run may go on.

        Raises:
            OutputError: the disk is full, or otherwise not writable.
        """
        try:
            self._file.close()
            write_mcap(read_records(self.results), self._partial / MCAP)
            whole = summary | {_ASKED: self._run}
            text = json.dumps(whole, ensure_ascii=False, indent=2) + "\n"
            (self._partial / RUN).write_text(text, "utf-8")
            if complete:
                (self._partial / _PROGRESS).unlink(missing_ok=True)
            else:
                self._save_progress(self.done)
            self._rename()
        except OSError as error:
            raise self._failed(error) from error

    @property
    def folder(self) -> Path:
        """Where the files are before `finish`."""
        return self._partial

    @property
    def results(self) -> Path:
        """The results so far."""
        return self._partial / RESULTS

    def _rename(self) -> None:
        old = self.path.with_name(self.path.name + ".old")
        if self.path.exists():
            shutil.rmtree(old, ignore_errors=True)
            self.path.rename(old)
        for file in self._partial.iterdir():
            _sync(file)
        self._partial.rename(self.path)
        shutil.rmtree(old, ignore_errors=True)

    def _failed(self, error: OSError) -> OutputError:
        return OutputError(
            f"can't write to {self._partial}: {error.strerror or error}; what was written stays"
            " there, and --resume goes on once that is mended"
        )


def _sync(file: Path) -> None:
    """Have it on the disk: a name must not survive a power cut that its content doesn't."""
    with file.open("rb") as content:
        os.fsync(content.fileno())


def _difference(old: Any, new: Any) -> str:
    """Which of the things asked for differ."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return "other arguments"
    names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return "another " + ", ".join(names)
