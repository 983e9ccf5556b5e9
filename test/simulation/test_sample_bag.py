"""The bag in the repository is what its description says, and agrees with itself."""

import json
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.interfaces import QosDurability
from scipy.spatial.transform import Rotation

SAMPLE = Path(__file__).parents[2] / "sample"
RATES = {
    "/front/image_raw/compressed": 10,
    "/front/depth/image_raw/compressedDepth": 10,
    "/front/camera_info": 10,
    "/rear/image_raw/compressed": 5,
    "/rear/camera_info": 5,
    "/tf": 20,
    "/odom": 20,
}
TYPES = {
    "/front/image_raw/compressed": "sensor_msgs/msg/CompressedImage",
    "/rear/image_raw/compressed": "sensor_msgs/msg/CompressedImage",
    "/front/depth/image_raw/compressedDepth": "sensor_msgs/msg/CompressedImage",
    "/front/camera_info": "sensor_msgs/msg/CameraInfo",
    "/rear/camera_info": "sensor_msgs/msg/CameraInfo",
    "/tf": "tf2_msgs/msg/TFMessage",
    "/tf_static": "tf2_msgs/msg/TFMessage",
    "/odom": "nav_msgs/msg/Odometry",
    "/map": "nav_msgs/msg/OccupancyGrid",
    "/candidate_paths": "vlm_robot_msgs/msg/CandidatePaths",
}


def stamp_of(header):
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def matrix_of(transform):
    t, r = transform.translation, transform.rotation
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat([r.x, r.y, r.z, r.w]).as_matrix()
    matrix[:3, 3] = t.x, t.y, t.z
    return matrix


@pytest.fixture(scope="module")
def bag():
    """Messages by topic, and the reader's connections."""
    messages = defaultdict(list)
    with AnyReader([SAMPLE / "home_drive"]) as reader:
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            messages[connection.topic].append(message)
        return messages, {c.topic: c for c in reader.connections}


@pytest.fixture(scope="module")
def truth():
    return json.loads((SAMPLE / "ground_truth.json").read_text())


def test_it_is_at_most_twelve_megabytes():
    size = sum(file.stat().st_size for file in (SAMPLE / "home_drive").iterdir())
    assert size <= 12_000_000


def test_it_has_the_topics_and_types(bag):
    assert {topic: c.msgtype for topic, c in bag[1].items()} == TYPES


@pytest.mark.parametrize("topic", RATES)
def test_a_topic_has_its_rate(bag, topic):
    messages = bag[0][topic]
    headers = [m.transforms[0].header if topic == "/tf" else m.header for m in messages]
    gaps = np.diff([stamp_of(header) for header in headers])
    assert len(messages) == 20 * RATES[topic]
    assert (gaps == 10**9 // RATES[topic]).all()


@pytest.mark.parametrize("topic", ["/tf_static", "/map"])
def test_what_is_said_once_is_latched(bag, topic):
    (qos,) = bag[1][topic].ext.offered_qos_profiles
    assert qos.durability is QosDurability.TRANSIENT_LOCAL
    assert len(bag[0][topic]) == 1


def test_depth_has_the_stamps_of_the_front_images(bag):
    pairs = zip(
        bag[0]["/front/image_raw/compressed"],
        bag[0]["/front/depth/image_raw/compressedDepth"],
        strict=True,
    )
    assert all(stamp_of(a.header) == stamp_of(b.header) for a, b in pairs)


def test_truth_is_there_for_every_image_and_inside_it(bag, truth):
    stamps = {
        f"{camera}/{stamp_of(message.header)}"
        for camera in ("front", "rear")
        for message in bag[0][f"/{camera}/image_raw/compressed"]
    }
    assert {image["file_name"] for image in truth["images"]} == stamps
    for annotation in truth["annotations"]:
        x, y, w, h = annotation["bbox"]
        assert x >= 0
        assert y >= 0
        assert w > 0
        assert h > 0
        assert x + w <= 640
        assert y + h <= 480
        assert annotation["instance"] in truth["instances"]


def test_every_front_image_shows_something_to_ask_for(truth):
    asked = {a["image_id"] for a in truth["annotations"] if not a["ignore"]}
    front = {i["id"] for i in truth["images"] if i["file_name"].startswith("front")}
    assert front <= asked


def test_most_of_it_is_known_to_the_compact_detector(truth):
    known = [
        truth["instances"][a["instance"]]["split"] == "known"
        for a in truth["annotations"]
        if not a["ignore"]
    ]
    assert np.mean(known) > 0.8


@pytest.mark.parametrize("number", [0, 60, 120])
def test_depth_in_the_map_falls_on_what_the_map_holds(bag, number):
    """Depth, intrinsics, the mount, TF and the map agree."""
    messages = bag[0]
    depth = messages["/front/depth/image_raw/compressedDepth"][number]
    metres = cv2.imdecode(depth.data[12:], cv2.IMREAD_UNCHANGED) / 1000
    info = messages["/front/camera_info"][number]
    k = info.k.reshape(3, 3)
    links = {t.child_frame_id: matrix_of(t.transform) for t in messages["/tf_static"][0].transforms}
    (moving,) = [
        m for m in messages["/tf"] if stamp_of(m.transforms[0].header) == stamp_of(depth.header)
    ]
    links |= {t.child_frame_id: matrix_of(t.transform) for t in moving.transforms}
    pose = links["odom"] @ links["base_link"] @ links["front_optical_frame"]
    rows, columns = np.nonzero(metres[::7, ::7])
    rows, columns = rows * 7, columns * 7
    z = metres[rows, columns]
    ray = [(columns + 0.5 - k[0, 2]) / k[0, 0], (rows + 0.5 - k[1, 2]) / k[1, 1], np.ones_like(z)]
    points = pose[:3, 3] + (np.stack(ray, axis=1) * z[:, None]) @ pose[:3, :3].T
    assert points[:, 2].min() > -0.06
    upright = points[(points[:, 2] > 0.1) & (points[:, 2] < 0.75)]
    grid = messages["/map"][0]
    cells = (grid.data.reshape(grid.info.height, grid.info.width) > 50).astype(np.uint8)
    near = cv2.dilate(cells, np.ones((3, 3), np.uint8))
    origin = grid.info.origin.position
    at = ((upright[:, :2] - [origin.x, origin.y]) / grid.info.resolution).astype(int)
    assert len(at) > 200
    assert near[at[:, 1], at[:, 0]].mean() > 0.98


def test_the_candidates_have_goals_and_a_best_feasible_path(bag):
    plans = json.loads((SAMPLE / "plans.json").read_text())
    messages = bag[0]["/candidate_paths"]
    assert len(messages) == len(plans["sets"]) == 3
    for message, plan in zip(messages, plans["sets"], strict=True):
        assert message.goal == plan["goal"]
        assert stamp_of(message.header) == plan["stamp"]
        assert message.header.frame_id == "map"
        assert len(message.paths) == len(plan["paths"])
        assert plan["paths"][plan["best_index"]]["feasible"]
        assert not all(path["feasible"] for path in plan["paths"])


def test_the_candidates_start_at_the_robot(bag):
    messages = bag[0]
    for message in messages["/candidate_paths"]:
        (moving,) = [
            m
            for m in messages["/tf"]
            if stamp_of(m.transforms[0].header) == stamp_of(message.header)
        ]
        links = {t.child_frame_id: matrix_of(t.transform) for t in moving.transforms}
        robot = (links["odom"] @ links["base_link"])[:2, 3]
        for path in message.paths:
            first = path.poses[0].pose.position
            assert np.hypot(*(robot - [first.x, first.y])) < 0.02
