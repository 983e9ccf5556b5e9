"""Politeness and fillers around a goal don't change it."""

import pytest

from vlm_robot.planning.goals.courtesy import bare


@pytest.mark.parametrize(
    "polite",
    [
        "Please take the shortest way.",
        "Take the shortest way, please.",
        "Would you please be so kind: take the shortest way.",
        "Don't forget: take the shortest way.",
        "Don't forget to take the shortest way.",
        "Please remember to take the shortest way. Thank you!",
        "Hey robot, take the shortest way.",
        "As agreed this morning: take the shortest way.",
        "My wish is this: take the shortest way.",
        "Operator to unit three: take the shortest way.",
        "Take the shortest way. Over and out.",
    ],
)
def test_a_courtesy_is_taken_off(polite: str) -> None:
    assert bare(polite) == "Take the shortest way."


@pytest.mark.parametrize(
    "goal",
    [
        "Don't hurry.",
        "So that nobody sees you, stay behind the crates.",
        "Please",
        "Now hurry.",
        "Remember that the tank is full to the brim.",
    ],
)
def test_what_carries_meaning_stays(goal: str) -> None:
    assert bare(goal) == goal


def test_a_denial_after_a_courtesy_stays() -> None:
    assert bare("Please don't hurry.") == "Don't hurry."
