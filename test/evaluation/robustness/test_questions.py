"""Questions are asked only of what the truth is sure of."""

import pytest

from vlm_robot.evaluation.results.truth import truth_from
from vlm_robot.evaluation.robustness.questions import there_and_absent


@pytest.mark.parametrize(
    ("phrase", "there", "absent"),
    [
        pytest.param("Mug", ["Mug"], [], id="annotated and there"),
        pytest.param("chair", [], ["chair"], id="annotated and not there"),
        pytest.param("people", [], [], id="a crowd"),
        pytest.param("vase", [], [], id="not annotated at all"),
    ],
)
def test_what_is_there_and_what_is_not(phrase, there, absent):
    names = ("mug", "chair", "people")
    truth = truth_from(
        {
            "images": [{"id": 1, "file_name": "front/5"}],
            "categories": [{"id": n, "name": name} for n, name in enumerate(names, 1)],
            "annotations": [
                {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]},
                {"image_id": 1, "category_id": 3, "bbox": [0, 0, 9, 9], "iscrowd": 1},
            ],
        }
    )
    assert there_and_absent(truth, "front", 5, [phrase]) == (there, absent)
