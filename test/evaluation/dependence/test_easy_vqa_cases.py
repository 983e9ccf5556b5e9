"""easy-vqa's test questions as cases of the dependence audit."""

import numpy as np
import pytest

from vlm_robot.evaluation.dependence.cases import read_cases
from vlm_robot.evaluation.dependence.easy_vqa_cases import shape_box, write_cases


def test_the_box_is_where_the_picture_differs_from_its_ground():
    image = np.full((64, 64, 3), 230, np.uint8)
    image[20:31, 40:56] = (10, 120, 30)

    assert shape_box(image) == [40, 20, 56, 31]


def test_noise_of_the_ground_is_no_shape():
    image = np.full((64, 64, 3), 230, np.uint8)
    image[50, 50] = 235
    image[20:31, 40:56] = 0

    assert shape_box(image) == [40, 20, 56, 31]


def test_the_cases_are_read_back_with_their_pictures_and_boxes(tmp_path):
    pytest.importorskip("easy_vqa")

    cases = read_cases(write_cases(tmp_path, images=2))

    assert {case.frame.image.shape for case in cases} == {(64, 64, 3)}
    assert len({id(case.frame) for case in cases}) == 2
    assert all(len(case.boxes) == 1 and case.accepted and case.question for case in cases)
