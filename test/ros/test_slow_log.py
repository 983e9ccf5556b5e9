"""Complaints: at once the first time, then slowly, from any thread."""

from __future__ import annotations

import sys
import threading

import pytest

from vlm_robot.ros.slow_log import CHANGED_AFTER, SlowLog


class Lines(list):
    """A logger that keeps what was logged."""

    warning = info = list.append


@pytest.fixture
def slow():
    """A slow log whose `now` the test moves, and its `lines`."""
    lines = Lines()
    log = SlowLog(lines, clock=lambda: log.now)
    log.now, log.lines = 0.0, lines
    return log


def test_a_text_with_a_number_is_logged_once_in_5_s(slow):
    for tick in range(300):
        slow.now = tick / 30
        slow.warn("camera.stamp", f"stamps go backwards, last by {slow.now:.3f} s")
    assert slow.lines == [
        f"stamps go backwards, last by {seconds:.3f} s" for seconds in (0.0, CHANGED_AFTER)
    ]
    assert slow.complaints == {"camera.stamp": f"stamps go backwards, last by {slow.now:.3f} s"}


def test_what_comes_and_goes_is_logged_once_in_5_s(slow):
    for slow.now in (0.0, 0.1, 0.2, CHANGED_AFTER):
        slow.warn("model", "inference failed")
        slow.clear("model", "inference works again")
    assert slow.lines == ["inference failed", "inference works again"] * 2


def test_complaints_are_read_while_other_threads_complain(slow):
    def complain(numbers):
        for number in numbers:
            slow.warn(f"subject {number}", "text")

    complain(range(20_000))  # so many that reading them takes a while
    thread = threading.Thread(target=complain, args=[range(20_000, 22_000)])
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        thread.start()
        while thread.is_alive():
            assert set(slow.complaints.values()) <= {"text"}
    finally:
        thread.join()
        sys.setswitchinterval(interval)
    assert len(slow.complaints) == 22_000
