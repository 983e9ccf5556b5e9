"""Camera topics to frames: found in the graph, paired with depth, watched for silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage
from sensor_msgs.msg import Image as ImageMsg

from vlm_robot.messages import frame_from, is_rectified, nanoseconds
from vlm_robot.ros.found_subscription import Arrival, Choice, FoundSubscription
from vlm_robot.ros.gated_group import GatedGroup
from vlm_robot.ros.slow_log import SlowLog
from vlm_robot.settings import CameraSettings
from vlm_robot.stamp_pairing import Pair, StampPairing
from vlm_robot.types import Frame

AnyImageMsg: TypeAlias = ImageMsg | CompressedImage
_Get: TypeAlias = Callable[[], Arrival]
"""Gives a message that may still be serialized."""

SILENT_AFTER = 3.0
"""Seconds without an image after which a camera is called silent."""


class RawFrame(NamedTuple):
    """What came for one stamp, not decoded yet: a frame that is overtaken costs no decoding.

    Attributes:
        received: when the image came to this machine, monotonic nanoseconds.
    """

    camera: str
    image: AnyImageMsg
    info: CameraInfo | None
    depth: AnyImageMsg | None
    depth_missing: str
    rectified: bool
    received: int

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
            rectified=self.rectified,
        )


class CameraInput:
    """The subscriptions of one camera.

    Args:
        wanted: whether an executor shall take frames as they come; else they wait for `pull`.
        on_frame: called for each image with what was paired to it.
        on_missed: called with the number of images that were overtaken before they were taken.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        topics: CameraSettings,
        *,
        depth_slop: float,
        log: SlowLog,
        wanted: Callable[[], bool],
        on_frame: Callable[[RawFrame], None],
        on_missed: Callable[[int], None],
    ) -> None:
        self._name = name
        self._log = log
        self._on_frame = on_frame
        self._on_missed = on_missed
        self._info: CameraInfo | None = None
        self._has_depth = bool(topics.depth)
        self._pairing: StampPairing[_Get, _Get] = StampPairing(0)
        self.set_depth_slop(depth_slop)
        self._last_stamp = 0
        self._heard = time.monotonic_ns()
        self._group = GatedGroup(wanted)
        self._image = FoundSubscription(
            node,
            _image_choices(topics.image),
            self._on_image,
            group=self._group,
            on_missed=on_missed,
        )
        self._rectified = is_rectified(self._image.topic)
        info_choices = [Choice(topics.camera_info, CameraInfo)]
        # Looked for when there is an image: the executor need not wake for it.
        self._camera_info = FoundSubscription(
            node, info_choices, self._on_info, group=GatedGroup(lambda: False)
        )
        self._depth = FoundSubscription(
            node,
            _depth_choices(topics.depth) if self._has_depth else [],
            self._on_depth,
            group=self._group,
        )

    def set_depth_slop(self, milliseconds: float) -> None:
        """Change the most difference of the stamps of image and depth."""
        self._pairing.slop = round(milliseconds * 1e6)

    def pull(self) -> None:
        """Take what waits in the middleware now. Any thread may."""
        with self._group.lock:
            # Depth that came after its image is there when the image's turn comes.
            images = self._image.take(only_newest=not self._has_depth)
            pairs = []
            for depth in self._depth.take(only_newest=False):
                pairs += self._pairing.add_depth(depth.stamp, depth.arrival)
            for image in images:
                pairs += self._with_image(image.stamp, image.at, image.arrival)
            # The last overtakes the others: they aren't even deserialized.
            self._on_missed(len(pairs[:-1]))
            self._deliver(pairs[-1:])

    def poll(self) -> None:
        """Look at the graph and complain, slowly, about what is missing. About once a second."""
        self.pull()
        complaint = self._image.poll()
        if complaint:
            self._heard = time.monotonic_ns()  # silence counts from when there is a publisher
        self._complain("image", complaint or self._silence())
        info_complaint = self._camera_info.poll()
        if self._has_depth:
            self._complain("camera_info", info_complaint)
            self._complain("depth", self._depth.poll())

    def close(self) -> None:
        """Unsubscribe."""
        for kind, subscription in (
            ("image", self._image),
            ("camera_info", self._camera_info),
            ("depth", self._depth),
        ):
            subscription.close()
            self._log.clear(f"{self._name}.{kind}")

    def _on_info(self, arrival: Arrival) -> None:
        self._info = arrival.message

    def _on_image(self, arrival: Arrival) -> None:
        stamp = nanoseconds(arrival.message.header.stamp)
        self._deliver(self._with_image(stamp, arrival.at, lambda: arrival))

    def _on_depth(self, arrival: Arrival) -> None:
        stamp = nanoseconds(arrival.message.header.stamp)
        self._deliver(self._pairing.add_depth(stamp, lambda: arrival))

    def _with_image(self, stamp: int, at: int, image: _Get) -> list[Pair[_Get, _Get]]:
        """What a new image completes."""
        self._heard = at
        self._watch_stamp(stamp)
        return self._pairing.add_image(stamp, image) if self._has_depth else [Pair(image, None, "")]

    def _deliver(self, pairs: list[Pair[_Get, _Get]]) -> None:
        for info in self._camera_info.take(only_newest=True) if pairs else ():
            self._on_info(info.arrival())
        for pair in pairs:
            image = pair.image()
            self._on_frame(
                RawFrame(
                    self._name,
                    image.message,
                    self._info,
                    pair.depth().message if pair.depth else None,
                    pair.missing,
                    self._rectified,
                    image.at,
                )
            )

    def _watch_stamp(self, stamp: int) -> None:
        if stamp == 0:
            self._complain("stamp", "images have stamp zero: set header.stamp in the driver")
        elif stamp < self._last_stamp:
            back = (self._last_stamp - stamp) / 1e9
            self._complain("stamp", f"stamps go backwards, last by {back:.3f} s")
        self._last_stamp = stamp

    def _silence(self) -> str:
        if time.monotonic_ns() - self._heard < SILENT_AFTER * 1e9:
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
