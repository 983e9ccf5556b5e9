"""An executor that outlives what is destroyed while it spins."""

from __future__ import annotations

from typing import Any

from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor, TimeoutException


class SteadyExecutor(MultiThreadedExecutor):
    """A `MultiThreadedExecutor` to which a camera that goes is no reason to stop.

    A node that unsubscribes in one thread while another gathers what to wait for may meet events
    of the destroyed subscription: rclpy notices, forgets to leave them out, and raises
    (https://github.com/ros2/rclpy/issues/1142). The next round doesn't meet them any more.
    """

    def wait_for_ready_callbacks(self, *args: Any, **kwargs: Any) -> Any:
        """As rclpy's; a round that met a destroyed handle ends as one in which nothing came."""
        try:
            return super().wait_for_ready_callbacks(*args, **kwargs)
        except InvalidHandle as error:
            if not self.context.ok():
                raise
            raise TimeoutException from error
