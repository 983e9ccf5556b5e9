from dataclasses import replace

import numpy as np
import pytest
from rendered_scenes import write_scenes

from vlm_robot.evaluation import path_questions as p
from vlm_robot.evaluation.questions import Expected, Question
from vlm_robot.training.shots import load_shots
from vlm_robot.training.vlm.instructions import wordings
from vlm_robot.training.vlm.numbered_paths import Drawing

FLOOR = np.eye(4)[[1, 2, 0, 3]] * [[-1], [-1], [1], [1]]  # optical axes of x forward, y left, z up
FLOOR[1, 3] = 0.5


@pytest.fixture
def shots(tmp_path):
    return load_shots(write_scenes(tmp_path))


@pytest.fixture
def drawn(monkeypatch):
    def path(y):
        xs = np.linspace(0.3, 4, 60)
        return np.column_stack([xs, np.full(60, y), np.zeros(60)])

    drawing = Drawing((path(1.0), path(-1.2)), FLOOR)
    monkeypatch.setattr(p, "drawing_of", lambda shot, pick: drawing)


def test_the_number_is_that_of_the_path_and_the_paths_are_in_the_picture(shots, drawn):
    pairs = list(p.path_questions(shots[:1], seed=0))
    passes = [q for q, _ in pairs if "chair" in q.text and "runs by" in q.text]
    assert [q.expected.value for q in passes] == ["2"] * len(passes)
    assert pairs
    assert not np.array_equal(pairs[0][1].image, shots[0].frame().image)


def test_each_form_is_asked_once_a_picture_and_the_same_for_the_same_seed(shots, drawn):
    texts = [q.text for q, _ in p.path_questions(shots[:1], seed=0)]
    assert len(texts) == len({t.split("{")[0][:20] for t in texts})
    assert texts == [q.text for q, _ in p.path_questions(shots[:1], seed=0)]


def test_no_wording_is_one_of_training():
    trained = {line for lines in wordings().values() for line in lines}
    assert not trained & set(p.WORDS.values())
    assert set(p.WORDS) <= set(wordings())


def test_chance_is_the_number_right_most_often():
    one = Question(0, "?", p.FORM, Expected("count", "1"))
    assert p.commonest([one, one, replace(one, expected=Expected("count", "2"))]) == 2 / 3
    assert p.commonest([]) == 0.0
