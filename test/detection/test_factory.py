import json
import shutil

import pytest
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from vlm_robot.detection.compact.checkpoint import CompactConfig, save_checkpoint
from vlm_robot.detection.compact.network import CompactNetwork
from vlm_robot.detection.detector import ModelInfo
from vlm_robot.detection.factory import TRANSFORMERS, load_detector
from vlm_robot.models.checkpoint import ModelError


@pytest.fixture
def folder(tiny_checkpoint, tmp_path):
    """A copy of a tiny OWL-ViT, to be broken."""
    return shutil.copytree(tiny_checkpoint("owlvit"), tmp_path / "owl")


def refusal(name, **options):
    with pytest.raises(ModelError) as caught:
        load_detector(str(name), **{"device": "cpu", **options})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("model_type", TRANSFORMERS)
def test_a_detector_says_what_it_is(model_type, tiny_checkpoint):
    folder = tiny_checkpoint(model_type)
    info = load_detector(str(folder), device="cpu").info
    assert info[:3] == (str(folder), "cpu", "float32")
    assert 0 < info.threshold < 0.5


def test_a_compact_checkpoint_is_loaded_by_its_config(tmp_path):
    config = CompactConfig()
    save_checkpoint(tmp_path, CompactNetwork(config.network), config)
    info = load_detector(str(tmp_path), device="cpu", dtype="float32").info
    assert info == ModelInfo("compact", "cpu", "float32", config.calibration.threshold)


def test_an_unknown_architecture_tells_what_is_supported(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "yolov3"}))
    said = refusal(folder)
    assert "'yolov3'" in said
    assert all(model_type in said for model_type in TRANSFORMERS)


def test_an_unknown_hub_id_tells_how_to_fetch_it(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert "`hf download someone/else`" in refusal("someone/else")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        pytest.param({"device": "gpu"}, "device 'gpu' is unknown", id="device"),
        pytest.param({"dtype": "int4"}, "dtype 'int4' is unknown", id="dtype"),
    ],
)
def test_wrong_options_are_told_before_anything_is_loaded(folder, options, wrong):
    assert wrong in refusal(folder, **options)


def test_weights_that_lack_a_tensor_are_refused_not_made_up(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["box_head.dense0.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "lack 1 tensors, the first is box_head.dense0.weight" in refusal(folder)


def test_weights_of_another_size_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["hidden_size"] = 64
    (folder / "config.json").write_text(json.dumps(config))
    assert str(folder) in refusal(folder)


@pytest.mark.parametrize(
    "file", ["tokenizer.json", "preprocessor_config.json", "model.safetensors", "config.json"]
)
def test_a_missing_file_is_told_with_the_folder(folder, file):
    (folder / file).unlink()
    assert str(folder) in refusal(folder)


@pytest.mark.parametrize("file", ["tokenizer.json", "preprocessor_config.json"])
def test_a_broken_file_is_told_with_the_folder(folder, file):
    (folder / file).write_text("{")
    assert str(folder) in refusal(folder)


def test_code_in_a_checkpoint_is_not_run(folder):
    (folder / "trap.py").write_text("raise SystemExit('the code was run')")
    config = json.loads((folder / "config.json").read_text())
    auto_map = {"AutoModelForZeroShotObjectDetection": "trap.Model", "AutoConfig": "trap.Config"}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": auto_map}))
    assert load_detector(str(folder), device="cpu").info.name == str(folder)
