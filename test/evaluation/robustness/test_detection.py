"""Detection under a condition, with a model that always sees the same."""

from types import SimpleNamespace

import numpy as np
import pytest

from vlm_robot.detection.detector import EncodedPrompts
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.evaluation.results.truth import truth_from
from vlm_robot.evaluation.robustness.conditions import Condition
from vlm_robot.evaluation.robustness.detection import Detection
from vlm_robot.types import Detections

pytest.importorskip("faster_coco_eval")


class AlwaysTheSame:
    """Sees each phrase in the left corner."""

    settings = SimpleNamespace(threshold=0.5)

    def encode(self, phrases, *, threshold):
        return EncodedPrompts(prompt_set(phrases, threshold=threshold), None)

    def detect(self, frames, encoded):
        names = encoded.prompts.labels
        boxes = np.array([[0, 0, 10, 10]] * len(names), np.float32)
        scores = np.full(len(names), 0.9, np.float32)
        found = Detections(boxes, scores, np.arange(len(names)), names)
        return [SimpleNamespace(detections=found) for _ in frames]


@pytest.mark.parametrize(
    ("phrase", "right"),
    [
        pytest.param("mug", True, id="there"),
        pytest.param("chair", False, id="not there"),
        pytest.param("vase", None, id="not annotated at all"),
    ],
)
def test_whether_a_box_is_right_is_judged_where_the_truth_knows(phrase, right):
    truth = truth_from(
        {
            "images": [{"id": 1, "file_name": "front/5"}],
            "categories": [{"id": 1, "name": "mug"}, {"id": 2, "name": "chair"}],
            "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]}],
        }
    )
    image = np.zeros((48, 64, 3), np.uint8)
    material = SimpleNamespace(frames=(SimpleNamespace(camera="front", stamp=5, image=image),))
    detection = Detection(AlwaysTheSame(), material, ["mug", "chair", "vase"], truth)
    assert detection.measure(Condition()).outcomes["front", 5, phrase].right is right
