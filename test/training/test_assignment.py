"""Which cells learn which objects."""

import torch

from vlm_robot.detection.compact.network import Cells, grid
from vlm_robot.training.assignment import CELLS_PER_OBJECT, Targets, assign, in_ignored

SIZE = (128, 96)


def cells_and_grid() -> tuple[Cells, torch.Tensor, torch.Tensor]:
    centers, strides = grid(*SIZE)
    boxes = torch.cat([centers - 8, centers + 8], 1)[None]
    count = len(centers)
    return Cells(boxes, torch.zeros(1, count)), centers, strides


def targets(boxes: list[list[float]], rows: list[int]) -> Targets:
    return Targets(
        torch.tensor([boxes]),
        torch.tensor([rows]),
        torch.zeros(1, 1, 4),
        torch.ones(1, len(boxes)),
    )


def test_positive_cells_lie_in_or_near_their_object() -> None:
    cells, centers, strides = cells_and_grid()
    chosen = assign(cells, targets([[20.0, 20, 60, 70]], [5]), centers, strides, trust=0.0)
    assert 0 < len(chosen.cell) <= CELLS_PER_OBJECT
    inside = centers[chosen.cell]
    assert ((inside > torch.tensor([20, 20])) & (inside < torch.tensor([60, 70]))).all()


def test_a_padded_object_gets_no_cell() -> None:
    cells, centers, strides = cells_and_grid()
    some = targets([[20.0, 20, 60, 70], [0, 0, 0, 0]], [5, -1])
    assert set(assign(cells, some, centers, strides, trust=0.5).object.tolist()) == {0}


def test_even_a_tiny_object_gets_a_cell() -> None:
    cells, centers, strides = cells_and_grid()
    tiny = targets([[50.0, 50, 53, 53]], [1])
    assert len(assign(cells, tiny, centers, strides, trust=0.0).cell)


def test_a_cell_learns_one_object() -> None:
    cells, centers, strides = cells_and_grid()
    two = targets([[20.0, 20, 60, 70], [24, 20, 64, 70]], [1, 2])
    chosen = assign(cells, two, centers, strides, trust=0.0)
    assert len(chosen.cell.unique()) == len(chosen.cell)


def test_cells_in_ignored_regions_are_known() -> None:
    centers = torch.tensor([[5.0, 5.0], [50.0, 50.0]])
    regions = torch.tensor([[[0.0, 0, 10, 10], [0, 0, 0, 0]]])
    assert in_ignored(centers, regions).tolist() == [[True, False]]
