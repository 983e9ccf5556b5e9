"""The inference thread: nothing that fails ends it, and everything that fails is told."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
from collections import Counter

from diagnostic_msgs.msg import DiagnosticStatus
from graph import TIMEOUT, wait_until

from vlm_robot.detection.detector import ModelInfo
from vlm_robot.ros.diagnostics import model_report
from vlm_robot.ros.inference import InferenceThread
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.scheduler import Scheduler


def fail(*_):
    raise RuntimeError("a fault")


class Lines(list):
    """A logger that keeps what was logged."""

    warning = info = list.append


class Rig:
    """A running inference thread over a camera `front`, with parts that a test makes fail."""

    def __init__(self):
        self.lines = Lines()
        self.published = []
        self.publish = self.published.append
        self.pull = lambda: None
        self.scheduler = Scheduler(("front",), pull=lambda: self.pull())
        self.scheduler.activate(True)
        self.perception = SimpleNamespace(
            detect=list,
            prompts=SimpleNamespace(labels=("mug",), version=1),
            detector=SimpleNamespace(info=ModelInfo("fake", "cpu", "float32", 0.3)),
            missing_3d=Counter(),
        )
        self.thread = InferenceThread(
            self.scheduler, self.perception, self._publish, SlowLog(self.lines)
        )
        self.thread.start()

    def _publish(self, observation):
        self.publish(observation)
        return True

    def offer(self, decode):
        self.scheduler.offer("front", SimpleNamespace(decode=decode))

    def count(self, name):
        return getattr(self.scheduler.counts()["front"], name)

    def still_works(self):
        self.publish = self.published.append
        self.pull = lambda: None
        self.offer(lambda: "good frame")
        wait_until(lambda: "good frame" in self.published, "the next result")
        return True


@pytest.fixture
def rig(ros):
    rig = Rig()
    yield rig
    rig.scheduler.close()
    rig.thread.join(TIMEOUT)


def test_a_result_that_cannot_be_published_is_told_and_counted(rig):
    rig.publish = fail
    rig.offer(lambda: "frame")
    wait_until(lambda: rig.count("failed") == 1, "the failed frame")
    assert rig.still_works()
    assert rig.lines == ["camera front: results can't be published: RuntimeError: a fault"]


def test_a_frame_whose_decoding_fails_is_told_and_counted(rig):
    rig.offer(fail)
    wait_until(lambda: rig.count("failed") == 1, "the failed frame")
    assert rig.still_works()
    assert rig.lines == ["camera front: RuntimeError: a fault"]


def test_a_fault_of_pulling_is_told_and_gone_on_with(rig):
    rig.pull = fail
    rig.offer(lambda: "frame")  # wakes the thread
    wait_until(lambda: rig.lines, "the complaint")
    assert rig.still_works()
    assert rig.lines == ["the inference thread failed: RuntimeError: a fault"]


def test_the_thread_ends_though_pulling_fails(rig):
    rig.pull = fail
    rig.offer(lambda: "frame")
    wait_until(lambda: rig.lines, "the complaint")
    rig.scheduler.close()
    rig.thread.join(TIMEOUT)
    assert not rig.thread.is_alive()


def test_diagnostics_call_an_ended_thread_an_error(rig):
    assert model_report("active", rig.perception, rig.thread).level == DiagnosticStatus.OK
    rig.scheduler.close()
    rig.thread.join(TIMEOUT)
    report = model_report("active", rig.perception, rig.thread)
    assert report.level == DiagnosticStatus.ERROR
    assert "inference thread has ended" in report.message


def test_diagnostics_read_reasons_while_they_are_counted(rig):
    class Count(int):
        """Counts another reason whenever it is compared, as the inference thread may."""

        def __lt__(self, other):
            rig.perception.missing_3d[f"reason {threading.get_ident()} {len(counter)}"] = 1
            return int(self) < int(other)

        __gt__ = None

    counter = rig.perception.missing_3d
    for number in range(20):
        counter[f"reason {number}"] = Count(number)
    values = model_report("active", rig.perception, rig.thread).values
    assert values["no 3D: reason 19"] == 19
