"""Results as an MCAP with the node's topics and types, to open beside the original bag."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from mcap.writer import Writer
from rosbags.typesys.store import Typestore

from vlm_robot.messages import NODE_NAME
from vlm_robot.replay.interfaces import typestore
from vlm_robot.replay.records import Record
from vlm_robot.types import Verdict


def write_mcap(records: Iterable[Record], path: Path) -> None:
    """Write what the node would have published, at the times when its images were recorded."""
    with path.open("wb") as file:
        writer = Writer(file)
        writer.start(profile="ros2", library="vlm_robot replay")
        output = _Output(writer, typestore())
        for record in records:
            if record["kind"] == "frame":
                output.add_frame(record)
            elif record["kind"] == "answer":
                output.add("answer", output.answer(record), record["log_time"])
            elif record["kind"] == "plan":
                output.add("plan_evaluation", output.plan(record), record["log_time"])
        writer.finish()  # type: ignore[no-untyped-call]


class _Output:
    def __init__(self, writer: Writer, store: Typestore) -> None:
        self._writer = writer
        self._store = store
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}

    def add(self, topic: str, message: Any, log_time: int) -> None:
        """Write a message to the node's `topic`."""
        msgtype = message.__msgtype__
        if topic not in self._channels:
            self._channels[topic] = self._writer.register_channel(
                f"/{NODE_NAME}/{topic}", "cdr", self._schema(msgtype)
            )
        data = self._store.serialize_cdr(message, msgtype)
        self._writer.add_message(self._channels[topic], log_time, bytes(data), log_time)

    def _schema(self, msgtype: str) -> int:
        if msgtype not in self._schemas:
            text, _ = self._store.generate_msgdef(msgtype, ros_version=2)
            self._schemas[msgtype] = self._writer.register_schema(msgtype, "ros2msg", text.encode())
        return self._schemas[msgtype]

    def add_frame(self, record: Record) -> None:
        """Write the detections of a frame, and their places."""
        header = self._header(record["stamp"], record["frame_id"])
        found = self._make(
            "vision_msgs/msg/Detection2DArray",
            header=header,
            detections=[self._detection(header, entry) for entry in record["detections"]],
        )
        self.add(f"{record['camera']}/detections", found, record["log_time"])
        if record["places"] is not None:
            self.add(f"{record['camera']}/detections_3d", self._in_3d(record), record["log_time"])

    def answer(self, record: Record) -> Any:
        """A GroundedAnswer."""
        header = self._header(record["stamp"], record["frame_id"])
        return self._make(
            "vlm_robot_msgs/msg/GroundedAnswer",
            header=header,
            question=record["question"],
            answer=record["answer"],
            verdict=int(Verdict[record["verdict"]]),
            confidence=_number(record["confidence"]),
            evidence=[self._detection(header, entry) for entry in record["evidence"]],
            model=record["model"],
        )

    def plan(self, record: Record) -> Any:
        """A PlanEvaluation."""
        fields = {name: record[name] for name in _PLAN_FIELDS}
        return self._make(
            "vlm_robot_msgs/msg/PlanEvaluation",
            header=self._header(record["stamp"], record["frame_id"]),
            paths=[self._path(path) for path in record["paths"]],
            wishes=[self._make("vlm_robot_msgs/msg/Wish", **wish) for wish in record["wishes"]],
            limits=[self._make("vlm_robot_msgs/msg/HardLimit", **it) for it in record["limits"]],
            landmarks=[
                self._make("vlm_robot_msgs/msg/LandmarkWish", **it) for it in record["landmarks"]
            ],
            **fields,
        )

    def _path(self, path: Record) -> Any:
        criteria = [
            self._make(
                "vlm_robot_msgs/msg/Criterion",
                **{name: _number(v) if name in _REAL else v for name, v in criterion.items()},
            )
            for criterion in path["criteria"]
        ]
        fields = path | {"criteria": criteria, "total": _number(path["total"])}
        return self._make("vlm_robot_msgs/msg/PathScore", **fields)

    def _in_3d(self, record: Record) -> Any:
        places = record["places"]
        header = self._header(record["stamp"], places["frame_id"])
        placed = zip(record["detections"], places["centers"], places["sizes"], strict=True)
        detections = [
            self._detection_3d(header, entry, center, size, places["orientation"])
            for entry, center, size in placed
            if center is not None
        ]
        return self._make("vision_msgs/msg/Detection3DArray", header=header, detections=detections)

    def _detection_3d(
        self, header: Any, entry: Record, center: list[float], size: list[float], xyzw: list[float]
    ) -> Any:
        pose = self._pose(center, xyzw)
        box = self._make(
            "vision_msgs/msg/BoundingBox3D",
            center=pose,
            size=self._make("geometry_msgs/msg/Vector3", **_named("xyz", size)),
        )
        return self._make(
            "vision_msgs/msg/Detection3D",
            header=header,
            results=[self._hypothesis(entry, pose)],
            bbox=box,
            id="",
        )

    def _detection(self, header: Any, entry: Record) -> Any:
        x1, y1, x2, y2 = map(_exactly, entry["box"])
        middle = self._make("vision_msgs/msg/Point2D", x=(x1 + x2) / 2, y=(y1 + y2) / 2)
        box = self._make(
            "vision_msgs/msg/BoundingBox2D",
            center=self._make("vision_msgs/msg/Pose2D", position=middle, theta=0.0),
            size_x=x2 - x1,
            size_y=y2 - y1,
        )
        hypothesis = self._hypothesis(entry, self._pose([0.0] * 3, [0.0, 0.0, 0.0, 1.0]))
        return self._make(
            "vision_msgs/msg/Detection2D", header=header, results=[hypothesis], bbox=box, id=""
        )

    def _hypothesis(self, entry: Record, pose: Any) -> Any:
        hypothesis = self._make(
            "vision_msgs/msg/ObjectHypothesis",
            class_id=entry["phrase"],
            score=_exactly(entry["score"]),
        )
        with_covariance = self._make(
            "geometry_msgs/msg/PoseWithCovariance", pose=pose, covariance=np.zeros(36)
        )
        return self._make(
            "vision_msgs/msg/ObjectHypothesisWithPose",
            hypothesis=hypothesis,
            pose=with_covariance,
        )

    def _pose(self, xyz: list[float], xyzw: list[float]) -> Any:
        return self._make(
            "geometry_msgs/msg/Pose",
            position=self._make("geometry_msgs/msg/Point", **_named("xyz", xyz)),
            orientation=self._make("geometry_msgs/msg/Quaternion", **_named("xyzw", xyzw)),
        )

    def _header(self, stamp: int, frame_id: str) -> Any:
        seconds, rest = divmod(stamp, 1_000_000_000)
        time = self._make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        return self._make("std_msgs/msg/Header", stamp=time, frame_id=frame_id)

    def _make(self, msgtype: str, **fields: Any) -> Any:
        return self._store.types[msgtype](**fields)


_PLAN_FIELDS = (
    "goal",
    "best_index",
    "worst_index",
    "confidence",
    "explanation",
    "not_understood",
    "interpreter",
)
_REAL = ("raw", "weight", "score")


def _named(names: str, values: list[float]) -> dict[str, float]:
    return dict(zip(names, values, strict=True))


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _exactly(number: float) -> float:
    """The float32 that `number` is the shortest decimal of, as the node publishes it."""
    return float(np.float32(number))
