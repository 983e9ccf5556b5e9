"""The services and the action: each a job of the inference thread, with a deadline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMsg
from vlm_robot_msgs.action import AskStream
from vlm_robot_msgs.msg import Exemplar as ExemplarMsg
from vlm_robot_msgs.msg import GroundedAnswer
from vlm_robot_msgs.srv import Ask, Detect, SetPrompts

from vlm_robot.answering.answerer import AnswerCancelled, CancelToken, DeadlineExceeded
from vlm_robot.detection.prompts import Exemplar
from vlm_robot.messages import frame_from, image_from
from vlm_robot.ros.conversions import (
    answer_msg,
    boxes_from,
    detections_2d_msg,
    detections_3d_msg,
)
from vlm_robot.ros.pipeline import NoFrameError, Pipeline, StaleFrameError, UnknownCameraError
from vlm_robot.scheduler import RequestDeadlineError, SchedulerBusyError, SchedulerClosedError
from vlm_robot.settings import Settings
from vlm_robot.types import Answer, Frame, InputError


class NotActiveError(Exception):
    """The node isn't active."""


class NoCostmapError(Exception):
    """There is no map to check paths against."""


SERVICE_QOS = QoSProfile(depth=200)
"""ROS's own depth of 10 loses requests of a burst, without a word to who asked."""

_CODES = Detect.Response
ERROR_CODES: tuple[tuple[type[Exception], int], ...] = (
    (InputError, _CODES.INVALID_REQUEST),
    (UnknownCameraError, _CODES.UNKNOWN_CAMERA),
    (NoFrameError, _CODES.NO_FRAME),
    (StaleFrameError, _CODES.STALE_FRAME),
    (NotActiveError, _CODES.NOT_ACTIVE),
    (SchedulerClosedError, _CODES.NOT_ACTIVE),
    (SchedulerBusyError, _CODES.BUSY),
    (RequestDeadlineError, _CODES.DEADLINE),
    (DeadlineExceeded, _CODES.DEADLINE),
    (TimeoutError, _CODES.DEADLINE),
    (AnswerCancelled, _CODES.CANCELLED),
    (NoCostmapError, _CODES.NO_COSTMAP),
)


def guarded(response: Any, work: Callable[[], None], log: Callable[[str], object]) -> Any:
    """Do `work`; whatever fails is told by the response's error code and text."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - a request must be answered, whatever failed
        known = (code for kind, code in ERROR_CODES if isinstance(error, kind))
        response.error_code = next(known, _CODES.MODEL_FAILED)
        response.error_msg = str(error) or "the request took longer than request_deadline"
        if response.error_code == _CODES.MODEL_FAILED:
            response.error_msg = f"{type(error).__name__}: {error}"
            log(f"a request failed: {response.error_msg}")
    return response


class Requests:
    """Serves `detect`, `set_prompts`, `ask` and `ask_stream`.

    Args:
        pipeline: what runs now.
        settings: the settings now.
        on_prompts: called after `set_prompts` with phrases and thresholds, to keep the
            parameters equal.

    Raises (from `pipeline`):
        NotActiveError: nothing runs.
    """

    def __init__(
        self,
        node: LifecycleNode,
        *,
        pipeline: Callable[[], Pipeline],
        settings: Callable[[], Settings],
        on_prompts: Callable[[tuple[str, ...], tuple[float, ...]], None],
    ) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._on_prompts = on_prompts
        self._log = node.get_logger().error
        self._cancels: dict[bytes, CancelToken] = {}
        group = ReentrantCallbackGroup()
        for kind, name, handler in (
            (Detect, "detect", self._detect),
            (SetPrompts, "set_prompts", self._set_prompts),
            (Ask, "ask", self._ask),
        ):
            node.create_service(
                kind, f"~/{name}", handler, qos_profile=SERVICE_QOS, callback_group=group
            )
        self._answers = node.create_publisher(GroundedAnswer, "~/answer", 10)
        self._action = ActionServer(
            node,
            AskStream,
            "~/ask_stream",
            self._ask_stream,
            cancel_callback=self._cancel,
            callback_group=group,
        )

    def run(self, work: Callable[[Pipeline], Any]) -> Any:
        """Run `work` on the inference thread and wait for its result.

        Raises:
            NotActiveError, SchedulerBusyError, TimeoutError: it wasn't done; or what it raised.
        """
        pipeline = self._pipeline()
        seconds = self._settings().request_deadline
        future = pipeline.scheduler.request(lambda: work(pipeline), timeout=seconds)
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    def _detect(self, request: Detect.Request, response: Detect.Response) -> Detect.Response:
        def work() -> None:
            frame = self._frame(request.camera, request.image)
            observation = self.run(lambda p: _detected(p, request, frame))
            response.detections = detections_2d_msg(observation)
            response.detections_3d = detections_3d_msg(observation)

        return guarded(response, work, self._log)

    def _set_prompts(
        self, request: SetPrompts.Request, response: SetPrompts.Response
    ) -> SetPrompts.Response:
        def work() -> None:
            exemplars = [_exemplar(message) for message in request.exemplars]
            phrases, thresholds = tuple(request.prompts), tuple(request.thresholds)
            prompts = self.run(
                lambda p: p.perception.set_prompts(
                    phrases, thresholds=thresholds, exemplars=exemplars
                )
            )
            response.version = prompts.version
            kept = prompts.thresholds[: len(prompts.phrases)] if thresholds else ()
            self._on_prompts(prompts.phrases, kept)

        return guarded(response, work, self._log)

    def _ask(self, request: Ask.Request, response: Ask.Response) -> Ask.Response:
        def work() -> None:
            token = self._cancel_token()
            response.answer = answer_msg(self._answered(request, token, None))
            self._answers.publish(response.answer)

        return guarded(response, work, self._log)

    def _ask_stream(self, goal: ServerGoalHandle) -> AskStream.Result:
        text = ""

        def on_text(token: str) -> None:
            nonlocal text
            text += token
            goal.publish_feedback(AskStream.Feedback(text=text, token=token))

        def work() -> None:
            result.answer = answer_msg(self._answered(goal.request, token, on_text))
            self._answers.publish(result.answer)

        result = AskStream.Result()
        key = bytes(goal.goal_id.uuid)
        token = self._cancels[key] = self._cancel_token()
        if goal.is_cancel_requested:
            token.cancel()
        guarded(result, work, self._log)
        del self._cancels[key]
        if result.error_code == _CODES.NONE:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        return result

    def _cancel(self, goal: ServerGoalHandle) -> CancelResponse:
        if token := self._cancels.get(bytes(goal.goal_id.uuid)):
            token.cancel()
        return CancelResponse.ACCEPT

    def _cancel_token(self) -> CancelToken:
        return CancelToken.after(self._settings().request_deadline)

    def _answered(
        self, request: Any, token: CancelToken, on_text: Callable[[str], None] | None
    ) -> Answer:
        frame = self._frame(request.camera, request.image)
        answer: Answer = self.run(
            lambda p: p.perception.ask(request.question, frame(p), cancel=token, on_text=on_text)
        )
        return answer

    def _frame(self, camera: str, image: ImageMsg) -> Callable[[Pipeline], Frame]:
        """Decodes the image of a request, or the newest of a camera, when its turn comes."""
        if image.data:
            return lambda pipeline: frame_from(camera, image)
        self._pipeline().newest(camera)  # refused before it waits for its turn
        return lambda pipeline: pipeline.newest(camera).decode()


def _detected(
    pipeline: Pipeline, request: Detect.Request, frame: Callable[[Pipeline], Frame]
) -> Any:
    perception = pipeline.perception
    encoded = None
    if request.prompts or request.threshold:
        phrases = request.prompts or perception.prompts.phrases
        encoded = perception.encode(phrases, threshold=request.threshold)
    return perception.detect([frame(pipeline)], encoded)[0]


def _exemplar(message: ExemplarMsg) -> Exemplar:
    image: ImageMsg | CompressedImage = message.image
    if not message.image.data:
        if not message.compressed_image.data:
            raise InputError(f"exemplar '{message.name}' has no image")
        image = message.compressed_image
    return Exemplar(message.name, image_from(image), boxes_from(message.boxes))
