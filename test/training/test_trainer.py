"""Training learns, stops on time, and goes on where it stopped."""

import copy
import csv
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vlm_robot.detection.compact.checkpoint import CompactConfig, read_checkpoint
from vlm_robot.detection.compact.detector import CompactDetector, load_compact
from vlm_robot.detection.compact.network import NetworkConfig
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.evaluation.detections.figures import Split, taught_figures
from vlm_robot.evaluation.detections.seen import look
from vlm_robot.training.dataset import SceneFolder, read_scenes
from vlm_robot.training.export import export
from vlm_robot.training.export import main as export_command
from vlm_robot.training.phrasebook import Phrasebook
from vlm_robot.training.train_compact import main
from vlm_robot.training.trainer import (
    Trainer,
    TrainSettings,
    new_network,
    read_settings,
    started_network,
    trained_network,
    write_settings,
)
from vlm_robot.training.vocabulary import read_vocabulary
from vlm_robot.types import InputError

SIZE = (128, 96)
STEPS = 180


@pytest.fixture(scope="module")
def book(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Phrasebook:
    vocabulary = read_vocabulary(tiny_data / "train" / "vocabulary.json")
    cache = tmp_path_factory.mktemp("book") / "phrases.pt"
    return Phrasebook(vocabulary, TextEncoder(), cache=cache)


def trainer(book: Phrasebook, data: Path, run: Path, *, minutes: float) -> Trainer:
    torch.manual_seed(0)
    settings = TrainSettings(
        minutes=minutes, sizes=(SIZE,), workers=0, average=0.95, bfloat16=True, trust_images=300
    )
    network = new_network(NetworkConfig(neck_width=48, embedding=32), book)
    return Trainer(network, book, SceneFolder(data / "train").read, run, settings)


@pytest.fixture(scope="module")
def learned(book: Phrasebook, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that fits the tiny data set."""
    run = tmp_path_factory.mktemp("run")
    tiny = trainer(book, tiny_data, run, minutes=60)
    batches = tiny._batches()
    for _ in range(STEPS):
        tiny.step(next(batches))
    tiny.save()
    return run


@pytest.fixture(scope="module")
def fitted(learned: Path, tiny_data: Path) -> Split:
    """What that run's network sees in its own training scenes."""
    network = trained_network(learned).fold()
    detector = CompactDetector(network, CompactConfig(network.config, SIZE))
    vocabulary = read_vocabulary(tiny_data / "train" / "vocabulary.json")
    return Split(detector, vocabulary, look(detector, read_scenes(tiny_data / "train")))


def test_it_fits_a_tiny_data_set(fitted: Split) -> None:
    assert fitted.precision(fitted.vocabulary.phrases("known"), "known").ap50 > 0.7


def test_phrases_taught_and_others_are_measured_apart(fitted: Split) -> None:
    known = fitted.vocabulary.phrases("known")
    apart = taught_figures(fitted, known[:2])
    assert (apart["taught_phrases"], apart["untaught_phrases"]) == (2, len(known) - 2)
    together = fitted.precision(known, "known")
    assert apart["taught_ap50"] == pytest.approx(np.nanmean(together.by_phrase[:2]))


def test_a_run_goes_on_where_it_stopped(learned: Path, book: Phrasebook, tiny_data: Path) -> None:
    again = trainer(book, tiny_data, learned, minutes=60)
    assert again.resume()
    assert again.images == STEPS * 8
    saved = torch.load(learned / "last.pt", weights_only=True)
    for name, value in again.network.state_dict().items():
        torch.testing.assert_close(value, saved["network"][name])


def test_it_learns_of_each_phrase_more_than_its_words(learned: Path) -> None:
    shift = trained_network(learned).lexicon_shift
    assert shift is not None
    assert shift.norm(dim=1).min() > 0


def test_a_model_is_trained_on_from_where_it_was(
    learned: Path, book: Phrasebook, tmp_path: Path
) -> None:
    export(learned, tmp_path)
    network, _ = read_checkpoint(tmp_path)
    started = started_network(tmp_path, book)
    for name, value in started.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[name])


def test_other_phrases_than_the_models_begin_with_nothing_learned(
    learned: Path, book: Phrasebook, tmp_path: Path
) -> None:
    export(learned, tmp_path)
    other = copy.copy(book)
    other.embeddings = book.embeddings.flip(1)
    started = started_network(tmp_path, other)
    torch.testing.assert_close(started.lexicon, other.lexicon)
    assert started.lexicon_shift is not None
    assert not started.lexicon_shift.any()


def test_the_command_names_a_model_that_is_missing(
    tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--data", str(tiny_data), "--out", str(tmp_path / "run"), "--minutes", "0.1"]
    assert main([*command, "--start", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_an_empty_folder_has_nothing_to_resume(
    tmp_path: Path, book: Phrasebook, tiny_data: Path
) -> None:
    assert not trainer(book, tiny_data, tmp_path, minutes=1).resume()


def test_an_export_loads_as_a_detector(learned: Path, tmp_path: Path) -> None:
    export(learned, tmp_path)
    network, config = read_checkpoint(tmp_path)
    assert not config.network.normalised
    assert sum(p.numel() for p in network.parameters()) > 1_000_000
    assert load_compact(tmp_path, device="cpu").info.name == "compact"


def test_the_command_gives_an_export_the_other_names_of_its_data(
    learned: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--run", str(learned), "--out", str(tmp_path), "--data", str(tiny_data)]
    assert export_command(command) == 0
    assert read_checkpoint(tmp_path)[1].network.other_names == 1
    assert export_command([*command[:4], "--data", str(tmp_path)]) == 2
    assert "vocabulary.json" in capsys.readouterr().err


def test_the_command_trains_on_time_and_writes_log_and_curves(
    tiny_data: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = ["--data", str(tiny_data), "--out", str(run), "--workers", "0"]
    assert main([*command, "--minutes", "0.1", "--batch", "1"]) == 0
    assert (run / "last.pt").exists()
    with (run / "log.csv").open() as stream:
        header, *rows = list(csv.reader(stream))
    assert header[:2] == ["minutes", "images"]
    assert rows
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert main([*command, "--minutes", "0.12"]) == 2, "a second run needs --resume"


def test_frozen_blocks_keep_their_weights(learned: Path, book: Phrasebook) -> None:
    first = new_network(NetworkConfig(neck_width=48, embedding=32), book).backbone
    after = trained_network(learned).backbone
    frozen = TrainSettings(minutes=1).frozen_blocks
    for one, other in zip(
        first.blocks[:frozen].parameters(), after.blocks[:frozen].parameters(), strict=True
    ):
        torch.testing.assert_close(one, other)
    assert not torch.equal(first.blocks[17].layers[0].weight, after.blocks[17].layers[0].weight)


def test_a_started_run_resumes_as_it_was_started(
    learned: Path, tiny_data: Path, tmp_path: Path
) -> None:
    model, run = tmp_path / "model", tmp_path / "run"
    export(learned, model)
    command = ["--data", str(tiny_data), "--out", str(run), "--workers", "0", "--batch", "1"]
    assert main([*command, "--minutes", "0.02", "--start", str(model), "--rate", "0.25"]) == 0
    begun = read_settings(run)
    assert begun.head_rate == TrainSettings(minutes=1).head_rate / 4
    assert begun.trust_images == 1
    assert main([*command, "--minutes", "0.04", "--resume"]) == 0
    assert replace(read_settings(run), minutes=begun.minutes) == begun
    assert not trained_network(run).config.normalised


def test_a_run_from_before_phrases_were_learned_keeps_its_lexicon(
    learned: Path,
    book: Phrasebook,
    tiny_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = shutil.copytree(learned, tmp_path / "run")
    state = torch.load(run / "last.pt", weights_only=True)
    lexicon = state["averaged"]["lexicon"]
    for part in (state["averaged"], state["network"]):
        del part["lexicon_shift"]
        part["lexicon"] = lexicon[:0]
    state["config"]["lexicon"] = 0
    torch.save(state | {"lexicon": lexicon}, run / "last.pt")
    torch.testing.assert_close(trained_network(run).lexicon, lexicon)
    with pytest.raises(InputError, match="another network"):
        trainer(book, tiny_data, run, minutes=60).resume()
    write_settings(run, TrainSettings(minutes=60))
    assert main(["--data", str(tiny_data), "--out", str(run), "--minutes", "60", "--resume"]) == 2
    assert "another network" in capsys.readouterr().err
