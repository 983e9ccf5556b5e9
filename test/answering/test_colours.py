import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.answering.colours import COLOURS, colour_probabilities, name_pixels
from vlm_robot.types import Frame


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((0, 0, 0), "black"),
        ((30, 30, 32), "black"),
        ((255, 255, 255), "white"),
        ((225, 222, 218), "white"),
        ((128, 128, 128), "grey"),
        ((255, 0, 0), "red"),
        ((140, 15, 20), "red"),
        ((255, 140, 0), "orange"),
        ((255, 220, 0), "yellow"),
        ((0, 200, 0), "green"),
        ((20, 80, 30), "green"),
        ((0, 0, 255), "blue"),
        ((30, 60, 200), "blue"),
        ((90, 150, 220), "blue"),
        ((128, 0, 160), "purple"),
        ((255, 150, 190), "pink"),
        ((110, 70, 35), "brown"),
        ((139, 90, 55), "brown"),
    ],
)
def test_pixels_are_named_as_people_name_them(rgb, name):
    assert COLOURS[int(name_pixels(np.full((1, 1, 3), rgb, np.uint8))[0, 0])] == name


def _ball(colour, wall, *, shade=1.0, depth=False):
    """A ball of 60 pixels in a box that fits it, before a wall."""
    ys, xs = np.mgrid[0:120, 0:120]
    inside = (xs - 60) ** 2 + (ys - 60) ** 2 <= 30**2
    image = np.where(inside[..., None], np.array(colour) * shade, wall).astype(np.uint8)
    metres = np.where(inside, 1.0, 3.0).astype(np.float32) if depth else None
    return Frame("front", 0, "optical", image, metres)


@pytest.mark.parametrize("wall", [(150, 150, 150), (200, 30, 30), (240, 240, 235), (20, 90, 30)])
@pytest.mark.parametrize("shade", [1.0, 0.6])
def test_the_wall_behind_does_not_colour_the_thing(wall, shade):
    frame = _ball((30, 60, 200), wall, shade=shade)
    likely = colour_probabilities(frame, np.array([30, 30, 90, 90], np.float32))
    assert COLOURS[int(likely.argmax())] == "blue"
    assert likely.max() > 0.8


def test_depth_tells_a_thin_thing_from_what_fills_its_box():
    image = np.full((100, 100, 3), (20, 90, 30), np.uint8)
    metres = np.full((100, 100), 3.0, np.float32)
    image[:, 38:62], metres[:, 38:62] = (200, 20, 20), 1.0
    box = np.array([0, 0, 100, 100], np.float32)
    with_depth = colour_probabilities(Frame("front", 0, "optical", image, metres), box)
    without = colour_probabilities(Frame("front", 0, "optical", image), box)
    assert COLOURS[int(with_depth.argmax())] == "red"
    assert with_depth[COLOURS.index("red")] > without[COLOURS.index("red")]


@given(st.lists(st.floats(-200, 400), min_size=4, max_size=4))
@settings(max_examples=100, deadline=None)
def test_any_box_gives_probabilities(box):
    likely = colour_probabilities(_ball((200, 20, 20), (150, 150, 150)), np.array(box, np.float32))
    assert likely.shape == (len(COLOURS),)
    assert likely.sum() == pytest.approx(1.0)
    assert (likely > 0).all()
