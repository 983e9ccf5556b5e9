"""The losses against values worked by hand."""

import math

import pytest
import torch

from vlm_robot.training.losses import (
    giou,
    iou,
    pairwise_sigmoid,
    quality_focal,
    symmetric_contrastive,
)

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 3.0]])
TRUTH = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_pairwise_sigmoid_is_the_sum_of_log_sigmoids_by_hand() -> None:
    first = softplus(-2) + softplus(0) + softplus(-1)
    second = softplus(0) + softplus(-1) + softplus(-3)
    torch.testing.assert_close(pairwise_sigmoid(LOGITS, TRUTH), torch.tensor([first, second]))


def test_symmetric_contrastive_by_hand() -> None:
    row0 = -(2 - math.log(math.exp(2) + 1 + math.exp(-1)))
    total1 = math.log(1 + math.exp(1) + math.exp(3))
    row1 = -((1 - total1) + (3 - total1)) / 2
    columns = [
        -(2 - math.log(math.exp(2) + 1)),
        -(1 - math.log(1 + math.exp(1))),
        -(3 - math.log(math.exp(-1) + math.exp(3))),
    ]
    expected = ((row0 + row1) / 2 + sum(columns) / 3) / 2
    assert symmetric_contrastive(LOGITS, TRUTH).item() == pytest.approx(expected, rel=1e-5)


def test_contrast_leaves_out_rows_and_columns_with_nothing_true() -> None:
    wider = torch.cat([LOGITS, torch.full((2, 1), -50.0)], 1)
    truth = torch.cat([TRUTH, torch.zeros(2, 1)], 1)
    assert symmetric_contrastive(wider, truth).item() == pytest.approx(
        symmetric_contrastive(LOGITS, TRUTH).item(), rel=1e-5
    )


def test_quality_focal_by_hand() -> None:
    logit, quality = 0.4, 0.7
    p = 1 / (1 + math.exp(-logit))
    cross_entropy = -(quality * math.log(p) + (1 - quality) * math.log(1 - p))
    expected = (quality - p) ** 2 * cross_entropy
    value = quality_focal(torch.tensor(logit), torch.tensor(quality))
    assert value.item() == pytest.approx(expected, rel=1e-5)


def test_quality_focal_is_zero_weighted_where_the_prediction_is_right() -> None:
    assert quality_focal(torch.tensor(0.0), torch.tensor(0.5)).item() == 0.0


@pytest.mark.parametrize(
    ("first", "second", "overlap", "generalised"),
    [
        pytest.param([0, 0, 2, 2], [0, 0, 2, 2], 1.0, 1.0, id="same"),
        pytest.param([0, 0, 2, 2], [1, 0, 3, 2], 1 / 3, 1 / 3, id="half shifted"),
        pytest.param([0, 0, 1, 1], [3, 0, 4, 1], 0.0, -0.5, id="apart"),
        pytest.param([0, 0, 4, 4], [1, 1, 3, 3], 0.25, 0.25, id="inside"),
    ],
)
def test_overlap_of_boxes(
    first: list[int], second: list[int], overlap: float, generalised: float
) -> None:
    a, b = torch.tensor(first).float(), torch.tensor(second).float()
    assert iou(a, b).item() == pytest.approx(overlap, abs=1e-5)
    assert giou(a, b).item() == pytest.approx(generalised, abs=1e-5)
