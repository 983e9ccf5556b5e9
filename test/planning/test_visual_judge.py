"""The visual judge: both orders, disagreement, decay, and what it can't do."""

import numpy as np
import pytest
import torch
from tiny_chat_models import CHAT_SAVERS, NEED_TORCHVISION

from vlm_robot.answering.chat.backend import ChatProposer
from vlm_robot.answering.loading import load_chat_model
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.judge_picture import COLORS, picture
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.visual_judge import JudgeOptions, VisualJudge, question
from vlm_robot.types import Frame, InputError, Intrinsics, OccupancyGrid, PathCandidate, Wish

SECOND = 1_000_000_000


def path(y):
    return np.column_stack([np.linspace(0, 4, 9), np.full(9, float(y)), np.zeros(9)])


PATHS = [path(1), path(-1), path(0)]
GRID = OccupancyGrid(0, "map", np.zeros((60, 120), np.int8), 0.1, (-2.0, -3.0, 0.0))


class Reader:
    """Stands for a model that finds one color in the picture, or that always says a number."""

    def __init__(self, *, always=""):
        self.always = always
        self.asked = []

    def __call__(self, image, prompt, options):
        self.asked.append((image, prompt))
        return [1.0 if option == self.always else 0.0 for option in options]


def sighted(image, prompt, options):
    """Chooses the path that is lowest in the map from above, by its colour."""
    rows = [np.flatnonzero((image == color).all(axis=2).any(axis=1)) for color in COLORS]
    low = int(np.argmax([row.max(initial=-1) for row in rows[: len(options)]]))
    return [float(i == low) for i in range(len(options))]


def draw(paths):
    return lambda numbers: picture(paths, numbers, grid=GRID)


def test_a_model_that_looks_keeps_its_choice_in_both_orders():
    vote = VisualJudge(sighted).vote("keep right", PATHS, draw(PATHS), stamp=0)
    assert vote.scores == (0.0, 1.0, 0.0)
    assert vote.agreement == 1.0


def test_a_model_that_always_says_one_number_has_no_weight():
    reader = Reader(always="1")
    vote = VisualJudge(reader).vote("keep right", PATHS, draw(PATHS), stamp=0)
    assert len(reader.asked) == 2
    assert vote.agreement == 0.0
    assert vote.weight(0, JudgeOptions()) == 0.0


def test_the_order_of_the_candidates_changes_nothing():
    judge = VisualJudge(sighted)
    turned = PATHS[::-1]
    assert judge.vote("go", turned, draw(turned), stamp=0).scores == (0.0, 1.0, 0.0)
    shifted = PATHS[1:] + PATHS[:1]
    assert VisualJudge(sighted).vote("go", shifted, draw(shifted), stamp=0).scores[0] == 1.0


def test_scores_and_terms_are_not_shown():
    assert not any(word in question("go", 3).lower() for word in ("score", "weight", "total"))


def test_a_stale_vote_decays_and_is_then_asked_for_anew():
    reader = Reader(always="2")  # of three: the same path in both orders
    judge = VisualJudge(reader, options=JudgeOptions(weight=0.4, half_life=2.0))
    first = judge.vote("go", PATHS, draw(PATHS), stamp=0)
    again = judge.vote("go", PATHS, draw(PATHS), stamp=SECOND)
    assert again == first
    assert len(reader.asked) == 2
    assert first.weight(2 * SECOND, judge.options) == pytest.approx(0.2)
    later = judge.vote("go", PATHS, draw(PATHS), stamp=3 * SECOND)
    assert len(reader.asked) == 4
    assert later.stamp == 3 * SECOND


@pytest.mark.parametrize("count", [1, 10])
def test_one_path_or_too_many_are_not_asked_about(count):
    reader = Reader(always="1")
    paths = [path(i / 10) for i in range(count)]
    assert VisualJudge(reader).vote("go", paths, draw(paths), stamp=0) is None
    assert not reader.asked


@pytest.mark.parametrize(
    "options", [{"weight": 2.0}, {"weight": -0.1}, {"half_life": 0.0}, {"half_life": float("nan")}]
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(InputError, match="the visual judge"):
        JudgeOptions(**options)


def test_the_picture_shows_camera_and_map_with_every_number():
    intrinsics = Intrinsics(64, 48, np.array([[40.0, 0, 32], [0, 40.0, 24], [0, 0, 1]]))
    frame = Frame("front", 0, "eye", np.full((48, 64, 3), 90, np.uint8), None, intrinsics)
    looks_along_x = np.array([[0, -1.0, 0, 0], [0, 0, -1.0, 1.0], [1.0, 0, 0, 1.0], [0, 0, 0, 1]])
    made = picture(PATHS, [1, 2, 3], grid=GRID, frame=frame, camera_from_map=looks_along_x)
    assert made.shape == (480, 640 + 480, 3)
    for color in COLORS[:3]:
        drawn = (made == color).all(axis=2)
        assert drawn[:, 640:].any()
    blind = picture(PATHS, [1, 2, 3], grid=None)
    assert blind.shape == (480, 480, 3)


def evaluator():
    read = Interpretation(wishes=(Wish("path_length", -1, 0.6, ""),), interpreter="test")
    return PathEvaluator(limits=RobotLimits(radius=0.1), interpreter=ExplicitInterpreter(read))


def test_the_vote_is_a_term_that_decides_between_equals():
    candidates = [PathCandidate("map", poses) for poses in PATHS]
    judge = VisualJudge(sighted)

    def opinion(indices):
        paths = [PATHS[i] for i in indices]
        vote = judge.vote("go", paths, draw(paths), stamp=0)
        return vote.scores, vote.weight(0, judge.options)

    result = evaluator().evaluate("go", candidates, grid=GRID, judge=opinion)
    assert result.best_index == 1
    assert result.paths[1].criteria[-1].name == "visual_judge"
    assert "looks better to the visual judge" in result.explanation


def test_the_judge_is_not_asked_about_paths_that_are_not_feasible():
    outside = PathCandidate("map", PATHS[0] + (50.0, 0.0, 0.0))
    candidates = [outside, *(PathCandidate("map", poses) for poses in PATHS[1:])]
    asked = []

    def opinion(indices):
        asked.extend(indices)
        return [1.0, 0.0], 1.0

    result = evaluator().evaluate("go", candidates, grid=GRID, judge=opinion)
    assert asked == [1, 2]
    assert result.best_index == 1
    assert not result.paths[0].feasible


@pytest.mark.parametrize("family", CHAT_SAVERS)
def test_a_chat_checkpoint_votes(family, tmp_path):
    if family in NEED_TORCHVISION:
        pytest.importorskip("torchvision", exc_type=(ImportError, RuntimeError))
    CHAT_SAVERS[family](tmp_path)
    model = load_chat_model(
        find_checkpoint(str(tmp_path)), device=torch.device("cpu"), dtype=torch.float32
    )
    proposer = ChatProposer(model, name=family)
    vote = VisualJudge(proposer.choose).vote("keep right", PATHS, draw(PATHS), stamp=0)
    assert sum(vote.scores) == pytest.approx(1.0, abs=1e-5)
    assert 0.0 <= vote.agreement <= 1.0
