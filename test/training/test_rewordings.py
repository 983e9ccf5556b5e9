"""Training phrases said otherwise, without the words that the evaluation keeps for itself."""

from itertools import chain

import pytest

from vlm_robot.simulation.vocabulary import load_vocabulary
from vlm_robot.training.rewordings import reworded


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        pytest.param("red mug", "mug in red", id="a colour behind"),
        pytest.param("red mug", "ruby mug", id="a colour's other name"),
        pytest.param("light blue chair", "baby blue chair", id="a colour of two words"),
        pytest.param("toy melon", "melon figurine", id="a toy"),
        pytest.param("bookshelf", "the bookshelf", id="neither"),
    ],
)
def test_it_says_the_same_in_other_words(phrase: str, expected: str) -> None:
    assert expected in reworded(phrase, frozenset())


def test_a_color_inside_a_word_is_no_color() -> None:
    assert "rubyial mug" not in reworded("redial mug", frozenset())
    assert "the redial mug" in reworded("redial mug", frozenset())


def test_a_kept_word_is_left_out() -> None:
    assert reworded("red mug", {"ruby", "in"}) == [
        "cherry red mug",
        "blood red mug",
        "vermilion mug",
    ]


def test_no_heldout_phrasing_is_ever_made() -> None:
    known = [i for i in load_vocabulary().instances if i.train_phrases]
    taught = {phrase for i in known for phrase in i.train_phrases}
    held = set(chain.from_iterable(i.heldout_phrases for i in load_vocabulary().instances))
    words = {word for phrase in held for word in phrase.split()}
    words -= {word for phrase in taught for word in phrase.split()}
    assert not {other for phrase in taught for other in reworded(phrase, words)} & held
