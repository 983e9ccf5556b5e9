"""Scenes with paths and a goal about a landmark, whose answer is measured from the things."""

import numpy as np
import pytest

from vlm_robot.simulation.vocabulary import load_vocabulary

NAMES = (
    "chair/slat/wooden",
    "trolley/two/red",
    "person/standing/blue",
    "rug/round/red",
    "stool/bar/wooden",
)


@pytest.fixture(scope="module")
def walk_home(bank):
    from vlm_robot.simulation.catalog import make_solid
    from vlm_robot.simulation.home import Home

    known = {instance.name: instance for instance in load_vocabulary().instances}
    rng = np.random.default_rng(5)
    solids = [make_solid(known[name], rng, bank.tints) for name in NAMES]
    with Home(solids, bank, width=640, height=480) as home:
        yield home


@pytest.fixture(scope="module")
def made(walk_home):
    from vlm_robot.simulation.walks import SAID, walks

    return list(walks(walk_home, np.random.default_rng(1), tuple(SAID)))


def test_there_is_a_scene_for_each_relation_with_three_paths_or_more(made):
    from vlm_robot.simulation.walks import SAID

    assert [walk.relation for walk in made] == list(SAID)
    assert all(len(walk.paths) >= 3 and 0 <= walk.best < len(walk.paths) for walk in made)


def test_the_same_seed_makes_the_same_scenes(walk_home, made):
    from vlm_robot.simulation.walks import SAID, walks

    again = next(walks(walk_home, np.random.default_rng(1), tuple(SAID)))
    assert (again.goal, again.best) == (made[0].goal, made[0].best)
    assert (again.frame.image == made[0].frame.image).all()


def test_every_thing_that_a_goal_names_is_in_the_picture(made):
    for walk in made:
        seen = {label.index for label in walk.labels if not label.ignore}
        assert {thing for _, thing in walk.phrases} <= seen
        assert all(phrase in walk.goal for phrase, _ in walk.phrases)


def test_with_the_scene_s_own_boxes_the_right_path_is_ranked_first(made):
    from vlm_robot.simulation.bench_walks import SceneBoxes, evaluate, table

    boxes = SceneBoxes()
    outcomes = []
    for walk in made:
        boxes.walk = walk
        outcomes.append(evaluate(walk, boxes))
    assert sum(outcome.right for outcome in outcomes) >= len(made) - 1
    assert all(outcome.seen for outcome in outcomes)
    assert f"| all | {len(made)} |" in table({"true boxes": outcomes})
