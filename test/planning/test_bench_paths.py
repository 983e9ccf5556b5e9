from itertools import islice

import numpy as np
import pytest

from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning import bench_paths
from vlm_robot.planning.goals.training_mix import contradictory, mixed, sentences
from vlm_robot.planning.goals.wants import WANTS


def test_the_bench_has_the_goals_that_it_claims():
    goals = bench_paths.read_goals()
    assert len(goals) >= 30
    assert len({goal.kind for goal in goals}) >= 8
    assert sum(goal.against_habit for goal in goals) >= len(goals) / 3


def test_there_are_600_training_goals_or_more_and_none_twice():
    texts = [sentence.text for sentence in sentences()]
    assert len(texts) >= 600
    assert len(set(texts)) == len(texts)


@pytest.mark.slow
def test_no_bench_goal_is_a_paraphrase_of_a_training_goal():
    encoder = SentenceEncoder()
    texts = [sentence.text for sentence in sentences()]
    known = np.concatenate([encoder.encode(texts[i : i + 128]) for i in range(0, len(texts), 128)])
    held_out = encoder.encode([goal.text for goal in bench_paths.read_goals()])
    assert (held_out @ known.T).max() < 0.75


@pytest.mark.parametrize(
    ("asks", "excess", "answer"),
    [
        pytest.param({"path_length": -1}, 60.0, 0, id="the shorter"),
        pytest.param({"path_length": 1}, 60.0, 1, id="the longer"),
        pytest.param({"path_length": -1}, 40.0, -1, id="hardly differs"),
        pytest.param({"path_length": -1, "smoothness": -1}, 60.0, -1, id="wishes disagree"),
    ],
)
def test_the_label_rule(asks, excess, answer):
    assert bench_paths.label(asks, {"path_length": excess, "smoothness": -100.0}) == answer


def test_goals_of_the_same_seed_are_the_same_and_none_contradicts_itself():
    known = sentences()
    made = list(islice(mixed(known, 3), 500))
    assert made == list(islice(mixed(known, 3), 500))
    assert not any(contradictory(wants & set(WANTS)) for _, wants in made)
    assert sum(len(wants) > 1 for _, wants in made) > 100
