"""What the skills do once and keep: warming up, and looking for landmarks."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Timer

import numpy as np
import pytest
import torch
from kitchen import FakeDetector, draw

from vlm_robot.answering import AnswerOptions
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.detection.prompts import Exemplar
from vlm_robot.models.device import use_threads
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.perception import Perception, robot_limits
from vlm_robot.planning.evaluator import PathEvaluator
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.settings import Settings
from vlm_robot.types import InputError, OccupancyGrid, PathCandidate

SECOND = 1_000_000_000
HERE = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))
GRID = OccupancyGrid(0, "map", np.zeros((20, 20), np.int8), 0.1)
PATHS = [PathCandidate("map", np.array([[0.5, y, 0.0], [1.5, y, 0.0]])) for y in (0.5, 1.5)]


def perception(detector, **settings):
    chosen = Settings(**settings)
    answerer = EvidenceAnswerer(detector, options=AnswerOptions(), encoder=SentenceEncoder())
    evaluator = PathEvaluator(limits=robot_limits(chosen), interpreter=EmbeddedInterpreter())
    return Perception(chosen, detector=detector, answerer=answerer, evaluator=evaluator)


def test_a_path_waits_for_the_transform_that_comes_just_after():
    skills = perception(FakeDetector())
    skills.transform_patience = 5.0
    now = 10 * SECOND
    skills.transforms.add_dynamic(now, "map", "odom", *HERE)
    comes = Timer(0.05, skills.transforms.add_dynamic, (now + SECOND // 10, "map", "odom", *HERE))
    comes.start()
    paths = [replace(PATHS[0], frame_id="odom")]
    plan = skills.evaluate_paths("shortest", paths, grid=GRID, stamp=now + SECOND // 20)
    assert plan.frame_id == "map"


class CountingDetector(FakeDetector):
    """Remembers how many images came at once."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def detect(self, images, prompts, options):
        self.batches.append(len(images))
        return super().detect(images, prompts, options)


def test_batches_of_every_size_are_warmed_up():
    detector = CountingDetector()
    perception(detector, cameras=("front", "rear", "left")).warm_up()
    assert detector.batches == [1, 2, 3]


def test_models_compute_on_as_many_threads_as_are_set_and_on_torchs_own_again():
    use_threads(0)
    torchs_own = torch.get_num_threads()
    used = []
    for threads in (1, 3, 0):
        Perception.load(Settings(threads=threads))
        with ThreadPoolExecutor(1) as inference:
            used.append(inference.submit(torch.get_num_threads).result())
    assert used == [1, 3, torchs_own]


@pytest.mark.parametrize(
    ("stamps", "looks"),
    [
        pytest.param((1_000, 1_000), 1, id="the same frame twice"),
        pytest.param((1_000, 2_000), 2, id="another frame"),
        pytest.param((0, 0), 2, id="frames that can't be told apart"),
    ],
)
def test_a_frame_is_searched_once_for_the_same_landmarks(stamps, looks):
    detector = FakeDetector()
    skills = perception(detector)
    for stamp in stamps:
        frame = replace(draw(), stamp=stamp)
        skills.evaluate_paths(
            "keep away from the chair", PATHS, grid=GRID, frames=lambda frame=frame: [frame]
        )
    assert len([phrases for phrases in detector.asked if "chair" in phrases]) == looks


def test_limits_are_in_force_though_the_model_cannot_take_the_prompts():
    class Refusing(FakeDetector):
        def encode(self, prompts):
            if "a phrase too long" in prompts.phrases:
                raise InputError("it is too long")
            return super().encode(prompts)

    skills = perception(Refusing())
    with pytest.raises(InputError):
        skills.apply(Settings(prompts=("a phrase too long",), robot_radius=0.7))
    assert skills._evaluator.limits.radius == 0.7


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"prompts": ()}, id="nothing is told"),
        pytest.param({"prompts": ("mug",), "prompt_thresholds": (0.4,)}, id="phrases have theirs"),
    ],
)
def test_a_new_threshold_reaches_exemplars(told):
    skills = perception(FakeDetector(), **told)
    shown = Exemplar("my mug", np.zeros((9, 9, 3), np.uint8), np.float32([[1, 1, 5, 5]]))
    skills.set_prompts(
        skills.settings.prompts, thresholds=skills.settings.prompt_thresholds, exemplars=[shown]
    )
    skills.apply(replace(skills.settings, threshold=0.6))
    assert skills.prompts.thresholds[-1] == 0.6
