"""An executor that outlives what is destroyed while it spins."""

from __future__ import annotations

from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor, TimeoutObject


class SteadyExecutor(MultiThreadedExecutor):
    """A `MultiThreadedExecutor` to which a camera that goes is no reason to stop.

    A node that unsubscribes in one thread while another gathers what to wait for may meet events
    of the destroyed subscription: rclpy notices, forgets to leave them out, and raises
    (https://github.com/ros2/rclpy/issues/1142). The next round doesn't meet them any more.
    """

    def spin_once(self, timeout_sec: float | TimeoutObject | None = None) -> None:
        """Wait for one callback that is ready, and start it; `timeout_sec` in seconds."""
        try:
            super().spin_once(timeout_sec)
        except InvalidHandle:
            if not self.context.ok():
                raise
