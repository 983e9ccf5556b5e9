import numpy as np
import pytest

from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.landmarks import SeenLandmark
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.types import (
    HardLimit,
    InputError,
    LandmarkWish,
    OccupancyGrid,
    PathCandidate,
    Wish,
)


def path(*points, frame_id="map"):
    return PathCandidate(frame_id, [(x, y, 0.0) for x, y in points])


def evaluator(*, wishes=(), landmarks=(), limits=(), **robot):
    read = Interpretation(wishes=wishes, landmarks=landmarks, limits=limits, interpreter="test")
    return PathEvaluator(limits=RobotLimits(**robot), interpreter=ExplicitInterpreter(read))


@pytest.fixture
def grid():
    """10 m square, a block of 0.5 m by 1 m in its middle."""
    cells = np.zeros((200, 200), np.int8)
    cells[90:110, 95:105] = 100
    return OccupancyGrid(0, "map", cells, 0.05)


THROUGH = path((1, 5), (9, 5))
ABOVE = path((1, 5), (5, 6.5), (9, 5))
BELOW = path((1, 5), (5, 2.5), (9, 5))
SHORT = (Wish("path_length", -1, 1.0, "short"),)


def test_the_path_that_serves_the_wish_is_best(grid):
    result = evaluator(wishes=SHORT).evaluate("", [BELOW, ABOVE], grid=grid, wishes=SHORT)
    assert (result.best_index, result.worst_index) == (1, 0)
    assert "path 0 it is shorter (8.54 m against 9.43 m)" in result.explanation


def test_a_path_in_collision_is_never_best(grid):
    result = evaluator(wishes=SHORT).evaluate("go", [THROUGH, BELOW], grid=grid)
    assert result.best_index == 1
    assert not result.paths[0].feasible
    assert "collision after pose 0" in result.paths[0].violations[0]
    assert result.paths[0].total == -1.0


def test_no_feasible_path_is_told_with_the_reasons(grid):
    result = evaluator(wishes=SHORT).evaluate("go", [THROUGH], grid=grid)
    assert (result.best_index, result.worst_index, result.confidence) == (-1, -1, 0.0)
    assert result.explanation.startswith("No path is feasible. Not feasible: path 0: collision")


def test_a_landmark_is_passed_on_the_side_that_was_asked_for(grid):
    couch = SeenLandmark("red couch", (5.0, 5.0, 0.4), (0.5, 1.0, 0.8))
    for relation, best in (("left_of", 0), ("right_of", 1)):
        wish = LandmarkWish("red couch", relation, 1.0, "couch")
        result = evaluator(landmarks=(wish,)).evaluate(
            "go", [ABOVE, BELOW], grid=grid, landmarks=[couch]
        )
        assert result.best_index == best


def test_a_landmark_that_was_not_seen_is_named_and_lowers_confidence(grid):
    wish = LandmarkWish("ghost", "towards", 1.0, "ghost")
    sure = evaluator(wishes=SHORT).evaluate("go", [ABOVE, BELOW], grid=grid)
    unsure = evaluator(wishes=SHORT, landmarks=(wish,)).evaluate("go", [ABOVE, BELOW], grid=grid)
    assert "'ghost' was not seen" in unsure.explanation
    assert not unsure.landmarks[0].seen
    assert unsure.confidence < sure.confidence


@pytest.mark.parametrize(
    ("places", "seen"),
    [
        pytest.param([(5, 7)], False, id="one"),
        pytest.param([(5, 7), (5, 7)], False, id="one twice"),
        pytest.param([(5, 7), (5, 6)], True, id="two"),
    ],
)
def test_going_between_two_of_a_kind_takes_two(grid, places, seen):
    couches = [SeenLandmark("couch", (x, y, 0.4)) for x, y in places]
    wish = LandmarkWish("couch", "between", 1.0, "the couches", "couch")
    result = evaluator(wishes=SHORT, landmarks=(wish,)).evaluate(
        "go", [ABOVE, BELOW], grid=grid, landmarks=couches
    )
    assert result.landmarks[0].seen is seen
    assert ("Only one 'couch' was seen" in result.explanation) is not seen


def test_a_straight_path_doesn_t_make_all_bends_alike(grid):
    angle = np.linspace(0, 1.2, 60)
    bends = [
        path(*np.column_stack([2 + radius * np.sin(angle), 1 + radius * (1 - np.cos(angle))]))
        for radius in (1.0, 3.0)
    ]
    wide = (Wish("turning_radius", 1, 1.0, "wide bends"),)
    result = evaluator(wishes=wide).evaluate("go", [*bends, path((1, 1), (9, 1))], grid=grid)
    tight, wider, straight = (score.total for score in result.paths)
    assert tight < wider - 0.1 < straight


def test_a_hard_limit_makes_a_path_infeasible(grid):
    limit = HardLimit("min_clearance", ">=", 1.0, "m", "a metre at least")
    result = evaluator(wishes=SHORT, limits=(limit,)).evaluate("go", [ABOVE, BELOW], grid=grid)
    assert result.best_index == 1
    assert "min_clearance is 0.61 m, at least 1 m is wanted" in result.paths[0].violations[0]


def test_without_a_map_clearance_is_absent_and_that_is_said():
    wishes = (*SHORT, Wish("min_clearance", 1, 1.0, "room"))
    result = evaluator(wishes=wishes).evaluate("go", [ABOVE, BELOW], grid=None)
    assert [criterion.name for criterion in result.paths[0].criteria] == ["path_length"]
    assert "Without a map, min_clearance was not measured." in result.explanation
    assert result.confidence <= 0.5


@pytest.mark.parametrize(
    ("robot", "says"),
    [
        pytest.param({"maximum_jump": 1.0}, "jump of 1000000000.00 m after pose 0", id="a jump"),
        pytest.param({}, "too long: 1e+09 m, 5e+04 m is the most", id="any jump allowed"),
    ],
)
def test_a_path_of_a_million_kilometres_is_refused_before_it_is_measured(robot, says, grid):
    huge = path((0, 0), (1e9, 0))
    result = evaluator(wishes=SHORT, **robot).evaluate("go", [huge, ABOVE], grid=grid)
    assert result.paths[0].violations[0].startswith(says)


def test_paths_a_world_apart_are_measured_each_by_itself():
    paths = [path((0, 0), (2, 0)), path((1e15, 1e15), (1e15 + 1, 1e15))]
    result = evaluator(wishes=SHORT).evaluate("go", paths, grid=None)
    assert [score.feasible for score in result.paths] == [True, True]


def test_no_candidate_is_refused(grid):
    with pytest.raises(InputError, match="no candidate path: send at least one"):
        evaluator(wishes=SHORT).evaluate("go", [], grid=grid)
