"""A checkpoint comes back as it was saved, or is refused by name."""

import json
from pathlib import Path

import pytest
import torch

from vlm_robot.detection.compact.checkpoint import (
    Calibration,
    CompactConfig,
    keep_fits,
    read_checkpoint,
    save_checkpoint,
    write_config,
)
from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.models.checkpoint import ModelError

SMALL = NetworkConfig(
    backbone_width=0.25, neck_width=16, region_width=32, embedding=16, normalised=True
)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = CompactNetwork(SMALL).fold()
    save_checkpoint(
        tmp_path, network, CompactConfig(network.config, (64, 64), Calibration(1.5, 0.2))
    )
    return tmp_path


def test_a_fit_is_kept_beside_the_others(saved: Path) -> None:
    keep_fits(saved, presence_even=0.12345, answers={"score": 1.5})
    kept = read_checkpoint(saved)[1]
    assert kept.calibration == Calibration(1.5, 0.2, presence_even=0.1235, answers={"score": 1.5})
    assert kept.input_size == (64, 64)


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def outputs(network: CompactNetwork, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Boxes, objectness, and descriptions of one box in each image."""
    cells = network(images)
    box = torch.tensor([[[10.0, 10.0, 40.0, 50.0]]]).expand(len(images), 1, 4)
    used = torch.ones(len(images), 1, dtype=torch.bool)
    return cells.boxes, cells.objectness, network.describe(cells.maps, box, used)


def test_folding_keeps_what_the_network_computes() -> None:
    torch.manual_seed(0)
    network = CompactNetwork(SMALL)
    images = torch.rand(4, 3, 64, 64) * 255
    with torch.no_grad():
        for _ in range(3):  # so that the norms have seen something
            outputs(network.train(), images)
        before = outputs(network.eval(), images)
        after = outputs(network.fold(), images)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_it_comes_back_to_float16(saved: Path) -> None:
    network, config = read_checkpoint(saved)
    torch.manual_seed(0)
    first = CompactNetwork(SMALL).fold()
    assert config.calibration == Calibration(1.5, 0.2)
    assert config.input_size == (64, 64)
    for one, other in zip(first.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"format_version": 4}, "version 4", id="another version"),
        pytest.param({"model_type": "owlv2"}, "model_type", id="another model"),
        pytest.param({"network": {"width": 3}}, "wrong one", id="wrong fields"),
        pytest.param({"input_size": [100, 64]}, "multiples of 32", id="odd input"),
    ],
)
def test_a_config_that_does_not_fit_is_refused_by_name(
    saved: Path, changes: dict[str, object], says: str
) -> None:
    edit(saved / "config.json", **changes)
    with pytest.raises(ModelError, match=r"config\.json") as refused:
        read_checkpoint(saved)
    assert says in str(refused.value)


def test_weights_with_one_changed_byte_are_refused_by_name(saved: Path) -> None:
    file = saved / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        read_checkpoint(saved)


def test_weights_of_another_network_are_refused(saved: Path) -> None:
    config = CompactConfig(NetworkConfig(backbone_width=0.25, neck_width=24, embedding=16))
    write_config(saved, config)
    with pytest.raises(ModelError, match=r"model\.safetensors doesn't hold"):
        read_checkpoint(saved)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(ModelError, match=name):
        read_checkpoint(saved)


def test_the_lexicon_comes_back_with_the_weights(tmp_path: Path) -> None:
    network = CompactNetwork(SMALL).fold()
    lexicon = torch.nn.functional.normalize(torch.randn(5, SMALL.text), dim=-1)
    network.set_lexicon(lexicon)
    save_checkpoint(tmp_path, network, CompactConfig(network.config, (64, 64)))
    torch.testing.assert_close(read_checkpoint(tmp_path)[0].lexicon, lexicon, atol=1e-3, rtol=1e-3)


def test_what_was_learnt_of_the_lexicon_comes_back(tmp_path: Path) -> None:
    network = with_lexicon()
    save_checkpoint(tmp_path, network, CompactConfig(network.config, (64, 64)))
    kept = read_checkpoint(tmp_path)[0].lexicon_shift
    assert kept is not None
    torch.testing.assert_close(kept, network.lexicon_shift, atol=1e-3, rtol=1e-3)


def test_a_lexicon_of_version_1_is_its_projection(tmp_path: Path) -> None:
    network = with_lexicon()
    text = torch.nn.functional.normalize(torch.randn(3, SMALL.text), dim=-1)
    network.lexicon_shift = None
    save_checkpoint(tmp_path, network, CompactConfig(network.config, (64, 64)))
    content = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(content | {"format_version": 1}))
    read = read_checkpoint(tmp_path)[0]
    network.set_lexicon(network.lexicon)
    torch.testing.assert_close(read.read(text), network.read(text), atol=1e-2, rtol=1e-2)


def with_lexicon() -> CompactNetwork:
    network = CompactNetwork(SMALL).fold()
    network.set_lexicon(torch.nn.functional.normalize(torch.randn(5, SMALL.text), dim=-1))
    assert network.lexicon_shift is not None
    torch.nn.init.normal_(network.lexicon_shift)
    return network
