"""A user's bag gives the images that a student is distilled on."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from vlm_robot.replay.bag import BagError
from vlm_robot.replay.interfaces import typestore
from vlm_robot.training.bag_frames import is_bag, write_frames
from vlm_robot.training.dataset import read_image

BAG = Path(__file__).parents[2] / "sample" / "home_drive"
SECOND = 1_000_000_000
RECORDED = 1_700_000_000
"""When a bag was begun, seconds."""


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    assert write_frames(BAG, folder, seconds=4.0) == len(list(folder.iterdir()))
    return sorted(folder.iterdir())


def test_every_camera_gives_frames_so_far_apart(frames):
    stamps: dict[str, list[int]] = {}
    for file in frames:
        camera, _, stamp = file.stem.rpartition("-")
        stamps.setdefault(camera, []).append(int(stamp))
    assert len(stamps) == 2
    for times in stamps.values():
        assert len(times) >= 4
        assert all(4e9 <= b - a < 4.5e9 for a, b in pairwise(sorted(times)))


def test_the_frames_are_whole_images(frames):
    assert {read_image(file).shape for file in frames} == {(480, 640, 3)}


def test_a_bag_is_known_by_its_files(frames, tmp_path):
    assert is_bag(BAG)
    assert is_bag(BAG / "home_drive.mcap")
    assert not is_bag(frames[0].parent)
    assert not is_bag(frames[0])


def test_a_damaged_bag_is_told(tmp_path):
    (tmp_path / "bad.mcap").write_bytes(b"no bag")
    with pytest.raises(BagError, match=r"bad\.mcap"):
        write_frames(tmp_path / "bad.mcap", tmp_path / "frames", seconds=1.0)


@pytest.fixture
def drive(tmp_path):
    """Writes a bag of one camera with an image a second, given their stamps in seconds."""

    def write(stamps):
        store = typestore()
        name = "sensor_msgs/msg/CompressedImage"
        data = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].ravel()
        bag = tmp_path / "drive"
        with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connection = writer.add_connection("/front/image_raw", name, typestore=store)
            for step, stamp in enumerate(stamps):
                time = store.types["builtin_interfaces/msg/Time"](stamp, 0)
                header = store.types["std_msgs/msg/Header"](stamp=time, frame_id="optical")
                message = store.types[name](header=header, format="jpeg", data=data)
                log_time = (RECORDED + step) * SECOND
                writer.write(connection, log_time, store.serialize_cdr(message, name))
        return bag

    return write


@pytest.mark.parametrize(
    ("stamps", "kept"),
    [
        pytest.param([10, 11, 12, 13, 14], ["10", "12", "14"], id="a good clock"),
        pytest.param(
            [0] * 5, [str(RECORDED), str(RECORDED + 2), str(RECORDED + 4)], id="no stamps"
        ),
        pytest.param([90, 91, 10, 11, 12], ["90", "10", "12"], id="a clock set back"),
        pytest.param([10, 11, 12, 10, 11, 12], ["10", "12", "10-1", "12-1"], id="the same again"),
    ],
)
def test_frames_are_taken_every_two_seconds_whatever_the_stamps(drive, tmp_path, stamps, kept):
    folder = tmp_path / "frames"
    assert write_frames(drive(stamps), folder, seconds=2.0) == len(kept)
    names = {file.stem.replace("0" * 9, "") for file in folder.iterdir()}
    assert names == {f"front-{stamp}" for stamp in kept}


def test_frames_of_an_earlier_bag_go(drive, tmp_path):
    folder = tmp_path / "frames"
    write_frames(drive([10, 20]), folder, seconds=1.0)
    write_frames(BAG, folder, seconds=100.0)
    assert not list(folder.glob(f"front-{10 * SECOND}*"))
