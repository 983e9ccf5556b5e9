"""Small bags, written by rosbags."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from vlm_robot.replay.interfaces import typestore

sys.path.append(str(Path(__file__).parent))  # for what these tests share: browser

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
WIDTH, HEIGHT = 64, 48
ROS1 = get_typestore(Stores.ROS1_NOETIC)
ROS1.register(
    get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf2_msgs/msg/TFMessage")
)


class Messages:
    """Makes messages of a ROS 2 or ROS 1 typestore."""

    def __init__(self, ros1: bool) -> None:
        self.ros1 = ros1
        self.store = ROS1 if ros1 else typestore()

    def make(self, msgtype, **fields):
        return self.store.types[msgtype](**fields)

    def header(self, stamp, frame_id):
        time = self.make("builtin_interfaces/msg/Time", sec=stamp // SECOND, nanosec=stamp % SECOND)
        extra = {"seq": 0} if self.ros1 else {}
        return self.make("std_msgs/msg/Header", stamp=time, frame_id=frame_id, **extra)

    def image(self, stamp, frame_id, pixels, encoding="rgb8", **changes):
        fields = {
            "header": self.header(stamp, frame_id),
            "height": pixels.shape[0],
            "width": pixels.shape[1],
            "encoding": encoding,
            "is_bigendian": 0,
            "step": pixels.strides[0],
            "data": np.ascontiguousarray(pixels).view(np.uint8).ravel(),
        }
        return self.make("sensor_msgs/msg/Image", **(fields | changes))

    def jpeg(self, stamp, frame_id, pixels):
        data = cv2.imencode(".jpg", pixels[..., ::-1])[1].ravel()
        return self.make(
            "sensor_msgs/msg/CompressedImage",
            header=self.header(stamp, frame_id),
            format="rgb8; jpeg compressed bgr8",
            data=data,
        )

    def camera_info(self, stamp, frame_id, width=WIDTH, height=HEIGHT):
        k = np.array([60.0, 0, width / 2, 0, 60.0, height / 2, 0, 0, 1])
        roi = self.make(
            "sensor_msgs/msg/RegionOfInterest",
            x_offset=0, y_offset=0, height=0, width=0, do_rectify=False,
        )  # fmt: skip
        matrices = {"d": np.zeros(5), "k": k, "r": np.eye(3).ravel(), "p": np.zeros(12)}
        if self.ros1:
            matrices = {name.upper(): value for name, value in matrices.items()}
        return self.make(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(stamp, frame_id),
            height=height, width=width, distortion_model="plumb_bob",
            binning_x=0, binning_y=0, roi=roi, **matrices,
        )  # fmt: skip

    def pose(self, x=0.0, y=0.0, z=0.0):
        return self.make(
            "geometry_msgs/msg/Pose",
            position=self.make("geometry_msgs/msg/Point", x=x, y=y, z=z),
            orientation=self.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )

    def tf(self, stamp, parent, child, x=0.0):
        transform = self.make(
            "geometry_msgs/msg/Transform",
            translation=self.make("geometry_msgs/msg/Vector3", x=x, y=0.0, z=0.0),
            rotation=self.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )
        stamped = self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(stamp, parent), child_frame_id=child, transform=transform,
        )  # fmt: skip
        return self.make("tf2_msgs/msg/TFMessage", transforms=[stamped])

    def grid(self, stamp, cells=None):
        cells = np.zeros((40, 40), np.int8) if cells is None else cells
        info = self.make(
            "nav_msgs/msg/MapMetaData",
            map_load_time=self.header(stamp, "").stamp, resolution=0.1,
            width=cells.shape[1], height=cells.shape[0], origin=self.pose(-1.0, -2.0),
        )  # fmt: skip
        return self.make(
            "nav_msgs/msg/OccupancyGrid",
            header=self.header(stamp, "map"), info=info, data=cells.ravel(),
        )  # fmt: skip

    def paths(self, stamp, goal, *lines):
        """Candidate paths along straight lines, each given by its last point."""
        paths = []
        for x, y in lines:
            poses = [
                self.make(
                    "geometry_msgs/msg/PoseStamped",
                    header=self.header(stamp, "map"), pose=self.pose(x * t, y * t),
                )
                for t in np.linspace(0, 1, 11).tolist()
            ]  # fmt: skip
            header = self.header(stamp, "map")
            paths.append(self.make("nav_msgs/msg/Path", header=header, poses=poses))
        return self.make(
            "vlm_robot_msgs/msg/CandidatePaths",
            header=self.header(stamp, "map"), goal=goal, paths=paths,
        )  # fmt: skip


def entries(ros1=False, frames=10, period=SECOND // 10):
    """(topic, log time, message): two cameras, depth, calibration, TF, a map, candidate paths."""
    make = Messages(ros1)
    rng = np.random.default_rng(7)
    base = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (WIDTH, HEIGHT))
    out = [("/tf_static", START, make.tf(START, "base_link", "front_optical"))]
    for step in range(frames):
        stamp = START + step * period
        late = stamp + SECOND // 100
        picture = np.roll(base, 3 * step, axis=1)
        depth = np.full((HEIGHT, WIDTH), 2000 + step, np.uint16)
        out += [
            ("/tf", late, make.tf(stamp, "odom", "base_link", x=0.1 * step)),
            ("/front/image_raw", late, make.image(stamp, "front_optical", picture)),
            ("/front/depth/image_raw", late, make.image(stamp, "front_optical", depth, "16UC1")),
            ("/front/camera_info", late, make.camera_info(stamp, "front_optical")),
            ("/left/image_raw/compressed", late + 1, make.jpeg(stamp + 1, "left_optical", picture)),
        ]
    if not ros1:
        out.append(("/map", START, make.grid(START)))
        at = START + SECOND // 2
        out.append(("/candidate_paths", at, make.paths(at, "go", (2, 0), (2, 1))))
    return sorted(out, key=lambda entry: entry[1])


def write(path, content, *, storage="mcap", compression=None, store=None):
    """Write entries as a rosbag2 folder; returns its path."""
    store = store or typestore()
    writer = Writer2(path, version=9, storage_plugin=StoragePlugin[storage.upper()])
    if compression:
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, log_time, message in content:
            name = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, name, typestore=store)
            writer.write(connections[topic], log_time, store.serialize_cdr(message, name))
    return path


def write_ros1(path, content, *, compression=None):
    writer = Writer1(path)
    if compression:
        writer.set_compression(compression)
    with writer:
        connections = {}
        for topic, log_time, message in content:
            name = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, name, typestore=ROS1)
            writer.write(connections[topic], log_time, ROS1.serialize_ros1(message, name))
    return path


@pytest.fixture(scope="session")
def bags():
    """Functions that make messages and write bags."""
    return SimpleNamespace(
        Messages=Messages, entries=entries, write=write, write_ros1=write_ros1,
        START=START, SECOND=SECOND, WIDTH=WIDTH, HEIGHT=HEIGHT,
    )  # fmt: skip


@pytest.fixture(scope="session")
def whole_bag(tmp_path_factory, bags):
    """A bag with everything in it; don't write to it."""
    return bags.write(tmp_path_factory.mktemp("bags") / "whole", bags.entries())
