import numpy as np
import pytest

from vlm_robot.simulation.home import Pose, Slab
from vlm_robot.simulation.occupancy import FREE, OCCUPIED, UNKNOWN, occupancy_grid

BALL, CUBE, CHAIR, RUG = range(4)


def at(grid, x, y):
    """The cell at a point of the map."""
    column = int((x - grid.origin[0]) / grid.resolution)
    row = int((y - grid.origin[1]) / grid.resolution)
    return grid.cells[row, column]


def grid_of(solids, poses, *, slabs=(), resolution=0.05):
    return occupancy_grid(solids, poses, slabs, low=(0, 0), high=(3, 2), resolution=resolution)


def test_a_cube_takes_its_footprint(solids):
    grid = grid_of(solids, {CUBE: Pose(1.5, 1.0)}, resolution=0.01)
    half = solids[CUBE].half[0]
    assert at(grid, 1.5, 1.0) == OCCUPIED
    taken = (grid.cells == OCCUPIED).sum() * grid.resolution**2
    assert taken == pytest.approx((2 * half) ** 2, abs=2 * half * 4 * grid.resolution)
    assert at(grid, 1.5 + half + 0.03, 1.0) == FREE


def test_a_turned_chair_turns_its_footprint(solids):
    half = max(solids[CHAIR].half)
    grid = grid_of(solids, {CHAIR: Pose(1.5, 1.0, 0.0, np.pi / 4)})
    corner = np.sqrt(2) * min(solids[CHAIR].half) - 0.08
    assert at(grid, 1.5 + corner, 1.0) == OCCUPIED
    assert at(grid, 1.5 + half, 1.0 + half) == FREE


def test_a_rug_is_no_obstacle(solids):
    grid = grid_of(solids, {RUG: Pose(1.5, 1.0)})
    assert not (grid.cells == OCCUPIED).any()


def test_what_hangs_above_the_robot_is_no_obstacle(solids):
    grid = grid_of(solids, {CUBE: Pose(1.5, 1.0, 1.5)})
    assert not (grid.cells == OCCUPIED).any()


def test_a_wall_fills_the_cells_that_it_touches(solids):
    grid = grid_of(solids, {}, slabs=[Slab((1.5, 1.0, 1.0), (0.1, 2.0, 2.0))])
    assert (grid.cells == OCCUPIED).sum() == pytest.approx(0.1 * 2 / 0.05**2, abs=2)
    assert at(grid, 1.52, 0.5) == OCCUPIED


def test_outside_of_the_known_area_is_unknown(solids):
    grid = grid_of(solids, {})
    assert grid.cells[0, 0] == UNKNOWN
    assert at(grid, 0.02, 0.02) == FREE
    assert at(grid, 2.98, 1.98) == FREE
    assert (grid.cells == FREE).sum() == 60 * 40
