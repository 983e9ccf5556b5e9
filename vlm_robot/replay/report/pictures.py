"""Pictures for the report, out of the bag: annotated frames, evidence, and paths on the map."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import cv2
import numpy as np

from vlm_robot.drawing import draw
from vlm_robot.replay.events import (
    Event,
    FrameRead,
    GridRead,
    PathsRead,
    RawFrame,
    decoded,
)
from vlm_robot.replay.records import Record
from vlm_robot.replay.report.figures import FrameKey
from vlm_robot.types import Detections, Image, OccupancyGrid, PathCandidate

_WIDTH = 480
"""Pixels; wider pictures are made smaller."""
_KINDS: dict[str, tuple[str, list[int]]] = {
    ".jpg": ("jpeg", [cv2.IMWRITE_JPEG_QUALITY, 72]),
    ".png": ("png", []),
}
_MARGIN = 1.0
"""Metres around the paths on a map."""


class MapPlot(NamedTuple):
    """Paths over a map, in pixels of its picture.

    Attributes:
        image: data URI of the map's part; empty where there is no map in the paths' frame.
        lines: for each path, points 'x,y x,y …'.
    """

    image: str
    width: float
    height: float
    lines: list[str]


class Pictures(NamedTuple):
    """Data URIs and plots, by what they show."""

    frames: dict[FrameKey, str]
    evidence: dict[tuple[FrameKey, str], str]
    maps: dict[int, MapPlot]
    """By stamp of the candidate paths."""


def take_pictures(
    events: Iterable[Event | RawFrame],
    shown: Collection[FrameKey],
    detections: Mapping[FrameKey, list[Record]],
    answers: Iterable[Record],
    plan_stamps: Collection[int],
) -> Pictures:
    """Read a bag's events once more, and decode the frames that are shown.

    Args:
        shown: frames to draw with their `detections`.
        answers: records of answers to draw with their evidence.
        plan_stamps: stamps of the candidate paths to plot.
    """
    asked: dict[FrameKey, list[Record]] = {}
    for answer in answers:
        asked.setdefault(_key(answer), []).append(answer)
    pictures = Pictures({}, {}, {})
    grid: OccupancyGrid | None = None
    for event in decoded(_wanted(events, {*shown, *asked})):
        if isinstance(event, GridRead):
            grid = event.grid
        elif isinstance(event, PathsRead) and event.stamp in plan_stamps:
            pictures.maps[event.stamp] = _plot(event.candidates, grid)
        elif isinstance(event, FrameRead):
            key = FrameKey(event.frame.camera, event.frame.stamp, event.log_time)
            if key in shown:
                pictures.frames[key] = _annotated(event.frame.image, detections[key])
            for answer in asked.get(key, ()):
                uri = _annotated(event.frame.image, answer["evidence"])
                pictures.evidence[key, answer["question"]] = uri
    return pictures


def _key(record: Record) -> FrameKey:
    return FrameKey(record["camera"], record["stamp"], record["log_time"])


def _wanted(
    events: Iterable[Event | RawFrame], keys: Collection[FrameKey]
) -> Iterator[Event | RawFrame]:
    for event in events:
        if isinstance(event, RawFrame):
            if FrameKey(event.camera, event.stamp, event.log_time) in keys:
                yield event._replace(depth=None, info=None)
        else:
            yield event


def _annotated(image: Image, entries: list[Record]) -> str:
    """A data URI of the picture, made smaller first so that labels stay readable."""
    scale = min(1.0, _WIDTH / image.shape[1])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image
    phrases = tuple(dict.fromkeys(entry["phrase"] for entry in entries))
    found = Detections(
        np.array([entry["box"] for entry in entries], np.float32).reshape(-1, 4) * scale,
        np.array([entry["score"] for entry in entries], np.float32),
        np.array([phrases.index(entry["phrase"]) for entry in entries], np.int64),
        phrases,
    )
    return _uri(draw(np.asarray(small), found), ".jpg")


def _uri(rgb: Image, suffix: str) -> str:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    kind, options = _KINDS[suffix]
    data = cv2.imencode(suffix, bgr, options)[1].tobytes()
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _plot(candidates: tuple[PathCandidate, ...], grid: OccupancyGrid | None) -> MapPlot:
    """Paths in cells of the map, y upwards; in decimetres where there is no map."""
    has_map = grid is not None and all(c.frame_id == grid.frame_id for c in candidates)
    cell = grid.resolution if grid is not None and has_map else 0.1
    x, y, yaw = grid.origin if grid is not None and has_map else (0.0, 0.0, 0.0)
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    paths = [(c.poses[:, :2] - [x, y]) @ turn / cell for c in candidates]
    paths = [path[np.isfinite(path).all(axis=1)] for path in paths]
    points = np.vstack([np.zeros((0, 2)), *paths])
    if not len(points):
        return MapPlot("", 1, 1, ["" for _ in paths])
    low = np.floor(points.min(axis=0) - _MARGIN / cell)
    high = np.ceil(points.max(axis=0) + _MARGIN / cell)
    image = ""
    if grid is not None and has_map:
        size = np.array(grid.cells.shape[::-1])
        low, high = np.clip(low, 0, size - 1), np.clip(high, 1, size)
        part = grid.cells[int(low[1]) : int(high[1]), int(low[0]) : int(high[0])]
        image = _uri(_map_picture(part), ".png")
    width, height = (high - low).tolist()
    lines = [_line(path - low, height) for path in paths]
    return MapPlot(image, width, height, lines)


def _map_picture(cells: Any) -> Image:
    """White is free, black occupied, blue-grey unknown; north up."""
    shade = (255 - np.clip(cells.astype(int), 0, 100) * 2.2).astype(np.uint8)
    picture = np.dstack([shade] * 3)
    picture[cells < 0] = (176, 186, 198)
    return np.ascontiguousarray(picture[::-1])


def _line(path: Any, height: float) -> str:
    return " ".join(f"{px:.2f},{height - py:.2f}" for px, py in path)
