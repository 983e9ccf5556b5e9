import numpy as np
import pytest

from vlm_robot.simulation.drive import WAYPOINTS, Route, drifted, planar, robot_mounts
from vlm_robot.simulation.make_sample_bag import FARTHEST, sensed

ROUTE = Route(WAYPOINTS, 20.0)


def speed(time):
    """Metres a second, by a small step."""
    (x, y, _), (u, v, _) = ROUTE.pose(time), ROUTE.pose(time + 0.01)
    return np.hypot(u - x, v - y) / 0.01


def test_the_drive_goes_from_the_first_waypoint_to_the_last():
    assert ROUTE.pose(0)[:2] == pytest.approx(WAYPOINTS[0])
    assert ROUTE.pose(20)[:2] == pytest.approx(WAYPOINTS[-1], abs=1e-3)


def test_the_drive_starts_and_ends_at_a_stand_and_cruises_between():
    assert speed(0) < 0.01
    assert speed(19.98) < 0.01
    assert speed(5) == pytest.approx(speed(14), rel=0.03)


def test_the_robot_looks_where_it_goes():
    x, y, yaw = ROUTE.pose(8)
    u, v, _ = ROUTE.pose(8.01)
    assert np.arctan2(v - y, u - x) == pytest.approx(yaw, abs=0.01)


@pytest.mark.parametrize(("index", "ahead"), [(0, 1.0), (1, -1.0)], ids=["front", "rear"])
def test_an_optical_frame_has_z_ahead_and_y_down(index, ahead):
    matrix = robot_mounts(640, 480)[index].base_from_optical()
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    assert ahead * matrix[0, 2] > 0.9
    assert matrix[2, 1] < -0.9


def test_odometry_drifts_a_little():
    times = np.arange(0, 20, 0.05)
    end = drifted(ROUTE, times, np.random.default_rng(0))[-1]
    start = planar(*ROUTE.pose(0.0))
    error = np.linalg.norm((start @ end)[:2, 3] - ROUTE.pose(float(times[-1]))[:2])
    assert 0.005 < error < 0.5


def test_sensed_depth_is_in_millimetres_and_zero_out_of_range():
    depth = np.array([[0.1, 1.0, 3.0, FARTHEST + 1]], np.float32)
    values = sensed(depth)[0]
    assert values[0] == values[3] == 0
    assert values[1] == 1000
    assert values[2] == pytest.approx(3000, abs=5)
