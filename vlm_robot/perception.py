"""The three skills, what is where, is it so, which way, over one set of models.

The node and the replay are thin edges around `Perception`. One thread at a time calls it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from vlm_robot.answering import Answerer, AnswerOptions, CancelToken, load_answerer
from vlm_robot.answering.answerer import VOCABULARY, server_proposer
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.proposal import Chooser, FreeOptions
from vlm_robot.answering.server_options import ServerOptions
from vlm_robot.detection.detector import DetectionOptions, Detector, EncodedPrompts
from vlm_robot.detection.factory import load_detector, warm_up
from vlm_robot.detection.prompts import Exemplar, PromptSet, prompt_set
from vlm_robot.exemplar_folder import read_exemplars
from vlm_robot.geometry.depth import boxes_from_depth
from vlm_robot.geometry.transforms import FrameTree, FrameTreeError, transform_boxes
from vlm_robot.models.device import use_threads
from vlm_robot.planning.evaluator import Judge, PathEvaluator
from vlm_robot.planning.goals.loading import load_interpreter
from vlm_robot.planning.judge_picture import picture
from vlm_robot.planning.landmark_finder import LandmarkFinder
from vlm_robot.planning.landmarks import SeenLandmark
from vlm_robot.planning.limits import RobotLimits
from vlm_robot.planning.visual_judge import JudgeOptions, VisualJudge
from vlm_robot.settings import Settings
from vlm_robot.types import (
    Answer,
    Boxes3D,
    Detections,
    Frame,
    HardLimit,
    InputError,
    Observation,
    OccupancyGrid,
    PathCandidate,
    PlanEvaluation,
    Wish,
)

ENCODED_KEPT = 32
"""Prompt sets of requests whose encoding is kept."""


class Perception:
    """Loaded models and the skills over them.

    Attributes:
        transforms: frames that 3D results and landmarks are placed by; whoever owns the
            transforms feeds it.
        transform_patience: seconds to wait for the transform of a frame's stamp.
        missing_3d: how often a detection had no place, by reason.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        detector: Detector,
        answerer: Answerer,
        evaluator: PathEvaluator,
        transforms: FrameTree | None = None,
    ) -> None:
        self.settings = settings
        self.detector = detector
        self.transforms = transforms or FrameTree(memory=settings.tf_buffer)
        self.transform_patience = 0.0
        self.missing_3d: Counter[str] = Counter()
        self._answerer = answerer
        self._evaluator = evaluator
        self._encoded: OrderedDict[tuple[object, ...], EncodedPrompts] = OrderedDict()
        self._landmarks = LandmarkFinder(
            self.transforms,
            memory_time=settings.landmark_memory_time,
            memory_distance=settings.landmark_memory_distance,
        )
        self._looked_at: tuple[tuple[object, ...], list[Observation]] | None = None
        self._judge = _visual_judge(settings, answerer)
        shown = read_exemplars(Path(settings.exemplars)) if settings.exemplars else ()
        self._prompts = self.detector.encode(self._settings_prompts(settings, shown))

    @classmethod
    def load(cls, settings: Settings) -> Perception:
        """Load every model that the settings name.

        Raises:
            ModelError: a model can't be loaded; the text names it and the mend.
            InputError: the model can't take the prompts.
        """
        use_threads(settings.threads)
        detector = load_detector(
            settings.detector,
            device=settings.device,
            dtype=settings.dtype,
            compile=settings.compile,
        )
        answerer = load_answerer(
            settings.answerer,
            detector=detector,
            options=AnswerOptions(vocabulary=settings.answer_vocabulary or VOCABULARY),
            free=free_options(settings),
            server=server_options(settings),
            device=settings.device,
            dtype=settings.dtype,
        )
        interpreter = load_interpreter(
            settings.goal_interpreter, connect=lambda: server_proposer(server_options(settings))
        )
        evaluator = PathEvaluator(limits=robot_limits(settings), interpreter=interpreter)
        return cls(settings, detector=detector, answerer=answerer, evaluator=evaluator)

    def anew(self, transforms: FrameTree | None = None) -> Perception:
        """The same models, and nothing remembered: for another recording, or a part of one.

        Args:
            transforms: other frames to place things by; None: none yet.
        """
        return Perception(
            self.settings,
            detector=self.detector,
            answerer=self._answerer,
            evaluator=self._evaluator,
            transforms=transforms,
        )

    def warm_up(self) -> float:
        """Run the detector on batches of every size that may come; returns the seconds it took.

        A size that came later would take its memory, and its time, in the middle of a drive.
        """
        start = perf_counter()
        for batch in range(1, len(self.settings.cameras) + 1):
            warm_up(self.detector, batch=batch)
        return perf_counter() - start

    @property
    def prompts(self) -> PromptSet:
        """What every frame is looked at for."""
        return self._prompts.prompts

    def apply(self, settings: Settings) -> None:
        """Take over settings that may change at run time; exemplars in force stay.

        Raises:
            InputError: the model can't take the prompts; all else is taken over.
        """
        # First: prompts that fail must not hold up what keeps the robot safe.
        self._evaluator.limits = robot_limits(settings)
        self.settings = settings
        now = self.prompts
        wanted = self._settings_prompts(settings, now.exemplars)
        if (wanted.phrases, wanted.thresholds) != (now.phrases, now.thresholds):
            self._prompts = self.detector.encode(wanted.with_version(now.version + 1))

    def set_prompts(
        self,
        phrases: Sequence[str],
        *,
        thresholds: Sequence[float] = (),
        exemplars: Sequence[Exemplar] = (),
    ) -> PromptSet:
        """Look for other things from the next frame on; frames under way keep theirs.

        Raises:
            InputError: a prompt is wrong, or the model can't take it; the old ones stay.
        """
        prompts = prompt_set(
            phrases,
            threshold=self._threshold(self.settings),
            thresholds=thresholds,
            exemplars=exemplars,
            version=self.prompts.version + 1,
        )
        self._prompts = self.detector.encode(prompts)
        return prompts

    def encode(self, phrases: Sequence[str], *, threshold: float = 0.0) -> EncodedPrompts:
        """Encode prompts for one request; the last ones asked for are kept.

        Args:
            threshold: least score of all of them, 0..1; 0 for the settings' own.

        Raises:
            InputError: a prompt or the threshold is wrong.
        """
        prompts = prompt_set(phrases, threshold=threshold or self._threshold(self.settings))
        key = (prompts.phrases, prompts.thresholds)
        if key not in self._encoded:
            self._encoded[key] = self.detector.encode(prompts)
        self._encoded.move_to_end(key)
        while len(self._encoded) > ENCODED_KEPT:
            self._encoded.popitem(last=False)
        return self._encoded[key]

    def detect(
        self, frames: Sequence[Frame], prompts: EncodedPrompts | None = None
    ) -> list[Observation]:
        """Look for prompts (None: the current ones) in all frames as one batch.

        Returns:
            One observation a frame, with places in `target_frame` where depth and TF allow.
        """
        encoded = prompts or self._prompts
        if not encoded.prompts.labels:
            nothing = Detections.none(prompt_version=encoded.prompts.version)
            return [self._observation(frame, nothing) for frame in frames]
        options = DetectionOptions(
            nms_iou=self.settings.nms_iou,
            class_agnostic_nms=self.settings.class_agnostic_nms,
            max_detections=self.settings.max_detections,
        )
        found = self.detector.detect([frame.image for frame in frames], encoded, options)
        return [self._observation(*pair) for pair in zip(frames, found, strict=True)]

    def ask(
        self,
        question: str,
        frame: Frame,
        *,
        cancel: CancelToken | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer a question about a frame, with evidence, or abstain.

        Args:
            cancel: ends the work early; None: nothing does.
            on_text: called with each piece of text as it is written.

        Raises:
            InputError: the question is empty or too long.
            AnswerCancelled, DeadlineExceeded: through `cancel`.
        """
        return self._answerer.answer(
            question, frame, cancel=cancel or CancelToken(), on_text=on_text
        )

    def evaluate_paths(
        self,
        goal: str,
        candidates: Sequence[PathCandidate],
        *,
        grid: OccupancyGrid | None,
        frames: Callable[[], Sequence[Frame]] = tuple,
        wishes: Sequence[Wish] = (),
        hard_limits: Sequence[HardLimit] = (),
        stamp: int = 0,
    ) -> PlanEvaluation:
        """Score candidate paths against a goal in words.

        Args:
            frames: gives the newest of each camera; asked only where the goal names landmarks,
                which are looked for in them.
            wishes, hard_limits: given ones count instead of, or beside, what the goal says.
            stamp: of the candidates, nanoseconds.

        Raises:
            InputError: there is no path, or frames of paths and map differ without a transform.
        """
        if grid is not None:
            candidates = [self._in_frame(path, grid.frame_id, stamp) for path in candidates]
        phrases = self._evaluator.landmark_phrases(goal)
        seen: tuple[SeenLandmark, ...] = ()
        if phrases and candidates:
            observations = self._looked_for(phrases, frames())
            seen = self._landmarks.find(phrases, observations, candidates[0].frame_id, stamp)
        return self._evaluator.evaluate(
            goal,
            candidates,
            grid=grid,
            landmarks=seen,
            wishes=wishes,
            hard_limits=hard_limits,
            stamp=stamp,
            judge=self._opinion(goal, candidates, grid, frames, stamp) if self._judge else None,
        )

    def _looked_for(self, phrases: Sequence[str], frames: Sequence[Frame]) -> list[Observation]:
        """What is found of phrases; frames that were looked at for them aren't looked at again.

        Frames are told apart by their stamps: those that have none are always looked at.
        """
        if not frames:
            return []
        encoded = self.encode(phrases)
        if not all(frame.stamp for frame in frames):
            return self.detect(frames, encoded)
        key = (encoded.prompts.thresholds, *phrases, *((f.camera, f.stamp) for f in frames))
        if self._looked_at is None or self._looked_at[0] != key:
            self._looked_at = key, self.detect(frames, encoded)
        return self._looked_at[1]

    def _opinion(
        self,
        goal: str,
        candidates: Sequence[PathCandidate],
        grid: OccupancyGrid | None,
        frames: Callable[[], Sequence[Frame]],
        stamp: int,
    ) -> Judge:
        """The visual judge's opinion of some of the candidates, in the first camera that sees."""

        def judge(indices: Sequence[int]) -> tuple[Sequence[float], float] | None:
            assert self._judge is not None
            frame, matrix = self._placed_frame(frames(), candidates[0].frame_id)
            paths = [candidates[index].poses for index in indices]
            taken = stamp if frame is None else frame.stamp
            now = max(stamp, taken)
            vote = self._judge.vote(
                goal,
                paths,
                lambda numbers: picture(
                    paths, numbers, grid=grid, frame=frame, camera_from_map=matrix
                ),
                stamp=taken,
            )
            return vote and (vote.scores, vote.weight(now, self._judge.options))

        return judge

    def _placed_frame(
        self, frames: Sequence[Frame], frame_id: str
    ) -> tuple[Frame | None, NDArray[np.float64] | None]:
        """The first frame whose place is known, with the transform from `frame_id` to it."""
        for frame in frames:
            try:
                return frame, self.transforms.lookup(frame.frame_id, frame_id, frame.stamp)
            except FrameTreeError:
                continue  # without a place the map from above is all that can be drawn
        return None, None

    def _in_frame(self, path: PathCandidate, frame_id: str, stamp: int) -> PathCandidate:
        """The path in the map's frame: a map can't be turned without loss, a path can."""
        if not path.frame_id or path.frame_id == frame_id:
            return replace(path, frame_id=frame_id)
        try:
            matrix = self.transforms.lookup(
                frame_id, path.frame_id, stamp, patience=self.transform_patience
            )
        except FrameTreeError as error:
            raise InputError(
                f"a path is in '{path.frame_id}' and the costmap in '{frame_id}': {error}"
            ) from error
        x, y, yaw = path.poses.T
        placed = np.column_stack([x, y, np.zeros_like(x)]) @ matrix[:3, :3].T + matrix[:3, 3]
        turn = np.arctan2(matrix[1, 0], matrix[0, 0])
        return PathCandidate(frame_id, np.column_stack([placed[:, :2], yaw + turn]))

    def _observation(self, frame: Frame, detections: Detections) -> Observation:
        if frame.depth is None and not frame.depth_missing:
            return Observation(frame, detections)
        boxes = self._in_target_frame(frame, boxes_from_depth(frame, detections.boxes))
        self.missing_3d.update(reason for reason in boxes.reasons if reason)
        return Observation(frame, detections, boxes)

    def _in_target_frame(self, frame: Frame, boxes: Boxes3D) -> Boxes3D:
        target = self.settings.target_frame
        if not target or target == frame.frame_id or not boxes.valid.any():
            return boxes
        try:
            matrix = self.transforms.lookup(
                target, frame.frame_id, frame.stamp, patience=self.transform_patience
            )
        except FrameTreeError as error:
            nowhere = np.full_like(boxes.centers, np.nan)
            return replace(
                boxes, centers=nowhere, sizes=nowhere, reasons=(error.reason,) * len(boxes.reasons)
            )
        return transform_boxes(boxes, matrix, target)

    def _settings_prompts(
        self, settings: Settings, exemplars: Sequence[Exemplar] = ()
    ) -> PromptSet:
        return prompt_set(
            settings.prompts,
            threshold=self._threshold(settings),
            thresholds=settings.prompt_thresholds,
            exemplars=exemplars,
            version=1,
        )

    def _threshold(self, settings: Settings) -> float:
        return settings.threshold or self.detector.info.threshold


def robot_limits(settings: Settings) -> RobotLimits:
    """The limits of feasibility that the settings set."""
    return RobotLimits(
        radius=settings.robot_radius,
        footprint=_corners(settings.footprint),
        minimum_turning_radius=settings.min_turning_radius,
        maximum_jump=settings.max_jump,
        unknown_is_free=settings.unknown_is_free,
        occupied_from=settings.occupied_from,
        maximum_speed=settings.max_speed,
        maximum_turn_rate=settings.max_turn_rate,
        maximum_costmap_age=settings.max_costmap_age or np.inf,
    )


def free_options(settings: Settings) -> FreeOptions:
    """How the settings have a model asked that answers freely."""
    return FreeOptions(
        most_tokens=settings.answer_tokens,
        most_pixels=settings.answer_pixels,
        samples=settings.answer_samples,
    )


def server_options(settings: Settings) -> ServerOptions:
    """The server that the settings name."""
    return ServerOptions(
        url=settings.server_url,
        model=settings.server_model,
        key_file=settings.server_key_file,
        timeout=settings.server_timeout,
        retries=settings.server_retries,
    )


def _corners(numbers: Sequence[float]) -> tuple[tuple[float, float], ...] | None:
    if len(numbers) % 2:
        raise InputError(f"`footprint` has {len(numbers)} numbers: give x and y of every corner")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True)) or None


def _visual_judge(settings: Settings, answerer: Answerer) -> VisualJudge | None:
    """The judge, where the settings want one."""
    if settings.judge_weight <= 0:
        return None
    proposer = answerer.proposer if isinstance(answerer, CheckedAnswerer) else None
    if not isinstance(proposer, Chooser):
        raise InputError(
            f"`judge_weight` is {settings.judge_weight:g}, but answerer '{settings.answerer}' can't"
            " look at paths: set `answerer` to a chat VLM, or `judge_weight` to 0"
        )
    options = JudgeOptions(weight=settings.judge_weight, half_life=settings.judge_half_life)
    return VisualJudge(proposer.choose, options=options)
