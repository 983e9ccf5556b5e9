import numpy as np
import pytest

from vlm_robot.answering.proposal import Proposal
from vlm_robot.evaluation.easy_vqa_answers import ask_all, fit_temperature, report
from vlm_robot.training.train_vqa import VqaSet


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_fit_finds_the_temperature_that_made_the_data(temperature):
    pick = np.random.default_rng(0)
    margin = pick.normal(0, 2, 20_000)
    right = pick.random(20_000) < 1 / (1 + np.exp(-margin))
    said = 1 / (1 + np.exp(-margin * temperature))
    assert fit_temperature(said, right) == pytest.approx(temperature, rel=0.1)


class AlwaysYes:
    """Answers 'yes' to all, to count what is right."""

    name = "yes"

    def propose(self, question, frame, *, cancel, on_text=None):
        return Proposal("yes", 0.75, None)


def test_accuracy_counts_every_question():
    asked = [("is it red?", "yes"), ("is it blue?", "no"), ("what colour is it?", "red")]
    data = VqaSet(np.zeros((2, 8, 8, 3), np.uint8), [asked, asked[:1]])
    table = report(ask_all(AlwaysYes(), data))
    assert "| questions | 4 |" in table
    assert "| accuracy | 0.5000 |" in table
    assert "| accuracy, yes or no | 0.6667 |" in table
    assert "| accuracy, open | 0.0000 |" in table
