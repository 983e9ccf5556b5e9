"""Examples told apart from the background."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from vlm_robot.detection.compact.enrolment import BACKGROUND, Background
from vlm_robot.evaluation.answers import auroc
from vlm_robot.models.checkpoint import BUNDLED, ModelError


def crowd(count: int, seed: int = 0) -> torch.Tensor:
    """Embeddings with something in common, and two features that go together."""
    made = torch.randn(count, 8, generator=torch.Generator().manual_seed(seed)) * 0.3
    made[:, 1] = made[:, 0] + 0.01 * made[:, 1]
    made[:, 2] += 2.0
    return made


def test_the_discriminant_is_the_one_worked_by_hand() -> None:
    mean, covariance = torch.tensor([0.5, 0.0]), torch.diag(torch.tensor([0.3, 0.1]))
    # The ridge is 0.05 of the mean variance, 0.2. The example (0, 1) less the mean: (-0.5, 1).
    by_hand = torch.tensor([-0.5 / 0.31, 1.0 / 0.11])
    found = Background(mean, covariance).discriminant(torch.tensor([[0.0, 3.0]]))
    torch.testing.assert_close(found, 2.0 * functional.normalize(by_hand, dim=0))


def test_mean_and_covariance_are_those_of_embeddings_of_length_1() -> None:
    ones = functional.normalize(crowd(50), dim=-1)
    background = Background.of(crowd(50) * torch.rand(50, 1).clamp(min=0.1))
    torch.testing.assert_close(background.mean, ones.mean(0))
    expected = torch.from_numpy(np.cov(ones.numpy().T, bias=True)).float()
    torch.testing.assert_close(background.covariance, expected)


def test_it_finds_better_than_the_mean_what_differs_in_little() -> None:
    background = Background.of(crowd(2000))
    thing = crowd(205, seed=1)
    thing[:, 5] += 0.8
    embeddings = functional.normalize(torch.cat([thing[5:], crowd(2000, seed=2)]), dim=-1)
    is_thing = np.arange(len(embeddings)) < 200
    mean = functional.normalize(thing[:5], dim=-1).mean(0)
    by_mean, by_discriminant = (
        auroc((embeddings @ vector).double().numpy(), is_thing)
        for vector in (mean, background.discriminant(thing[:5]))
    )
    assert by_discriminant > max(0.9, by_mean + 0.05)


def test_it_is_kept_beside_the_weights(tmp_path) -> None:
    written = Background.of(crowd(30))
    written.write(tmp_path)
    read = Background.read(tmp_path)
    torch.testing.assert_close(read.mean, written.mean)
    torch.testing.assert_close(read.covariance, written.covariance)


def test_a_model_without_one_has_none(tmp_path) -> None:
    assert Background.read(tmp_path) is None


def test_the_shipped_model_has_one() -> None:
    assert Background.read(BUNDLED / "compact").covariance.shape == (256, 256)


def test_a_damaged_one_is_told(tmp_path) -> None:
    (tmp_path / BACKGROUND).write_bytes(b"no tensors")
    with pytest.raises(ModelError, match=f"{BACKGROUND} can't be read"):
        Background.read(tmp_path)
