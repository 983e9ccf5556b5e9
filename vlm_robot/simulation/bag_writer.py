"""Write a ROS 2 bag without ROS: MCAP with zstd chunks, through rosbags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

from vlm_robot.types import InputError, Intrinsics, OccupancyGrid

Floats = NDArray[np.float64]
_MESSAGES = Path(__file__).parents[2] / "vlm_robot_msgs" / "msg"
_HEADER = bytes(12)
"""compressedDepth's header: kind 0 and two parameters that 16UC1 doesn't use."""


class BagWriter:
    """Messages by topic; stamps and log times are nanoseconds."""

    def __init__(self, folder: Path) -> None:
        """Make a bag in `folder`, which must not exist.

        Raises:
            InputError: the message definitions aren't beside the package.
        """
        self._store = get_typestore(Stores.ROS2_JAZZY)
        name = "vlm_robot_msgs/msg/CandidatePaths"
        try:
            text = (_MESSAGES / "CandidatePaths.msg").read_text("utf-8")
        except FileNotFoundError as error:
            raise InputError(f"{error.filename} is missing: run from a checkout") from error
        self._store.register(get_types_from_msg(text, name))
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._connections: dict[str, Connection] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(self, *error: object) -> None:
        self._writer.__exit__(*error)  # type: ignore[arg-type]

    def make(self, msgtype: str, **fields: Any) -> Any:
        """A message, such as `make("std_msgs/msg/Header", ...)`."""
        return self._store.types[msgtype](**fields)

    def write(self, topic: str, message: Any, log_time: int, *, latched: bool = False) -> None:
        """Append a message; `latched` records transient-local durability."""
        msgtype = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(
                topic, msgtype, typestore=self._store, offered_qos_profiles=[_qos(latched)]
            )
        data = self._store.serialize_cdr(message, msgtype)
        self._writer.write(self._connections[topic], log_time, data)

    def header(self, stamp: int, frame_id: str) -> Any:
        """A std_msgs/Header."""
        seconds, rest = divmod(stamp, 1_000_000_000)
        time = self.make("builtin_interfaces/msg/Time", sec=seconds, nanosec=rest)
        return self.make("std_msgs/msg/Header", stamp=time, frame_id=frame_id)

    def image(self, stamp: int, frame_id: str, image: NDArray[np.uint8], quality: int) -> Any:
        """An RGB image as a JPEG CompressedImage."""
        bgr = np.ascontiguousarray(image[:, :, ::-1])
        _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        header = self.header(stamp, frame_id)
        return self.make(
            "sensor_msgs/msg/CompressedImage", header=header, format="rgb8; jpeg compressed bgr8",
            data=data,
        )  # fmt: skip

    def depth(self, stamp: int, frame_id: str, millimetres: NDArray[np.uint16]) -> Any:
        """A 16UC1 depth image as compressedDepth PNG."""
        _, png = cv2.imencode(".png", millimetres, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        data = np.frombuffer(_HEADER + png.tobytes(), np.uint8)
        header = self.header(stamp, frame_id)
        return self.make(
            "sensor_msgs/msg/CompressedImage", header=header, format="16UC1; compressedDepth png",
            data=data,
        )  # fmt: skip

    def camera_info(self, stamp: int, frame_id: str, intrinsics: Intrinsics) -> Any:
        """A CameraInfo without distortion."""
        matrix = intrinsics.matrix
        projection = np.hstack([matrix, np.zeros((3, 1))])
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0,
            do_rectify=False,
        )  # fmt: skip
        return self.make(
            "sensor_msgs/msg/CameraInfo", header=self.header(stamp, frame_id),
            height=intrinsics.height, width=intrinsics.width, distortion_model="plumb_bob",
            d=np.zeros(5), k=matrix.reshape(9), r=np.eye(3).reshape(9), p=projection.reshape(12),
            binning_x=0, binning_y=0, roi=roi,
        )  # fmt: skip

    def transforms(self, stamp: int, links: list[tuple[str, str, Floats]]) -> Any:
        """A TFMessage of (parent, child, (4, 4) parent from child)."""
        stamped = [
            self.make(
                "geometry_msgs/msg/TransformStamped", header=self.header(stamp, parent),
                child_frame_id=child, transform=self._transform(matrix),
            )
            for parent, child, matrix in links
        ]  # fmt: skip
        return self.make("tf2_msgs/msg/TFMessage", transforms=stamped)

    def _transform(self, matrix: Floats) -> Any:
        return self.make(
            "geometry_msgs/msg/Transform",
            translation=self._vector(matrix[:3, 3]),
            rotation=self._quaternion(matrix),
        )

    def _vector(self, values: Floats) -> Any:
        x, y, z = (float(value) for value in values)
        return self.make("geometry_msgs/msg/Vector3", x=x, y=y, z=z)

    def _quaternion(self, matrix: Floats) -> Any:
        x, y, z, w = Rotation.from_matrix(matrix[:3, :3]).as_quat().tolist()
        return self.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w)

    def pose(self, matrix: Floats) -> Any:
        """A geometry_msgs/Pose."""
        x, y, z = (float(value) for value in matrix[:3, 3])
        return self.make(
            "geometry_msgs/msg/Pose",
            position=self.make("geometry_msgs/msg/Point", x=x, y=y, z=z),
            orientation=self._quaternion(matrix),
        )

    def odometry(self, stamp: int, matrix: Floats, speed: float, turn: float) -> Any:
        """An Odometry of base_link in odom; speed in m/s forward, turn in rad/s."""
        twist = self.make(
            "geometry_msgs/msg/Twist",
            linear=self._vector(np.array([speed, 0.0, 0.0])),
            angular=self._vector(np.array([0.0, 0.0, turn])),
        )
        none = np.zeros(36)
        return self.make(
            "nav_msgs/msg/Odometry",
            header=self.header(stamp, "odom"),
            child_frame_id="base_link",
            pose=self.make(
                "geometry_msgs/msg/PoseWithCovariance", pose=self.pose(matrix), covariance=none
            ),
            twist=self.make("geometry_msgs/msg/TwistWithCovariance", twist=twist, covariance=none),
        )

    def grid(self, grid: OccupancyGrid) -> Any:
        """An OccupancyGrid."""
        header = self.header(grid.stamp, grid.frame_id)
        origin = np.eye(4)
        origin[:2, 3] = grid.origin[:2]
        meta = self.make(
            "nav_msgs/msg/MapMetaData", map_load_time=header.stamp, resolution=grid.resolution,
            width=grid.cells.shape[1], height=grid.cells.shape[0], origin=self.pose(origin),
        )  # fmt: skip
        return self.make(
            "nav_msgs/msg/OccupancyGrid", header=header, info=meta, data=grid.cells.reshape(-1)
        )

    def candidates(self, stamp: int, goal: str, paths: list[list[Floats]]) -> Any:
        """A CandidatePaths of paths of (4, 4) poses in the map."""
        header = self.header(stamp, "map")
        messages = [
            self.make(
                "nav_msgs/msg/Path",
                header=header,
                poses=[
                    self.make("geometry_msgs/msg/PoseStamped", header=header, pose=self.pose(p))
                    for p in poses
                ],
            )
            for poses in paths
        ]
        name = "vlm_robot_msgs/msg/CandidatePaths"
        return self.make(name, header=header, goal=goal, paths=messages)


def _qos(latched: bool) -> Qos:
    forever = QosTime(9223372036, 854775807)
    return Qos(
        QosHistory.KEEP_LAST,
        1 if latched else 10,
        QosReliability.RELIABLE,
        QosDurability.TRANSIENT_LOCAL if latched else QosDurability.VOLATILE,
        forever,
        forever,
        QosLiveliness.AUTOMATIC,
        forever,
        False,
    )
