"""A teacher's boxes become pseudo-labels; the teacher here is a fake that knows the truth."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vlm_robot.detection.detector import DetectionOptions, EncodedPrompts, ModelInfo
from vlm_robot.detection.factory import load_detector
from vlm_robot.detection.prompts import PromptSet, prompt_set
from vlm_robot.training.distill import (
    image_files,
    main,
    pseudo_vocabulary,
    read_phrases,
)
from vlm_robot.training.export import main as export
from vlm_robot.training.pseudo_labels import kept_labels, pseudo_label
from vlm_robot.training.trainer import CHECKPOINT, read_settings, trained_network
from vlm_robot.types import Detections, Image, InputError

ROOT = Path(__file__).parents[2]
BAG = ROOT / "sample" / "home_drive"


class FakeTeacher:
    """Sees the same three boxes in every image: sure, half sure, and half sure of the first."""

    info = ModelInfo("fake", "cpu", "float32", 0.4)
    asked = 0

    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        return EncodedPrompts(prompts, None)

    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        self.asked += len(images)
        boxes = np.array([[0, 0, 50, 50], [60, 60, 90, 90], [1, 1, 50, 50]], np.float32)
        scores = np.array([0.9, 0.3, 0.25], np.float32)
        labels = np.array([1, 0, 0])
        return [Detections(boxes, scores, labels, prompts.prompts.labels) for _ in images]


def test_sure_boxes_are_taught_by_their_score_and_others_are_neither(tiny_data: Path) -> None:
    files = image_files(tiny_data / "train", 3)
    scenes = pseudo_label(FakeTeacher(), files, ["disc", "square"], threshold=0.4)
    assert len(scenes) == 3
    for scene in scenes:
        assert scene.instances == ("square",)
        np.testing.assert_allclose(scene.weights, [0.9])
        np.testing.assert_allclose(scene.ignored, [[60, 60, 90, 90]])


@pytest.mark.parametrize(
    ("again", "asked"),
    [
        pytest.param({}, 3, id="the same"),
        pytest.param({"threshold": 0.5}, 6, id="another threshold"),
        pytest.param({"labels": ["disc", "box"]}, 6, id="other labels"),
        pytest.param({"name": "another"}, 6, id="another teacher"),
    ],
)
def test_a_teacher_is_asked_once_for_the_same(
    tiny_data: Path, tmp_path: Path, again: dict[str, Any], asked: int
) -> None:
    teacher = FakeTeacher()
    question: dict[str, Any] = {"labels": ["disc", "square"], "threshold": 0.4, "name": "fake"}
    files = image_files(tiny_data / "train", 3)
    first = kept_labels(teacher, files, **question, kept=tmp_path / "labels.json")
    second = kept_labels(teacher, files, **question | again, kept=tmp_path / "labels.json")
    assert teacher.asked == asked
    if not again:
        for one, other in zip(first, second, strict=True):
            assert (one.file, one.instances) == (other.file, other.instances)
            for name in ("boxes", "ignored", "weights"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_labels_come_with_their_phrases(tmp_path: Path) -> None:
    file = tmp_path / "labels.txt"
    file.write_text("mug, red mug, something to drink from\n\nchair\n")
    labels = read_phrases(file)
    assert labels["mug"] == ("mug", "red mug", "something to drink from")
    vocabulary = pseudo_vocabulary(labels)
    assert vocabulary.phrases("known") == ("chair", "mug", "red mug", "something to drink from")


def test_a_file_without_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n\n")
    with pytest.raises(InputError, match="names 0 labels"):
        read_phrases(tmp_path / "labels.txt")


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no image"):
        image_files(tmp_path, 0)


def test_the_readmes_commands_make_a_student_from_a_bag(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("couch, red couch\nperson\ndoor\n")
    given = {"MODEL": "compact", "BAG": str(BAG), "FILE": str(labels), "60": "0.01",
             "RUN": str(tmp_path / "run"), "STUDENT": str(tmp_path / "student")}  # fmt: skip
    readme = (ROOT / "README.md").read_text("utf-8")
    for command, run in (("distill", main), ("export", export)):
        (line,) = re.findall(rf"^    python -m vlm_robot.training.{command} (.*)$", readme, re.M)
        assert run([given.get(word, word) for word in line.split()]) == 0
    assert len(list((tmp_path / "run" / "frames").iterdir())) >= 30
    student = load_detector(str(tmp_path / "student"))
    prompts = student.encode(prompt_set(["couch"], threshold=0.0))
    assert len(student.detect([np.zeros((48, 64, 3), np.uint8)], prompts, DetectionOptions())) == 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("distilled")


@pytest.fixture(scope="module")
def run(tiny_data: Path, folder: Path) -> Callable[..., int]:
    """The command, whose folder holds a finished run already."""
    arguments = f"--teacher compact --images {tiny_data}/train --most 2 --out {folder}"

    def again(*more: str, phrases: str = "disc\nsquare\n") -> int:
        (folder / "labels.txt").write_text(phrases)
        return main([*arguments.split(), "--phrases", f"{folder}/labels.txt", *more])

    assert again("--width", "0.25", "--minutes", "0.001") == 0
    return again


def test_a_folder_with_a_run_is_refused(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--minutes", "0.01") == 2
    assert "holds a run: add --resume to go on" in capsys.readouterr().err


def test_a_run_of_other_phrases_is_not_resumed(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--minutes", "0.01", "--resume", phrases="disc\ntriangle\n") == 2
    assert "holds a run of other phrases" in capsys.readouterr().err


def test_a_run_is_resumed_as_it_was_started(run: Callable[..., int], folder: Path) -> None:
    begun = read_settings(folder)
    _, steps, seconds = torch.load(folder / CHECKPOINT, weights_only=True)["counters"]
    minutes = seconds / 60 + 0.001
    assert run("--minutes", str(minutes), "--resume", "--seed", "7") == 0
    assert read_settings(folder) == replace(begun, minutes=minutes)
    assert trained_network(folder).config.backbone_width == 0.25
    assert torch.load(folder / CHECKPOINT, weights_only=True)["counters"][1] > steps


def test_a_bag_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mcap").write_bytes(b"no bag")
    (tmp_path / "labels.txt").write_text("couch\n")
    arguments = f"--teacher compact --images {tmp_path}/bad.mcap --phrases {tmp_path}/labels.txt"
    assert main([*arguments.split(), "--out", str(tmp_path / "run"), "--minutes", "1"]) == 2
    assert capsys.readouterr().err.startswith("error: ")
