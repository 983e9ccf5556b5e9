"""What the evaluation reads off the network is what the detector would say."""

from pathlib import Path

import cv2
import numpy as np
import torch

from vlm_robot.detection.compact.checkpoint import Calibration, CompactConfig
from vlm_robot.detection.compact.detector import CompactDetector
from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.evaluation.detections.seen import look, name_boxes
from vlm_robot.training.dataset import Scene, read_image

PHRASES = ["mug", "chair", "door"]


def test_named_boxes_are_those_of_detect(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = NetworkConfig(backbone_width=0.25, neck_width=16, embedding=32)
    network = CompactNetwork(sizes)
    torch.nn.init.constant_(network.locate.bias[4:], 1.0)  # so that there are boxes
    torch.nn.init.constant_(network.bias, 0.0)
    detector = CompactDetector(network, CompactConfig(sizes, (256, 192), Calibration(1.3, 0.1)))
    file = tmp_path / "noise.png"
    cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8))
    none = np.zeros((0, 4), np.float32)
    scene = Scene(file, none, (), none, np.zeros(0, np.float32))
    named = name_boxes(
        detector, look(detector, [scene])[0], detector.phrase_vectors(PHRASES), least_raw=0.1
    )
    prompts = detector.encode(prompt_set(PHRASES, threshold=0.0))
    found = detector.detect([read_image(file)], prompts, DetectionOptions(max_detections=1000))[0]
    for label in range(len(PHRASES)):
        mine, theirs = named.labels == label, found.labels == label
        order = np.argsort(-named.scores[mine])
        count = min(10, int(theirs.sum()))
        assert count > 3
        expected = found.scores[theirs][:count]
        np.testing.assert_allclose(named.scores[mine][order][:count], expected, atol=1e-4)
        boxes = named.boxes[mine][order][:count]
        np.testing.assert_allclose(boxes, found.boxes[theirs][:count], atol=0.05)
