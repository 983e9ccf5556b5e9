"""Scenes on disk become batches."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vlm_robot.training.augmentation import motion_kernel, photograph, place
from vlm_robot.training.dataset import SceneFolder, SceneStream, read_scenes, teachable
from vlm_robot.training.vocabulary import read_vocabulary
from vlm_robot.types import InputError


def test_scenes_have_boxes_of_known_instances(tiny_data: Path) -> None:
    scenes = read_scenes(tiny_data / "train")
    vocabulary = read_vocabulary(tiny_data / "train" / "vocabulary.json")
    assert len(scenes) == 24
    assert all(name in vocabulary.instances for scene in scenes for name in scene.instances)
    assert all((scene.boxes[:, 2:] > scene.boxes[:, :2]).all() for scene in scenes)


def test_a_growing_folder_is_read_anew(tmp_path: Path, tiny_data: Path) -> None:
    content = (tiny_data / "train" / "shard-00000" / "coco.json").read_text()
    folder = SceneFolder(tmp_path)
    for shard in range(2):
        (tmp_path / f"shard-{shard:05d}").mkdir()
        (tmp_path / f"shard-{shard:05d}" / "coco.json").write_text(content)
        assert len(folder.read()) == 24 * (shard + 1)


def test_what_must_not_be_learned_is_ignored(tiny_data: Path, tmp_path: Path) -> None:
    content = json.loads((tiny_data / "train" / "vocabulary.json").read_text())
    content["instances"]["red disc"]["split"] = "unseen_kind"
    (tmp_path / "v.json").write_text(json.dumps(content))
    before = read_scenes(tiny_data / "train")
    after = teachable(before, read_vocabulary(tmp_path / "v.json"))
    assert all("red disc" not in scene.instances for scene in after)
    for old, new in zip(before, after, strict=True):
        assert len(old.boxes) == len(new.boxes) + len(new.ignored)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("{", "no COCO file", id="broken"),
        pytest.param('{"images": []}', "annotations", id="no annotations"),
    ],
)
def test_a_broken_shard_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "shard-00000").mkdir()
    (tmp_path / "shard-00000" / "coco.json").write_text(content)
    with pytest.raises(InputError, match=says):
        read_scenes(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="render the data set"):
        read_scenes(tmp_path)


def test_an_unknown_split_of_an_instance_is_refused(tmp_path: Path) -> None:
    row = {"kind": "x", "split": "secret", "train_phrases": [], "heldout_phrases": []}
    (tmp_path / "v.json").write_text(json.dumps({"instances": {"a": row}}))
    with pytest.raises(InputError, match="secret"):
        read_vocabulary(tmp_path / "v.json")


def test_boxes_move_with_the_image() -> None:
    image = np.full((288, 384, 3), 100, np.uint8)
    image[100:150, 200:260] = [255, 0, 0]
    box = np.array([[200, 100, 260, 150]], np.float32)
    rng = np.random.default_rng(0)
    for _ in range(30):
        placed = place(image, box, (256, 192), rng, vary=True)
        red = (placed.image[..., 0] > 220) & (placed.image[..., 1] < 60)
        if placed.learnable[0]:
            rows, columns = np.nonzero(red)
            seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(placed.boxes[0], seen, atol=2)


def test_an_object_pushed_out_of_view_is_not_learned() -> None:
    image = np.zeros((288, 384, 3), np.uint8)
    box = np.array([[0, 0, 20, 20]], np.float32)
    rng = np.random.default_rng(1)
    placed = [place(image, box, (256, 192), rng, vary=True) for _ in range(60)]
    assert {bool(p.learnable[0]) for p in placed} == {True, False}


def test_photographs_stay_images() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (48, 64, 3), np.uint8)
    for _ in range(40):
        changed = photograph(image, rng)
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8


def test_motion_blur_keeps_brightness() -> None:
    assert motion_kernel(9.0, 0.7).sum() == pytest.approx(1.0, abs=1e-5)


def test_a_stream_gives_padded_batches_of_one_size(tiny_data: Path) -> None:
    vocabulary = read_vocabulary(tiny_data / "train" / "vocabulary.json")
    index = {name: row for row, name in enumerate(vocabulary.instances)}
    stream = SceneStream(
        SceneFolder(tiny_data / "train").read,
        index,
        batch=4,
        sizes=((128, 96), (256, 192)),
        size_weights=torch.tensor([1.0, 1.0]),
        seed=0,
    )
    batches = [batch for batch, _ in zip(stream, range(8), strict=False)]
    assert {tuple(batch.images.shape[2:]) for batch in batches} == {(96, 128), (192, 256)}
    for batch in batches:
        valid = batch.targets.instances >= 0
        assert (batch.targets.weights[valid] == 1).all()
        boxes = batch.targets.boxes[valid]
        assert (boxes[:, 2:] > boxes[:, :2]).all()
