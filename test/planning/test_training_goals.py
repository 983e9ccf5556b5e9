"""The head isn't trained on goals that it is measured on."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning import bench_paths
from vlm_robot.planning.goals import train
from vlm_robot.planning.goals.training_mix import sentences

MEASURED = {
    "bench": bench_paths.GOALS,
    "validation": Path(train.__file__).with_name("validation_goals.yaml"),
    "development": Path(train.__file__).with_name("development_goals.yaml"),
}
NEARLY_EQUAL = 0.9
"""Cosine of the frozen sentence encoder from which two texts count as one in other words."""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


@pytest.fixture(scope="module")
def trained() -> list[str]:
    return [sentence.text for sentence in sentences()]


@pytest.fixture(scope="module")
def vectors(trained: list[str]) -> NDArray[np.float32]:
    short_first = sorted(trained, key=len)
    encoder = SentenceEncoder()
    batches = [short_first[start : start + 64] for start in range(0, len(short_first), 64)]
    return np.concatenate([encoder.encode(batch) for batch in batches])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("measured", MEASURED)
def test_no_training_goal_is_a_goal_that_is_measured(
    measured: str, trained: list[str], vectors: NDArray[np.float32]
) -> None:
    """Only counts are compared, so that no goal is shown and trained after."""
    goals = [goal.text for goal in bench_paths.read_goals(MEASURED[measured])]
    equal = len({_plain(text) for text in trained} & {_plain(goal) for goal in goals})
    assert equal == 0
    nearly_equal = int((SentenceEncoder().encode(goals) @ vectors.T >= NEARLY_EQUAL).sum())
    assert nearly_equal == 0
