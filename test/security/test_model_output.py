"""Whatever a model writes is data: parsers give boxes, an interpretation, or a clear refusal."""

import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.answering.chat.boxes import BoxScale, answer_part, written_boxes
from vlm_robot.answering.parsing import NotUnderstoodError, parse
from vlm_robot.planning.goals.chat import ChatInterpreter
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.types import InputError

PIECES = st.sampled_from(
    ["{", "}", "[", "]", '"', "'", ",", ":", "```json", "<box>", "</box>", "<ref>", "</ref>",
     "<loc_1>", "<loc0001>", "bbox_2d", "label", "nan", "1e400", "-1", "999999999", "0.5", "null",
     "Infinity", "\\", "\n", "\x00", "\ud7ff", "yes"]
)  # fmt: skip
REPLIES = st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(REPLIES, st.sampled_from(BoxScale))
def test_written_boxes_are_inside_the_image_or_none(reply, scale):
    for written in written_boxes(reply, scale=scale, image_size=(64, 48)):
        x1, y1, x2, y2 = written.box
        assert np.isfinite(written.box).all()
        assert 0 <= x1 < x2 <= 64
        assert 0 <= y1 < y2 <= 48
    assert len(answer_part(reply)) <= len(reply)


class Fallback:
    name = "fallback"

    def interpret(self, goal):
        return Interpretation(interpreter="fallback")


GOAL = st.fixed_dictionaries(
    {},
    optional={
        "wishes": st.lists(
            st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["path_length", "min_clearance", "rm -rf"]),
                    "direction": st.sampled_from([-1, 1, 7]),
                    "weight": st.floats(),
                }
            ),
            max_size=3,
        ),
        "limits": VALUES,
        "landmarks": VALUES,
        "robot_radius": VALUES,
    },
)


@settings(max_examples=300, deadline=None)
@given(REPLIES | VALUES.map(json.dumps) | GOAL.map(json.dumps))
def test_a_goal_read_by_a_model_is_sound_or_read_again_by_the_embedded_one(reply):
    read = ChatInterpreter(lambda prompt: reply, fallback=Fallback()).interpret("go home")
    assert read.interpreter in ("chat", "fallback")
    assert all(0 <= weight <= 1 for weight in read.weights())
    if read.interpreter == "fallback":
        assert read.notes


WORDS = st.sampled_from(
    ["is", "there", "a", "the", "mug", "on", "?", "not", "how many", "nearest", "left of", "and",
     "or", "🪑", "\x00", "red"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(WORDS, max_size=12).map(" ".join))
def test_any_question_is_parsed_or_refused(question):
    try:
        queries = parse(question)
    except (NotUnderstoodError, InputError):
        return
    assert queries
