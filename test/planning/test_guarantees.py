"""What docs/planning.md guarantees of the evaluator, on random scenes."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from point_loop import LoopGrid, loop_measure

from vlm_robot.planning.clearance import GridField
from vlm_robot.planning.descriptors import measure
from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.feasibility import violations
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.paths import join
from vlm_robot.types import HardLimit, InputError, OccupancyGrid, PathCandidate, Wish

NAMES = ("path_length", "smoothness", "min_clearance", "mean_clearance", "exposure")


def scene(seed, count, *, blocked=0.01):
    random = np.random.default_rng(seed)
    cells = np.where(random.random((100, 100)) < blocked, 100, 0).astype(np.int8)
    paths = []
    for _ in range(count):
        poses = np.zeros((6, 3))
        poses[:, 0] = np.linspace(1, 9, 6)
        poses[:, 1] = random.uniform(1, 9, 6)
        paths.append(PathCandidate("map", poses))
    wishes = tuple(
        Wish(name, int(random.choice([-1, 1])), float(random.uniform(0.1, 1)), "")
        for name in random.choice(NAMES, 3, replace=False)
    )
    return OccupancyGrid(0, "map", cells, 0.1), paths, wishes


def evaluate(grid, paths, wishes, **more):
    read = Interpretation(wishes=wishes, interpreter="test")
    evaluator = PathEvaluator(limits=RobotLimits(radius=0.1), interpreter=ExplicitInterpreter(read))
    return evaluator.evaluate("go", paths, grid=grid, **more)


def request(*, wishes=(), hard_limits=()):
    read = Interpretation(wishes=WISHES, interpreter="test")
    evaluator = PathEvaluator(limits=RobotLimits(), interpreter=ExplicitInterpreter(read))
    return evaluator.evaluate("go", PATHS, grid=GRID, wishes=wishes, hard_limits=hard_limits)


def order(result, count):
    totals = [path.total for path in result.paths[:count]]
    return [i for i in np.argsort(totals, kind="stable") if totals[i] >= 0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8), st.randoms())
def test_the_order_of_the_candidates_only_changes_indices(seed, count, random):
    grid, paths, wishes = scene(seed, count)
    shuffled = list(range(count))
    random.shuffle(shuffled)
    straight = evaluate(grid, paths, wishes)
    mixed = evaluate(grid, [paths[i] for i in shuffled], wishes)
    for place, index in enumerate(shuffled):
        assert mixed.paths[place].total == pytest.approx(straight.paths[index].total, abs=1e-9)
    if straight.best_index >= 0:
        assert shuffled[mixed.best_index] == straight.best_index
    assert mixed.confidence == pytest.approx(straight.confidence, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_infeasible_candidates_change_nothing_for_the_others(seed, count):
    grid, paths, wishes = scene(seed, count)
    alone = evaluate(grid, paths, wishes)
    out = PathCandidate("map", np.array([(1.0, 1.0, 0.0), (50.0, 50.0, 0.0)]))
    joined = evaluate(grid, [*paths, out], wishes)
    assert joined.best_index == alone.best_index
    for before, after in zip(alone.paths, joined.paths, strict=False):
        assert after.total == pytest.approx(before.total, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
def test_a_far_worse_candidate_does_not_change_the_order_of_the_others(seed, count):
    grid, paths, _ = scene(seed, count, blocked=0.0)
    wishes = (Wish("path_length", -1, 1.0, ""), Wish("smoothness", -1, 0.7, ""))
    wild = np.zeros((400, 3))
    wild[:, 0] = 1 + 8 * (np.arange(400) % 2)
    wild[:, 1] = 5 + np.arange(400) % 3
    before = evaluate(grid, paths, wishes)
    after = evaluate(grid, [*paths, PathCandidate("map", wild)], wishes)
    assert order(after, count) == order(before, count)
    assert after.worst_index == count


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_same_input_gives_the_same_output(seed):
    grid, paths, wishes = scene(seed, 5)
    assert evaluate(grid, paths, wishes) == evaluate(grid, paths, wishes)


def test_10000_paths_are_ranked():
    grid, paths, wishes = scene(1, 50, blocked=0.0)
    result = evaluate(grid, paths * 200, wishes)
    assert len(result.paths) == 10_000
    assert result.paths[result.best_index].feasible


@pytest.fixture(scope="module")
def large():
    """100 paths of 500 poses on a map of a million cells."""
    random = np.random.default_rng(0)
    cells = np.zeros((1000, 1000), np.int8)
    cells[random.integers(0, 1000, 800), random.integers(0, 1000, 800)] = 100
    along = np.linspace(0, 1, 500)
    paths = [
        PathCandidate(
            "map",
            np.stack([5 + 20 * along, 10 + 0.3 * i + 2 * np.sin(6 * along + i), 0 * along], 1),
        )
        for i in range(100)
    ]
    return OccupancyGrid(0, "map", cells, 0.05), paths


def fastest(work, times=10):
    """Least processor seconds of `work`."""
    taken = []
    for _ in range(times):
        before = time.process_time()
        work()
        taken.append(time.process_time() - before)
    return min(taken)


def test_100_paths_of_500_poses_on_a_map_of_a_million_cells_take_30_ms(large):
    grid, paths = large
    wishes = (Wish("path_length", -1, 1.0, ""), Wish("min_clearance", 1, 0.5, ""))
    read = Interpretation(wishes=wishes, interpreter="test")
    evaluator = PathEvaluator(limits=RobotLimits(), interpreter=ExplicitInterpreter(read))
    evaluator.evaluate("go", paths, grid=grid)  # the grid's transform is kept from here on
    assert fastest(lambda: evaluator.evaluate("go", paths, grid=grid)) < 0.03


def test_all_at_once_gives_what_a_loop_over_points_gives_in_far_less_time(large):
    grid, paths = large
    limits, field = RobotLimits(), GridField(grid)
    shapes = [[(x, y) for x, y in path.poses[:, :2].tolist()] for path in paths]
    metres = field.distance(centres(grid)).reshape(grid.cells.shape).tolist()
    loop = LoopGrid(metres, grid.resolution)
    measured = {}

    def at_once():
        joined = join(paths)
        told = measure(joined, field, limits=limits)
        broken = violations(joined, told, field, limits=limits)
        measured.update(told.values, feasible=np.array([not names for names in broken]))

    by_point = []
    slow = fastest(
        lambda: by_point.extend(loop_measure(shape, loop, limits) for shape in shapes), times=1
    )
    assert slow > 10 * fastest(at_once)  # about 25; machines differ
    for name, values in measured.items():
        np.testing.assert_allclose(values, [one[name] for one in by_point], atol=1e-9)


def centres(grid):
    rows, columns = grid.cells.shape
    x, y = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    return np.column_stack([x.ravel(), y.ravel()]) * grid.resolution


GRID, PATHS, WISHES = scene(3, 3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(
            {"wishes": (Wish("charm", 1, 1.0, ""),)}, "'charm' isn't measured", id="unknown wish"
        ),
        pytest.param({"wishes": (Wish("exposure", 0, 1.0, ""),)}, "direction 0", id="no direction"),
        pytest.param(
            {"wishes": (Wish("exposure", 1, float("inf"), ""),)}, "finite", id="endless weight"
        ),
        pytest.param(
            {"wishes": (Wish("exposure", 1, -1.0, ""),)}, "0 or more", id="negative weight"
        ),
        pytest.param(
            {"hard_limits": (HardLimit("path_length", "<", 3.0, "m", ""),)},
            ">= or <=",
            id="relation",
        ),
        pytest.param(
            {"hard_limits": (HardLimit("path_length", "<=", 3.0, "km", ""),)},
            "give it in 'm'",
            id="unit",
        ),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_with_the_reason(change, says):
    with pytest.raises(InputError, match=says):
        request(**change)


def test_frames_that_differ_are_refused():
    other = PathCandidate("odom", PATHS[0].poses)
    with pytest.raises(InputError, match=r"2 frames \(map, odom\)"):
        evaluate(GRID, [PATHS[0], other], WISHES)
    with pytest.raises(InputError, match="paths are in 'odom', the costmap in 'map'"):
        evaluate(GRID, [other], WISHES)


def test_a_stale_costmap_is_refused_where_an_age_is_set():
    read = Interpretation(wishes=WISHES, interpreter="test")
    evaluator = PathEvaluator(
        limits=RobotLimits(maximum_costmap_age=1.0), interpreter=ExplicitInterpreter(read)
    )
    with pytest.raises(InputError, match=r"the costmap is 2\.0 s older"):
        evaluator.evaluate("go", PATHS, grid=GRID, stamp=2_000_000_000)
