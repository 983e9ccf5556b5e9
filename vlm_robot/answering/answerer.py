"""The seam between the skills and what answers questions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from vlm_robot.detection.detector import DetectionOptions, Detector
from vlm_robot.types import Answer, Frame, InputError

if TYPE_CHECKING:
    from vlm_robot.answering.evidence import EvidenceAnswerer
    from vlm_robot.answering.proposal import FreeOptions, Proposer
    from vlm_robot.answering.server import ServerProposer
    from vlm_robot.answering.server_options import ServerOptions
    from vlm_robot.models.checkpoint import Checkpoint

EMBEDDED_VLM = "embedded_vlm"
"""The answerer that `vlm-robot assemble` makes."""

_LABELS = (
    "person, cat, dog, chair, table, couch, bed, desk, shelf, cabinet, drawer, door, window,"
    " stool, bench, rug, curtain, lamp, clock, picture, mirror, plant, vase, tv, laptop,"
    " keyboard, mouse, phone, remote control, book, box, bag, backpack, suitcase, basket,"
    " bin, bottle, cup, mug, glass, bowl, plate, pan, pot, kettle, fork, knife, spoon, jar,"
    " can, apple, banana, orange, bread, ball, toy, shoe, hat, towel, pillow, blanket,"
    " fridge, oven, microwave, sink, toilet, bathtub, washing machine, fan, radiator,"
    " umbrella, scissors, pen, key"
)
VOCABULARY = tuple(_LABELS.split(", "))
"""What an indoor robot meets: looked for where a question names no thing ('what is there?')."""


class AnswerCancelled(RuntimeError):  # noqa: N818  the name that callers were promised
    """The caller took the question back."""


class DeadlineExceeded(RuntimeError):  # noqa: N818
    """The time for the answer is over."""


class CancelToken:
    """A question's deadline and its cancel flag, which any thread may set.

    Attributes:
        deadline: time.monotonic_ns() at which the answer is too late; None: never.
    """

    def __init__(self, deadline: int | None = None) -> None:
        self.deadline = deadline
        self._cancelled = threading.Event()

    @classmethod
    def after(cls, seconds: float) -> CancelToken:
        """A token whose deadline is `seconds` from now."""
        return cls(time.monotonic_ns() + round(seconds * 1e9))

    def cancel(self) -> None:
        """Take the question back."""
        self._cancelled.set()

    def wait(self, seconds: float) -> None:
        """Wait; a cancel ends it at once, the deadline too.

        Raises:
            AnswerCancelled, DeadlineExceeded: it was ended so.
        """
        self._cancelled.wait(min(seconds, self.seconds_left))
        self.check()

    @property
    def cancelled(self) -> bool:
        """Whether the question was taken back."""
        return self._cancelled.is_set()

    @property
    def seconds_left(self) -> float:
        """Until the deadline; infinite where there is none, 0 once it has passed."""
        if self.deadline is None:
            return float("inf")
        return max(0.0, (self.deadline - time.monotonic_ns()) / 1e9)

    def check(self) -> None:
        """Go on only where the answer is still wanted.

        Raises:
            AnswerCancelled: it was taken back.
            DeadlineExceeded: its time is over.
        """
        if self.cancelled:
            raise AnswerCancelled("the question was cancelled")
        if self.seconds_left <= 0.0:
            raise DeadlineExceeded("no answer within the deadline: give the question more time")


@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """How evidence becomes an answer.

    Attributes:
        vocabulary: what is looked for where a question names no thing.
        presence_score: the detector's score at which a box is as likely right as wrong; None: the
            threshold that the detector itself names.
        presence_slope: how fast that probability rises with the score's log-odds; counts only
            with a `presence_score`, else it is the detector's too.
        floor_score: weaker boxes aren't looked at.
        recall: the share of visible things that the detector finds in a good image.
        prior: how likely a thing that is asked about is there, before looking.
        presumed_prior: the same of a thing that a question takes for granted ('the chair').
        min_presumed: a thing taken for granted that is less likely there, before that prior, is
            not seen.
        min_confidence: below it, a toss-up, a yes or no, or a choice, becomes 'can't tell'.
        min_open_confidence: the same for counts, colours and places, where chance is lower.
        supported_confidence: from it on an answer counts as SUPPORTED.
        max_question_length: characters.
        detection: how the detector's raw boxes become detections.
    """

    vocabulary: tuple[str, ...] = VOCABULARY
    presence_score: float | None = None
    presence_slope: float = 1.0
    floor_score: float = 1e-4
    recall: float = 0.97
    prior: float = 0.5
    presumed_prior: float = 0.9
    min_presumed: float = 3e-4
    min_confidence: float = 0.51
    min_open_confidence: float = 0.3
    supported_confidence: float = 0.7
    max_question_length: int = 2000
    detection: DetectionOptions = field(
        default_factory=lambda: DetectionOptions(nms_iou=0.5, max_detections=300)
    )

    def __post_init__(self) -> None:
        for name in ("presence_score", "floor_score", "recall", "prior", "presumed_prior"):
            if not 0.0 < (0.5 if getattr(self, name) is None else getattr(self, name)) < 1.0:
                raise InputError(f"{name} is {getattr(self, name)}: it must be between 0 and 1")
        if not 0.0 <= self.min_open_confidence <= 1.0:
            raise InputError(f"min_open_confidence is {self.min_open_confidence}: keep it in 0..1")
        if not 0.0 <= self.min_confidence <= self.supported_confidence <= 1.0:
            raise InputError(
                f"min_confidence {self.min_confidence} and supported_confidence"
                f" {self.supported_confidence} must rise, within 0..1"
            )


class TextEncoder(Protocol):
    """Turns texts into unit vectors; models.sentence_encoder.SentenceEncoder is one."""

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """(N, D) float32, each row of length 1."""
        ...


class Answerer(Protocol):
    """What answers questions about an image. Only one thread calls it at a time."""

    @property
    def name(self) -> str:
        """What answers, as it goes into `Answer.model`."""
        ...

    def answer(
        self,
        question: str,
        observation_frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer `question` from the frame.

        Args:
            on_text: gets the answer's text piece by piece, as it is made.

        Raises:
            InputError: the question or the frame can't be used.
            AnswerCancelled: `cancel` was set.
            DeadlineExceeded: the deadline of `cancel` has passed.
        """
        ...


def load_answerer(
    name: str,
    *,
    detector: Detector,
    options: AnswerOptions | None = None,
    encoder: TextEncoder | None = None,
    free: FreeOptions | None = None,
    server: ServerOptions | None = None,
    device: str = "auto",
    dtype: str = "auto",
) -> Answerer:
    """Load the answerer called `name`.

    Args:
        name: 'evidence'; 'server', an OpenAI-compatible one; or a model that answers freely:
            'embedded_vlm', a folder, or a hub id in the local cache. Free answers are checked by
            the evidence.
        encoder: for questions in loose words; None: the one that is installed with the package.
        free: how models are asked that answer freely.
        server: which server.
        device, dtype: of a model; see `models.device`.

    Raises:
        InputError: there is no such answerer.
        ModelError: the model can't be loaded; the text says how to mend it.
    """
    from vlm_robot.answering.checked import CheckedAnswerer
    from vlm_robot.answering.evidence import EvidenceAnswerer
    from vlm_robot.models.sentence_encoder import SentenceEncoder

    encoder = encoder or SentenceEncoder()
    evidence = EvidenceAnswerer(detector, options=options or AnswerOptions(), encoder=encoder)
    evidence.warm_up()
    if name == "evidence":
        return evidence
    if name == "server":
        return _load_server(server, evidence, free)
    from vlm_robot.answering.loading import FITS_FILE
    from vlm_robot.answering.trust import read_trust

    checkpoint = _find_model(name)
    trust = read_trust(checkpoint.folder / FITS_FILE)
    proposer = _load_proposer(checkpoint, encoder, free, device, dtype)
    return CheckedAnswerer(proposer, verifier=evidence, options=free, trust=trust)


def _load_server(
    server: ServerOptions | None, evidence: EvidenceAnswerer, free: FreeOptions | None
) -> Answerer:
    proposer = server_proposer(server, free)
    from vlm_robot.answering.checked import CheckedAnswerer
    from vlm_robot.answering.server import ServerAnswerer

    return ServerAnswerer(CheckedAnswerer(proposer, verifier=evidence, options=free), evidence)


def server_proposer(
    server: ServerOptions | None, free: FreeOptions | None = None
) -> ServerProposer:
    """What asks the server that the options name.

    Raises:
        ModelError: it has no address, or the package for it isn't installed.
    """
    from vlm_robot.answering.server_options import ServerOptions
    from vlm_robot.models.checkpoint import ModelError

    try:
        from vlm_robot.answering.server import ServerProposer
    except ImportError as error:
        raise ModelError(
            "'server' needs the package openai: pip install 'vlm_robot[server]'"
        ) from error
    return ServerProposer(server or ServerOptions(), free)


def _find_model(name: str) -> Checkpoint:
    from vlm_robot.models.checkpoint import ModelError, find_checkpoint

    if name == EMBEDDED_VLM:
        from vlm_robot.answering.embedded.assembly import assembled

        return replace(find_checkpoint(str(assembled())), name=name)
    try:
        return find_checkpoint(name)
    except ModelError as error:
        raise ModelError(
            f"answerer '{name}' is neither 'evidence' nor '{EMBEDDED_VLM}' nor 'server' nor a"
            f" model: {error}"
        ) from error


def _load_proposer(
    checkpoint: Checkpoint,
    encoder: TextEncoder,
    free: FreeOptions | None,
    device: str,
    dtype: str,
) -> Proposer:
    from vlm_robot.answering.loading import load_proposer
    from vlm_robot.answering.proposal import FreeOptions
    from vlm_robot.models.device import choose_device, choose_dtype

    place = choose_device(device)
    return load_proposer(
        checkpoint,
        device=place,
        dtype=choose_dtype(dtype, place, stored=checkpoint.stored_dtype),
        options=free or FreeOptions(),
        encoder=encoder,
    )
