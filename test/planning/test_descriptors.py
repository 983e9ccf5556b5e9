# ruff: noqa: E501  (a case reads best on one line)

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.planning import bench_paths
from vlm_robot.planning.clearance import GridField, PolygonField
from vlm_robot.planning.descriptors import DESCRIPTORS, Mode, measure
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.paths import join, resample
from vlm_robot.types import OccupancyGrid, PathCandidate

DATA = Path(__file__).parent / "data"


def path(*points, yaws=None):
    yaws = [0.0] * len(points) if yaws is None else yaws
    return PathCandidate("map", [(x, y, yaw) for (x, y), yaw in zip(points, yaws, strict=True)])


def values(*paths, field=None, mode=Mode.VERTICES, **limits):
    return measure(join(paths), field, limits=RobotLimits(**limits), mode=mode).values


@pytest.fixture(scope="module")
def pairs():
    return bench_paths.read_pairs(DATA)


@pytest.fixture(scope="module")
def records():
    lines = gzip.decompress((DATA / "patheval_pairs.jsonl.gz").read_bytes()).splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module", params=Mode)
def measured(request, pairs, records):
    """The metrics that the records have, and what is measured in the mode that is meant."""
    key = {Mode.VERTICES: "metrics", Mode.ROBOT: "metrics_dense"}[request.param]
    got = [values(*p.paths, field=p.field, mode=request.param, radius=0.0) for p in pairs]
    wanted = [record[path][key] for record in records for path in ("path1", "path2")]
    return request.param, got, wanted


@pytest.mark.parametrize("name", bench_paths.METRICS)
def test_the_values_equal_patheval_s_on_all_300_pairs(name, measured):
    mode, got, metrics = measured
    if mode is Mode.ROBOT and name in ("sharp_turns", "max_turn_angle"):
        return  # robot mode compares headings over a window
    found = np.concatenate([both[name] for both in got])
    wanted = [metric[bench_paths.METRICS[name]] for metric in metrics]
    assert len(found) == 600
    np.testing.assert_allclose(found, wanted, atol=1e-6, rtol=0)


def test_a_square_corner_has_the_values_of_its_definitions():
    got = values(path((0, 0), (3, 0), (3, 4)), maximum_speed=0.5, maximum_turn_rate=1.0)
    assert got["path_length"] == 7.0
    assert got["smoothness"] == pytest.approx(90.0)
    assert got["turn_per_metre"] == pytest.approx(90.0 / 7.0)
    assert got["sharp_turns"] == 0.0
    assert got["max_turn_angle"] == pytest.approx(90.0)
    assert got["duration"] == pytest.approx(14.0 + math.pi / 2)
    assert got["max_curvature"] == pytest.approx(2.0 / 5.0)
    assert got["turning_radius"] == pytest.approx(2.5)


@pytest.mark.parametrize("mode", Mode)
def test_on_an_arc_the_turning_radius_is_the_arc_s(mode):
    angle = np.linspace(0.0, math.pi, 200)
    arc = path(*np.stack([2.0 * np.cos(angle), 2.0 * np.sin(angle)], axis=1))
    assert values(arc, mode=mode)["turning_radius"] == pytest.approx(2.0, rel=1e-3)


def test_robot_mode_sees_a_sharp_turn_spread_over_many_poses():
    angle = np.linspace(0.0, math.radians(150), 20)
    bend = np.stack([0.1 * np.sin(angle), 0.1 * (1 - np.cos(angle))], axis=1)
    leaving = bend[-1] + np.arange(1, 40)[:, None] * 0.05 * [np.cos(angle[-1]), np.sin(angle[-1])]
    arriving = np.arange(-40, 0)[:, None] * [0.05, 0.0]
    around = path(*np.concatenate([arriving, bend, leaving]))
    assert values(around, mode=Mode.VERTICES)["sharp_turns"] == 0.0
    assert values(around, mode=Mode.ROBOT)["sharp_turns"] == 1.0


def test_robot_mode_evens_out_a_grid_planner_s_steps():
    steps = [(0.05 * i, 0.05 * (i // 2)) for i in range(100)]
    assert values(path(*steps), mode=Mode.VERTICES)["max_curvature"] > 10.0
    assert values(path(*steps), mode=Mode.ROBOT)["max_turn_angle"] < 30.0


@pytest.mark.parametrize(
    ("points", "yaws", "count"),
    [
        pytest.param([(0, 0), (1, 0), (0, 0)], [0.1, 0.2, 0.1], 1, id="back along the same line"),
        pytest.param([(0, 0), (1, 0), (2, 0)], [0.0, 0.1, 0.0], 0, id="always forward"),
        pytest.param([(0, 0), (-1, 0), (-2, 0)], [0.0, 0.1, 0.0], 0, id="always backward"),
        pytest.param([(0, 0), (1, 0), (0, 0), (1, 0)], [0, 0, 0, 0], 2, id="yaw left out"),
        pytest.param([(0, 0), (1, 0), (1, 1)], [0, 0, 0], 0, id="a corner, yaw left out"),
        pytest.param(
            [(0, 0), (1, 0), (0.9, 1), (0.9, 2)],
            [0, 0, 0, 1.6],
            0,
            id="all yaws but the goal's left out",
        ),
        pytest.param(
            [(0, 0), (1, 0), (1, 0), (0, 0)], [0, 0, 3.1, 3.1], 0, id="a turn on the spot"
        ),
    ],
)
def test_reversals_are_changes_between_forward_and_backward(points, yaws, count):
    assert values(path(*points, yaws=yaws))["reversals"] == count


def test_repeated_poses_change_nothing():
    once = values(path((0, 0), (3, 0), (3, 4)))
    twice = values(path((0, 0), (0, 0), (3, 0), (3, 0), (3, 0), (3, 4), (3, 4)))
    for name, value in once.items():
        assert value == pytest.approx(twice[name]), name


def test_exposure_is_the_share_of_the_length_in_the_open():
    wall = PolygonField([[(-1, -1), (11, -1), (11, 0), (-1, 0)]], resolution=0.01)
    half = path((0, 0.5), (5, 0.5), (5, 5.5))
    got = values(half, field=wall, mode=Mode.ROBOT, radius=0.0, open_from=1.0)["exposure"]
    assert got == pytest.approx(4.5 / 10.0, abs=0.01)


def test_area_covered_counts_ground_once():
    there = values(path((0.1, 0.1), (9.9, 0.1)), radius=0.5)["area_covered"]
    and_back = values(path((0.1, 0.1), (9.9, 0.1), (0.1, 0.2)), radius=0.5)["area_covered"]
    assert there == and_back == 10.0


def test_without_a_map_nothing_is_made_up():
    got = values(path((0, 0), (1, 0)))
    assert {name for name, d in DESCRIPTORS.items() if d.needs_map}.isdisjoint(got)


def test_the_robot_s_radius_is_taken_off_and_clearance_is_capped():
    wall = PolygonField([[(-1, -1), (11, -1), (11, 0), (-1, 0)]])
    level = path((0, 2), (10, 2))
    got = values(level, field=wall, mode=Mode.ROBOT, radius=0.5)
    assert got["min_clearance"] == pytest.approx(1.5)
    capped = values(level, field=wall, mode=Mode.ROBOT, radius=0.5, clearance_cap=1.0)
    assert capped["mean_clearance"] == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 59), st.integers(0, 39)), min_size=1, max_size=12),
    st.floats(-3.1, 3.1),
    st.integers(0, 2**32 - 1),
)
def test_grid_clearance_is_within_a_cell_of_the_exact_distance(blocks, yaw, seed):
    cells = np.zeros((40, 60), np.int8)
    for column, row in blocks:
        cells[row, column] = 100
    field = GridField(OccupancyGrid(0, "map", cells, 0.1, (1.0, -2.0, yaw)))
    points = np.random.default_rng(seed).uniform([0.05, 0.05], [5.95, 3.95], (50, 2))
    squares = [
        [(c / 10, r / 10), ((c + 1) / 10, r / 10), ((c + 1) / 10, (r + 1) / 10), (c / 10, (r + 1) / 10)]
        for c, r in blocks
    ]  # fmt: skip
    exact = PolygonField(squares).distance(points)
    turn = np.array([[math.cos(yaw), -math.sin(yaw)], [math.sin(yaw), math.cos(yaw)]])
    placed = points @ turn.T + [1.0, -2.0]
    np.testing.assert_allclose(field.distance(placed), exact, atol=0.1)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-20, 20), st.floats(-20, 20)), min_size=2, max_size=8),
        min_size=1,
        max_size=5,
    ),
    st.floats(0.05, 3.0),
)
def test_resampling_keeps_length_and_spacing(points, spacing):
    paths = [path(*line) for line in points if _moves(line)]
    if not paths:
        return
    before = join(paths)
    after = resample(before, spacing)
    np.testing.assert_allclose(
        measure(after, None, limits=RobotLimits(), mode=Mode.VERTICES).values["path_length"],
        measure(before, None, limits=RobotLimits(), mode=Mode.VERTICES).values["path_length"],
        rtol=1e-9,
    )
    step = np.hypot(*np.diff(after.points, axis=0).T)[after.inner]
    assert step.max() <= spacing * (1 + 1e-6)


def _moves(line):
    step = np.abs(np.diff(np.array(line), axis=0)).sum(axis=1)
    return bool((step > 1e-6).all())


def test_all_paths_at_once_give_what_each_gives_alone(pairs):
    field = pairs[0].field
    paths = [candidate for pair in pairs[:5] for candidate in pair.paths]
    together = values(*paths, field=field, mode=Mode.ROBOT)
    for index, single in enumerate(paths):
        for name, value in values(single, field=field, mode=Mode.ROBOT).items():
            if name != "area_covered":  # its squares are laid out from a common corner
                np.testing.assert_allclose(together[name][index], value[0], rtol=1e-9, err_msg=name)
