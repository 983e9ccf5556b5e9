"""Services and the action: results, error codes, deadlines, prompts in flight."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import cv2
import numpy as np
from action_msgs.msg import GoalStatus
from graph import TIMEOUT, picture, wait_until
from rclpy.action import ActionClient
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from vision_msgs.msg import BoundingBox2D
from vlm_robot_msgs.action import AskStream
from vlm_robot_msgs.msg import Exemplar, GroundedAnswer
from vlm_robot_msgs.srv import Ask, Detect, SetPrompts

from vlm_robot.perception import Perception
from vlm_robot.ros.conversions import header, image_msg
from vlm_robot.ros.requests import SERVICE_QOS

TOPIC = "/camera/image_raw"
CODES = Detect.Response


class HeldDetector:
    """A real detector whose forward pass waits until the test lets it go."""

    def __init__(self, detector):
        self._detector = detector
        self.info = detector.info
        self.encode = detector.encode
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.failure = None

    def detect(self, images, prompts, options):
        self.entered.release()
        assert self.go.wait(TIMEOUT)
        if self.failure:
            raise self.failure
        return self._detector.detect(images, prompts, options)


@pytest.fixture
def held_graph(make_graph):
    """A running node, its detector to be held, its results, and its image publisher."""

    def load(settings):
        perception = Perception.load(settings)
        perception.detector = HeldDetector(perception.detector)
        return perception

    graph = make_graph(load=load).start()
    graph.detector = graph.node._pipeline.perception.detector
    graph.results = graph.detections()
    graph.images = graph.publisher(Image, TOPIC)
    graph.send_until(graph.images, graph.image, graph.results)
    yield graph
    graph.detector.go.set()


def hold(graph):
    """Send a frame and return when the detector has it and waits."""
    while graph.detector.entered.acquire(blocking=False):
        pass
    graph.detector.go.clear()
    graph.images.publish(graph.image())
    assert graph.detector.entered.acquire(timeout=TIMEOUT)


def test_detect_looks_at_the_image_that_was_sent(make_graph):
    graph = make_graph().start()
    image = image_msg(header(5, "lens"), picture(1, width=320, height=200))
    request = Detect.Request(prompts=["bed"], image=image)
    response = graph.call(Detect, "/vlm_robot/detect", request)
    assert (response.error_code, response.error_msg) == (CODES.NONE, "")
    assert response.detections.header == image.header
    names = {d.results[0].hypothesis.class_id for d in response.detections.detections}
    assert names == {"bed"}


def test_detect_without_image_looks_at_the_newest_frame(held_graph):
    response = held_graph.call(Detect, "/vlm_robot/detect", Detect.Request())
    assert response.error_code == CODES.NONE
    assert response.detections.header.frame_id == "camera_optical_frame"


def broken_image(**fault):
    image = image_msg(header(0, ""), picture())
    for name, value in fault.items():
        setattr(image, name, value)
    return image


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        pytest.param({"camera": "hand"}, CODES.UNKNOWN_CAMERA, "there are camera", id="camera"),
        pytest.param({}, CODES.NO_FRAME, "has sent no image yet", id="no frame yet"),
        pytest.param({"prompts": [" "]}, CODES.NO_FRAME, "no image", id="no frame, bad prompt"),
        pytest.param(
            {"prompts": [" "], "image": broken_image()},
            CODES.INVALID_REQUEST,
            "a prompt is empty",
            id="empty prompt",
        ),
        pytest.param(
            {"threshold": float("nan"), "image": broken_image()},
            CODES.INVALID_REQUEST,
            "threshold nan",
            id="nan threshold",
        ),
        pytest.param(
            {"threshold": -1.0, "image": broken_image()},
            CODES.INVALID_REQUEST,
            "must be in 0..1",
            id="negative threshold",
        ),
        pytest.param(
            {"image": broken_image(encoding="x")},
            CODES.INVALID_REQUEST,
            "encoding",
            id="unknown encoding",
        ),
        pytest.param(
            {"prompts": [f"thing {n}" for n in range(1001)], "image": broken_image()},
            CODES.INVALID_REQUEST,
            "1000 are the most",
            id="1001 prompts",
        ),
    ],
)
def test_a_wrong_detect_request_is_refused_with_its_mend(make_graph, request_, code, text):
    graph = make_graph().start()
    response = graph.call(Detect, "/vlm_robot/detect", Detect.Request(**request_))
    assert response.error_code == code
    assert text in response.error_msg


@pytest.mark.parametrize(
    ("service", "name", "request_"),
    [
        (Detect, "detect", Detect.Request()),
        (Ask, "ask", Ask.Request(question="is there a chair?")),
    ],
    ids=["detect", "ask"],
)
def test_an_old_frame_is_refused(held_graph, service, name, request_):
    held_graph.node.set_parameters([Parameter("max_frame_age", value=0.01)])
    response = held_graph.call(service, f"/vlm_robot/{name}", request_)
    assert response.error_code == CODES.STALE_FRAME
    assert "max_frame_age is 0.01 s" in response.error_msg


def test_requests_are_refused_while_not_active(make_graph):
    graph = make_graph()
    response = graph.call(Detect, "/vlm_robot/detect", Detect.Request())
    assert response.error_code == CODES.NOT_ACTIVE
    assert "the node is unconfigured" in response.error_msg


@pytest.mark.parametrize("phrases", [["🪑", "椅子", "стул"], [f"thing {n}" for n in range(100)]])
def test_any_text_may_be_a_prompt(held_graph, phrases):
    response = held_graph.call(
        SetPrompts, "/vlm_robot/set_prompts", SetPrompts.Request(prompts=phrases)
    )
    assert (response.error_code, response.error_msg) == (CODES.NONE, "")
    assert held_graph.node.get_parameter("prompts").value == phrases


def test_results_in_flight_keep_the_prompts_they_were_asked_with(held_graph):
    hold(held_graph)
    count = len(held_graph.results)
    done = threading.Event()
    client = held_graph.client.create_client(SetPrompts, "/vlm_robot/set_prompts")
    future = client.call_async(SetPrompts.Request(prompts=["bed", "lamp"]))
    future.add_done_callback(lambda _: done.set())
    assert not done.is_set()
    held_graph.detector.go.set()
    assert done.wait(TIMEOUT)
    wait_until(lambda: len(held_graph.results) > count, "the result in flight")
    in_flight = held_graph.results[count]
    old = {d.results[0].hypothesis.class_id for d in in_flight.detections}
    assert old
    assert old <= {"chair", "red mug"}
    count = len(held_graph.results)
    held_graph.send_until(held_graph.images, held_graph.image, held_graph.results, count + 1)
    new = {d.results[0].hypothesis.class_id for d in held_graph.results[-1].detections}
    assert new
    assert new <= {"bed", "lamp"}


def test_prompts_change_by_parameter(held_graph):
    results = held_graph.node.set_parameters([Parameter("prompts", value=["lamp"])])
    assert results[0].successful

    def lamp_only():
        held_graph.images.publish(held_graph.image())
        return _phrases(held_graph.results[-1]) == {"lamp"}

    wait_until(lamp_only, "results of the new prompt")


def _phrases(message):
    return {d.results[0].hypothesis.class_id for d in message.detections}


def test_an_exemplar_is_a_prompt_like_any_other(held_graph):
    data = cv2.imencode(".png", np.ascontiguousarray(picture(3)))[1].tobytes()
    box = BoundingBox2D(size_x=20.0, size_y=20.0)
    box.center.position.x = box.center.position.y = 20.0
    exemplar = Exemplar(name="my mug", boxes=[box])
    exemplar.compressed_image.data = data
    request = SetPrompts.Request(prompts=["chair"], exemplars=[exemplar])
    response = held_graph.call(SetPrompts, "/vlm_robot/set_prompts", request)
    assert (response.error_code, response.error_msg) == (CODES.NONE, "")
    labels = held_graph.node._pipeline.perception.prompts.labels
    assert labels == ("chair", "my mug")


@pytest.mark.parametrize(
    ("exemplar", "text"),
    [
        pytest.param(Exemplar(name="mug"), "has no image", id="no image"),
        pytest.param(
            Exemplar(name="mug", image=broken_image()), "needs at least one box", id="no box"
        ),
    ],
)
def test_a_wrong_exemplar_is_refused_and_the_old_prompts_stay(held_graph, exemplar, text):
    request = SetPrompts.Request(prompts=["bed"], exemplars=[exemplar])
    response = held_graph.call(SetPrompts, "/vlm_robot/set_prompts", request)
    assert response.error_code == CODES.INVALID_REQUEST
    assert text in response.error_msg
    assert held_graph.node.get_parameter("prompts").value == ["chair", "red mug"]


def test_a_failing_model_is_told_and_the_node_goes_on(held_graph):
    held_graph.detector.failure = RuntimeError("device lost")
    response = held_graph.call(Detect, "/vlm_robot/detect", Detect.Request())
    assert response.error_code == CODES.MODEL_FAILED
    assert response.error_msg == "RuntimeError: device lost"
    held_graph.images.publish(held_graph.image())
    level, _, _ = held_graph.status("model", lambda s: "device lost" in s.message)
    assert level == b"\x02"
    held_graph.detector.failure = None
    count = len(held_graph.results)
    held_graph.send_until(held_graph.images, held_graph.image, held_graph.results, count + 1)


def test_a_request_past_its_deadline_gets_an_error_in_time(held_graph):
    held_graph.node.set_parameters([Parameter("request_deadline", value=0.3)])
    hold(held_graph)
    response = held_graph.call(Ask, "/vlm_robot/ask", Ask.Request(question="is there a chair?"))
    assert response.error_code == CODES.DEADLINE


@pytest.mark.parametrize(
    ("service", "name", "request_"),
    [
        (Detect, "detect", Detect.Request()),
        (Ask, "ask", Ask.Request(question="is there a chair?")),
    ],
    ids=["detections", "questions"],
)
def test_many_requests_at_once_are_served_or_refused(held_graph, service, name, request_):
    hold(held_graph)
    client = held_graph.client.create_client(service, f"/vlm_robot/{name}", qos_profile=SERVICE_QOS)
    futures = [client.call_async(request_) for _ in range(100)]
    busy = [CODES.BUSY]

    def refused():
        return [f for f in futures if f.done() and f.result().error_code in busy]

    wait_until(refused, "a refusal")
    held_graph.detector.go.set()
    wait_until(lambda: all(f.done() for f in futures), "all responses")
    codes = {f.result().error_code for f in futures}
    assert codes == {CODES.NONE, CODES.BUSY}
    assert "ask again later" in refused()[0].result().error_msg


def test_an_answer_carries_its_images_header_and_goes_out_on_the_topic(held_graph):
    answers = held_graph.listen(GroundedAnswer, "/vlm_robot/answer")
    wait_until(lambda: held_graph.client.count_subscribers("/vlm_robot/answer"), "subscription")
    request = Ask.Request(question="How many chairs are there?")
    response = held_graph.call(Ask, "/vlm_robot/ask", request)
    assert response.error_code == CODES.NONE
    assert response.answer.header.frame_id == "camera_optical_frame"
    wait_until(lambda: answers, "the answer on the topic")
    assert answers[0] == response.answer


@pytest.mark.parametrize(
    ("request_", "code", "text"),
    [
        pytest.param({"question": ""}, CODES.INVALID_REQUEST, "is empty", id="empty"),
        pytest.param(
            {"question": "is it? " * 3000}, CODES.INVALID_REQUEST, "2000 are the most", id="20 kB"
        ),
        pytest.param(
            {"question": "is there a chair?", "camera": "hand"},
            CODES.UNKNOWN_CAMERA,
            "there are camera",
            id="camera unknown",
        ),
    ],
)
def test_a_wrong_question_is_refused(held_graph, request_, code, text):
    response = held_graph.call(Ask, "/vlm_robot/ask", Ask.Request(**request_))
    assert response.error_code == code
    assert text in response.error_msg


def test_a_question_before_the_first_frame_is_refused(make_graph):
    graph = make_graph().start()
    request = Ask.Request(question="is there a chair?")
    response = graph.call(Ask, "/vlm_robot/ask", request)
    assert response.error_code == CODES.NO_FRAME
    assert "has sent no image yet" in response.error_msg


@pytest.fixture
def send_goal(held_graph):
    action = ActionClient(held_graph.client, AskStream, "/vlm_robot/ask_stream")
    assert action.wait_for_server(TIMEOUT)

    def send(question, feedback=None):
        future = action.send_goal_async(
            AskStream.Goal(question=question), feedback_callback=feedback
        )
        wait_until(future.done, "the goal's acceptance")
        return future.result()

    yield send
    action.destroy()


def test_an_answer_streams_by_the_action(send_goal):
    feedback = []
    goal = send_goal("is there a chair?", feedback.append)
    future = goal.get_result_async()
    wait_until(future.done, "the result")
    assert future.result().status == GoalStatus.STATUS_SUCCEEDED
    assert future.result().result.answer.answer
    wait_until(lambda: feedback, "feedback")
    assert feedback[-1].feedback.text


def test_a_cancelled_question_ends_as_cancelled(held_graph, send_goal):
    hold(held_graph)
    goal = send_goal("is there a chair?")
    cancelled = goal.cancel_goal_async()
    wait_until(cancelled.done, "the cancel's response")
    held_graph.detector.go.set()
    future = goal.get_result_async()
    wait_until(future.done, "the result")
    assert future.result().status == GoalStatus.STATUS_CANCELED
    assert future.result().result.error_code == AskStream.Result.CANCELLED
