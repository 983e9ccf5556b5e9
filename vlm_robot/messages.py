"""ROS messages to the project's types, whichever library made the message.

Only fields are read, so that rclpy's messages and those of bags give the same. Stamps become
nanoseconds; a picture shares its memory with the message where it can.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_robot.geometry.transforms import FrameTree, FrameTreeError
from vlm_robot.imaging.decode import (
    decode_compressed,
    decode_compressed_depth,
    decode_depth,
    decode_image,
)
from vlm_robot.types import Frame, Image, InputError, Intrinsics, OccupancyGrid, PathCandidate

NODE_NAME = "vlm_robot"
"""The node's default name: its topics and services are under it."""


def nanoseconds(stamp: Any) -> int:
    """A builtin_interfaces/Time in nanoseconds."""
    return int(stamp.sec) * 1_000_000_000 + int(stamp.nanosec)


def image_from(message: Any) -> Image:
    """Pixels (height, width, 3) uint8 RGB of a sensor_msgs Image or CompressedImage.

    Raises:
        InputError: the image is broken or of an unknown encoding.
    """
    if hasattr(message, "format"):
        return decode_compressed(message.data, message.format)
    return decode_image(message.data, **_raw_fields(message))


def depth_from(message: Any) -> NDArray[np.float32]:
    """Depth (height, width) float32 metres of a sensor_msgs Image or CompressedImage.

    Raises:
        InputError: the depth image is broken or of an unknown encoding.
    """
    if hasattr(message, "format"):
        return decode_compressed_depth(message.data, message.format)
    return decode_depth(message.data, **_raw_fields(message))


def _raw_fields(message: Any) -> dict[str, Any]:
    return {
        "width": message.width,
        "height": message.height,
        "step": message.step,
        "encoding": message.encoding,
        "is_bigendian": bool(message.is_bigendian),
    }


def is_rectified(topic: str) -> bool:
    """Whether an image topic carries rectified images: a word of its last name begins with 'rect'.

    ROS marks them by nothing else: camera_info is the same beside the raw and the rectified image.
    """
    name = topic.removesuffix("/compressed").rpartition("/")[2]
    return any(word.startswith("rect") for word in name.lower().split("_"))


def intrinsics_from(message: Any, *, rectified: bool = False) -> Intrinsics:
    """Calibration of a sensor_msgs/CameraInfo; ROS 1 writes its fields in capitals.

    Args:
        rectified: it is wanted of the rectified image, not of the raw one.

    Raises:
        InputError: the calibration can't be one.
    """
    k, d = (message.k, message.d) if hasattr(message, "k") else (message.K, message.D)
    model = message.distortion_model
    if rectified:
        p = message.p if hasattr(message, "p") else message.P
        k, d, model = _rectified_matrix(k, d, p), (), ""
    return Intrinsics(
        width=message.width,
        height=message.height,
        matrix=np.array(k, dtype=np.float64).reshape(3, 3),
        distortion=tuple(float(value) for value in d),
        model=model,
    )


def _rectified_matrix(k: Any, d: Any, p: Any) -> Any:
    """The matrix of the rectified image: in P, or K where there was nothing to rectify."""
    if np.any(p):
        return np.reshape(p, (3, 4))[:, :3]
    if np.any(d):
        raise InputError(
            "camera_info has distortion but no P for the rectified image: publish the whole"
            " calibration, or use the raw image's topic"
        )
    return k


def frame_from(
    camera: str,
    image: Any,
    *,
    info: Any = None,
    depth: Any = None,
    depth_missing: str = "",
    rectified: bool = False,
) -> Frame:
    """A frame of what came for one stamp.

    A depth image or a calibration that is broken or doesn't fit costs the 3D, not the frame:
    `depth_missing` says why.

    Args:
        rectified: what `is_rectified` says of the image's topic.

    Raises:
        InputError: the image is broken.
    """
    pixels = image_from(image)
    intrinsics, metres = None, None
    try:
        intrinsics = _fitting_intrinsics(info, pixels, rectified)
        metres = _fitting_depth(depth, pixels, image.header.frame_id)
    except InputError as error:
        depth_missing = str(error)
    stamp = nanoseconds(image.header.stamp)
    return Frame(camera, stamp, image.header.frame_id, pixels, metres, intrinsics, depth_missing)


def _fitting_intrinsics(info: Any, pixels: Image, rectified: bool) -> Intrinsics | None:
    if info is None:
        return None
    intrinsics = intrinsics_from(info, rectified=rectified)
    size = (pixels.shape[1], pixels.shape[0])
    if (intrinsics.width, intrinsics.height) not in (size, (0, 0)):
        raise InputError(
            f"camera_info is for {intrinsics.width}x{intrinsics.height},"
            f" the image is {size[0]}x{size[1]}"
        )
    return intrinsics


def _fitting_depth(message: Any, pixels: Image, frame_id: str) -> NDArray[np.float32] | None:
    if message is None:
        return None
    of_depth, of_image = message.header.frame_id.lstrip("/"), frame_id.lstrip("/")
    if of_depth and of_image and of_depth != of_image:
        raise InputError(
            f"depth is in frame '{of_depth}', the image in '{of_image}':"
            " publish depth registered to the image"
        )
    try:
        depth = depth_from(message)
    except InputError as error:
        raise InputError(f"depth image is broken: {error}") from error
    if depth.shape != pixels.shape[:2]:
        raise InputError(
            f"depth is {depth.shape[1]}x{depth.shape[0]}, image {pixels.shape[1]}x"
            f"{pixels.shape[0]}: publish depth registered to the image"
        )
    return depth


def grid_from(message: Any) -> OccupancyGrid:
    """A nav_msgs/OccupancyGrid.

    Raises:
        InputError: the data's length isn't width times height, or the map can't be one.
    """
    info = message.info
    if len(message.data) != info.width * info.height:
        raise InputError(
            f"the costmap holds {len(message.data)} cells but says {info.width}x{info.height}"
        )
    origin = info.origin
    return OccupancyGrid(
        stamp=nanoseconds(message.header.stamp),
        frame_id=message.header.frame_id,
        cells=np.asarray(message.data, dtype=np.int8).reshape(info.height, info.width),
        resolution=info.resolution,
        origin=(origin.position.x, origin.position.y, yaw_of(origin.orientation)),
    )


def yaw_of(q: Any) -> float:
    """Rotation about z, radians; NaN for a quaternion that is none. Needs no unit length."""
    norm = q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w
    if not (math.isfinite(norm) and norm > 1e-12):
        return math.nan
    return math.atan2(2 * (q.w * q.z + q.x * q.y) / norm, 1 - 2 * (q.y * q.y + q.z * q.z) / norm)


def candidate_from(path: Any, default_frame: str) -> PathCandidate:
    """A nav_msgs/Path as x, y, yaw; in `default_frame` where it names no frame."""
    rows = [(p.pose.position.x, p.pose.position.y, yaw_of(p.pose.orientation)) for p in path.poses]
    frame_id = path.header.frame_id or default_frame
    return PathCandidate(frame_id, np.array(rows, dtype=np.float64).reshape(-1, 3))


def add_transforms(tree: FrameTree, message: Any, *, static: bool) -> list[str]:
    """Put a tf2_msgs/TFMessage into the tree; returns what was wrong with some of it."""
    complaints = []
    for stamped in message.transforms:
        t, q = stamped.transform.translation, stamped.transform.rotation
        names = (stamped.header.frame_id, stamped.child_frame_id)
        place = ((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))
        try:
            if static:
                tree.add_static(*names, *place)
            else:
                tree.add_dynamic(nanoseconds(stamped.header.stamp), *names, *place)
        except FrameTreeError as error:
            complaints.append(str(error))
    return complaints
