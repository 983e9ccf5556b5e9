"""What runs while the node is configured: cameras, scheduler, inference thread, results."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future

from rclpy.lifecycle import LifecycleNode

from vlm_robot.perception import Perception
from vlm_robot.ros.cameras import CameraInput, RawFrame
from vlm_robot.ros.inference import InferenceThread
from vlm_robot.ros.results import CameraResults
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.ros.transforms import TransformListener
from vlm_robot.scheduler import Scheduler, SchedulerClosedError
from vlm_robot.settings import Settings
from vlm_robot.types import Frame, Observation

TRANSFORM_PATIENCE = 0.1
"""Seconds: /tf comes at 10 Hz or more, but often just after the image of its stamp."""
JOIN_SECONDS = 1.0
"""A model call can't be interrupted: at the end it is waited for this long, no longer."""


class NoFrameError(Exception):
    """There is no frame to look at. The text says of which camera, and why."""


class StaleFrameError(Exception):
    """The newest frame is too old to look at."""


class UnknownCameraError(Exception):
    """No camera has that name."""


class Pipeline:
    """From camera topics to result topics; made at configure, closed at cleanup."""

    def __init__(
        self, node: LifecycleNode, settings: Settings, perception: Perception, log: SlowLog
    ) -> None:
        self.perception = perception
        perception.transform_patience = TRANSFORM_PATIENCE
        self.active = False
        self._node = node
        self._settings = settings
        self._applied: Future[None] = Future()
        self._topics_lock = threading.Lock()
        self._newest: dict[str, RawFrame] = {}
        self.scheduler: Scheduler[RawFrame] = Scheduler(
            settings.cameras,
            request_queue=settings.request_queue,
            max_rate=settings.max_rate,
            pull=self._pull,
            on_idle=self._wake_executor,
        )
        # First: a wrong topic name is found out before there is anything to close.
        self._cameras = {name: self._camera(node, name, log) for name in settings.cameras}
        self._results = {name: CameraResults(node, name) for name in settings.cameras}
        self._transforms = TransformListener(node, perception.transforms, log)
        self.inference = InferenceThread(self.scheduler, perception, self._publish, log)
        self.inference.start()

    def activate(self) -> None:
        """Start taking frames."""
        self.active = True
        self.scheduler.activate(True)
        self.poll()

    def deactivate(self) -> None:
        """Stop taking frames; what is under way isn't published."""
        with self._topics_lock:  # a poll that came in between would subscribe again
            self.active = False
            self.scheduler.activate(False)
            self._newest.clear()
            for camera in self._cameras.values():
                camera.close()

    def poll(self) -> None:
        """Look for the cameras' topics, about once a second."""
        with self._topics_lock:
            for camera in self._cameras.values() if self.active else ():
                camera.poll()

    def apply(self, settings: Settings) -> None:
        """Take over settings that may change at run time; prompts change between two batches.

        Raises:
            SchedulerClosedError: the pipeline is being closed.
        """
        self._applied.cancel()  # where it still waits: these settings hold its own
        self._applied = self.scheduler.request(lambda: self.perception.apply(settings), own=True)
        self._applied.add_done_callback(self._tell_failure)
        self._settings = settings
        self.scheduler.set_max_rate(settings.max_rate)
        for camera in self._cameras.values():
            camera.set_depth_slop(settings.depth_slop)

    def close(self) -> bool:
        """End the thread and all topics. Returns whether the thread has ended in time."""
        self.deactivate()
        self.scheduler.close()
        self.inference.join(JOIN_SECONDS)
        self._transforms.close()
        for results in self._results.values():
            results.close()
        return not self.inference.is_alive()

    def newest(self, camera: str) -> RawFrame:
        """The newest frame of a camera (empty: the first).

        Raises:
            UnknownCameraError, NoFrameError, StaleFrameError: there is none to look at.
        """
        name = camera or self._settings.cameras[0]
        if name not in self._settings.cameras:
            raise UnknownCameraError(
                f"there is no camera '{name}': there are {', '.join(self._settings.cameras)}"
            )
        self._cameras[name].pull()
        frame = self._newest.get(name)
        if frame is None:
            topic = self._settings.camera(name).image
            raise NoFrameError(
                f"camera '{name}' has sent no image yet: is {topic} published? /diagnostics tells"
            )
        age = (time.monotonic_ns() - frame.received) / 1e9
        if age > self._settings.max_frame_age:
            raise StaleFrameError(
                f"the newest image of camera '{name}' came {age:.1f} s ago;"
                f" max_frame_age is {self._settings.max_frame_age:g} s"
            )
        return frame

    def newest_frames(self) -> list[Frame]:
        """The newest frame of each camera that has one which isn't too old."""
        frames = []
        for name in self._settings.cameras:
            try:
                frames.append(self.newest(name).decode())
            except (NoFrameError, StaleFrameError, ValueError):
                continue
        return frames

    def _camera(self, node: LifecycleNode, name: str, log: SlowLog) -> CameraInput:
        return CameraInput(
            node,
            name,
            self._settings.camera(name),
            depth_slop=self._settings.depth_slop,
            log=log,
            wanted=lambda: self.scheduler.wants(name),
            on_frame=self._on_frame,
            on_missed=lambda count: self.scheduler.miss(name, count),
        )

    def _tell_failure(self, applied: Future[None]) -> None:
        """Log why accepted settings aren't in force; at the end they need not be."""
        error = None if applied.cancelled() else applied.exception()
        if error is not None and not isinstance(error, SchedulerClosedError):
            self._node.get_logger().error(
                f"the new prompts were not taken, the old ones stay: {type(error).__name__}:"
                f" {error}"
            )

    def _pull(self) -> None:
        for camera in self._cameras.values():
            camera.pull()

    def _wake_executor(self) -> None:
        if self._node.executor is not None:
            self._node.executor.wake()

    def _on_frame(self, frame: RawFrame) -> None:
        self._newest[frame.camera] = frame
        self.scheduler.offer(frame.camera, frame, received=frame.received)

    def _publish(self, observation: Observation) -> bool:
        if not self.active:
            return False
        results = self._results[observation.frame.camera]
        results.publish(observation, jpeg_quality=self._settings.jpeg_quality)
        return True
