"""The node's executor goes on when a subscription goes while it gathers what to wait for."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.waitable import NumberOfEntities, Waitable
from std_msgs.msg import String

from vlm_robot.ros.steady_executor import SteadyExecutor


class Unsubscriber(Waitable):
    """Destroys a subscription when the executor has just listed it, as another thread may."""

    def __init__(self, node):
        super().__init__(ReentrantCallbackGroup())
        self.subscription = None
        self._node = node

    def __enter__(self):
        if self.subscription is not None:
            self._node.destroy_subscription(self.subscription)
            self.subscription = None

    def __exit__(self, *_):
        pass

    def get_num_entities(self):
        return NumberOfEntities()

    def add_to_wait_set(self, wait_set):
        pass

    def is_ready(self, wait_set):
        return False


@pytest.fixture
def node(ros):
    node = rclpy.create_node("unsubscribing")
    unsubscriber = Unsubscriber(node)
    node.add_waitable(unsubscriber)  # before the subscription, whose events come after it
    unsubscriber.subscription = node.create_subscription(String, "/gone", print, 1)
    yield node
    assert unsubscriber.subscription is None
    node.destroy_node()


def test_a_subscription_that_goes_stops_nothing(node):
    executor = SteadyExecutor(num_threads=2)
    executor.add_node(node)
    ticks = []
    node.create_timer(0.01, lambda: ticks.append(1))
    for _ in range(1000):
        executor.spin_once(timeout_sec=0.1)
        if ticks:
            break
    executor.shutdown()
    assert ticks
