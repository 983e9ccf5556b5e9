"""`vlm-robot doctor`: what this machine and a bag have, what is missing, and the mend for each."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import cv2
import torch
from rich.console import Console
from rich.table import Table

from vlm_robot.geometry.transforms import FrameTree, FrameTreeError
from vlm_robot.messages import add_transforms
from vlm_robot.models.checkpoint import ModelError, find_checkpoint
from vlm_robot.replay.bag import Bag, BagError
from vlm_robot.replay.events import (
    EventReader,
    Failed,
    FrameRead,
    Span,
    TransformsRead,
    decoded,
)
from vlm_robot.replay.topic_table import topic_rows, topic_table
from vlm_robot.replay.topics import BagTopics, find_topics
from vlm_robot.settings import Settings
from vlm_robot.types import Frame, InputError

EXIT_CODES = (
    "exit codes: 0 nothing is wrong; 1 something is; 2 the bag or the settings can't be read"
)

FRAMES_LOOKED_AT = 300
"""Of each camera, evenly spread."""
_LEAST_MEMORY = 2.0
"""GB free that the compact model and a few cameras are comfortable with."""


class Finding(NamedTuple):
    """What was found of one thing.

    Attributes:
        mend: what to do about it; empty where nothing is wrong.
    """

    subject: str
    text: str
    mend: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = EXIT_CODES
    parser.add_argument("bag", nargs="?", type=Path, help="rosbag2 folder or file, or ROS 1 .bag")
    parser.add_argument("--config", type=Path, help="the node's YAML of parameters")


def run(arguments: argparse.Namespace) -> int:
    """Print what was found."""
    try:
        settings = Settings.from_yaml(arguments.config) if arguments.config else Settings()
        findings = list(machine_findings(settings))
        if arguments.bag:
            with Bag(arguments.bag) as bag:
                Console().print(topic_table(bag.name, topic_rows(bag)))
                chosen = settings if arguments.config else None
                findings += bag_findings(bag, find_topics(bag, settings=chosen), settings)
    except (BagError, InputError) as error:
        print(f"vlm-robot doctor: {error}", file=sys.stderr)
        return 2
    return tell(findings)


def tell(findings: Sequence[Finding]) -> int:
    """Print findings; returns 1 if something is wrong, else 0."""
    table = Table()
    for name in ("what", "found", "mend"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(finding.subject, finding.text, finding.mend or "fine")
    Console().print(table)
    return 1 if any(finding.mend for finding in findings) else 0


def machine_findings(settings: Settings) -> Iterator[Finding]:
    """Versions, ROS, GPU, memory, the model."""
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, OpenCV"
    yield Finding("software", f"{versions} {cv2.__version__}")
    has_ros = find_spec("rclpy") is not None
    distribution = os.environ.get("ROS_DISTRO", "its setup file isn't sourced")
    yield Finding(
        "ROS",
        f"rclpy is there ({distribution})"
        if has_ros
        else "no rclpy: replay works, the node doesn't",
    )
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield Finding("GPU", f"{torch.cuda.get_device_name(0)}, {memory:.1f} GB")
    else:
        wanted = settings.device.startswith("cuda")
        mend = "set `device` to auto, or install a torch with CUDA and the driver" if wanted else ""
        yield Finding("GPU", "none that torch can use; the compact model needs none", mend)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    mend = "" if free >= _LEAST_MEMORY else "close something: loading a model takes more"
    yield Finding("memory", f"{free:.1f} GB free", mend)
    try:
        checkpoint = find_checkpoint(settings.detector)
    except ModelError as error:
        yield Finding(f"detector '{settings.detector}'", "not there", str(error))
    else:
        yield Finding(f"detector '{settings.detector}'", str(checkpoint.folder))


def bag_findings(bag: Bag, topics: BagTopics, settings: Settings) -> list[Finding]:
    """What a replay of the bag would run into, from some hundred frames of each camera."""
    images = [bag.topics[camera.image].messages for _, camera in topics.cameras]
    every = max(1, max(images) // FRAMES_LOOKED_AT)
    span = Span(every=every)
    reader = EventReader(bag, topics, depth_slop=settings.depth_slop, span=span)
    cameras = {name: _CameraCheck(name) for name, _ in topics.cameras}
    transforms = FrameTree(memory=settings.tf_buffer)
    complaints: Counter[str] = Counter()
    target = settings.target_frame or settings.map_frame
    for event in decoded(iter(reader)):
        if isinstance(event, TransformsRead):
            complaints.update(add_transforms(transforms, event.message, static=event.static))
        elif isinstance(event, Failed):
            complaints[f"{event.topic}: {event.reason}"] += 1
        elif isinstance(event, FrameRead):
            cameras[event.frame.camera].look_at(event.frame, transforms, target)
    findings = [
        finding
        for name, camera in topics.cameras
        for finding in cameras[name].findings(camera.camera_info, camera.depth, target)
    ]
    findings += [Finding("broken messages", f"{n} ×", what) for what, n in complaints.most_common()]
    findings += [
        Finding("stamps", f"{count} {what}", "check the clock of the driver that stamps them")
        for what, count in reader.irregular.items()
    ]
    findings += [Finding("bag", "couldn't be read whole", warning) for warning in bag.warnings]
    findings.append(Finding("map", topics.grid or "none: paths can't be judged in this bag"))
    paths = ", ".join(topics.paths) or "none: --goal has nothing to judge in this bag"
    findings.append(Finding("candidate paths", paths))
    return findings


class _CameraCheck:
    """What was seen of one camera."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._frames = 0
        self._size = (0, 0)
        self._frame_ids: set[str] = set()
        self._uncalibrated = 0
        self._without_depth: Counter[str] = Counter()
        self._unplaced: Counter[str] = Counter()

    def look_at(self, frame: Frame, transforms: FrameTree, target: str) -> None:
        self._frames += 1
        self._size = frame.size
        self._frame_ids.add(frame.frame_id)
        self._uncalibrated += frame.intrinsics is None
        if frame.depth is None and frame.depth_missing:
            self._without_depth[frame.depth_missing] += 1
        try:
            transforms.lookup(target, frame.frame_id, frame.stamp)
        except FrameTreeError as error:
            self._unplaced[error.reason] += 1

    def findings(self, info: str, depth: str, target: str) -> Iterator[Finding]:
        subject = f"camera '{self._name}'"
        if not self._frames:
            yield Finding(subject, "no image could be decoded", "see the broken messages below")
            return
        width, height = self._size
        yield Finding(subject, f"{self._frames} images looked at, {width}x{height}")
        if "" in self._frame_ids:
            yield Finding(subject, "an empty frame_id", "set frame_id in the camera's driver")
        if self._uncalibrated:
            mend = f"record {info}" if info else "record the camera_info beside the image"
            share = f"{self._uncalibrated} of {self._frames} images without calibration: no 3D"
            yield Finding(subject, share, mend)
        if not depth:
            yield Finding(subject, "no depth: detections in 2D only")
        for reason, count in self._without_depth.most_common(3):
            yield Finding(subject, f"{count} of {self._frames} images without depth", reason)
        for reason, count in self._unplaced.most_common(3):
            share = f"{count} of {self._frames} images can't be placed in '{target}'"
            yield Finding(subject, share, reason)
