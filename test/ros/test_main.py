"""The loop of the node's process."""

from __future__ import annotations

import os
import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")

from vlm_robot.ros import main


class Ended(BaseException):
    """Stands for the end of the process."""


class Node:
    """A node and its executor: each spin does the next of `spins`."""

    def __init__(self, *spins):
        self.spins = list(spins)
        self.errors = []
        self.closed = False
        self.settings = SimpleNamespace(autostart=False)
        self.context = SimpleNamespace(ok=lambda: self.ok, try_shutdown=lambda: None)
        self.ok = True

    def make_executor(self):
        return SimpleNamespace(spin_once=lambda timeout_sec: self.spins.pop(0)())

    def get_logger(self):
        return SimpleNamespace(error=lambda text, **_: self.errors.append(text))

    def close(self):
        self.closed = True


@pytest.fixture(autouse=True)
def end(monkeypatch):
    def end(code):
        raise Ended(code)

    monkeypatch.setattr(os, "_exit", end)


def test_a_callback_that_fails_is_logged_with_its_traceback_and_the_node_goes_on():
    def fail():
        raise RuntimeError("a callback's fault")

    stop = threading.Event()
    node = Node(fail, stop.set)
    with pytest.raises(Ended, match="0"):
        main._run(node, stop)
    assert node.closed
    assert "Traceback" in node.errors[0]
    assert "a callback's fault" in node.errors[0]


def test_the_process_ends_when_ros_is_shut_down():
    node = Node(lambda: setattr(node, "ok", False))
    with pytest.raises(Ended, match="0"):
        main._run(node, threading.Event())
    assert node.closed
