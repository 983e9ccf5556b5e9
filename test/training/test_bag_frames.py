"""A user's bag gives the images that a student is distilled on."""

from itertools import pairwise
from pathlib import Path

import pytest

from vlm_robot.replay.bag import BagError
from vlm_robot.training.bag_frames import is_bag, write_frames
from vlm_robot.training.dataset import read_image

BAG = Path(__file__).parents[2] / "sample" / "home_drive"


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
