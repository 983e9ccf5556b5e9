"""Which boxes the network learns to describe."""

import torch

from vlm_robot.detection.compact.network import Cells, grid
from vlm_robot.training.assignment import Targets, assign
from vlm_robot.training.losses import iou
from vlm_robot.training.regions import Regions, draw_regions

SIZE = (128, 96)
OBJECTS = [[20.0, 20, 60, 70], [70.0, 10, 120, 60]]


def draw(
    cells: Cells,
    objects: list[list[float]],
    rows: list[int],
    ignored: list[float],
    *,
    empty: int = 4,
) -> Regions:
    some = Targets(
        torch.tensor([objects]),
        torch.tensor([rows]),
        torch.tensor([[ignored]]),
        torch.ones(1, len(rows)),
    )
    chosen = assign(cells, some, *grid(*SIZE), trust=0.0)
    return draw_regions(cells, some, chosen, torch.Generator().manual_seed(0), empty=empty)


def cells(side: float = 8.0) -> Cells:
    centers, _ = grid(*SIZE)
    boxes = torch.cat([centers - side, centers + side], 1)[None]
    return Cells(boxes, torch.zeros(1, len(centers)))


def test_a_shaken_box_still_shows_its_object() -> None:
    shown = draw(cells(), OBJECTS, [5, 6], [0.0, 0, 0, 0])
    assert shown.instances[0, :2].tolist() == [5, 6]
    assert (iou(shown.boxes[0, :2], torch.tensor(OBJECTS)) > 0.5).all()


def test_a_found_box_counts_where_it_fits_its_object() -> None:
    around = [[20.0, 12, 60, 52]]
    fits, misses = (draw(cells(side), around, [5], [0.0, 0, 0, 0]) for side in (20.0, 4.0))
    assert fits.used[0, 1]
    assert not misses.used[0, 1]


def test_an_empty_box_touches_no_object() -> None:
    shown = draw(cells(), OBJECTS, [5, 6], [0.0, 0, 0, 0], empty=50)
    nothing = shown.boxes[shown.used & (shown.instances < 0)]
    assert len(nothing)
    assert (iou(nothing[:, None], torch.tensor(OBJECTS)) <= 0.3).all()


def test_an_ignored_region_is_no_empty_box() -> None:
    shown = draw(cells(), OBJECTS, [5, 6], [0.0, 0, 128, 96], empty=50)
    assert not (shown.used & (shown.instances < 0)).any()


def test_padding_is_never_used() -> None:
    shown = draw(cells(), [*OBJECTS, [0.0, 0, 0, 0]], [5, 6, -1], [0.0, 0, 0, 0], empty=0)
    assert shown.used[0].tolist()[2] is False
    assert shown.used[0].tolist()[5] is False
