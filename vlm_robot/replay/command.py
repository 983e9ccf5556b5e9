"""`vlm-robot replay`: arguments, progress, summary, exit codes."""

from __future__ import annotations

import argparse
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

import vlm_robot
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.replay.agenda import SECOND, Item, read_agenda
from vlm_robot.replay.bag import Bag, BagError
from vlm_robot.replay.cluster import Cluster
from vlm_robot.replay.events import EventReader, Span
from vlm_robot.replay.execution import Do, Outcome, do_here, do_on
from vlm_robot.replay.output import MCAP, REPORT, RESULTS, Output, OutputError
from vlm_robot.replay.records import Record, read_records
from vlm_robot.replay.report import write_report
from vlm_robot.replay.runner import Done
from vlm_robot.replay.topics import BagTopics, find_topics
from vlm_robot.replay.work import Work
from vlm_robot.settings import Settings
from vlm_robot.types import InputError

WHOLE = 0
WITH_LOSSES = 1
REFUSED = 2
NOT_WRITTEN = 3
INTERRUPTED = 130

EXIT_CODES = """\
exit codes:
  0    the bag was replayed whole
  1    it was replayed, but some of it couldn't be used: the summary says what and why
  2    nothing was replayed: the bag, an argument, a setting or the model is wrong
  3    the results couldn't be written (disk full): --resume goes on
  130  interrupted: the results so far are valid, and --resume goes on
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXIT_CODES
    add = parser.add_argument
    add("bags", nargs="+", type=Path, metavar="BAG", help="rosbag2 folder or file, or ROS 1 .bag")
    add("-o", "--output", type=Path, help="folder to write; default: BAG's name + _results, here")
    add("--config", type=Path, help="the node's YAML of parameters")
    add("--detector", help="as the node's parameter")
    add("--device", help="as the node's parameter")
    add("--prompts", nargs="+", metavar="PHRASE", help="look for these instead of the settings'")
    add("--exemplars", metavar="DIR", help="a folder of things shown by example, likewise")
    add("--threshold", type=float, help="least score of a detection, 0..1")
    add("--ask", action="append", default=[], metavar="QUESTION", help="repeatable")
    add("--ask-every", type=float, default=1.0, metavar="S", help="seconds of the bag; default 1")
    add("--goal", action="append", default=[], help="for all candidate paths; repeatable")
    add("--agenda", type=Path, metavar="YAML", help="questions and goals with their times")
    add("--every", type=int, default=1, metavar="N", help="every N-th image of each camera")
    add("--start", type=float, default=0.0, metavar="S", help="seconds after the bag's start")
    add("--duration", type=float, metavar="S", help="seconds to replay")
    add("--topic", action="append", default=[], help="image topic or camera; repeatable; else all")
    add("--map-topic", default="", help="topic of the map, where the found one isn't right")
    add("--paths-topic", default="", help="topic of the candidate paths, likewise")
    add("--batch", type=int, metavar="N", help="frames at once; default: the number of cameras")
    add("--ray", metavar="ADDRESS", help="work on a Ray cluster; 'local': on all cores here")
    add("--overwrite", action="store_true", help="replace results that are there")
    add("--resume", action="store_true", help="go on with results of an interrupted run")
    add("--no-report", action="store_true", help="write no report.html")
    add("--quiet", action="store_true", help="no progress, no summary")


def run(arguments: argparse.Namespace) -> int:
    """Replay each bag, in order. Returns the worst exit code."""
    console = Console(stderr=True, quiet=arguments.quiet)
    if not arguments.ray:
        return max(_guarded(bag, arguments, console, do_here) for bag in arguments.bags)
    try:
        with Cluster(arguments.ray) as cluster:
            do = do_on(cluster)
            return max(_guarded(bag, arguments, console, do) for bag in arguments.bags)
    except InputError as error:
        print(f"vlm-robot replay: {error}", file=sys.stderr)
        return REFUSED


def _guarded(bag: Path, arguments: argparse.Namespace, console: Console, do: Do) -> int:
    try:
        _check(arguments)
        return _replay(bag, arguments, console, do)
    except (BagError, InputError, ModelError) as error:
        print(f"vlm-robot replay: {error}", file=sys.stderr)
        return REFUSED
    except OutputError as error:
        print(f"vlm-robot replay: {error}", file=sys.stderr)
        return NOT_WRITTEN if error.__cause__ else REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def _check(arguments: argparse.Namespace) -> None:
    if arguments.output and len(arguments.bags) > 1:
        raise InputError("--output names one folder: leave it out where several bags are given")
    for name, least in {"every": 1, "batch": 1, "start": 0, "duration": 1e-9}.items():
        value = getattr(arguments, name)
        if value is not None and not least <= value < 1e12:
            raise InputError(f"--{name} must be {'1 or' if least == 1 else '0 or'} more: {value}")
    if not 0 < arguments.ask_every < 1e9:
        raise InputError(f"--ask-every must be more than 0: {arguments.ask_every}")


def _replay(path: Path, arguments: argparse.Namespace, console: Console, do: Do) -> int:
    with Bag(path) as bag:
        settings = _settings(arguments)
        topics = find_topics(
            bag,
            settings=settings if arguments.config else None,
            only=arguments.topic,
            grid=arguments.map_topic,
            paths=arguments.paths_topic,
        )
        names = tuple(name for name, _ in topics.cameras)
        settings = replace(settings, cameras=names, topics=topics.cameras)
        job = _Job(bag, topics, settings, arguments)
        output = Output(
            arguments.output or Path(f"{_name(path)}_results"),
            run=job.identity(),
            overwrite=arguments.overwrite,
            resume=arguments.resume,
        )
        if output.finished is not None:
            console.print(f"{output.path} is complete already")
            return _exit_code(output.finished)
        return _run_job(job, output, console, do)


def _name(path: Path) -> str:
    return path.stem if path.is_file() else path.resolve().name


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = Settings.from_yaml(arguments.config) if arguments.config else Settings()
    changes: dict[str, Any] = {
        name: getattr(arguments, name)
        for name in ("detector", "device", "exemplars", "threshold")
        if getattr(arguments, name) is not None
    }
    if arguments.prompts:
        changes |= {"prompts": tuple(arguments.prompts), "prompt_thresholds": ()}
    return settings.changed(changes)


class _Job:
    """An open bag with all that was asked of it."""

    def __init__(
        self, bag: Bag, topics: BagTopics, settings: Settings, arguments: argparse.Namespace
    ) -> None:
        self.bag, self.topics, self.settings = bag, topics, settings
        self.wants_report = not arguments.no_report
        start = bag.start + round(arguments.start * SECOND)
        stop = start + round(arguments.duration * SECOND) if arguments.duration else None
        if start >= bag.end:
            raise InputError(
                f"--start {arguments.start} is after the bag's end, at"
                f" {(bag.end - bag.start) / SECOND:.1f} s"
            )
        self.start, self.stop = start, min(stop or bag.end, bag.end)
        items = [Item(text, every=arguments.ask_every) for text in arguments.ask]
        items += read_agenda(arguments.agenda) if arguments.agenda else []
        self.work = Work(
            bag.path,
            topics,
            settings,
            Span(start if arguments.start else None, stop, arguments.every),
            items,
            arguments.goal,
            arguments.batch or len(topics.cameras),
        )
        agenda = self.work.agenda(bag)  # refuses what is for a camera that isn't replayed
        bag.warnings += agenda.left_out

    def reader(self) -> EventReader:
        """The bag's events, from the start of the part that is asked for."""
        return self.work.reader(self.bag)

    def identity(self) -> Record:
        """What a later run must have been asked for, too, to go on from this one."""
        return {
            "bag": [self.bag.path.name, self.bag.start, self.bag.end],
            "topics": [self.topics.transforms, self.topics.grid, self.topics.paths],
            "settings": asdict(self.settings),
            "span": self.work.span,
            "questions": self.work.items,
            "goals": list(self.work.goals),
            "batch": self.work.batch,
            "version": vlm_robot.__version__,
        }


def _run_job(job: _Job, output: Output, console: Console, do: Do) -> int:
    with _until_interrupted() as interrupted, _progress(job, console) as on_done:
        outcome = do(job.work, job.bag, output, stop=interrupted.is_set, on_done=on_done)
    summary = _summary(job, output, outcome)
    summary["timing"] = {
        "seconds": round(outcome.seconds, 3),
        "frames": outcome.frames,
        "frames_per_s": round(outcome.frames / max(outcome.seconds, 1e-9), 2),
    }
    if outcome.complete and job.wants_report:
        with console.status("writing the report"):
            _report(job, output, summary)
    output.finish(summary, complete=outcome.complete)
    _print(summary, output.path, console)
    return _exit_code(summary)


def _exit_code(summary: Record) -> int:
    if not summary["complete"]:
        return INTERRUPTED
    return WITH_LOSSES if summary["counts"].get("failure") or summary["warnings"] else WHOLE


def _report(job: _Job, output: Output, summary: Record) -> None:
    known = list(job.bag.warnings)  # the second reading finds the same faults again
    path = output.folder / REPORT
    try:
        write_report(path, output.results, summary, job.reader, start=job.start, end=job.stop)
    except OSError as error:
        raise OutputError(f"can't write {path}: {error.strerror}") from error
    job.bag.warnings[:] = known


class _Interrupted:
    def __init__(self) -> None:
        self._set = False

    def set(self, number: int, frame: FrameType | None) -> None:
        """Note a signal; a second one interrupts at once."""
        self._set = True
        signal.signal(number, signal.default_int_handler)

    def is_set(self) -> bool:
        """Whether a signal came."""
        return self._set


@contextmanager
def _until_interrupted() -> Iterator[_Interrupted]:
    """Ctrl-C and SIGTERM end the run between two batches."""
    interrupted = _Interrupted()
    kinds = (signal.SIGINT, signal.SIGTERM)
    old = {kind: signal.signal(kind, interrupted.set) for kind in kinds}
    try:
        yield interrupted
    finally:
        for kind, handler in old.items():
            signal.signal(kind, handler)


@contextmanager
def _progress(job: _Job, console: Console) -> Iterator[Any]:
    columns = (
        TextColumn("{task.fields[frames]} frames"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]:.1f} frames/s, left"),
        TimeRemainingColumn(),
    )
    begun = perf_counter()
    with Progress(*columns, console=console, disable=console.quiet) as progress:
        task = progress.add_task("", total=job.stop - job.start, frames=0, rate=0.0)

        def on_done(done: Done) -> None:
            rate = done.frames / max(perf_counter() - begun, 1e-9)
            place = min(done.log_time, job.stop) - job.start
            progress.update(task, completed=place, frames=done.frames, rate=rate)

        yield on_done


def _summary(job: _Job, output: Output, outcome: Outcome) -> Record:
    """What was replayed, how, and what came of it; counted over all runs that wrote to it."""
    counts, cameras, phrases = Counter[str](), Counter[str](), Counter[str]()
    for record in read_records(output.results):
        counts[record["kind"]] += 1
        if record["kind"] == "frame":
            cameras[record["camera"]] += 1
            phrases.update(entry["phrase"] for entry in record["detections"])
    info = outcome.info
    irregular = [f"{count} {what}" for what, count in sorted(outcome.irregular.items())]
    return {
        "complete": outcome.complete,
        "version": vlm_robot.__version__,
        "bag": str(job.bag.path),
        "start": job.bag.start,
        "end": job.bag.end,
        "cameras": {name: asdict(topics) for name, topics in job.topics.cameras},
        "map_topic": job.topics.grid,
        "paths_topics": list(job.topics.paths),
        "detector": {"name": info.name, "device": info.device, "dtype": info.dtype},
        "settings": asdict(job.settings),
        "counts": dict(counts),
        "frames": dict(cameras),
        "detections": {phrase: phrases[phrase] for phrase in outcome.labels},
        "warnings": list(job.bag.warnings),
        "irregular_stamps": irregular,
    }


def _print(summary: Record, path: Path, console: Console) -> None:
    counts, timing = summary["counts"], summary["timing"]
    table = Table(title=f"{summary['bag']}: {'whole' if summary['complete'] else 'interrupted'}")
    table.add_column("what")
    table.add_column("number", justify="right")
    for camera, frames in summary["frames"].items():
        table.add_row(f"frames of {camera}", str(frames))
    for phrase, found in summary["detections"].items():
        table.add_row(f"detections of '{phrase}'", str(found))
    for kind in ("answer", "plan", "failure"):
        if counts.get(kind):
            table.add_row(f"{kind}s", str(counts[kind]))
    table.add_row("frames a second", f"{timing['frames_per_s']:.1f}")
    console.print(table)
    for warning in [*summary["warnings"], *summary["irregular_stamps"]]:
        console.print(f"[yellow]note:[/] {warning}", highlight=False)
    names = [name for name in (RESULTS, MCAP, REPORT) if (path / name).exists()]
    written = ", ".join(str(path / name) for name in names)
    console.print(f"written: {written}", highlight=False, soft_wrap=True)
