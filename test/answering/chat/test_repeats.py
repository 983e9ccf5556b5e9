"""A reply that goes round in circles is ended, and told once."""

import pytest

from vlm_robot.answering.chat.generation import once


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ([], 0),
        ([1, 2, 3], 3),
        ([5, 0, 0, 0, 0], 5),
        ([5, *[0] * 8], 2),
        ([5, *[1, 2] * 4], 3),
        ([5, *[1, 2] * 3], 7),
        ([5, *[1, 2, 3] * 4], 4),
        ([5, *[1, 2, 3] * 4, 6], 14),
        ([*range(25)] * 4, 100),
    ],
    ids=[
        "nothing", "no repetition", "four zeros", "eight zeros", "four times two",
        "three times two", "four times three", "ended before", "a long list",
    ],
)  # fmt: skip
def test_what_is_kept(tokens, kept):
    assert once(tokens) == kept
