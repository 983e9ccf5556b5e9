import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.planning.clearance import PolygonField
from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.types import InputError, OccupancyGrid, PathCandidate, Wish

READ = Interpretation(wishes=(Wish("path_length", -1, 1.0, "short"),), interpreter="test")


def path(*points):
    return PathCandidate("map", [(x, y, 0.0) for x, y in points])


def room(*, unknown=False):
    """10 m square with a wall at x = 5 that leaves a door of 1 m at y = 8 to 9."""
    cells = np.zeros((200, 200), np.int8)
    cells[:160, 100:102] = 100
    cells[180:, 100:102] = 100
    if unknown:
        cells[:, 150:160] = -1
    return OccupancyGrid(0, "map", cells, 0.05)


def violations(candidate, grid, *, field=None, **limits):
    evaluator = PathEvaluator(limits=RobotLimits(**limits), interpreter=ExplicitInterpreter(READ))
    return evaluator.evaluate("go", [candidate], grid=grid, field=field).paths[0].violations


def marked(rows, columns, value=100):
    """10 m square of 5 cm cells, free but for these."""
    cells = np.zeros((200, 200), np.int8)
    cells[rows, columns] = value
    return OccupancyGrid(0, "map", cells, 0.05)


DOOR = path((2, 2), (4, 8.5), (6, 8.5), (8, 8))


@pytest.mark.parametrize(
    ("candidate", "limits", "says"),
    [
        pytest.param(path((2, 2), (8, 2)), {}, "collision after pose 0", id="through the wall"),
        pytest.param(DOOR, {"radius": 0.6}, "the robot reaches 0.60 m", id="too wide for the door"),
        pytest.param(path((2, 2), (2, 12)), {}, "leaves the map", id="out of the map"),
        pytest.param(path((2, 2), (0.1, 2)), {}, "from the border", id="partly out"),
        pytest.param(path((2, 2)), {}, "too short: 1 pose,", id="one pose"),
        pytest.param(PathCandidate("map", []), {}, "too short: 0 poses", id="no pose"),
        pytest.param(path((2, 2), (2, 2), (2, 2)), {}, "goes nowhere", id="all poses alike"),
        pytest.param(path((2, 2), (np.nan, 3), (4, 4)), {}, "not finite: pose 1", id="NaN"),
        pytest.param(path((2, 2), (np.inf, 3)), {}, "not finite: pose 1", id="infinite"),
        pytest.param(
            PathCandidate("map", [(2, 2, 0), (3, 2, np.nan)]), {}, "not finite: pose 1", id="yaw"
        ),
        pytest.param(
            path((2, 2), (3, 2), (3, 6)), {"maximum_jump": 1.5}, "jump of 4.00 m after pose 1",
            id="a jump",
        ),
        pytest.param(
            path((2, 2), (4, 2), (4, 4)), {"minimum_turning_radius": 1.0}, "the robot needs 1.00 m",
            id="too tight a bend",
        ),
    ],
)  # fmt: skip
def test_what_a_path_breaks_is_named_with_number_and_place(candidate, limits, says):
    assert any(says in text for text in violations(candidate, room(), **limits))


def test_a_sound_path_breaks_nothing():
    assert violations(DOOR, room(), radius=0.3) == ()


def test_unknown_space_is_a_setting():
    through = path((7, 2), (9, 2))
    assert "unknown space" in violations(through, room(unknown=True))[0]
    assert violations(through, room(unknown=True), unknown_is_free=True) == ()


@pytest.mark.parametrize(
    ("yaw_along", "feasible"),
    [pytest.param(True, True, id="lengthwise"), pytest.param(False, False, id="crosswise")],
)
def test_a_footprint_fits_through_a_door_only_lengthwise(yaw_along, feasible):
    poses = np.array([(4, 8.5, 0.0), (5, 8.5, 0.01), (6, 8.5, 0.0)])
    poses[:, 2] += 0.0 if yaw_along else np.pi / 2
    long_and_thin = ((0.8, 0.3), (-0.8, 0.3), (-0.8, -0.3), (0.8, -0.3))
    found = violations(PathCandidate("map", poses), room(), footprint=long_and_thin)
    assert (found == ()) is feasible


LEVEL = path((2, 5.01), (8, 5.01))
WIDE = ((0.2, 0.5), (-0.2, 0.5), (-0.2, -0.5), (0.2, -0.5))


@pytest.mark.parametrize(
    ("rows", "columns", "body"),
    [
        pytest.param(105, 100, {"footprint": WIDE}, id="a cell 0.26 m beside the line"),
        pytest.param(107, 100, {"footprint": WIDE}, id="a cell 0.36 m beside it"),
        pytest.param(109, 100, {"footprint": WIDE}, id="a cell 0.46 m beside it"),
        pytest.param(106, slice(None), {"footprint": WIDE}, id="a thin wall along the path"),
        pytest.param(slice(None), 100, {"radius": 0.0}, id="a point through a thin wall"),
    ],
)
def test_an_obstacle_of_one_cell_under_the_robot_is_a_collision(rows, columns, body):
    assert "collision" in violations(LEVEL, marked(rows, columns), **body)[0]


def test_an_unknown_cell_under_the_robot_is_unknown_space():
    assert "unknown space" in violations(LEVEL, marked(107, 100, -1), footprint=WIDE)[0]


def test_a_thin_pole_under_the_robot_is_a_collision():
    pole = [(4.98, 5.34), (5.02, 5.34), (5.02, 5.38), (4.98, 5.38)]
    assert "collision" in violations(LEVEL, None, field=PolygonField([pole]), footprint=WIDE)[0]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(0.03, 0.8), min_size=3, max_size=7),
    st.floats(-math.pi, math.pi),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1)),
)
def test_an_obstacle_cell_under_any_footprint_at_any_pose_is_a_collision(radii, yaw, offset, under):
    angle = 2 * math.pi * np.arange(len(radii)) / len(radii)
    footprint = np.array(radii)[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    corner, share, along = under
    one, two = footprint[corner % len(radii)], footprint[(corner + 1) % len(radii)]
    spot = math.sqrt(share) * (one + along * (two - one))  # in the triangle with the origin
    turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    pose = 5.0 + 0.05 * np.array(offset)
    column, row = ((pose + turn @ spot) // 0.05).astype(int)
    still = PathCandidate("map", [(*pose, yaw), (*pose + 1e-6, yaw + 0.1), (*pose + 2e-6, yaw)])
    found = violations(still, marked(row, column), footprint=tuple(map(tuple, footprint)))
    assert "collision" in found[0]


@pytest.mark.parametrize(
    ("goal_yaw", "says"),
    [
        pytest.param(math.pi / 2, [], id="along the path"),
        pytest.param(0.8, ["collision after pose 3"], id="askew"),
    ],
)
def test_where_yaws_are_left_out_but_for_the_goal_s_the_robot_faces_along_the_path(goal_yaw, says):
    corridor = marked(slice(None), [90, 110])
    poses = [(5.025, 2, 0.0), (5.025, 4, 0.0), (5.025, 6, 0.0), (5.025, 8, goal_yaw)]
    long_and_thin = ((0.8, 0.3), (-0.8, 0.3), (-0.8, -0.3), (0.8, -0.3))
    found = violations(PathCandidate("map", poses), corridor, footprint=long_and_thin)
    assert [text.partition(" (")[0] for text in found] == says


def test_the_map_s_own_frame_is_respected():
    grid = OccupancyGrid(0, "map", room().cells, 0.05, (100.0, 50.0, np.pi / 2))
    inside = path((98, 52), (98, 54))
    assert violations(inside, grid) == ()
    assert "leaves the map" in violations(path((2, 2), (3, 2)), grid)[0]


@pytest.mark.parametrize("cases", [500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_an_infeasible_path_is_never_first_whatever_weights_and_judge_say(cases):
    random = np.random.default_rng(7)
    grid = room()
    bad = [path((2, 2), (8, 2)), path((2, 2), (30, 2)), path((2, 2), (math.nan, 2)), path((2, 2))]
    for _ in range(cases):
        wishes = tuple(
            Wish(str(name), int(sign), float(10.0**size), "")
            for name, sign, size in zip(
                random.choice(["path_length", "smoothness", "min_clearance", "exposure"], 3, False),
                random.choice([-1, 1], 3),
                random.uniform(-300, 308, 3),
                strict=True,
            )
        )
        good = random.random(4) < 0.5
        candidates = [
            path((2, random.uniform(3, 9)), (4, 8)) if fine else bad[random.integers(len(bad))]
            for fine in good
        ]
        evaluator = PathEvaluator(
            limits=RobotLimits(radius=0.2),
            interpreter=ExplicitInterpreter(Interpretation(wishes=wishes, interpreter="test")),
        )

        def judge(indices):
            liked = random.choice([0.0, 1.0, -1e300, 1e300, np.nan, np.inf], len(indices))
            return liked, float(random.choice([0.3, 1e300, np.inf, np.nan]))

        result = evaluator.evaluate("go", candidates, grid=grid, judge=judge)
        totals = np.array([single.total for single in result.paths])
        assert [single.feasible for single in result.paths] == good.tolist()
        assert ((totals[good] >= 0) & (totals[good] <= 1 + 1e-9)).all()
        assert (totals[~good] == -1.0).all()
        assert result.best_index == -1 if not good.any() else good[result.best_index]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        pytest.param({"radius": -0.1}, "radius is -0.1", id="negative radius"),
        pytest.param({"radius": float("nan")}, "radius is nan", id="NaN radius"),
        pytest.param({"maximum_speed": 0.0}, "maximum_speed is 0.0", id="no speed"),
        pytest.param({"occupied_from": 0}, "1..100", id="all occupied"),
        pytest.param({"footprint": ((0, 0), (1, 0))}, "three or more corners", id="two corners"),
        pytest.param(
            {"footprint": ((1, 1), (2, 1), (2, 2))}, "around the origin", id="origin outside"
        ),
        pytest.param(
            {"footprint": ((1, 1), (1, 1), (-1, 1), (0, -1))}, "repeats", id="corner twice"
        ),
    ],
)
def test_limits_that_cannot_be_are_refused(settings, says):
    with pytest.raises(InputError, match=says):
        RobotLimits(**settings)
