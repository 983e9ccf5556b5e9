"""Words changed: what each change does, and what it leaves alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.evaluation.robustness.text_changes import (
    ANY,
    CHANGES,
    REWORDINGS,
    changed,
    default_goals,
)


@pytest.mark.parametrize(
    ("name", "text", "new"),
    [
        ("synonyms", "red mug", "red cup"),
        ("synonyms", "an armchair", None),
        ("word_order", "red mug", "mug, red"),
        ("word_order", "mug", None),
        ("word_order", "Is there an orange?", "An orange: is there one?"),
        ("word_order", "Avoid walls and go home.", "Go home, and avoid walls."),
        ("politeness", "Is there a mug?", "Could you please tell me: is there a mug?"),
        ("negation", "Take the shortest way.", "Don't forget: take the shortest way."),
        ("other_language", "red mug", "roter Becher"),
        ("other_language", "Is there a red mug?", "Gibt es hier einen roten Becher?"),
        ("other_language", "flux capacitor", None),
        ("reversal", "Is there a mug?", "Is there no mug?"),
        ("reversal", "red mug", None),
    ],
)
def test_each_change_is_made_where_it_can_be(name, text, new):
    assert changed(text, name, 0) == new


def test_a_synonym_brings_its_article():
    assert changed("Is there a bucket and an oven?", "synonyms", 1) in (
        "Is there a pail and a stove?",
    )


@pytest.mark.parametrize("goal", default_goals())
def test_every_goal_has_another_language_and_a_rewording(goal):
    assert changed(goal, "other_language", 0)
    assert changed(goal, ANY, 0)


@given(text=st.text(max_size=60), seed=st.integers(0, 1000))
def test_any_text_gives_the_same_other_text_or_none(text, seed):
    for change in CHANGES:
        new = changed(text, change.name, seed)
        assert new is None or new.split() != text.split()
        assert new == changed(text, change.name, seed)


@given(seed=st.integers(0, 1000))
def test_a_typo_is_one_slip_in_one_word(seed):
    old, new = ["potted", "plant"], changed("potted plant", "typos", seed).split()
    assert len(old) == len(new)
    (slip,) = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
    assert abs(len(slip[0]) - len(slip[1])) <= 1


def test_rewordings_are_in_english_and_keep_the_meaning():
    assert set(REWORDINGS) == {"typos", "synonyms", "word_order", "politeness", "negation"}
