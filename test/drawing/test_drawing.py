"""Annotated pictures."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot import drawing
from vlm_robot.drawing import draw, label, phrase_color
from vlm_robot.types import Detections

GREY = np.full((480, 640, 3), 128, np.uint8)


def detections(boxes, phrases):
    count = len(boxes)
    scores = np.linspace(0.9, 0.1, count)
    return Detections(np.array(boxes), scores, np.arange(count) % len(phrases), tuple(phrases))


def test_a_box_is_drawn_in_its_phrases_colour():
    picture = draw(GREY, detections([(100, 100, 200, 200)], ["mug"]))
    assert tuple(picture[150, 100]) == phrase_color("mug")
    assert tuple(picture[199, 150]) == phrase_color("mug")
    assert (picture[150, 150] == 128).all()


def test_the_picture_given_stays_as_it_was():
    image = GREY.copy()
    image.flags.writeable = False
    draw(image, detections([(100, 100, 200, 200)], ["mug"]))
    assert (image == 128).all()


def test_nothing_seen_leaves_the_picture_as_it_is():
    np.testing.assert_array_equal(draw(GREY, Detections.none(["mug"])), GREY)


def test_the_label_stands_above_the_box():
    picture = draw(GREY, detections([(100, 100, 200, 200)], ["mug"]))
    assert (picture[85:98, 102:150] != 128).any(axis=2).mean() > 0.9


def test_the_label_of_a_box_at_the_top_stands_inside():
    picture = draw(GREY, detections([(100, 0, 200, 200)], ["mug"]))
    assert (picture[2:12, 105:150] != 128).any(axis=2).mean() > 0.9


def test_the_label_of_a_box_at_the_right_stays_in_the_picture():
    picture = draw(GREY, detections([(620, 100, 640, 200)], ["potted plant"]))
    assert (picture[85:98, 560:] != 128).any(axis=2).mean() > 0.9


def test_the_best_score_lies_on_top():
    both = detections([(100, 100, 200, 200), (100, 100, 200, 200)], ["mug", "bottle"])
    picture = draw(GREY, both)
    assert tuple(picture[150, 100]) == phrase_color("mug")


def test_a_colour_is_the_same_in_another_process():
    code = "from vlm_robot.drawing import phrase_color; print(phrase_color('red mug'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(phrase_color("red mug"))


def test_common_phrases_differ_in_colour():
    phrases = ["person", "chair", "table", "couch", "potted plant", "mug", "bottle", "box"]
    colours = np.array([phrase_color(phrase) for phrase in phrases], float)
    apart = np.linalg.norm(colours[:, None] - colours, axis=2) + 1e3 * np.eye(len(phrases))
    assert apart.min() > 20


@given(st.text(max_size=300), st.integers(1, 100), st.integers(1, 60), st.integers(1, 60))
def test_any_text_on_any_picture(text, count, height, width):
    boxes = np.random.default_rng(count).uniform(-100, 200, (count, 4))
    picture = draw(np.zeros((height, width, 3), np.uint8), detections(boxes, [text]))
    assert picture.shape == (height, width, 3)


@pytest.mark.parametrize("size", [(1, 1), (8, 3), (2160, 3840)])
def test_tiny_and_large_pictures(size):
    picture = draw(np.zeros((*size, 3), np.uint8), detections([(0, 0, 1e9, -1e9)], ["mug"]))
    assert picture.shape == (*size, 3)


def test_a_long_phrase_is_cut():
    assert len(label("mug " * 2000)) == 40


@pytest.mark.parametrize(
    ("phrase", "written"),
    [
        pytest.param("café crème", "cafe creme", id="accents go"),
        pytest.param("红杯", "??", id="no font for it"),
        pytest.param("two\nlines", "two lines", id="one line"),
    ],
)
def test_an_opencv_without_fonts_gets_plain_letters(monkeypatch, phrase, written):
    monkeypatch.setattr(drawing, "_WRITES_UNICODE", False)
    label.cache_clear()
    assert label(phrase) == written
    label.cache_clear()
