import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.answering.chat.boxes import BoxScale, answer_part, written_boxes

SIZE = (1000, 500)


@pytest.mark.parametrize(
    ("text", "scale", "boxes"),
    [
        pytest.param(
            '[{"bbox_2d": [100, 50, 300, 250], "label": "mug"}]',
            BoxScale.PIXELS, [("mug", (100, 50, 300, 250))], id="Qwen2.5-VL, pixels",
        ),
        pytest.param(
            '```json\n[{"bbox_2d": [100, 100, 300, 500], "label": "mug"}]\n```',
            BoxScale.THOUSAND, [("mug", (100, 50, 300, 250))], id="Qwen3-VL in a fence",
        ),
        pytest.param(
            '{"label": "mug", "box": [0.1, 0.1, 0.3, 0.5]}',
            BoxScale.UNIT, [("mug", (100, 50, 300, 250))], id="0 to 1",
        ),
        pytest.param(
            "<ref>mug</ref><box>[[100, 100, 300, 500]]</box>",
            BoxScale.THOUSAND, [("mug", (100, 50, 300, 250))], id="InternVL",
        ),
        pytest.param(
            "mug<loc_100><loc_100><loc_300><loc_500>",
            BoxScale.THOUSAND, [("mug", (100.5, 50.25, 300.5, 250.25))], id="Florence-2",
        ),
        pytest.param(
            "<loc0512><loc0256><loc1023><loc0512> mug",
            BoxScale.THOUSAND, [("mug", (250, 250, 500, 499.5))], id="PaliGemma, y first",
        ),
        pytest.param(
            '[{"box": [0, 0, 500, 500], "label": "a"}, {"box": [1, 2, 3',
            BoxScale.THOUSAND, [("a", (0, 0, 500, 250))], id="cut off in the middle",
        ),
        pytest.param(
            "[{'box': [0, 0, 500, 500], 'label': 'a'}]",
            BoxScale.THOUSAND, [("a", (0, 0, 500, 250))], id="single quotes",
        ),
        pytest.param(
            '{"box": [-100, 0, 500, 2000], "label": "a"}',
            BoxScale.THOUSAND, [("a", (0, 0, 500, 500))], id="clipped to the image",
        ),
    ],
)  # fmt: skip
def test_each_familys_boxes_are_read(text, scale, boxes):
    found = written_boxes(text, scale=scale, image_size=SIZE)
    assert [box.label for box in found] == [label for label, _ in boxes]
    np.testing.assert_allclose([box.box for box in found], [box for _, box in boxes], atol=0.3)


def test_pixels_are_of_the_image_that_the_model_saw():
    (found,) = written_boxes(
        '{"bbox_2d": [10, 10, 50, 25], "label": "a"}',
        scale=BoxScale.PIXELS, image_size=SIZE, seen_size=(100, 50),
    )  # fmt: skip
    np.testing.assert_allclose(found.box, (100, 100, 500, 250))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("a mug", id="no boxes"),
        pytest.param('{"box": [300, 300, 100, 100]}', id="upside down"),
        pytest.param('{"box": [2000, 2000, 3000, 3000]}', id="outside"),
        pytest.param('{"box": [NaN, 0, 1, 1]}', id="NaN"),
        pytest.param('{"box": [1e999, 0, 10, 10]}', id="infinite"),
        pytest.param('{"box": [1, 2, 3]}', id="three numbers"),
        pytest.param('{"box": ["a", "b", "c", "d"]}', id="words"),
        pytest.param('{"box": "1, 2, 3, 4"}', id="a string"),
        pytest.param("<box>[[1, 2]]</box>", id="half a box"),
        pytest.param("[" * 5000, id="endless brackets"),
    ],
)
def test_what_is_no_box_is_left_out(text):
    assert written_boxes(text, scale=BoxScale.THOUSAND, image_size=SIZE) == []


@given(st.text(alphabet='{}[]<>"box:,0123456789. ref/loc_', max_size=120))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_sound_boxes_or_none(text):
    for _, box in written_boxes(text, scale=BoxScale.THOUSAND, image_size=SIZE):
        assert np.isfinite(box).all()
        assert (box[2:] > box[:2]).all()
        assert (box >= 0).all()
        assert (box[2:] <= SIZE).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('A red mug.\n[{"box": [1, 2, 3, 4]}]', "A red mug."),
        ("A red mug.", "A red mug."),
        ("Two.\n```json\n[]\n```", "Two."),
        ('[{"box": [1, 2, 3, 4]}]', ""),
        ("mug<loc_1><loc_2><loc_3><loc_4>", "mug"),
    ],
)
def test_the_answer_is_what_comes_before_the_boxes(text, words):
    assert answer_part(text) == words
