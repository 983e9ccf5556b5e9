"""Path evaluation: the service, the topic, the costmap, and markers to look at."""

from __future__ import annotations

import threading
from typing import Any

from geometry_msgs.msg import Point
from nav_msgs.msg import OccupancyGrid as OccupancyGridMsg
from nav_msgs.msg import Path
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup, ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray
from vlm_robot_msgs.msg import CandidatePaths
from vlm_robot_msgs.msg import PlanEvaluation as PlanEvaluationMsg
from vlm_robot_msgs.srv import EvaluatePaths

from vlm_robot.messages import candidate_from, grid_from, nanoseconds
from vlm_robot.ros.conversions import (
    header,
    limit_from,
    plan_msg,
    wish_from,
)
from vlm_robot.ros.found_subscription import Arrival, Choice, FoundSubscription
from vlm_robot.ros.pipeline import Pipeline
from vlm_robot.ros.requests import SERVICE_QOS, NoCostmapError, Requests, guarded
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.types import OccupancyGrid, PathScore, PlanEvaluation

LINE_WIDTH = 0.04
"""Metres."""


class Plans:
    """Serves `evaluate_paths`, and evaluates what comes on `candidate_paths`."""

    def __init__(self, node: LifecycleNode, requests: Requests, log: SlowLog) -> None:
        self._requests = requests
        self._log = log
        self._error = node.get_logger().error
        self._clock = node.get_clock()
        self._costmap: OccupancyGridMsg | None = None
        self._grid: OccupancyGrid | None = None
        self._grid_lock = threading.Lock()
        node.create_service(
            EvaluatePaths,
            "~/evaluate_paths",
            self._serve,
            qos_profile=SERVICE_QOS,
            callback_group=ReentrantCallbackGroup(),
        )
        group = MutuallyExclusiveCallbackGroup()
        # Depth 1: a robot that has gone on needs the newest evaluated, not all.
        node.create_subscription(
            CandidatePaths, "~/candidate_paths", self._on_candidates, 1, callback_group=group
        )
        self._costmap_topic = FoundSubscription(
            node, [Choice("~/costmap", OccupancyGridMsg)], self._on_costmap
        )
        self._evaluations = node.create_publisher(PlanEvaluationMsg, "~/plan_evaluation", 10)
        self._markers = node.create_publisher(MarkerArray, "~/plan_markers", 10)

    def poll(self) -> None:
        """Look for the costmap's topic, about once a second."""
        self._costmap_topic.poll()

    def _on_costmap(self, arrival: Arrival) -> None:
        with self._grid_lock:
            self._costmap, self._grid = arrival.message, None

    def _newest_grid(self) -> OccupancyGrid:
        """The newest costmap, converted when it is first needed."""
        with self._grid_lock:
            if self._grid is None:
                if self._costmap is None:
                    raise NoCostmapError(
                        f"no costmap has come on {self._costmap_topic.topic}: remap it to the"
                        " topic of your map, or send a costmap with the request"
                    )
                self._grid = grid_from(self._costmap)
            return self._grid

    def _serve(
        self, request: EvaluatePaths.Request, response: EvaluatePaths.Response
    ) -> EvaluatePaths.Response:
        def work() -> None:
            sent = request.costmap
            has_map = bool(sent.data or sent.info.width or sent.info.height)
            grid = grid_from(sent) if has_map else self._newest_grid()
            plan = self._evaluated(request.goal, request.paths, grid, request=request)
            response.evaluation = self._published(plan, request.paths)

        return guarded(response, work, self._error)

    def _on_candidates(self, message: CandidatePaths) -> None:
        def work() -> None:
            plan = self._evaluated(
                message.goal,
                message.paths,
                self._newest_grid(),
                frame_id=message.header.frame_id,
                stamp=nanoseconds(message.header.stamp),
            )
            self._published(plan, message.paths)

        response = guarded(EvaluatePaths.Response(), work, lambda text: None)
        if response.error_code:
            self._log.warn("candidate_paths", f"candidate_paths: {response.error_msg}")

    def _evaluated(
        self,
        goal: str,
        paths: list[Path],
        grid: OccupancyGrid,
        *,
        frame_id: str = "",
        stamp: int = 0,
        request: EvaluatePaths.Request | None = None,
    ) -> PlanEvaluation:
        candidates = [candidate_from(path, frame_id or grid.frame_id) for path in paths]
        stamp = stamp or max((nanoseconds(path.header.stamp) for path in paths), default=0)
        stamp = stamp or self._clock.now().nanoseconds  # paths without a stamp are of now

        def work(pipeline: Pipeline) -> PlanEvaluation:
            return pipeline.perception.evaluate_paths(
                goal,
                candidates,
                grid=grid,
                frames=pipeline.newest_frames,
                wishes=[wish_from(w) for w in request.wishes] if request else (),
                hard_limits=[limit_from(w) for w in request.limits] if request else (),
                stamp=stamp,
            )

        plan: PlanEvaluation = self._requests.run(work)
        return plan

    def _published(self, plan: PlanEvaluation, paths: list[Path]) -> PlanEvaluationMsg:
        message = plan_msg(plan)
        self._evaluations.publish(message)
        if self._markers.get_subscription_count():
            self._markers.publish(markers_msg(plan, paths))
        return message


def markers_msg(plan: PlanEvaluation, paths: list[Path]) -> MarkerArray:
    """Paths coloured from red (worst) over yellow to green (best), grey where not feasible."""
    markers = [Marker(action=Marker.DELETEALL)]
    for score, path in zip(plan.paths, paths, strict=True):
        if path.poses:
            markers += _path_markers(plan, score, path)
    return MarkerArray(markers=markers)


def _path_markers(plan: PlanEvaluation, score: PathScore, path: Path) -> list[Marker]:
    colour = _colour(score)
    head = header(plan.stamp, path.header.frame_id or plan.frame_id)
    line = _marker(head, "paths", score.index, Marker.LINE_STRIP, colour)
    best = score.index == plan.best_index
    line.scale.x = LINE_WIDTH * (2 if best else 1)
    line.points = [p.pose.position for p in path.poses]
    label = _marker(head, "labels", score.index, Marker.TEXT_VIEW_FACING, colour)
    label.scale.z = 0.2
    end = path.poses[-1].pose.position
    label.pose.position = Point(x=end.x, y=end.y, z=end.z + 0.2)
    total = f"{score.total:.2f}" if score.feasible else score.violations[0]
    label.text = f"{score.index}: {total}{' best' if best else ''}"
    return [line, label]


def _marker(head: Any, name: str, index: int, kind: int, colour: ColorRGBA) -> Marker:
    marker = Marker(header=head, ns=name, id=index, type=kind, action=Marker.ADD, color=colour)
    marker.pose.orientation.w = 1.0
    return marker


def _colour(score: PathScore) -> ColorRGBA:
    if not score.feasible:
        return ColorRGBA(r=0.5, g=0.5, b=0.5, a=0.8)
    good = min(max(score.total, 0.0), 1.0)
    return ColorRGBA(r=min(1.0, 2 - 2 * good), g=min(1.0, 2 * good), b=0.1, a=0.9)
