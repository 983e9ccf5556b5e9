"""Letterboxing: any image goes in, boxes come back to its own pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.detection.compact.letterbox import GRAY, Letterbox

sides = st.integers(1, 8192)
inputs = st.sampled_from([(384, 288), (640, 640), (256, 192)])


@given(
    width=sides,
    height=sides,
    input_size=inputs,
    corners=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_box_round_trips_to_half_a_pixel(width, height, input_size, corners) -> None:
    letterbox = Letterbox.fit((width, height), input_size)
    box = (np.array([corners]) * [width, height, width, height]).astype(np.float32)
    np.testing.assert_allclose(letterbox.to_image(letterbox.to_input(box)), box, atol=0.5)


@given(width=sides, height=sides, input_size=inputs)
def test_the_whole_image_lies_inside_the_input(width, height, input_size) -> None:
    letterbox = Letterbox.fit((width, height), input_size)
    inner = letterbox.to_input(np.array([[0, 0, width, height]], np.float32))[0]
    assert (inner >= -0.01).all()
    assert (inner <= np.array([*input_size, *input_size]) + 0.01).all()
    assert (
        max(letterbox.inner_size[0] / input_size[0], letterbox.inner_size[1] / input_size[1]) > 0.99
    )


@pytest.mark.parametrize(
    "size",
    [
        pytest.param((1, 1), id="one pixel"),
        pytest.param((7680, 4320), id="8k"),
        pytest.param((480, 640), id="portrait"),
        pytest.param((3000, 1), id="a line"),
    ],
)
def test_a_bright_corner_lands_where_its_box_says(size: tuple[int, int]) -> None:
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    image[: max(1, height // 2), : max(1, width // 2)] = 255
    letterbox = Letterbox.fit(size, (384, 288))
    out = np.empty((288, 384, 3), np.uint8)
    letterbox.apply(image, out)
    box = np.array([[0, 0, max(1, width // 2), max(1, height // 2)]], np.float32)
    left, top, right, bottom = letterbox.to_input(box)[0]
    assert (out[int((top + bottom) / 2), int((left + right) / 2)] == 255).all()


def test_what_is_left_over_is_gray() -> None:
    out = np.empty((288, 384, 3), np.uint8)
    Letterbox.fit((100, 400), (384, 288)).apply(np.zeros((400, 100, 3), np.uint8), out)
    assert (out[:, 0] == GRAY).all()
    assert (out[:, -1] == GRAY).all()
    assert (out[:, 192] == 0).all()
