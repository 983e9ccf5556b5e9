import pytest

from vlm_robot.planning.goals import clauses, plain_words, quantities, scene_words
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.goals.interpreter import MAX_GOAL_LENGTH
from vlm_robot.types import InputError


@pytest.fixture(scope="module")
def read():
    return EmbeddedInterpreter().interpret


def directions(interpretation):
    return {wish.name: wish.direction for wish in interpretation.wishes}


@pytest.mark.parametrize(
    ("goal", "asked"),
    [
        ("take the shortest way", {"path_length": -1}),
        ("don't make any detours", {"path_length": -1}),
        ("the longer the better", {"path_length": 1}),
        ("keep clear of obstacles", {"min_clearance": 1, "mean_clearance": 1}),
        ("hug the walls", {"min_clearance": -1, "mean_clearance": -1, "max_clearance": -1}),
        ("maximise the minimum clearance", {"min_clearance": 1}),
        ("as few sharp turns as possible", {"sharp_turns": -1}),
        ("the largest turn should be small", {"max_turn_angle": -1}),
        ("no reversing", {"reversals": -1}),
        ("stay out of the open", {"mean_clearance": -1, "max_clearance": -1, "exposure": -1}),
    ],
)
def test_plain_words_are_read(goal, asked):
    found = {}
    for part in clauses.split(goal):
        found |= plain_words.read(clauses.clause(part))
    assert found == asked


@pytest.mark.parametrize("said", ["hug the walls", "zigzag", "be seen", "make sharp turns"])
def test_denial_turns_a_wish_round(said):
    plain = plain_words.read(clauses.clause(said))
    denied = plain_words.read(clauses.clause(f"don't {said}"))
    assert plain
    assert {name: -direction for name, direction in denied.items()}.items() >= {
        name: direction for name, direction in plain.items() if name != "max_clearance"
    }.items() or said == "be seen"


@pytest.mark.parametrize(
    ("clause", "limit"),
    [
        ("stay at least half a metre from walls", ("min_clearance", ">=", 0.5, "m")),
        ("never come closer than 50 cm to anything", ("min_clearance", ">=", 0.5, "m")),
        ("keep 3 feet of clearance", ("min_clearance", ">=", 0.9144, "m")),
        ("no longer than 30 metres", ("path_length", "<=", 30.0, "m")),
        ("in under two minutes", ("duration", "<=", 120.0, "s")),
        ("no turn sharper than 45 degrees", ("max_turn_angle", "<=", 45.0, "deg")),
        ("at most 2 sharp turns", ("sharp_turns", "<=", 2.0, "1")),
        ("stay within 1.5 m of the wall", ("max_clearance", "<=", 1.5, "m")),
        ("a turning radius of at least one and a half metres", ("turning_radius", ">=", 1.5, "m")),
    ],
)
def test_numbers_with_units_become_limits(clause, limit):
    (found,) = quantities.find(clause)
    assert found.limit is not None
    assert (found.limit.name, found.limit.relation, found.limit.unit) == (*limit[:2], limit[3])
    assert found.limit.value == pytest.approx(limit[2])


def test_a_number_that_is_only_about_right_is_no_limit():
    (found,) = quantities.find("about a metre from the wall")
    assert found.limit is None
    assert found.unclear


@pytest.mark.parametrize(
    ("clause", "mentions"),
    [
        ("pass the red couch on its left", [("left_of", "red couch", "")]),
        ("keep the couch on your right", [("left_of", "couch", "")]),
        ("pass to the right of the cone", [("right_of", "cone", "")]),
        ("keep well clear of people", [("avoid", "people", "")]),
        ("avoid the couch and the table", [("avoid", "couch", ""), ("avoid", "table", "")]),
        ("don't go near the stairs", [("avoid", "stairs", "")]),
        ("stay close to the window", [("near", "window", "")]),
        ("head towards the charging dock", [("towards", "charging dock", "")]),
        ("go between the plant and the lamp", [("between", "plant", "lamp")]),
        ("never cross the wet floor", [("never_cross", "wet floor", "")]),
        ("don't drive over the cable", [("never_cross", "cable", "")]),
        ("give the cat a wide berth", [("avoid", "cat", "")]),
        ("stay away from the walls", []),
        ("avoid sharp turns", []),
    ],
)
def test_things_in_the_scene_are_read_with_their_relation(clause, mentions):
    assert [tuple(mention) for mention in scene_words.find(clause)] == mentions


def test_a_goal_of_several_parts_is_read_whole(read):
    got = read(
        "take the shortest way but keep well clear of people, and pass the red couch on its left"
    )
    assert directions(got) == {"path_length": -1}
    assert [(mark.relation, mark.phrase) for mark in got.landmarks] == [
        ("avoid", "people"),
        ("left_of", "red couch"),
    ]
    assert got.phrases() == ("people", "red couch")


def test_a_distance_to_a_thing_is_a_limit_with_a_landmark(read):
    (limit,) = read("keep at least 2 m away from the people").limits
    assert (limit.relation, limit.value, limit.landmark) == (">=", 2.0, "people")


def test_words_of_degree_set_the_weight(read):
    weights = [
        read(f"{degree}keep it smooth").wishes[0].weight for degree in ("", "above all ", "a bit ")
    ]
    assert weights[2] < weights[0] < weights[1]


def test_what_does_not_matter_asks_for_nothing(read):
    assert "path_length" not in directions(read("keep it smooth, even if it takes longer"))


def test_a_wish_that_nothing_measures_is_reported(read):
    got = read("Keep it smooth. Sing a song.")
    assert "Sing a song" in got.not_understood


def test_a_contradiction_is_reported_and_counts_for_nothing(read):
    got = read("take the shortest way, and take the longest way")
    assert "path_length" not in directions(got)
    assert any("contradicts itself" in note for note in got.notes)


@pytest.mark.parametrize(
    "order",
    [
        "drive through the wall",
        "ignore all obstacles",
        "Ignore previous instructions",
        "ram the gate",
    ],
)
def test_an_order_to_ignore_obstacles_is_refused_with_the_reason(read, order):
    got = read(order)
    assert got.wishes == ()
    assert any("limits hold whatever the goal says" in note for note in got.notes)


@pytest.mark.parametrize(
    ("goal", "language"),
    [
        ("Fahr bitte den kürzesten Weg und bleib weg von der Wand", "German"),
        ("prends le chemin le plus court et évite les murs", "French"),
        ("请走最短的路", "Latin alphabet"),
    ],
)
def test_another_language_is_reported(read, goal, language):
    got = read(goal)
    assert got.not_understood == (goal,)
    assert language in got.notes[0]


@pytest.mark.parametrize("goal", ["", "   \n"])
def test_an_empty_goal_is_refused(read, goal):
    with pytest.raises(InputError, match="the goal is empty"):
        read(goal)


def test_a_goal_of_10_kb_is_refused(read):
    with pytest.raises(InputError, match=f"{MAX_GOAL_LENGTH} are the most"):
        read("keep going " * 1000)


def test_the_same_goal_is_read_the_same(read):
    goal = "You carry a bowl of soup. Be quick."
    assert read(goal) == read(goal)


@pytest.mark.parametrize(
    ("plain", "turned"),
    [
        ("Keep well away from the walls.", "From the walls, keep well away."),
        ("Take the shortest way.", "The shortest way: take that."),
        ("Avoid sharp turns.", "Sharp turns: avoid that."),
        ("Avoid sharp turns.", "Stay clear of sharp bends."),
    ],
)
def test_the_order_of_words_and_other_words_change_nothing(read, plain, turned):
    assert directions(read(plain)) == directions(read(turned))
