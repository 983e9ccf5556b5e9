"""How learning rates fall."""

import pytest

from vlm_robot.training.schedule import cosine


@pytest.mark.parametrize(
    ("done", "least", "share"),
    [(0.0, 0.0, 1.0), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0), (0.5, 0.1, 0.55), (1.0, 0.1, 0.1)],
)
def test_the_rate_falls_along_half_a_cosine(done, least, share):
    assert cosine(done, least=least) == pytest.approx(share)
