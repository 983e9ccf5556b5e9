"""'Show it once' without the node: a folder of images with boxes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from vlm_robot.cli import main
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.exemplar_folder import read_exemplars
from vlm_robot.perception import Perception
from vlm_robot.replay.records import read_records
from vlm_robot.settings import Settings
from vlm_robot.training.bag_frames import write_frames
from vlm_robot.types import InputError

SAMPLE = Path(__file__).parents[1] / "sample"


def write(folder, content):
    cv2.imwrite(str(folder / "kitchen.png"), np.full((60, 80, 3), 200, np.uint8))
    (folder / "exemplars.yaml").write_text(content)
    return folder


def test_names_have_images_with_boxes(tmp_path):
    content = """
      my mug:
        - {image: kitchen.png, boxes: [[1, 2, 30, 40]]}
        - {image: kitchen.png, boxes: [[5, 5, 10, 10], [20, 20, 40, 40]]}
      keys: [{image: kitchen.png, boxes: [[0, 0, 9, 9]]}]
    """
    shown = read_exemplars(write(tmp_path, content))
    assert [(e.name, len(e.boxes)) for e in shown] == [("my mug", 1), ("my mug", 2), ("keys", 1)]
    assert shown[0].image.shape == (60, 80, 3)
    np.testing.assert_array_equal(shown[0].boxes, [[1, 2, 30, 40]])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param(None, "can't be read from .*exemplars.yaml", id="no file"),
        pytest.param("{", "can't be read from", id="no YAML"),
        pytest.param("", "must map names", id="empty"),
        pytest.param("{}", "it names nothing", id="no name"),
        pytest.param("mug: kitchen.png", "must map names", id="no list"),
        pytest.param("mug: [{image: kitchen.png}]", "must map names.*boxes", id="no boxes"),
        pytest.param("mug: [{image: kitchen.png, boxes: here}]", "must map names", id="a word"),
        pytest.param(
            "mug: [{image: hall.png, boxes: [[1, 2, 30, 40]]}]",
            "exemplar 'mug': .*hall.png can't be read",
            id="no image",
        ),
        pytest.param(
            "mug: [{image: exemplars.yaml, boxes: [[1, 2, 30, 40]]}]",
            "exemplar 'mug': .* can't be decoded",
            id="not an image",
        ),
        pytest.param(
            "mug: [{image: kitchen.png, boxes: [[90, 70, 99, 80]]}]",
            "inside its 80x60 image",
            id="outside",
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path, content, text):
    folder = tmp_path if content is None else write(tmp_path, content)
    with pytest.raises(InputError, match=text):
        read_exemplars(folder)


def test_a_wrong_folder_is_refused_by_the_replay(tmp_path, capsys):
    words = ["replay", str(SAMPLE / "home_drive"), "-o", str(tmp_path / "out"), "--quiet"]
    assert main([*words, "--exemplars", str(tmp_path)]) == 2
    assert "the exemplars can't be read from" in capsys.readouterr().err


def true_boxes(kind, image):
    """(N, 4) xyxy."""
    truth = json.loads((SAMPLE / "ground_truth.json").read_text())
    (number,) = [i["id"] for i in truth["images"] if i["file_name"] == image]
    rows = [a["bbox"] for a in truth["annotations"] if (a["image_id"], a["kind"]) == (number, kind)]
    x, y, width, height = np.array(rows, np.float32).T
    return np.stack([x, y, x + width, y + height], 1)


def test_a_couch_that_was_shown_once_is_found_in_later_frames(tmp_path):
    write_frames(SAMPLE / "home_drive", tmp_path, seconds=100.0)
    (image,) = tmp_path.glob("front-*.jpg")
    stamp = int(image.stem.partition("-")[2])
    couch = true_boxes("couch", f"front/{stamp}")[:1]
    content = {"the blue couch": [{"image": image.name, "boxes": couch.tolist()}]}
    (tmp_path / "exemplars.yaml").write_text(yaml.safe_dump(content))
    words = ["replay", str(SAMPLE / "home_drive"), "-o", str(tmp_path / "out"), "--quiet"]
    words += ["--exemplars", str(tmp_path), "--prompts", "toaster", "--topic", "front"]
    assert main([*words, "--duration", "1", "--no-report"]) == 0
    frames = [r for r in read_records(tmp_path / "out" / "results.jsonl") if r["kind"] == "frame"]
    assert len(frames) >= 9
    hit = 0
    for frame in frames:
        said = [d["box"] for d in frame["detections"] if d["phrase"] == "the blue couch"]
        found = np.array(said, np.float32).reshape(-1, 4)
        truth = true_boxes("couch", f"front/{frame['stamp']}")
        hit += bool(iou_matrix(found, truth).max(initial=0.0) > 0.5)
    assert hit >= len(frames) - 1


def test_the_services_prompts_take_the_place_of_the_folders(tmp_path):
    write(tmp_path, "my mug: [{image: kitchen.png, boxes: [[1, 2, 30, 40]]}]")
    skills = Perception.load(Settings(prompts=("chair",), exemplars=str(tmp_path)))
    assert skills.prompts.labels == ("chair", "my mug")
    skills.apply(skills.settings.changed({"prompts": ("table",)}))
    assert skills.prompts.labels == ("table", "my mug")
    skills.set_prompts(["lamp"])
    assert skills.prompts.labels == ("lamp",)
