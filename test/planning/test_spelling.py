"""Slips of the finger in goals: which words are taken for others, and which never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.goals.spelling import mend


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("Take the shotrest way.", "Take the shortest way.", id="letters swapped"),
        pytest.param("Take the shorest way.", "Take the shortest way.", id="a letter missing"),
        pytest.param("Stay off the waalls.", "Stay off the walls.", id="a letter doubled"),
        pytest.param("Avoid sharp twrns.", "Avoid sharp turns.", id="a wrong letter"),
        pytest.param("Aovid sharp turns.", "Avoid sharp turns.", id="at the start"),
        pytest.param("No bedn may be tight.", "No bend may be tight.", id="paths before others"),
    ],
)
def test_a_slip_is_taken_for_the_likeliest_word(typed, meant):
    assert mend(typed).text == meant


@pytest.mark.parametrize(
    "goal",
    [
        pytest.param("Minimise the manoeuvres at the kerb in favour of metres.", id="British"),
        pytest.param("Minimize the maneuvers at the curb in favor of meters.", id="American"),
        pytest.param("The lidar, the gnss and the costmap are fine.", id="engineers' words"),
        pytest.param("Bring it to Wojcik and to Ollie's dog.", id="names"),
        pytest.param("Deliver lot qx7b to a.smith@exampel.org.", id="codes and addresses"),
        pytest.param("Don't touch the qzxvkj.", id="nothing is near"),
    ],
)
def test_sound_words_names_and_codes_stay(goal):
    assert mend(goal) == (goal, ())


@given(st.text(max_size=80))
def test_whatever_is_typed_mending_twice_changes_nothing_more(text):
    once = mend(text).text
    assert mend(once).text == once


def test_the_interpreter_says_what_it_took_a_slip_for():
    read = EmbeddedInterpreter().interpret("Take the shotrest way.")
    assert [(wish.name, wish.direction) for wish in read.wishes] == [("path_length", -1)]
    assert "'shotrest' was read as 'shortest'." in read.notes
