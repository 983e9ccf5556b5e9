"""The node's life: configure, activate, deactivate, cleanup; and the process around it."""

from __future__ import annotations

import signal
import threading
import time

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
from graph import TIMEOUT, wait_until
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

from vlm_robot.perception import Perception

TOPIC = "/camera/image_raw"


def change(graph, transition):
    request = ChangeState.Request(transition=Transition(id=transition))
    return graph.call(ChangeState, "/vlm_robot/change_state", request).success


def test_a_lifecycle_manager_takes_it_through_its_states(make_graph):
    graph = make_graph()
    assert change(graph, Transition.TRANSITION_CONFIGURE)
    results = graph.detections()
    assert change(graph, Transition.TRANSITION_ACTIVATE)
    publisher = graph.publisher(Image, TOPIC)
    graph.send_until(publisher, graph.image, results)
    assert change(graph, Transition.TRANSITION_DEACTIVATE)
    wait_until(lambda: not publisher.get_subscription_count(), "end of the subscription")
    assert change(graph, Transition.TRANSITION_ACTIVATE)
    wait_until(publisher.get_subscription_count, "subscription")
    graph.send_until(publisher, graph.image, results, len(results) + 1)
    assert change(graph, Transition.TRANSITION_DEACTIVATE)
    assert change(graph, Transition.TRANSITION_CLEANUP)
    assert graph.node._pipeline is None


OFFERED = {
    "/vlm_robot/camera/detections": "vision_msgs/msg/Detection2DArray",
    "/vlm_robot/camera/detections_3d": "vision_msgs/msg/Detection3DArray",
    "/vlm_robot/camera/annotated": "sensor_msgs/msg/Image",
    "/vlm_robot/camera/annotated/compressed": "sensor_msgs/msg/CompressedImage",
    "/vlm_robot/plan_evaluation": "vlm_robot_msgs/msg/PlanEvaluation",
    "/vlm_robot/plan_markers": "visualization_msgs/msg/MarkerArray",
    "/vlm_robot/answer": "vlm_robot_msgs/msg/GroundedAnswer",
    "/diagnostics": "diagnostic_msgs/msg/DiagnosticArray",
    "/vlm_robot/candidate_paths": "vlm_robot_msgs/msg/CandidatePaths",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/vlm_robot/detect": "vlm_robot_msgs/srv/Detect",
    "/vlm_robot/ask": "vlm_robot_msgs/srv/Ask",
    "/vlm_robot/evaluate_paths": "vlm_robot_msgs/srv/EvaluatePaths",
    "/vlm_robot/set_prompts": "vlm_robot_msgs/srv/SetPrompts",
    "/vlm_robot/ask_stream/_action/send_goal": "vlm_robot_msgs/action/AskStream_SendGoal",
}


def test_the_graph_shows_the_interface_of_the_docs(make_graph):
    graph = make_graph().start()

    def shown():
        both = graph.client.get_topic_names_and_types() + (
            graph.client.get_service_names_and_types()
        )
        return {name: types[0] for name, types in both}

    wait_until(lambda: shown().items() >= OFFERED.items(), "the whole interface")


def test_cleanup_ends_the_inference_thread(make_graph):
    graph = make_graph().start()
    thread = graph.node._pipeline.inference
    graph.node.trigger_deactivate()
    graph.node.trigger_cleanup()
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("model", "text"),
    [
        pytest.param("/no/such/folder", "/no/such/folder", id="folder"),
        pytest.param("someone/some-model", "hf download someone/some-model", id="hub id"),
    ],
)
def test_a_model_that_cannot_be_loaded_fails_configure_with_the_mend(
    make_graph, capfd, model, text
):
    graph = make_graph({"detector": model})
    assert graph.node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert text in capfd.readouterr().err


def test_after_a_failed_configure_another_model_can_be_set(make_graph, tiny_checkpoint):
    graph = make_graph({"detector": "/no/such/folder"})
    graph.node.trigger_configure()
    folder = str(tiny_checkpoint("owlv2"))
    assert graph.node.set_parameters([Parameter("detector", value=folder)])[0].successful
    assert graph.node.trigger_configure() == TransitionCallbackReturn.SUCCESS


def without_kernels(settings):
    perception = Perception.load(settings)

    def warm_up():
        raise RuntimeError("no kernel image is available")

    perception.warm_up = warm_up
    return perception


@pytest.mark.parametrize(
    ("load", "parameters", "text"),
    [
        pytest.param(without_kernels, {}, "RuntimeError: no kernel image", id="warm-up"),
        pytest.param(
            Perception.load,
            {"camera.image": "/no topic"},
            "must not contain characters",
            id="topic",
        ),
    ],
)
def test_whatever_fails_configure_is_told_with_its_traceback(
    make_graph, capfd, load, parameters, text
):
    graph = make_graph({"cameras": ["camera"]} | parameters, load=load)
    assert graph.node.trigger_configure() == TransitionCallbackReturn.FAILURE
    said = capfd.readouterr().err
    assert "configure failed: " in said
    assert text in said
    assert "Traceback" in said
    assert not graph.client.get_publishers_info_by_topic("/vlm_robot/camera/detections")


def test_after_a_failed_activate_the_node_is_as_new(make_graph, capfd):
    graph = make_graph()
    graph.node.trigger_configure()
    thread = graph.node._pipeline.inference

    def fail():
        raise RuntimeError("no subscription")

    graph.node._pipeline.activate = fail
    assert graph.node.trigger_activate() == TransitionCallbackReturn.ERROR
    assert "activate failed: RuntimeError: no subscription" in capfd.readouterr().err
    assert not thread.is_alive()
    assert graph.node.start()


def test_deactivate_in_the_middle_of_inference_publishes_nothing_more(make_graph):
    entered, go = threading.Event(), threading.Event()

    def load(settings):
        perception = Perception.load(settings)
        detect = perception.detector.detect

        def slow(*arguments):
            entered.set()
            go.wait(TIMEOUT)
            return detect(*arguments)

        perception.warm_up = lambda: 0.0
        perception.detector.detect = slow
        return perception

    graph = make_graph(load=load).start()
    results = graph.detections()
    publisher = graph.publisher(Image, TOPIC)
    publisher.publish(graph.image())
    assert entered.wait(TIMEOUT)
    graph.node.trigger_deactivate()
    go.set()
    counts = graph.node._pipeline.scheduler.counts
    wait_until(lambda: counts()["camera"].dropped, "the dropped frame")
    assert not results
    graph.node.trigger_activate()
    wait_until(publisher.get_subscription_count, "subscription")
    graph.send_until(publisher, graph.image, results)


def test_a_setting_that_needs_a_new_configure_is_refused_with_that_mend(make_graph):
    graph = make_graph().start()
    result = graph.node.set_parameters([Parameter("device", value="cpu")])[0]
    assert not result.successful
    assert "deactivate and clean up first" in result.reason


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("threshold", float("nan"), id="nan"),
        pytest.param("threshold", -0.5, id="negative"),
        pytest.param("prompts", [""], id="empty prompt"),
        pytest.param("prompts", ["x" * 10_000], id="10 kB prompt"),
        pytest.param("prompt_thresholds", [0.1], id="too few thresholds"),
        pytest.param("max_rate", -1.0, id="negative rate"),
    ],
)
def test_a_wrong_parameter_is_refused_and_the_old_one_stays(make_graph, name, value):
    graph = make_graph()
    old = graph.node.settings
    result = graph.node.set_parameters([Parameter(name, value=value)])[0]
    assert not result.successful
    assert result.reason
    assert graph.node.settings == old


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_with_0_within_2_s_and_no_traceback(
    run_node, tiny_checkpoint, number
):
    node = run_node(f"detector:={tiny_checkpoint('owlv2')}")
    wait_until(lambda: "has no publisher" in node.text, "start")
    start = time.monotonic()
    node.process.send_signal(number)
    assert node.end() == 0
    assert time.monotonic() - start < 2.0
    assert "Traceback" not in node.text


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        pytest.param("detector:=/no/model", "configure failed", id="model"),
        pytest.param("threshold:=7.0", "threshold", id="threshold"),
        pytest.param("cameras:=['a b']", "camera name 'a b'", id="camera name"),
    ],
)
def test_a_wrong_start_ends_with_1_and_one_clear_line(run_node, parameter, text):
    node = run_node(parameter)
    assert node.end() == 1
    assert text in node.text
    assert "Traceback" not in node.text
