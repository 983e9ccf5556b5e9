"""The frame tree gives transforms at a stamp, and says what it lacks."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from vlm_robot.geometry.transforms import FrameTree, FrameTreeError, transform_boxes
from vlm_robot.types import Boxes3D

SECOND = 1_000_000_000
HERE = (0.0, 0.0, 0.0, 1.0)


def yaw(angle):
    return (0.0, 0.0, math.sin(angle / 2), math.cos(angle / 2))


def robot():
    """Frames map > odom > base > camera; the base drives 1 m/s along x and turns 0.1 rad/s."""
    tree = FrameTree()
    tree.add_static("map", "odom", (10, 0, 0), yaw(math.pi / 2))
    for step in range(11):
        stamp = 100 * SECOND + step * SECOND // 10
        tree.add_dynamic(stamp, "odom", "base", (step * 0.1, 0, 0), yaw(step * 0.01))
    tree.add_static("base", "camera", (0.2, 0, 0.5), HERE)
    return tree


def test_a_point_goes_up_the_tree():
    point = robot().lookup("map", "camera", 100 * SECOND) @ [1, 0, 0, 1]
    np.testing.assert_allclose(point, [10, 1.2, 0.5, 1], atol=1e-9)


def test_places_between_samples_are_interpolated():
    matrix = robot().lookup("odom", "base", 100 * SECOND + SECOND // 4)
    np.testing.assert_allclose(matrix[:3, 3], [0.25, 0, 0], atol=1e-9)
    assert math.atan2(matrix[1, 0], matrix[0, 0]) == pytest.approx(0.025)


def test_stamps_keep_their_nanoseconds():
    tree = FrameTree()
    stamp = 1_700_000_000_123_456_789
    tree.add_dynamic(stamp, "odom", "base", (0, 0, 0), HERE)
    tree.add_dynamic(stamp + 100, "odom", "base", (1, 0, 0), HERE)
    assert tree.lookup("odom", "base", stamp + 37)[0, 3] == pytest.approx(0.37)


def test_a_turn_takes_the_shortest_arc():
    tree = FrameTree()
    tree.add_dynamic(0, "odom", "base", (0, 0, 0), yaw(0.2))
    tree.add_dynamic(10, "odom", "base", (0, 0, 0), [-value for value in yaw(0.4)])
    matrix = tree.lookup("odom", "base", 5)
    assert math.atan2(matrix[1, 0], matrix[0, 0]) == pytest.approx(0.3)


numbers = st.floats(-100, 100)
poses = st.tuples(
    st.tuples(numbers, numbers, numbers),
    st.tuples(*[st.floats(-1, 1)] * 4)
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: tuple(np.array(q) / np.linalg.norm(q))),
)


@given(first=poses, second=poses, third=poses)
def test_transforms_compose_as_scipy_composes_them(first, second, third):
    tree = FrameTree()
    tree.add_static("root", "a", *first)
    tree.add_static("a", "b", *second)
    tree.add_static("root", "c", *third)

    def matrix(xyz, xyzw):
        out = np.eye(4)
        out[:3, :3], out[:3, 3] = Rotation.from_quat(xyzw).as_matrix(), xyz
        return out

    expected = np.linalg.inv(matrix(*third)) @ matrix(*first) @ matrix(*second)
    np.testing.assert_allclose(tree.lookup("c", "b", 7), expected, atol=1e-6)
    np.testing.assert_allclose(
        tree.lookup("b", "c", 7) @ tree.lookup("c", "b", 7), np.eye(4), atol=1e-6
    )


def test_a_frame_is_itself_even_where_it_is_unknown():
    np.testing.assert_array_equal(FrameTree().lookup("camera", "camera", 0), np.eye(4))


def test_a_leading_slash_is_the_same_name():
    tree = FrameTree()
    tree.add_static("/base", "/camera", (1, 0, 0), HERE)
    assert tree.lookup("base", "camera", 0)[0, 3] == 1


@pytest.mark.parametrize(
    ("target", "source", "stamp", "told"),
    [
        pytest.param("map", "lidar", 100, "'lidar' was never on /tf", id="unknown source"),
        pytest.param("world", "camera", 100, "'world' was never on /tf", id="unknown target"),
        pytest.param("world", "lidar", 100, "'lidar' and 'world' were", id="both unknown"),
        pytest.param("map", "camera", 103, "2.000 s after its newest", id="too late"),
        pytest.param("map", "camera", 98, "2.000 s before its oldest", id="too early"),
    ],
)
def test_what_is_missing_is_named(target, source, stamp, told):
    with pytest.raises(FrameTreeError, match=told):
        robot().lookup(target, source, stamp * SECOND)


def test_two_trees_are_told_by_their_roots():
    tree = robot()
    tree.add_static("world", "lidar", (0, 0, 0), HERE)
    with pytest.raises(FrameTreeError, match="two trees, under 'map' and 'world'"):
        tree.lookup("lidar", "camera", 100 * SECOND)


def test_how_far_a_stamp_is_ahead_tells_whether_waiting_helps():
    with pytest.raises(FrameTreeError) as late:
        robot().lookup("map", "camera", 103 * SECOND)
    with pytest.raises(FrameTreeError) as early:
        robot().lookup("map", "camera", 98 * SECOND)
    assert late.value.seconds_ahead == pytest.approx(2.0)
    assert early.value.seconds_ahead == 0.0


def test_a_reason_is_the_same_at_every_stamp_so_that_it_can_be_counted():
    reasons = set()
    for stamp in (98, 103, 104):
        with pytest.raises(FrameTreeError) as error:
            robot().lookup("map", "camera", stamp * SECOND)
        reasons.add(error.value.reason)
    assert len(reasons) == 1
    assert "from 'base' to 'odom' at the image's stamp" in reasons.pop()


def test_one_sample_holds_at_its_own_stamp_only():
    tree = FrameTree()
    tree.add_dynamic(5, "odom", "base", (1, 0, 0), HERE)
    assert tree.lookup("odom", "base", 5)[0, 3] == 1
    with pytest.raises(FrameTreeError):
        tree.lookup("odom", "base", 6)


def test_samples_may_come_out_of_order_and_twice():
    tree = FrameTree()
    for stamp in (0, 20, 10, 10, 30):
        tree.add_dynamic(stamp, "odom", "base", (stamp, 0, 0), HERE)
    assert tree.lookup("odom", "base", 15)[0, 3] == pytest.approx(15)


def test_old_samples_are_dropped():
    tree = FrameTree(memory=2.0)
    for step in range(1000):
        tree.add_dynamic(step * SECOND // 10, "odom", "base", (0, 0, 0), HERE)
    assert len(tree._edges["base"].samples) <= 26
    with pytest.raises(FrameTreeError, match="before its oldest"):
        tree.lookup("odom", "base", 90 * SECOND)
    tree.lookup("odom", "base", 98 * SECOND)


def test_a_clock_that_was_set_back_starts_afresh():
    tree = robot()
    tree.add_dynamic(0, "odom", "base", (0, 0, 0), HERE)
    tree.add_dynamic(SECOND, "odom", "base", (1, 0, 0), HERE)
    assert tree.lookup("odom", "base", SECOND // 2)[0, 3] == pytest.approx(0.5)


def test_a_frame_may_change_its_parent():
    tree = robot()
    tree.add_static("gripper", "camera", (0, 0, 0), HERE)
    tree.add_static("map", "gripper", (7, 0, 0), HERE)
    assert tree.lookup("map", "camera", 0)[0, 3] == pytest.approx(7)


@pytest.mark.parametrize(
    ("parent", "child", "xyz", "xyzw"),
    [
        pytest.param("a", "b", (0, 0, 0), (0, 0, 0, 0), id="quaternion of zeros"),
        pytest.param("a", "b", (0, 0, 0), (0, 0, 0, math.nan), id="quaternion of NaN"),
        pytest.param("a", "b", (math.nan, 0, 0), HERE, id="position of NaN"),
        pytest.param("a", "b", (0, math.inf, 0), HERE, id="position without end"),
        pytest.param("", "b", (0, 0, 0), HERE, id="no parent"),
        pytest.param("a", "/", (0, 0, 0), HERE, id="no child"),
        pytest.param("a", "a", (0, 0, 0), HERE, id="its own parent"),
        pytest.param("camera", "map", (0, 0, 0), HERE, id="a ring"),
    ],
)
def test_what_is_no_transform_is_refused_and_the_tree_stays(parent, child, xyz, xyzw):
    tree = robot()
    with pytest.raises(FrameTreeError):
        tree.add_dynamic(0, parent, child, xyz, xyzw)
    tree.lookup("map", "camera", 100 * SECOND)
    assert "b" not in tree.frames


def test_clear_forgets():
    tree = robot()
    tree.clear()
    assert tree.frames == []


def test_one_thread_fills_while_another_asks():
    tree = robot()
    done = threading.Event()

    def fill():
        for step in range(2000):
            stamp = 101 * SECOND + step * SECOND // 100
            tree.add_dynamic(stamp, "odom", "base", (step, 0, 0), HERE)
        done.set()

    thread = threading.Thread(target=fill)
    thread.start()
    while not done.is_set():
        newest = tree._edges["base"].samples[-1].stamp
        assert np.isfinite(tree.lookup("map", "camera", newest)).all()
    thread.join()


@given(pose=poses, center=st.tuples(numbers, numbers, numbers))
def test_boxes_keep_their_shape_in_another_frame(pose, center):
    tree = FrameTree()
    tree.add_static("map", "camera", *pose)
    boxes = Boxes3D("camera", np.array([center]), np.array([[1.0, 2.0, 3.0]]), ("",))
    matrix = tree.lookup("map", "camera", 0)
    moved = transform_boxes(boxes, matrix, "map")
    assert moved.frame_id == "map"
    np.testing.assert_allclose(moved.sizes, boxes.sizes)
    corner = np.array([0.5, 1.0, 1.5])
    expected = matrix @ [*(np.array(center) + corner), 1]
    found = moved.centers[0] + Rotation.from_quat(moved.orientation).apply(corner)
    np.testing.assert_allclose(found, expected[:3], atol=1e-6)


def test_a_box_without_a_place_stays_without():
    boxes = Boxes3D("camera", np.full((1, 3), np.nan), np.full((1, 3), np.nan), ("no depth",))
    moved = transform_boxes(boxes, np.eye(4), "map")
    assert moved.reasons == ("no depth",)
    assert not moved.valid.any()


def test_a_lookup_waits_for_the_transform_of_its_stamp():
    tree = FrameTree()
    tree.add_dynamic(1_000_000_000, "map", "base", (0, 0, 0), (0, 0, 0, 1))
    sample = (1_100_000_000, "map", "base", (1, 0, 0), (0, 0, 0, 1))
    late = threading.Timer(0.01, tree.add_dynamic, sample)
    late.start()
    matrix = tree.lookup("map", "base", 1_050_000_000, patience=60.0)
    late.join()
    assert matrix[0, 3] == pytest.approx(0.5)


def test_a_lookup_does_not_wait_for_a_stamp_far_ahead():
    tree = FrameTree()
    tree.add_dynamic(1_000_000_000, "map", "base", (0, 0, 0), (0, 0, 0, 1))
    with pytest.raises(FrameTreeError, match="after its newest"):
        tree.lookup("map", "base", 9_000_000_000, patience=60.0)
