"""What single goals are read to ask for by words alone: the head tells nothing here."""

import numpy as np
import pytest

from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.goals.head import ASKED, KINDS, Reading

CLEAR = {"min_clearance": 1, "mean_clearance": 1}
OFF = {**CLEAR, "max_clearance": 1}
HIDDEN = {"mean_clearance": -1, "max_clearance": -1, "exposure": -1}
SMOOTH = {"smoothness": -1, "sharp_turns": -1, "max_turn_angle": -1}
SHORT, LONG = {"path_length": -1}, {"path_length": 1}


class SilentHead:
    def read(self, texts):
        wishes = np.zeros((len(texts), len(ASKED)), np.float32)
        return Reading(wishes, np.zeros((len(texts), len(KINDS)), np.float32))


def read(goal):
    return EmbeddedInterpreter(head=SilentHead()).interpret(goal)


def wishes(got):
    return {wish.name: wish.direction for wish in got.wishes}


def limits(got):
    return [(x.name, x.relation, round(x.value, 4), x.landmark) for x in got.limits]


def landmarks(got):
    return [(mark.relation, mark.phrase) for mark in got.landmarks]


LIMITS = {
    "don't + more than: length": (
        "don't drive more than 20 m",
        [("path_length", "<=", 20.0, "")],
    ),
    "don't + more than: distance": (
        "don't go more than 2 m from the wall",
        [("max_clearance", "<=", 2.0, "")],
    ),
    "don't + more than: angle": (
        "don't turn more than 90 degrees",
        [("max_turn_angle", "<=", 90.0, "")],
    ),
    "no + over": ("no turns over 90 degrees", [("max_turn_angle", "<=", 90.0, "")]),
    "avoid + more than": (
        "avoid turns of more than 90 degrees",
        [("max_turn_angle", "<=", 90.0, "")],
    ),
    "forbidden after the number": (
        "turns over 90 degrees are forbidden",
        [("max_turn_angle", "<=", 90.0, "")],
    ),
    "never + below": (
        "the clearance must never drop below 0.3 m",
        [("min_clearance", ">=", 0.3, "")],
    ),
    "never + within": ("never pass within 1 m of the walls", [("min_clearance", ">=", 1.0, "")]),
    "don't + within": (
        "don't drive within half a metre of people",
        [("distance", ">=", 0.5, "people")],
    ),
    "don't + less than": (
        "don't leave less than 1 m to the walls",
        [("min_clearance", ">=", 1.0, "")],
    ),
    "a width is no clearance": ("never go through gaps under 80 cm", []),
    "denied without a bound": ("don't drive 50 cm from the wall", []),
    "further than": ("stay further than 1 m from the walls", [("min_clearance", ">=", 1.0, "")]),
    "closer than": (
        "stay closer than half a metre to the wall",
        [("max_clearance", "<=", 0.5, "")],
    ),
    "get within": ("get within 1 m of the charger", [("distance", "<=", 1.0, "charger")]),
    "longer than": ("take a route longer than 30 m", [("path_length", ">=", 30.0, "")]),
    "'in' far from the number": (
        "in the corridor keep 1 m from the walls",
        [("min_clearance", ">=", 1.0, "")],
    ),
    "'in' far from the number, a landmark": (
        "in the hallway stay 50 cm from people",
        [("distance", ">=", 0.5, "people")],
    ),
    "minutes and seconds": ("at most 1 minute and 30 seconds", [("duration", "<=", 90.0, "")]),
    "decimal comma": ("keep 1,5 m from walls", [("min_clearance", ">=", 1.5, "")]),
    "comma of thousands": ("drive at most 1,000 m", [("path_length", "<=", 1000.0, "")]),
    "fraction": ("keep 1/2 m from walls", [("min_clearance", ">=", 0.5, "")]),
    "tens and ones": ("drive at most twenty five metres", [("path_length", "<=", 25.0, "")]),
    "hundreds": ("no longer than two hundred metres", [("path_length", "<=", 200.0, "")]),
    "decimals in words": (
        "keep zero point five metres from walls",
        [("min_clearance", ">=", 0.5, "")],
    ),
    "no number": ("drive at most five twenty metres", []),
    "a unit and a half": (
        "stay at least a metre and a half from walls",
        [("min_clearance", ">=", 1.5, "")],
    ),
    "range of two units": (
        "keep between 50 cm and 1 m from the walls",
        [("min_clearance", ">=", 0.5, ""), ("max_clearance", "<=", 1.0, "")],
    ),
    "range": (
        "keep between 1 and 2 m from the walls",
        [("min_clearance", ">=", 1.0, ""), ("max_clearance", "<=", 2.0, "")],
    ),
    "'in' before a place": ("go to room 12 in the east wing", []),
    "'as' is no second": ("cover as much area as you can", []),
    "less than a count": ("less than 3 sharp turns", [("sharp_turns", "<=", 2.0, "")]),
    "more than a count": ("more than 3 sharp turns", [("sharp_turns", ">=", 4.0, "")]),
    "statement of a width": ("The corridor is less than 2 m wide, take the shortest way", []),
    "statement of a time": ("the meeting starts in 10 minutes", []),
    "what doesn't matter after it": (
        "keep 1 m from people rather than taking the shortest way",
        [("distance", ">=", 1.0, "people")],
    ),
    "what doesn't matter before it": (
        "there is no need to hurry so keep 1 m from walls",
        [("min_clearance", ">=", 1.0, "")],
    ),
}


@pytest.mark.parametrize(("goal", "expected"), LIMITS.values(), ids=LIMITS)
def test_numbers_limit_what_they_say(goal, expected):
    assert limits(read(goal)) == expected


@pytest.mark.parametrize(
    "goal",
    [
        pytest.param("never go through gaps under 80 cm", id="a width"),
        pytest.param("drive at most five twenty metres", id="no number"),
        pytest.param("don't drive 50 cm from the wall", id="denied without a bound"),
    ],
)
def test_a_number_that_limits_nothing_clear_is_reported(goal):
    assert goal in read(goal).not_understood


WISHES = {
    "even if": ("stay clear of walls even if it takes longer", CLEAR),
    "beside a landmark": ("take the shortest route that avoids the wet floor", SHORT),
    "beside a limit": ("drive smoothly at least 0.5 m from walls", SMOOTH),
    "by all means": ("take the shortest way by all means", SHORT),
    "must be avoided": ("sharp turns must be avoided", SMOOTH),
    "eliminate": ("eliminate sharp turns", SMOOTH),
    "free of": ("a path free of sharp turns", SMOOTH),
    "no more than necessary": ("no more turns than necessary", SMOOTH),
    "away from narrow gaps": ("stay away from narrow gaps", OFF),
    "clear of narrow passages": ("keep clear of narrow passages", OFF),
    "away from open spaces": ("stay away from open spaces", HIDDEN),
    "stop doing": ("stop hugging the walls", OFF),
    "never, parted by a comma": ("never, ever hug the walls", OFF),
    "don't forget to": ("take care and don't forget to stay clear of the walls", CLEAR),
    "never fail to": ("never fail to keep clear of walls", CLEAR),
    "not only": ("not only a short path but also a smooth one", {**SHORT, **SMOOTH}),
    "don't hesitate to": ("don't hesitate to take the long way", LONG),
    "less direct": ("take a less direct route", LONG),
    "as little as possible": ("as little of the way as possible should be exposed", HIDDEN),
    "don't worry about": ("don't worry about getting close to walls", {}),
    "longer with fewer": ("take a longer path with fewer turns", {**LONG, **SMOOTH}),
    "more and fewer": ("more room and fewer turns", {**CLEAR, **SMOOTH}),
    "plenty and few": ("plenty of space and few turns", {**CLEAR, **SMOOTH}),
    "few and lots": ("few turns and lots of space", {**CLEAR, **SMOOTH}),
    "much fewer": ("much fewer turns", SMOOTH),
}


@pytest.mark.parametrize(("goal", "expected"), WISHES.values(), ids=WISHES)
def test_plain_words_ask_for_what_they_say(goal, expected):
    assert wishes(read(goal)) == expected


LANDMARKS = {
    "no matter how": (
        "avoid the wet floor no matter how long it takes",
        [("avoid", "wet floor")],
    ),
    "two sides": (
        "Pass the red couch on its left and the green table on its right",
        [("left_of", "red couch"), ("right_of", "green table")],
    ),
    "two relations": (
        "stay clear of the couch and near the table",
        [("avoid", "couch"), ("near", "table")],
    ),
    "don't forget to": (
        "take care and don't forget to stay near the couch",
        [("near", "couch")],
    ),
    "by all means": ("take the shortest way by all means", []),
    "by no means": ("by no means take the direct way", []),
}


@pytest.mark.parametrize(("goal", "expected"), LANDMARKS.values(), ids=LANDMARKS)
def test_every_thing_is_read_with_its_relation(goal, expected):
    assert landmarks(read(goal)) == expected


def test_an_order_to_keep_from_walls_is_not_refused():
    assert not any("can't be followed" in note for note in read("don't bump into the walls").notes)


STILL_LIMITS = {
    "denial parted by commas": (
        "never, under any circumstances, come closer than 1 m to people",
        [("distance", ">=", 1.0, "people")],
    ),
    "tighter than, of a radius": (
        "no turns tighter than 1 m radius",
        [("turning_radius", ">=", 1.0, "")],
    ),
    "no more than a count": ("no more than 3 sharp turns", [("sharp_turns", "<=", 3.0, "")]),
    "what one has is no mere statement": (
        "You have at most 10 minutes",
        [("duration", "<=", 600.0, "")],
    ),
}
STILL_WISHES = {
    "in a limit's words": ("the largest turn should be at most 45 degrees", {}),
    "of the distance to a landmark": ("stay near the couch at a small distance", {}),
    "an extreme that is to be": (
        "I want the smallest radius on the path to be large",
        {"turning_radius": 1},
    ),
}


@pytest.mark.parametrize(("goal", "expected"), STILL_LIMITS.values(), ids=STILL_LIMITS)
def test_reading_denials_and_statements_costs_no_limit(goal, expected):
    assert limits(read(goal)) == expected


@pytest.mark.parametrize(("goal", "expected"), STILL_WISHES.values(), ids=STILL_WISHES)
def test_reading_the_rest_of_a_clause_makes_up_no_wish(goal, expected):
    assert wishes(read(goal)) == expected


def test_a_thing_that_only_says_which_is_no_landmark():
    got = read("stay away from the table near the window")
    assert landmarks(got) == [("avoid", "table")]
