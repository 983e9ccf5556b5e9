"""Result topics: detections, 3D detections and annotated images of each camera."""

from __future__ import annotations

import cv2
from rclpy.lifecycle import LifecycleNode, LifecyclePublisher
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image as ImageMsg
from vision_msgs.msg import Detection2DArray, Detection3DArray

from vlm_robot.drawing import draw
from vlm_robot.ros.conversions import detections_2d_msg, detections_3d_msg, header, image_msg
from vlm_robot.types import Observation

QUEUE = 10


class CameraResults:
    """Publishers of one camera's results."""

    def __init__(self, node: LifecycleNode, camera: str) -> None:
        def publisher(kind: type, name: str) -> LifecyclePublisher:
            return node.create_lifecycle_publisher(kind, f"~/{camera}/{name}", QUEUE)

        self._node = node
        self._detections = publisher(Detection2DArray, "detections")
        self._detections_3d = publisher(Detection3DArray, "detections_3d")
        self._annotated = publisher(ImageMsg, "annotated")
        self._annotated_jpeg = publisher(CompressedImage, "annotated/compressed")

    def publish(self, observation: Observation, *, jpeg_quality: int) -> None:
        """Publish; pictures are drawn only while somebody subscribes to them."""
        self._detections.publish(detections_2d_msg(observation))
        if observation.boxes_3d is not None:
            self._detections_3d.publish(detections_3d_msg(observation))
        raw, jpeg = self._annotated, self._annotated_jpeg
        if raw.get_subscription_count() or jpeg.get_subscription_count():
            self._publish_picture(observation, jpeg_quality)

    def close(self) -> None:
        """Destroy the publishers."""
        for publisher in (
            self._detections,
            self._detections_3d,
            self._annotated,
            self._annotated_jpeg,
        ):
            self._node.destroy_lifecycle_publisher(publisher)

    def _publish_picture(self, observation: Observation, jpeg_quality: int) -> None:
        frame = observation.frame
        head = header(frame.stamp, frame.frame_id)
        picture = draw(frame.image, observation.detections)
        if self._annotated.get_subscription_count():
            self._annotated.publish(image_msg(head, picture))
        if self._annotated_jpeg.get_subscription_count():
            bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
            _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
            message = CompressedImage(header=head, format="jpeg", data=data.tobytes())
            self._annotated_jpeg.publish(message)
