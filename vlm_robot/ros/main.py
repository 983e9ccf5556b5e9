"""The node as a process: start, signals, exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from vlm_robot.ros.node import PerceptionNode

SPIN_SECONDS = 0.2
LOG_SECONDS = 1.0
"""Failures of callbacks are logged at most this often."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM, then end the process.

    Its exit code is 0 after a signal, and 1 when a parameter is wrong or autostart could not
    configure.
    """
    # The imports below take seconds; until they are done a signal just ends the process.
    on_signal(lambda: os._exit(0))
    import rclpy
    from rclpy.signals import SignalHandlerOptions

    from vlm_robot.ros.node import PerceptionNode
    from vlm_robot.types import InputError

    stop = threading.Event()
    on_signal(stop.set)
    logging.basicConfig(level=logging.WARNING, format="[%(levelname)s] %(name)s: %(message)s")
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = PerceptionNode()
    except InputError as error:
        print(f"vlm_robot: {error}", file=sys.stderr)
        rclpy.shutdown()
        return 1
    return _run(node, stop)


def on_signal(action: Callable[[], object]) -> None:
    """Do this on SIGINT and SIGTERM, in place of what was done before."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: action())


def _run(node: PerceptionNode, stop: threading.Event) -> NoReturn:
    """Serve until `stop` is set, or ROS is shut down, then end the process."""
    executor = node.make_executor()
    failed = threading.Event()
    if node.settings.autostart:
        threading.Thread(target=_autostart, args=(node, stop, failed), daemon=True).start()
    while not stop.is_set() and node.context.ok():
        try:
            executor.spin_once(timeout_sec=SPIN_SECONDS)
        except Exception:  # noqa: BLE001 - one callback that fails must not end the others
            text = f"a callback failed, the node goes on:\n{traceback.format_exc()}"
            node.get_logger().error(text, throttle_duration_sec=LOG_SECONDS)
    node.close()
    node.context.try_shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A model call can't be interrupted, and python would wait for its thread, then for torch's.
    os._exit(int(failed.is_set()))


def _autostart(node: PerceptionNode, stop: threading.Event, failed: threading.Event) -> None:
    if not node.start():
        failed.set()
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
