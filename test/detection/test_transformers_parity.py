"""What the detector says is what transformers itself says: its model, its post-processing."""

import sys

import numpy as np
import pytest
import torch
from transformers import AutoImageProcessor, AutoModelForZeroShotObjectDetection, AutoTokenizer
from transformers.models.grounding_dino.processing_grounding_dino import GroundingDinoProcessor
from transformers.models.omdet_turbo.processing_omdet_turbo import OmDetTurboProcessor
from transformers.models.owlv2.processing_owlv2 import Owlv2Processor
from transformers.models.owlvit.processing_owlvit import OwlViTProcessor

from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.factory import load_detector
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.detection.transformers_backend.images import read_preprocessor

EVERYTHING = DetectionOptions(nms_iou=1.0, max_detections=1000)
PHRASES = ["armchair", "a cat", "chair", "red box", "a"]
DINOS = ("grounding-dino", "mm-grounding-dino")
KINDS = ("owlvit", "owlv2", *DINOS, "omdet-turbo")
CPU = torch.device("cpu")


def pictures(count, height, width):
    return list(np.random.default_rng(5).integers(0, 256, (count, height, width, 3), np.uint8))


class Reference:
    """transformers' own model, tokenizer and processors, put together without our code."""

    def __init__(self, kind, folder):
        self.kind = kind
        self.model = AutoModelForZeroShotObjectDetection.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.images = AutoImageProcessor.from_pretrained(folder)

    @torch.inference_mode()
    def detect(self, images, phrases, threshold, pixels=None):
        """A list of (boxes, scores, labels), one for each image."""
        if pixels is None:
            pixels = self.images(images=images, return_tensors="pt")["pixel_values"]
        sizes = [image.shape[:2] for image in images]
        find = {"owlvit": self._owl, "owlv2": self._owl, "omdet-turbo": self._omdet}
        found = find.get(self.kind, self._dino)(pixels, images, phrases, threshold, sizes)
        return [
            tuple(np.asarray(one[key]) for key in ("boxes", "scores", "labels")) for one in found
        ]

    def _owl(self, pixels, images, phrases, threshold, sizes):
        kind = {"owlvit": OwlViTProcessor, "owlv2": Owlv2Processor}[self.kind]
        processor = kind(self.images, self.tokenizer)
        inputs = processor(text=[phrases] * len(images), return_tensors="pt")
        outputs = self.model(pixel_values=pixels, **inputs)
        return processor.post_process_grounded_object_detection(
            outputs, threshold=threshold, target_sizes=sizes
        )

    def _dino(self, pixels, images, phrases, threshold, sizes):
        """The processor's, with tokens that belong to no phrase ('.', [CLS]) left out."""
        processor = GroundingDinoProcessor(self.images, self.tokenizer)
        text = ". ".join(phrases) + "."
        tokens = self.tokenizer([text] * len(images), return_tensors="pt")
        outputs = self.model(pixel_values=pixels, **tokens)
        owners = self._owners(text, phrases)
        outputs.logits[:, :, [i for i, owner in enumerate(owners) if owner is None]] = -torch.inf
        outputs.logits[:, :, len(owners) :] = -torch.inf
        found = processor.post_process_grounded_object_detection(
            outputs, tokens["input_ids"], threshold=threshold, target_sizes=sizes
        )
        for one, logits in zip(found, outputs.logits, strict=True):
            kept = logits[logits.max(-1).values.sigmoid() > threshold]
            one["labels"] = [owners[int(token)] for token in kept.argmax(-1)]
        return found

    def _owners(self, text, phrases):
        """Which phrase each token of the text lies in, by its characters."""
        ends = np.cumsum([len(phrase) + 2 for phrase in phrases])
        starts = ends - [len(phrase) + 2 for phrase in phrases]
        offsets = self.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        inside = [
            [i for i in range(len(phrases)) if starts[i] <= low < high <= ends[i] - 2]
            for low, high in offsets
        ]
        return [owners[0] if owners else None for owners in inside]

    def _omdet(self, pixels, images, phrases, threshold, sizes):
        # Made past its constructor, which wants torchvision.
        processor = object.__new__(OmDetTurboProcessor)
        processor.image_processor, processor.tokenizer = self.images, self.tokenizer
        inputs = processor(images, text=[phrases] * len(images), return_tensors="pt")
        inputs["pixel_values"] = pixels
        inputs.pop("pixel_mask", None)
        outputs = self.model(**inputs)
        return processor.post_process_grounded_object_detection(
            outputs, threshold=threshold, nms_threshold=1.0, target_sizes=sizes
        )


def plain_batched_nms(boxes, scores, labels, iou_threshold):
    """A stand-in for torchvision's function of this name, which has no build here."""
    kept = []
    for i in torch.argsort(-scores).tolist():
        rivals = [j for j in kept if labels[j] == labels[i]]
        overlaps = iou_matrix(boxes[[i]].numpy(), boxes[rivals].numpy())
        if not (overlaps > iou_threshold).any():
            kept.append(i)
    return torch.tensor(kept, dtype=torch.int64)


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    omdet = sys.modules[OmDetTurboProcessor.__module__]
    monkeypatch.setattr(omdet, "batched_nms", plain_batched_nms, raising=False)
    return request.param


def in_order(boxes, scores, labels, image):
    """Best first, cut at the image's edge, without boxes that lie outside."""
    height, width = image.shape[:2]
    cut = np.clip(boxes, 0, [width, height, width, height])
    seen = (cut[:, 2:] > cut[:, :2]).all(axis=1)
    order = np.argsort(-scores[seen], kind="stable")
    return cut[seen][order], scores[seen][order], labels[seen][order]


def check(found, expected, image):
    boxes, scores, labels = in_order(*expected, image)
    assert len(found) == len(scores)
    np.testing.assert_allclose(found.scores, scores, atol=1e-4)
    np.testing.assert_array_equal(found.labels, labels)
    np.testing.assert_allclose(found.boxes, boxes, atol=1e-4)


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.8])
def test_detections_are_the_processors_of_the_models_forward_pass(kind, threshold, tiny_checkpoint):
    """On images of the input's size, so that the processor's own pixels are used."""
    folder = tiny_checkpoint(kind)
    images = pictures(2, *((96, 128) if kind in DINOS else (64, 64)))
    expected = Reference(kind, folder).detect(images, PHRASES, threshold)
    detector = load_detector(str(folder), device="cpu")
    prompts = detector.encode(prompt_set(PHRASES, threshold=threshold))
    found = detector.detect(images, prompts, EVERYTHING)
    for image, ours, theirs in zip(images, found, expected, strict=True):
        check(ours, theirs, image)
    assert threshold > 0.5 or all(len(ours) for ours in found)


@pytest.mark.parametrize(
    ("height", "width"),
    [
        pytest.param(48, 100, id="wide"),
        pytest.param(120, 67, id="upright"),
        pytest.param(480, 640, id="VGA"),
    ],
)
def test_boxes_are_in_the_pixels_of_an_image_of_any_size(kind, height, width, tiny_checkpoint):
    folder = tiny_checkpoint(kind)
    images = pictures(1, height, width)
    reference = Reference(kind, folder)
    prepare = read_preprocessor(reference.images, kind)
    pixels = prepare(images, device=CPU, dtype=torch.float32)
    (expected,) = reference.detect(images, PHRASES, 0.3, pixels)
    detector = load_detector(str(folder), device="cpu")
    prompts = detector.encode(prompt_set(PHRASES, threshold=0.3))
    check(detector.detect(images, prompts, EVERYTHING)[0], expected, images[0])


def test_a_batch_gives_what_single_images_give(kind, tiny_checkpoint):
    detector = load_detector(str(tiny_checkpoint(kind)), device="cpu")
    prompts = detector.encode(prompt_set(PHRASES, threshold=0.3))
    images = pictures(3, 60, 80) + pictures(1, 90, 50) + pictures(1, 60, 80)
    batch = detector.detect(images, prompts, DetectionOptions())
    for image, together in zip(images, batch, strict=True):
        (alone,) = detector.detect([image], prompts, DetectionOptions())
        np.testing.assert_array_equal(together.labels, alone.labels)
        np.testing.assert_allclose(together.scores, alone.scores, atol=1e-4)
        np.testing.assert_allclose(together.boxes, alone.boxes, atol=1e-4)


def test_each_phrase_keeps_its_own_threshold(kind, tiny_checkpoint):
    """A prompt has the boxes that the processor gives when asked with its threshold."""
    folder = tiny_checkpoint(kind)
    images = pictures(1, *((96, 128) if kind in DINOS else (64, 64)))
    detector = load_detector(str(folder), device="cpu")
    all_scores = detector.detect(
        images, detector.encode(prompt_set(PHRASES, threshold=0.0)), EVERYTHING
    )[0].scores
    strict = float(np.median(all_scores))
    thresholds = [1.0, strict, 1.0, 1.0, 1.0]
    prompts = detector.encode(prompt_set(PHRASES, threshold=0.0, thresholds=thresholds))
    (found,) = detector.detect(images, prompts, EVERYTHING)
    assert set(found.labels) <= {1}
    assert (found.scores >= strict).all()
    # Boxes whose best phrase is the one with the reachable threshold must all be there.
    boxes, scores, labels = Reference(kind, folder).detect(images, PHRASES, strict)[0]
    wanted = in_order(boxes[labels == 1], scores[labels == 1], labels[labels == 1], images[0])
    for score in wanted[1]:
        assert np.abs(found.scores - score).min() < 1e-4


def test_half_precision_moves_boxes_little(kind, tiny_checkpoint):
    # In bfloat16 a tiny Grounding DINO takes up other proposals: random weights rank them
    # all nearly alike.
    half = "float16" if kind in DINOS else "bfloat16"
    images = pictures(1, 480, 640)
    found = {}
    for dtype in ("float32", half):
        detector = load_detector(str(tiny_checkpoint(kind)), device="cpu", dtype=dtype)
        prompts = detector.encode(prompt_set(["chair"], threshold=0.0))
        assert detector.info.dtype == dtype
        found[dtype] = detector.detect(images, prompts, EVERYTHING)[0]
    overlaps = iou_matrix(found["float32"].boxes, found[half].boxes)
    assert np.median(overlaps.max(axis=1)) > 0.8
    assert abs(float(found["float32"].scores[0] - found[half].scores[0])) < 0.05


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_model_runs_in_half_precision(kind, dtype, tiny_checkpoint):
    detector = load_detector(str(tiny_checkpoint(kind)), device="cpu", dtype=dtype)
    prompts = detector.encode(prompt_set(PHRASES, threshold=0.0))
    assert all(len(found) for found in detector.detect(pictures(2, 48, 64), prompts, EVERYTHING))


@pytest.mark.parametrize("kind", ["owlvit", "owlv2"])
def test_bfloat16_does_not_round_owl_boxes(kind, tiny_checkpoint):
    """The box head stays in float32: bfloat16 has 256 steps between 0.5 and 1, 1.25 pixels."""
    detector = load_detector(str(tiny_checkpoint(kind)), device="cpu", dtype="bfloat16")
    prompts = detector.encode(prompt_set(["chair"], threshold=0.0))
    boxes = detector.detect(pictures(1, 640, 640), prompts, EVERYTHING)[0].boxes
    whole = boxes[(boxes > 0).all(axis=1) & (boxes < 640).all(axis=1)]
    steps = (whole[:, 0] + whole[:, 2]) / 2 / 640 * 512
    assert np.abs(steps - steps.round()).max() > 0.05
