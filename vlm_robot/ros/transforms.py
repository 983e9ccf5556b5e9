"""/tf and /tf_static into the frame tree; needs no tf2, so it works wherever rclpy does."""

from __future__ import annotations

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from vlm_robot.geometry.transforms import FrameTree
from vlm_robot.messages import add_transforms
from vlm_robot.ros.slow_log import SlowLog

QUEUE = 100


class TransformListener:
    """Feeds a frame tree from the graph; a transform that is none is complained about."""

    def __init__(self, node: Node, tree: FrameTree, log: SlowLog) -> None:
        self._node = node
        self._tree = tree
        self._log = log
        group = MutuallyExclusiveCallbackGroup()
        latched = QoSProfile(depth=QUEUE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._subscriptions = [
            node.create_subscription(TFMessage, "/tf", self._on_tf, QUEUE, callback_group=group),
            node.create_subscription(
                TFMessage, "/tf_static", self._on_static, latched, callback_group=group
            ),
        ]

    def close(self) -> None:
        """Unsubscribe."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)

    def _on_tf(self, message: TFMessage) -> None:
        self._add(message, static=False)

    def _on_static(self, message: TFMessage) -> None:
        self._add(message, static=True)

    def _add(self, message: TFMessage, *, static: bool) -> None:
        for complaint in add_transforms(self._tree, message, static=static):
            self._log.warn("tf", complaint)
