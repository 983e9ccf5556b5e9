"""Camera topics to frames: found in the graph, paired with depth, watched for silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMsg

from vlm_robot.messages import frame_from, nanoseconds
from vlm_robot.ros.found_subscription import Choice, FoundSubscription
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.settings import CameraSettings
from vlm_robot.stamp_pairing import Pair, StampPairing
from vlm_robot.types import Frame

AnyImageMsg: TypeAlias = ImageMsg | CompressedImage

SILENT_AFTER = 3.0
"""Seconds without an image after which a camera is called silent."""


class RawFrame(NamedTuple):
    """What came for one stamp, not decoded yet: a frame that is overtaken costs no decoding.

    Attributes:
        received: monotonic seconds.
    """

    camera: str
    image: AnyImageMsg
    info: CameraInfo | None
    depth: AnyImageMsg | None
    depth_missing: str
    received: float

    def decode(self) -> Frame:
        """Decode. A calibration that doesn't fit costs the 3D, not the frame.

        Raises:
            InputError: the image is broken.
        """
        return frame_from(
            self.camera,
            self.image,
            info=self.info,
            depth=self.depth,
            depth_missing=self.depth_missing,
        )


class CameraInput:
    """The subscriptions of one camera.

    Args:
        on_frame: called for each image with what was paired to it, on an executor's thread.
        on_lost: called with the number of images that were lost before they came here.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        topics: CameraSettings,
        *,
        depth_slop: float,
        log: SlowLog,
        on_frame: Callable[[RawFrame], None],
        on_lost: Callable[[int], None],
    ) -> None:
        self._name = name
        self._log = log
        self._on_frame = on_frame
        self._info: CameraInfo | None = None
        self._has_depth = bool(topics.depth)
        self._pairing: StampPairing[AnyImageMsg, AnyImageMsg] = StampPairing(0)
        self.set_depth_slop(depth_slop)
        self._last_stamp = 0
        self._heard = time.monotonic()
        group = MutuallyExclusiveCallbackGroup()
        self._image = FoundSubscription(
            node, _image_choices(topics.image), self._on_image, group=group, on_lost=on_lost
        )
        self._others = [("camera_info", self._info_subscription(node, topics, group))]
        if self._has_depth:
            depth = FoundSubscription(
                node, _depth_choices(topics.depth), self._on_depth, group=group
            )
            self._others.append(("depth", depth))

    def set_depth_slop(self, milliseconds: float) -> None:
        """Change the most difference of the stamps of image and depth."""
        self._pairing.slop = round(milliseconds * 1e6)

    def poll(self) -> None:
        """Look at the graph and complain, slowly, about what is missing. About once a second."""
        self._complain("image", self._image.poll() or self._silence())
        for kind, subscription in self._others:
            complaint = subscription.poll()
            self._complain(kind, complaint if self._has_depth else "")

    def close(self) -> None:
        """Unsubscribe."""
        self._image.close()
        for kind, subscription in self._others:
            subscription.close()
            self._log.clear(f"{self._name}.{kind}")

    def _info_subscription(
        self, node: Node, topics: CameraSettings, group: MutuallyExclusiveCallbackGroup
    ) -> FoundSubscription:
        choices = [Choice(topics.camera_info, CameraInfo)]
        return FoundSubscription(node, choices, self._on_info, group=group)

    def _on_info(self, message: CameraInfo) -> None:
        self._info = message

    def _on_image(self, message: AnyImageMsg) -> None:
        self._heard = time.monotonic()
        stamp = nanoseconds(message.header.stamp)
        self._watch_stamp(stamp)
        if self._has_depth:
            self._deliver(self._pairing.add_image(stamp, message))
        else:
            self._deliver([Pair(message, None, "")])

    def _on_depth(self, message: AnyImageMsg) -> None:
        self._deliver(self._pairing.add_depth(nanoseconds(message.header.stamp), message))

    def _deliver(self, pairs: list[Pair[Any, Any]]) -> None:
        now = time.monotonic()
        for pair in pairs:
            self._on_frame(
                RawFrame(self._name, pair.image, self._info, pair.depth, pair.missing, now)
            )

    def _watch_stamp(self, stamp: int) -> None:
        if stamp == 0:
            self._complain("stamp", "images have stamp zero: set header.stamp in the driver")
        elif stamp < self._last_stamp:
            back = (self._last_stamp - stamp) / 1e9
            self._complain("stamp", f"stamps go backwards, last by {back:.3f} s")
        self._last_stamp = stamp

    def _silence(self) -> str:
        quiet = time.monotonic() - self._heard
        if quiet < SILENT_AFTER:
            return ""
        return f"no image on {self._image.topic}, though it has a publisher"

    def _complain(self, kind: str, complaint: str) -> None:
        subject = f"{self._name}.{kind}"
        if complaint:
            self._log.warn(subject, f"camera {self._name}: {complaint}")
        else:
            self._log.clear(subject, f"camera {self._name}: {kind} is fine again")


def _image_choices(topic: str) -> list[Choice]:
    return [
        Choice(topic, ImageMsg),
        Choice(topic, CompressedImage),
        Choice(f"{topic}/compressed", CompressedImage),
    ]


def _depth_choices(topic: str) -> list[Choice]:
    return [
        Choice(topic, ImageMsg),
        Choice(topic, CompressedImage),
        Choice(f"{topic}/compressedDepth", CompressedImage),
    ]
