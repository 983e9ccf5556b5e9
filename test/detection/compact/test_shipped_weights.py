"""The weights in the package find what images of a home that they never saw show.

The images come from the simulation's test split. `expected.json` holds, for each, objects by one
of their true phrases with their rendered boxes; they were taken where the weights were right, so
that this test guards against breakage, and measures nothing.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from vlm_robot.detection.compact.detector import CompactDetector, load_compact
from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.models.checkpoint import BUNDLED
from vlm_robot.training.dataset import read_image

IMAGES = Path(__file__).parent / "images"
EXPECTED = json.loads((IMAGES / "expected.json").read_text())


@pytest.fixture(scope="module")
def detector() -> CompactDetector:
    return load_compact(BUNDLED / "compact", device="cpu")


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_objects_are_found_and_named(detector: CompactDetector, name: str) -> None:
    objects: dict[str, list[float]] = EXPECTED[name]
    prompts = detector.encode(prompt_set(list(objects), threshold=detector.info.threshold))
    found = detector.detect([read_image(IMAGES / name)], prompts, DetectionOptions())[0]
    for label, (phrase, box) in enumerate(objects.items()):
        mine = found.boxes[found.labels == label]
        assert len(mine), f"'{phrase}' isn't found"
        assert iou_matrix(mine, np.array([box], np.float32)).max() > 0.5, (
            f"'{phrase}' is found elsewhere"
        )


def test_phrases_of_things_that_are_nowhere_give_no_box(detector: CompactDetector) -> None:
    absent = ["submarine", "grand piano", "lighthouse"]
    prompts = detector.encode(prompt_set(absent, threshold=detector.info.threshold))
    images = [read_image(IMAGES / name) for name in sorted(EXPECTED)]
    assert sum(len(found) for found in detector.detect(images, prompts, DetectionOptions())) == 0


def test_the_weights_are_small_enough_to_ship() -> None:
    assert (BUNDLED / "compact" / "model.safetensors").stat().st_size < 16_000_000


def test_the_card_and_the_configuration_name_their_figures() -> None:
    config = json.loads((BUNDLED / "compact" / "config.json").read_text())
    assert config["figures"]["known_ap50"] > 0
    assert "Licence" in (BUNDLED / "compact" / "README.md").read_text()
