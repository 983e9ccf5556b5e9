import numpy as np
import pytest

from vlm_robot.evaluation.presence import fit_presence


def logit(p):
    return np.log(p / (1 - p))


@pytest.mark.parametrize(("even", "slope"), [(0.3, 1.0), (0.5, 3.0), (0.2, 0.6)])
def test_the_fit_finds_what_the_scores_were_made_with(even, slope):
    pick = np.random.default_rng(0)
    scores = pick.uniform(0.02, 0.98, 20_000)
    right = pick.random(20_000) < 1 / (1 + np.exp(-slope * (logit(scores) - logit(even))))
    fitted = fit_presence(scores, right, right)
    assert fitted.presence_score == pytest.approx(even, abs=0.02)
    assert fitted.presence_slope == pytest.approx(slope, rel=0.06)
    assert fitted.auroc > 0.5


def test_recall_is_of_what_is_there_and_found_more_likely_than_not():
    scores = np.array([0.9, 0.9, 0.1, 0.1] * 50)
    right = np.array([True, True, False, False] * 50)
    there = np.array([True, True, True, False] * 50)
    assert fit_presence(scores, right, there).recall == pytest.approx(2 / 3)
