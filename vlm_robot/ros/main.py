"""The node as a process: start, signals, exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence

import rclpy
from rclpy.executors import MultiThreadedExecutor
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.signals import SignalHandlerOptions

from vlm_robot.ros.node import PerceptionNode
from vlm_robot.types import InputError

SPIN_SECONDS = 0.2
SPARE_THREADS = 8
"""Executor threads beyond those that may wait for requests, so that topics never wait."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM.

    Returns:
        0 after a signal; 1 when a parameter is wrong, or autostart could not configure.
    """
    logging.basicConfig(level=logging.WARNING, format="[%(levelname)s] %(name)s: %(message)s")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = PerceptionNode()
    except InputError as error:
        print(f"vlm_robot: {error}", file=sys.stderr)
        rclpy.shutdown()
        return 1
    return _run(node, stop)


def make_executor(node: PerceptionNode) -> MultiThreadedExecutor:
    """An executor of the node, with a thread for each request that may wait and some to spare."""
    executor = MultiThreadedExecutor(num_threads=node.settings.request_queue + SPARE_THREADS)
    executor.add_node(node)
    return executor


def _run(node: PerceptionNode, stop: threading.Event) -> int:
    executor = make_executor(node)
    failed = threading.Event()
    if node.settings.autostart:
        threading.Thread(
            target=_autostart, args=(node, stop, failed), name="autostart", daemon=True
        ).start()
    while not stop.is_set():
        executor.spin_once(timeout_sec=SPIN_SECONDS)
    ended = node.close()
    code = int(failed.is_set())
    if not ended:
        # A model call can't be interrupted, and python would wait for its thread.
        sys.stdout.flush()
        os._exit(code)
    executor.shutdown(timeout_sec=0.5)
    node.destroy_node()
    rclpy.shutdown()
    return code


def _autostart(node: PerceptionNode, stop: threading.Event, failed: threading.Event) -> None:
    if node.trigger_configure() == TransitionCallbackReturn.SUCCESS:
        node.trigger_activate()
    else:
        failed.set()
        stop.set()


if __name__ == "__main__":
    sys.exit(main())
