"""`vlm-robot evaluate robustness` on a bag, with a detector that sees colours."""

import json

import cv2
import numpy as np
import pytest

from vlm_robot.cli import main
from vlm_robot.detection.detector import EncodedPrompts, ModelInfo
from vlm_robot.perception import Perception
from vlm_robot.settings import Settings
from vlm_robot.types import Detections

pytest.importorskip("faster_coco_eval")

COLOURS = {"red box": (200, 30, 30), "blue box": (30, 30, 200)}
BOXES = {"red box": (4, 6, 24, 26), "blue box": (36, 20, 56, 40)}


class ColourDetector:
    """Finds patches by their colour, and knows the phrases of `COLOURS` alone."""

    info = ModelInfo("colours", "cpu", "float32", 0.5)

    def encode(self, prompts):
        return EncodedPrompts(prompts, None)

    def detect(self, images, prompts, options):
        return [self._look(image, prompts.prompts.phrases) for image in images]

    def _look(self, image, phrases):
        rows = []
        for label, phrase in enumerate(phrases):
            if phrase in COLOURS:
                gap = np.abs(image.astype(int) - COLOURS[phrase]).max(axis=2)
                mask = (gap < 90).astype(np.uint8)
                _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
                rows += [
                    (x, y, x + w, y + h, min(0.99, area / 400), label)
                    for x, y, w, h, area in stats[1:]
                    if area > 50
                ]
        table = np.array(sorted(rows, key=lambda r: -r[4]), np.float32).reshape(-1, 6)
        labels = table[:, 5].astype(np.int64)
        return Detections(table[:, :4], table[:, 4], labels, tuple(phrases))


def picture():
    image = np.full((48, 64, 3), 128, np.uint8)
    for name, (x1, y1, x2, y2) in BOXES.items():
        image[y1:y2, x1:x2] = COLOURS[name]
    return image


@pytest.fixture(scope="module")
def models():
    """Loads as `Perception.load` does, once: real answers and plans over the colour detector."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vlm_robot.perception.load_detector", lambda *_, **__: ColourDetector())
        loaded = Perception.load(Settings())

    def load(settings):
        loaded.settings = settings
        return loaded.anew(loaded.transforms)

    return load


@pytest.fixture
def run(tmp_path, bags, monkeypatch, models):
    """A replay of a bag with two coloured boxes, the truth, and a function that measures."""
    make, stamps = bags.Messages(False), [bags.START + n * 100_000_000 for n in range(4)]
    content = [("/front/image_raw", s, make.image(s, "front_optical", picture())) for s in stamps]
    content += [("/map", bags.START, make.grid(bags.START))]
    at = bags.START + 200_000_000
    content += [
        ("/candidate_paths", at, make.paths(at, "Take the shortest way.", (1, 0), (1.5, 0.9)))
    ]
    bag = bags.write(tmp_path / "bag", sorted(content, key=lambda entry: entry[1]))
    monkeypatch.setattr(Perception, "load", models)
    out = tmp_path / "out"
    words = ["replay", str(bag), "-o", str(out), "--prompts", *COLOURS, "--quiet"]
    assert main(words) == 0
    names = list(COLOURS)
    truth = {
        "images": [{"id": n, "file_name": f"front/{s}"} for n, s in enumerate(stamps, 1)],
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
        "annotations": [
            {"image_id": n, "category_id": k, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for n in range(1, 5)
            for k, (x1, y1, x2, y2) in enumerate((BOXES[name] for name in names), 1)
        ],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))

    def measure(*more):
        code = main(["evaluate robustness", str(out), "--frames", "2", "--strengths", "3", *more])
        return code, json.loads((out / "robustness.json").read_text()), out

    measure.out = out
    measure.truth = str(tmp_path / "truth.json")
    return measure


def test_figures_are_those_of_a_detector_that_knows_two_phrases_only(run):
    code, content, out = run("--truth", run.truth)
    assert code == 0
    detection = content["skills"]["detection"]
    rows = {(r["image"], r["text"]): r for r in detection["rows"]}
    assert detection["summary"]["clean performance"] == pytest.approx(1.0)
    assert rows["tilt", ""]["relative"] == pytest.approx(1.0)  # the truth turns with the image
    assert rows["", "politeness"]["relative"] == 0.0
    assert rows["", "politeness"]["flip_rate"] == 1.0
    assert content["attack"]["ways"]["unchanged"]["found"] == 1.0
    assert content["attack"]["ways"]["coordinated"]["found"] == 0.0
    assert content["skills"]["answers"]["summary"]["clean performance"] is not None
    assert len(content["skills"]["plans"]["rows"]) == len(detection["rows"])
    report = (out / "report.html").read_text()
    assert "While image and words change" in report
    assert (out / "robustness.png").read_bytes().startswith(b"\x89PNG")


def test_without_truth_the_clean_results_are_what_is_compared_with(run):
    code, content, _ = run("--skills", "detection", "answers")
    assert code == 0
    assert "without changes" in content["skills"]["detection"]["performance"]
    for skill in content["skills"].values():
        assert skill["summary"]["clean performance"] == pytest.approx(1.0)


def test_the_same_seed_gives_the_same_figures(run):
    first, second = (run("--skills", "detection", "--seed", "5")[1] for _ in range(2))
    assert first == second


def test_a_figure_that_is_too_low_is_exit_code_1(run):
    assert run("--truth", run.truth, "--skills", "detection", "--least-relative", "1.1")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["--frames", "0"], "--frames is 0", id="no frames"),
        pytest.param(["--bag", "nowhere"], "nowhere", id="no bag"),
        pytest.param(["--threshold", "1.0"], "nothing scores 1", id="nothing found"),
    ],
)
def test_what_cannot_be_measured_is_said(run, capsys, arguments, text):
    words = ["evaluate", "robustness", str(run.out), "--skills", "detection", *arguments]
    assert main(words) == 2
    assert text in capsys.readouterr().err
