import numpy as np
import pytest

from vlm_robot.evaluation.presence import fit, fit_logistic


def logit(p):
    return np.log(p / (1 - p))


@pytest.mark.parametrize(("even", "slope"), [(0.3, 1.0), (0.5, 3.0), (0.2, 0.6)])
def test_the_fit_finds_what_the_scores_were_made_with(even, slope):
    pick = np.random.default_rng(0)
    scores = pick.uniform(0.02, 0.98, 20_000)
    right = pick.random(20_000) < 1 / (1 + np.exp(-slope * (logit(scores) - logit(even))))
    fitted = fit_logistic(scores, right)
    assert fitted.even == pytest.approx(even, abs=0.02)
    assert fitted.slope == pytest.approx(slope, rel=0.06)


def test_a_thing_beside_its_best_box_is_there_yet_not_found():
    scores = np.linspace(0.05, 0.95, 200)
    there = scores > 0.3
    fits = fit(scores, scores > 0.6, there)
    assert fits.existence.even < fits.presence.even
    assert fits.auroc == 1.0


def test_recall_is_of_what_is_there_and_found_more_likely_than_not():
    scores = np.array([0.9, 0.9, 0.1, 0.1] * 50)
    right = np.array([True, True, False, False] * 50)
    there = np.array([True, True, True, False] * 50)
    assert fit(scores, right, there).recall == pytest.approx(2 / 3)
