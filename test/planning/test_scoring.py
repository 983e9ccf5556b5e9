import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.planning.scoring import NOTICED, STRONG, scores, shares

AMOUNTS = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12)


def plain(values, noticeable):
    """The definition, pair by pair."""
    away = (values[:, None] - values[None]) / noticeable
    credit = NOTICED * np.clip(away, -1, 1) + (1 - NOTICED) * np.clip(away / STRONG, -1, 1)
    return (1 + credit.sum(axis=1) / (len(values) - 1)) / 2


@settings(deadline=None)
@given(AMOUNTS, st.floats(0.01, 100))
def test_scores_are_the_mean_of_all_comparisons(values, noticeable):
    values = np.array(values)
    np.testing.assert_allclose(scores(values, noticeable), plain(values, noticeable), atol=1e-7)


@settings(deadline=None)
@given(AMOUNTS, st.floats(0.01, 100), st.randoms())
def test_the_order_of_candidates_changes_no_bit(values, noticeable, random):
    order = list(range(len(values)))
    random.shuffle(order)
    values = np.array(values)
    np.testing.assert_array_equal(
        scores(values, noticeable)[order], scores(values[order], noticeable)
    )


@settings(deadline=None)
@given(AMOUNTS, st.floats(0.01, 10))
def test_a_far_worse_candidate_moves_all_others_alike(values, noticeable):
    values = np.array(values)
    worse = np.append(values, values.min() - STRONG * noticeable - 1.0)
    before, after = scores(values, noticeable), scores(worse, noticeable)[:-1]
    count = len(values)
    np.testing.assert_allclose(
        np.diff(after) * count, np.diff(before) * (count - 1), atol=1e-7 * count
    )


def test_huge_weights_do_not_overflow():
    np.testing.assert_allclose(shares(np.array([1e308, 1e308, 0.0])), [0.5, 0.5, 0.0])


def test_no_weights_stay_none():
    np.testing.assert_array_equal(shares(np.zeros(2)), np.zeros(2))
