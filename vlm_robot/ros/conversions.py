"""The project's types to ROS messages, and back where only requests send them."""

from __future__ import annotations

import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from numpy.typing import NDArray
from sensor_msgs.msg import Image as ImageMsg
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    ObjectHypothesisWithPose,
)
from vlm_robot_msgs import msg as vlm

from vlm_robot.types import (
    Answer,
    Boxes3D,
    Detections,
    HardLimit,
    Image,
    InputError,
    LandmarkWish,
    Observation,
    PathScore,
    PlanEvaluation,
    Wish,
)


def header(stamp: int, frame_id: str) -> Header:
    """A header of a stamp in nanoseconds."""
    seconds, rest = divmod(stamp, 1_000_000_000)
    return Header(stamp=Time(sec=seconds, nanosec=rest), frame_id=frame_id)


def detection_2d_msgs(head: Header, detections: Detections) -> list[Detection2D]:
    """One message for each detection: its phrase, score and box in pixels."""
    boxes = detections.boxes.astype(np.float64)
    centers = ((boxes[:, :2] + boxes[:, 2:]) / 2).tolist()
    sizes = (boxes[:, 2:] - boxes[:, :2]).tolist()
    messages = []
    for i, (center, size) in enumerate(zip(centers, sizes, strict=True)):
        message = Detection2D(header=head, results=[_hypothesis(detections, i)])
        message.bbox.center.position.x, message.bbox.center.position.y = center
        message.bbox.size_x, message.bbox.size_y = size
        messages.append(message)
    return messages


def detections_2d_msg(observation: Observation) -> Detection2DArray:
    """The detections of a frame under the header of its image."""
    head = header(observation.frame.stamp, observation.frame.frame_id)
    return Detection2DArray(header=head, detections=detection_2d_msgs(head, observation.detections))


def detections_3d_msg(observation: Observation) -> Detection3DArray:
    """The detections that have a place, in the frame that it is in."""
    boxes = observation.boxes_3d
    if boxes is None:
        return Detection3DArray(header=header(observation.frame.stamp, observation.frame.frame_id))
    head = header(observation.frame.stamp, boxes.frame_id)
    detections = [
        _detection_3d(head, observation.detections, boxes, int(i))
        for i in np.flatnonzero(boxes.valid)
    ]
    return Detection3DArray(header=head, detections=detections)


def _detection_3d(head: Header, detections: Detections, boxes: Boxes3D, i: int) -> Detection3D:
    pose = Pose(
        position=Point(**_xyz(boxes.centers[i])),
        orientation=Quaternion(**dict(zip("xyzw", boxes.orientation.tolist(), strict=True))),
    )
    hypothesis = _hypothesis(detections, i)
    hypothesis.pose.pose = pose
    message = Detection3D(header=head, results=[hypothesis])
    message.bbox.center = pose
    message.bbox.size = Vector3(**_xyz(boxes.sizes[i]))
    return message


def _hypothesis(detections: Detections, i: int) -> ObjectHypothesisWithPose:
    message = ObjectHypothesisWithPose()
    message.hypothesis.class_id = detections.phrase(i)
    message.hypothesis.score = float(detections.scores[i])
    return message


def _xyz(values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip("xyz", values.tolist(), strict=True))


def boxes_from(messages: Sequence[BoundingBox2D]) -> NDArray[np.float32]:
    """Boxes (N, 4) float32 xyxy pixels; a rotated box is refused.

    Raises:
        InputError: a box is rotated or has no size.
    """
    rows = []
    for box in messages:
        if box.center.theta:
            raise InputError("an exemplar's box is rotated: give it upright, theta 0")
        x, y = box.center.position.x, box.center.position.y
        half_x, half_y = box.size_x / 2, box.size_y / 2
        rows.append([x - half_x, y - half_y, x + half_x, y + half_y])
    return np.array(rows, dtype=np.float32).reshape(-1, 4)


def image_msg(head: Header, image: Image) -> ImageMsg:
    """A raw rgb8 image message."""
    height, width = image.shape[:2]
    message = ImageMsg(header=head, height=height, width=width, encoding="rgb8", step=width * 3)
    # An array.array is taken over as it is; bytes are checked one by one, 5 to 9 times slower.
    message.data = array.array("B", np.ascontiguousarray(image).data.cast("B"))
    return message


def wish_from(message: vlm.Wish) -> Wish:
    """A wish of a request."""
    return Wish(message.name, message.direction, message.weight, message.source)


def limit_from(message: vlm.HardLimit) -> HardLimit:
    """A hard limit of a request."""
    return HardLimit(
        message.name,
        message.relation,
        message.value,
        message.unit,
        message.source,
        message.landmark,
    )


def answer_msg(answer: Answer) -> vlm.GroundedAnswer:
    """An answer with the header of its image and its evidence."""
    head = header(answer.stamp, answer.frame_id)
    return vlm.GroundedAnswer(
        header=head,
        question=answer.question,
        answer=answer.text,
        verdict=int(answer.verdict),
        confidence=answer.confidence,
        evidence=detection_2d_msgs(head, answer.evidence),
        model=answer.model,
    )


def plan_msg(plan: PlanEvaluation) -> vlm.PlanEvaluation:
    """A plan evaluation with every term."""
    return vlm.PlanEvaluation(
        header=header(plan.stamp, plan.frame_id),
        goal=plan.goal,
        best_index=plan.best_index,
        worst_index=plan.worst_index,
        confidence=plan.confidence,
        paths=[_path_score_msg(score) for score in plan.paths],
        explanation=plan.explanation,
        wishes=[_wish_msg(wish) for wish in plan.wishes],
        limits=[_limit_msg(limit) for limit in plan.limits],
        landmarks=[_landmark_msg(landmark) for landmark in plan.landmarks],
        not_understood=list(plan.not_understood),
        interpreter=plan.interpreter,
    )


def _path_score_msg(score: PathScore) -> vlm.PathScore:
    criteria = [
        vlm.Criterion(name=c.name, raw=c.raw, unit=c.unit, weight=c.weight, score=c.score)
        for c in score.criteria
    ]
    return vlm.PathScore(
        index=score.index,
        total=score.total,
        feasible=score.feasible,
        violations=list(score.violations),
        criteria=criteria,
    )


def _wish_msg(wish: Wish) -> vlm.Wish:
    return vlm.Wish(
        name=wish.name, direction=wish.direction, weight=wish.weight, source=wish.source
    )


def _limit_msg(limit: HardLimit) -> vlm.HardLimit:
    return vlm.HardLimit(
        name=limit.name,
        relation=limit.relation,
        value=limit.value,
        unit=limit.unit,
        source=limit.source,
        landmark=limit.landmark,
    )


def _landmark_msg(landmark: LandmarkWish) -> vlm.LandmarkWish:
    return vlm.LandmarkWish(
        phrase=landmark.phrase,
        relation=landmark.relation,
        weight=landmark.weight,
        source=landmark.source,
        other=landmark.other,
        seen=landmark.seen,
    )
