"""A bag's messages become frames in the order of stamps, with all that belongs to them."""

import dataclasses

import numpy as np
import pytest

from vlm_robot.replay.bag import Bag
from vlm_robot.replay.events import (
    EventReader,
    Failed,
    FrameRead,
    GridRead,
    PathsRead,
    Span,
    TransformsRead,
    decoded,
)
from vlm_robot.replay.topics import find_topics

WHOLE = Span()


def read(path, span=WHOLE, slop=20.0):
    with Bag(path) as bag:
        reader = EventReader(bag, find_topics(bag), depth_slop=slop, span=span)
        return list(decoded(iter(reader))), reader


def frames(events, camera="front"):
    reads = [event.frame for event in events if isinstance(event, FrameRead)]
    return [frame for frame in reads if frame.camera == camera]


def test_every_image_becomes_a_frame_in_the_order_of_stamps(whole_bag):
    events, reader = read(whole_bag)
    stamps = [event.frame.stamp for event in events if isinstance(event, FrameRead)]
    assert len(stamps) == 20
    assert stamps == sorted(stamps)
    assert not reader.irregular


def test_a_frame_has_the_depth_and_the_calibration_of_its_stamp(whole_bag):
    for step, frame in enumerate(frames(read(whole_bag)[0])):
        assert frame.intrinsics.matrix[0, 0] == 60.0
        np.testing.assert_allclose(frame.depth, (2000 + step) / 1000, rtol=1e-6)


def test_a_rectified_image_has_the_projection_for_its_calibration(tmp_path, bags):
    content = []
    for topic, at, message in bags.entries(frames=3):
        if topic == "/front/camera_info":
            p = np.array([50.0, 0, 32, 0, 0, 50, 24, 0, 0, 0, 1, 0])
            message = dataclasses.replace(message, d=np.full(5, 0.1), p=p)
        content.append((topic.replace("/front/image_raw", "/front/image_rect"), at, message))
    for frame in frames(read(bags.write(tmp_path / "bag", content))[0]):
        assert frame.intrinsics.matrix[0, 0] == 50.0
        assert frame.intrinsics.distortion == ()


def test_a_camera_without_depth_says_nothing_of_it(whole_bag):
    assert {f.depth_missing for f in frames(read(whole_bag)[0], "left")} == {""}


def test_transforms_come_before_the_frames_that_they_place(whole_bag, bags):
    events, _ = read(whole_bag)
    newest = {}
    for event in events:
        if isinstance(event, TransformsRead):
            newest[event.static] = event.message.transforms[0].header.stamp
        elif isinstance(event, FrameRead):
            assert True in newest
            stamp = newest[False].sec * bags.SECOND + newest[False].nanosec
            assert stamp >= event.frame.stamp - 1


def test_the_map_and_the_paths_are_read(whole_bag):
    events, _ = read(whole_bag)
    grid = next(event.grid for event in events if isinstance(event, GridRead))
    assert (grid.frame_id, grid.resolution, grid.cells.shape) == (
        "map",
        pytest.approx(0.1),
        (40, 40),
    )
    paths = next(event for event in events if isinstance(event, PathsRead))
    assert paths.goal == "go"
    np.testing.assert_allclose(paths.candidates[1].poses[-1], [2, 1, 0])


def test_every_nth_image_of_each_camera(whole_bag):
    events, _ = read(whole_bag, Span(every=4))
    assert len(frames(events)) == len(frames(events, "left")) == 3


def test_a_part_of_the_bag_knows_what_was_sent_once_before_it(whole_bag, bags):
    start = bags.START + 5 * bags.SECOND // 10
    events, _ = read(whole_bag, Span(start, start + 3 * bags.SECOND // 10))
    assert len(frames(events)) == 3
    assert frames(events)[0].stamp == start
    assert frames(events)[0].intrinsics is not None
    assert any(isinstance(event, GridRead) for event in events)
    assert any(isinstance(event, TransformsRead) and event.static for event in events)


def changed(bags, change, frames=10):
    """The entries of a bag, each image of camera front changed by `change(step, message)`."""
    out, step = [], 0
    for topic, log_time, message in bags.entries(frames=frames):
        if topic == "/front/image_raw":
            message = change(step, message)
            step += 1
        if message is not None:
            out.append((topic, log_time, message))
    return out


def stamped(message, stamp):
    time = dataclasses.replace(message.header.stamp, sec=stamp // 10**9, nanosec=stamp % 10**9)
    return dataclasses.replace(message, header=dataclasses.replace(message.header, stamp=time))


def test_images_that_were_recorded_out_of_order_are_put_in_order(tmp_path, bags):
    swap = {3: 4, 4: 3}

    def change(step, message):
        return stamped(message, bags.START + swap.get(step, step) * bags.SECOND // 10)

    events, reader = read(bags.write(tmp_path / "bag", changed(bags, change)))
    stamps = [frame.stamp for frame in frames(events)]
    assert stamps == sorted(stamps)
    assert len(stamps) == 10
    assert not reader.irregular


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        pytest.param(lambda step, start: 0, {"that are zero": 10}, id="all zero"),
        pytest.param(lambda step, start: start, {"equal to the one before": 9}, id="all equal"),
        pytest.param(
            lambda step, start: start + (step if step < 20 else step - 20) * 10**8,
            {"going backwards": 1},
            id="set back once",
        ),
        pytest.param(lambda step, start: 5 * 10**9 + step * 10**8, {}, id="another clock"),
    ],
)
def test_no_frame_is_lost_to_odd_stamps_and_they_are_counted(tmp_path, bags, stamp, told):
    count = 40 if "going backwards" in told else 10
    path = bags.write(
        tmp_path / "bag",
        changed(bags, lambda step, m: stamped(m, stamp(step, bags.START)), frames=count),
    )
    events, reader = read(path)
    assert len(frames(events)) == len(frames(events, "left")) == count
    wanted = {f"stamps of camera 'front' {kind}": n for kind, n in told.items()}
    assert dict(reader.irregular) == wanted


def test_an_image_that_is_broken_fails_alone(tmp_path, bags):
    def change(step, message):
        return dataclasses.replace(message, encoding="klingon") if step == 5 else message

    events, _ = read(bags.write(tmp_path / "bag", changed(bags, change)))
    failed = [event for event in events if isinstance(event, Failed)]
    assert len(frames(events)) == 9
    assert [f.topic for f in failed] == ["front"]
    assert failed[0].stamp == bags.START + 5 * bags.SECOND // 10
    assert "'klingon' isn't known" in failed[0].reason


@pytest.mark.parametrize(
    ("drop", "reason"),
    [
        pytest.param("/front/camera_info", "", id="no calibration"),
        pytest.param("/front/depth/image_raw", "", id="no depth topic"),
    ],
)
def test_what_is_missing_costs_the_3d_only(tmp_path, bags, drop, reason):
    content = [entry for entry in bags.entries() if entry[0] != drop]
    events, _ = read(bags.write(tmp_path / "bag", content))
    assert len(frames(events)) == 10
    assert {frame.depth_missing for frame in frames(events)} == {reason}


def test_depth_of_another_stamp_is_not_taken(tmp_path, bags):
    content = [
        (topic, at, stamped(m, m.header.stamp.sec * 10**9 + m.header.stamp.nanosec + 40_000_000))
        if "depth" in topic
        else (topic, at, m)
        for topic, at, m in bags.entries()
    ]
    events, _ = read(bags.write(tmp_path / "bag", content))
    assert all(f.depth is None and f.depth_missing for f in frames(events))


def test_ros1_gives_the_same_frames(tmp_path, bags, whole_bag):
    old = frames(read(bags.write_ros1(tmp_path / "old.bag", bags.entries(ros1=True)))[0])
    for one, other in zip(old, frames(read(whole_bag)[0]), strict=True):
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.depth, other.depth)
        np.testing.assert_array_equal(one.intrinsics.matrix, other.intrinsics.matrix)
        assert one.stamp == other.stamp


def test_few_messages_wait_however_long_the_bag(tmp_path, bags):
    path = bags.write(tmp_path / "bag", bags.entries(frames=200))
    with Bag(path) as bag:
        reader = EventReader(bag, find_topics(bag), depth_slop=20, span=Span())
        most = max(len(reader._heap) for _ in reader)
    assert most < 2 * 10
