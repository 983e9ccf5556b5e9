"""Settings that change while the node runs: taken over whatever waits, or refused with a reason."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
from graph import TIMEOUT, picture, wait_until
from rclpy.parameter import Parameter

from vlm_robot.detection.prompts import Exemplar
from vlm_robot.types import InputError


@pytest.fixture
def graph(make_graph):
    graph = make_graph({"request_queue": 1}).start()
    graph.pipeline = graph.node._pipeline
    return graph


def changed(graph, name, value):
    return graph.node.set_parameters([Parameter(name, value=value)])[0]


def limits(graph):
    return graph.pipeline.perception._evaluator.limits


def test_a_full_queue_of_requests_holds_up_no_parameter(graph):
    go = threading.Event()
    entered = threading.Event()

    def hold():
        entered.set()
        go.wait(TIMEOUT)

    graph.pipeline.scheduler.request(hold, timeout=TIMEOUT)
    assert entered.wait(TIMEOUT)
    graph.pipeline.scheduler.request(lambda: None, timeout=TIMEOUT)
    try:
        assert changed(graph, "robot_radius", 0.7).successful
        assert changed(graph, "robot_radius", 0.8).successful
    finally:
        go.set()
    wait_until(lambda: limits(graph).radius == 0.8, "the new radius")


def test_prompts_that_the_model_cannot_take_are_told_and_hold_up_no_limit(graph, capfd):
    def refuse(prompts):
        raise InputError("the phrase is too long for the model")

    graph.pipeline.perception.detector.encode = refuse
    parameters = [Parameter("prompts", value=["lamp"]), Parameter("robot_radius", value=0.7)]
    assert graph.node.set_parameters_atomically(parameters).successful
    wait_until(lambda: limits(graph).radius == 0.7, "the new radius")
    said = []
    wait_until(lambda: said.append(capfd.readouterr().err) or "too long" in "".join(said), "log")
    assert "the new prompts were not taken, the old ones stay" in "".join(said)


def test_a_phrase_with_the_name_of_an_exemplar_is_refused(graph):
    mug = Exemplar("mug", picture(), np.float32([[1, 1, 30, 30]]))
    graph.pipeline.perception.set_prompts(["chair"], exemplars=[mug])
    result = changed(graph, "prompts", ["mug"])
    assert not result.successful
    assert "has the name of a phrase" in result.reason


def test_a_change_while_the_node_ends_is_refused(graph):
    graph.pipeline.scheduler.close()
    result = changed(graph, "threshold", 0.5)
    assert not result.successful
    assert "shutting down" in result.reason


def test_a_deactivate_within_a_poll_leaves_nothing_subscribed(graph):
    entered, go, events = threading.Event(), threading.Event(), []

    class Camera:
        def poll(self):
            entered.set()
            go.wait(TIMEOUT)
            events.append("subscribed")

        def pull(self):
            pass

        def close(self):
            events.append("closed")

    for camera in graph.pipeline._cameras.values():
        camera.close()
    graph.pipeline._cameras = {"camera": Camera()}
    assert entered.wait(TIMEOUT)  # by the timer that polls
    deactivating = threading.Thread(target=graph.node.trigger_deactivate)
    deactivating.start()
    deactivating.join(0.5)
    go.set()
    deactivating.join(TIMEOUT)
    wait_until(lambda: {"subscribed", "closed"} <= set(events), "both")
    assert events[-1] == "closed"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("treshold", "there is no setting 'treshold'", id="of the node"),
        pytest.param("left.depht", "camera 'left' has no setting 'depht'", id="of a camera"),
        pytest.param("rear.image", "'rear.image' is of camera 'rear'", id="of no camera"),
    ],
)
def test_a_misspelt_parameter_is_told(make_graph, capfd, name, told):
    make_graph({"cameras": ["left"], name: "/there"})
    assert f"a parameter is ignored: {told}" in capfd.readouterr().err
