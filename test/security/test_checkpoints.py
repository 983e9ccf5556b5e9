"""A checkpoint is data: what it names outside its folder isn't read, what it brings isn't run."""

import json

import pytest

from vlm_robot.detection.factory import load_detector
from vlm_robot.models.checkpoint import ModelError, find_checkpoint


def edited(folder, copy, **changes):
    """A copy of a checkpoint with other entries in config.json."""
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | changes))
    return copy


def test_code_beside_the_weights_never_runs(tiny_checkpoint, tmp_path):
    copy = edited(
        tiny_checkpoint("owlv2"),
        tmp_path / "model",
        auto_map={
            "AutoConfig": "evil.Config",
            "AutoModelForZeroShotObjectDetection": "evil.Model",
        },
    )
    ran = tmp_path / "ran"
    (copy / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: ...\nclass Model: ...\n")
    load_detector(str(copy))
    assert not ran.exists()


@pytest.mark.parametrize("shard", ["../other.safetensors", "/etc/passwd", "a/../../b.safetensors"])
def test_an_index_that_points_outside_the_folder_is_refused(tiny_checkpoint, tmp_path, shard):
    copy = edited(tiny_checkpoint("owlv2"), tmp_path / "model")
    weights = (copy / "model.safetensors").read_bytes()
    (tmp_path / "other.safetensors").write_bytes(weights)
    index = {"metadata": {}, "weight_map": {"a": shard}}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="lacks"):
        find_checkpoint(str(copy))


@pytest.mark.parametrize("name", ["../../etc", "a/../b", "nobody/..", "~/../../x", "file:///etc"])
def test_a_name_that_is_no_folder_is_no_way_out_of_the_cache(name):
    with pytest.raises(ModelError):
        find_checkpoint(name)
