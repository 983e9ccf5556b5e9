"""Figures of the grid, from outcomes whose figures are known."""

import numpy as np
import pytest

from vlm_robot.evaluation.robustness.attack import Searched, choices
from vlm_robot.evaluation.robustness.conditions import Condition, Measured, Outcome, grid
from vlm_robot.evaluation.robustness.figures import rows_of, summary

CLEAN, IMAGE = Condition(), Condition("noise", 3)
TEXT, BOTH = Condition(text="any"), Condition("noise", 3, "any")


def measured(values, said="yes", confidence=0.9):
    """Right (1) or wrong (0) answers."""
    outcomes = {k: Outcome(said, bool(v), confidence) for k, v in values.items()}
    return Measured(outcomes, {k: float(v) for k, v in values.items()})


def row(found, condition):
    rows = rows_of(found)
    return next(
        r
        for r in rows
        if (r["image"], r["strength"], r["text"])
        == (condition.image, condition.strength, condition.text)
    )


def test_the_grid_has_all_four_kinds_and_the_clean_first():
    conditions = list(grid([1, 3], seed=0))
    assert conditions[0].kind == "clean"
    assert {c.kind for c in conditions} == {"clean", "image", "text", "both"}
    both = [c for c in conditions if c.kind == "both"]
    assert {(c.image, c.strength, "") for c in both} == {
        (c.image, c.strength, c.text) for c in conditions if c.kind == "image"
    }


def test_relative_performance_is_over_what_could_be_asked():
    clean = measured({"a": 1, "b": 1, "c": 0, "d": 1})
    text = measured({"a": 1, "b": 0, "c": 0})  # d has no other words
    figures = row({CLEAN: clean, TEXT: text}, TEXT)
    assert figures["relative"] == pytest.approx(0.5)
    assert figures["asked"] == 3


@pytest.mark.parametrize(
    ("both", "interaction"),
    [
        pytest.param(0.5, 0.0, id="drops add up"),
        pytest.param(0.0, 0.5, id="together worse than alone"),
        pytest.param(0.75, -0.25, id="one drop hides the other"),
    ],
)
def test_interaction_is_what_both_cost_beyond_the_sum(both, interaction):
    def share(value):
        return measured({n: n < 4 * value for n in range(4)})

    found = {CLEAN: share(1), IMAGE: share(0.75), TEXT: share(0.75), BOTH: share(both)}
    assert row(found, BOTH)["interaction"] == pytest.approx(interaction)


def test_flips_count_what_is_said_not_whether_it_is_right():
    clean = Measured({1: Outcome("yes", False, 0.9), 2: Outcome("no", False, 0.9)}, {1: 0, 2: 0})
    now = Measured({1: Outcome("no", False, 0.7), 2: Outcome("no", False, 0.5)}, {1: 0, 2: 0})
    figures = row({CLEAN: clean, IMAGE: now}, IMAGE)
    assert figures["flip_rate"] == 0.5
    assert figures["confidence_when_wrong"] == pytest.approx(0.6)


def test_an_abstention_is_not_sure_of_something_wrong():
    clean = Measured({1: Outcome("abstained", False, 0.9, is_given=False)}, {1: 0.0})
    assert row({CLEAN: clean}, CLEAN)["confidence_when_wrong"] is None


def test_the_summary_weighs_rewordings_by_what_was_asked():
    found = {
        CLEAN: measured(dict.fromkeys(range(4), 1)),
        Condition(text="typos"): measured(dict.fromkeys(range(3), 1)),
        Condition(text="synonyms"): measured({0: 1}, said="no"),
        Condition(text="other_language"): measured({0: 1}, said="no"),
    }
    assert summary(rows_of(found))["rewordings: flip rate"] == pytest.approx(1 / 4)


def test_the_coordinated_pair_is_one_that_neither_search_alone_finds():
    similarity = np.array([[0.9, 0.5, 0.6], [0.4, 0.35, 0.1], [0.8, 0.7, 0.7]])
    found = choices(Searched(similarity, similarity > 0.3), np.random.default_rng(0))
    assert found["each alone, then together"] == (0.35, True)
    assert found["coordinated"] == (0.1, False)
    assert found["unchanged"] == (0.9, True)
