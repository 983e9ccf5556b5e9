"""Frames of a bag as image files, for training that takes a folder of images."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2

from vlm_robot.replay.bag import ROS1_SUFFIX, STORAGE_SUFFIXES, Bag
from vlm_robot.replay.events import EventReader, FrameRead, RawFrame, Span, decoded
from vlm_robot.replay.topics import find_topics
from vlm_robot.types import InputError

_QUALITY = 95
"""Of JPEG."""


def is_bag(path: Path) -> bool:
    """Whether a path is a bag: one of its files, or a folder that holds some."""
    files = path.iterdir() if path.is_dir() else [path]
    return any(file.suffix in (*STORAGE_SUFFIXES, ROS1_SUFFIX) for file in files)


def write_frames(bag_path: Path, folder: Path, *, seconds: float) -> int:
    """Write frames of all cameras of a bag, in place of another's; returns how many.

    Args:
        folder: gets camera-stamp.jpg, the stamp in nanoseconds, or the time of recording where
            the stamp is zero; a stamp that comes again gets a number after it.
        seconds: between frames of one camera, at least.

    Raises:
        BagError: the bag can't be read, or has no images.
        InputError: a frame can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last: dict[str, int] = {}
    names: Counter[str] = Counter()
    with Bag(bag_path) as bag:
        for old in folder.glob("*-[0-9]*.jpg"):
            old.unlink()
        topics = find_topics(bag)._replace(transforms=(), grid="", paths=())
        chosen = (
            event
            for event in EventReader(bag, topics, depth_slop=0.0, span=Span())
            if isinstance(event, RawFrame) and _due(event, last, seconds)
        )
        for event in decoded(chosen):
            if isinstance(event, FrameRead):
                frame = event.frame
                name = f"{frame.camera}-{frame.stamp or event.log_time}"
                again = f"-{names[name]}" if name in names else ""
                _write(folder / f"{name}{again}.jpg", frame.image)
                names[name] += 1
    return names.total()


def _due(event: RawFrame, last: dict[str, int], seconds: float) -> bool:
    """Whether a frame is late enough after the last; a clock that was set back begins anew."""
    time = event.stamp or event.log_time
    before = last.get(event.camera)
    due = before is None or not before <= time < before + seconds * 1e9
    if due:
        last[event.camera] = time
    return due


def _write(file: Path, image: cv2.typing.MatLike) -> None:
    picture = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(file), picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]):
        raise InputError(f"{file} can't be written: make room, or name another folder by --out")
