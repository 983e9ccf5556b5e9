import numpy as np
import pytest

from vlm_robot.evaluation.confidence import fit_weights, judge


def observed(count, weights):
    pick = np.random.default_rng(0)
    seen = [
        {"answer": 1.0, f"form {n % 2}": 1.0, "truth": float(pick.normal())} for n in range(count)
    ]
    odds = np.array([sum(weights.get(k, 0.0) * v for k, v in one.items()) for one in seen])
    return seen, pick.random(count) < 1 / (1 + np.exp(-odds))


def test_the_fit_finds_the_signals_that_tell_in_their_proportion():
    seen, right = observed(8000, {"form 0": 1.5, "form 1": -0.5, "truth": 2.0})
    found = fit_weights(seen, right)
    assert found["truth"] > 1.5
    between_forms = found["form 0"] - found["form 1"]
    assert found["truth"] == pytest.approx(between_forms, rel=0.15)  # all are drawn in alike


def test_the_fit_puts_forms_on_one_scale():
    seen, right = observed(4000, {"form 0": 3.0, "form 1": -1.0, "truth": 0.5})
    truth_alone = judge({"truth": 1.0}, seen, right)
    assert judge(fit_weights(seen, right), seen, right) > truth_alone + 0.1
