import json
import pickle

import numpy as np
import pytest
from huggingface_hub import constants
from safetensors.numpy import save_file

from vlm_robot.models.checkpoint import ModelError, bundled_checkpoints, find_checkpoint


@pytest.fixture
def folder(tmp_path):
    """A checkpoint in the smallest form that is one."""
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "owlvit"}))
    save_file({"weight": np.zeros(1000, np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty Hugging Face cache."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    return cache


def into_cache(folder, cache, hub_id, revision="0123456789abcdef0123456789abcdef01234567"):
    """Put a folder where `hf download` puts it."""
    repo = cache / f"models--{hub_id.replace('/', '--')}"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(revision)
    (repo / "snapshots").mkdir()
    return folder.rename(repo / "snapshots" / revision)


def refusal(name):
    with pytest.raises(ModelError) as caught:
        find_checkpoint(str(name))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_a_checkpoint(folder):
    found = find_checkpoint(str(folder))
    assert (found.folder, found.model_type) == (folder, "owlvit")


def test_a_folder_may_be_in_the_home_directory(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert find_checkpoint("~/my model").folder == folder


def test_a_hub_id_is_found_in_the_local_cache(folder, cache):
    snapshot = into_cache(folder, cache, "someone/detector")
    assert find_checkpoint("someone/detector").folder == snapshot


def test_bundled_checkpoints_are_found_by_their_name():
    for name in bundled_checkpoints():
        assert find_checkpoint(name).name == name


def test_a_hub_id_that_is_not_in_the_cache_tells_the_command_that_fetches_it(cache):
    said = refusal("google/owlv2-base-patch16-ensemble")
    assert str(cache) in said
    assert "`hf download google/owlv2-base-patch16-ensemble`" in said
    assert "compact" in said


def test_a_half_fetched_hub_id_tells_the_command_that_fetches_it(folder, cache):
    snapshot = into_cache(folder, cache, "someone/detector")
    (snapshot / "model.safetensors").unlink()
    said = refusal("someone/detector")
    assert "no weights" in said
    assert "`hf download someone/detector`" in said


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "~/nowhere", "a/b/c"])
def test_a_folder_that_does_not_exist_is_told_by_its_path(name):
    assert "doesn't exist: check the path" in refusal(name)


@pytest.mark.parametrize("name", ["", "  "])
def test_no_name_tells_what_may_be_given(name):
    assert "has no name: use 'compact'" in refusal(name)


def test_a_file_is_no_folder(folder):
    assert "give the folder" in refusal(folder / "config.json")


def test_a_folder_without_config_is_told(folder):
    (folder / "config.json").unlink()
    assert f"'{folder}' has no config.json" in refusal(folder)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="cut off"),
        pytest.param("[]", id="no settings"),
        pytest.param("", id="empty"),
    ],
)
def test_a_broken_config_is_told(folder, text):
    (folder / "config.json").write_text(text)
    assert "config.json" in refusal(folder)


def test_pickled_weights_are_refused_and_not_opened(folder):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was run",))

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Trap()))
    said = refusal(folder)
    assert "pytorch_model.bin" in said
    assert "model.safetensors" in said


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda weights: weights[:2000], id="cut off"),
        pytest.param(lambda weights: b"\xff" * len(weights), id="other bytes"),
        pytest.param(lambda weights: b"", id="empty"),
        pytest.param(
            lambda weights: b"version https://git-lfs.github.com/spec/v1\n", id="LFS pointer"
        ),
    ],
)
def test_damaged_weights_are_told(folder, damage):
    weights = folder / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    said = refusal(folder)
    assert "model.safetensors is damaged" in said
    assert said.endswith("copy it again")


def test_a_missing_shard_is_told(folder):
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors").rename(folder / shards["a"])
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    assert f"lacks {shards['b']}" in refusal(folder)
