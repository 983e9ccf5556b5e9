"""A free answer, looked at twice where it is doubtful, and checked by the evidence."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vlm_robot.answering.answerer import CancelToken, DeadlineExceeded
from vlm_robot.answering.chat.boxes import WrittenBox
from vlm_robot.answering.evidence import VERDICTS, EvidenceAnswerer, check_question
from vlm_robot.answering.parsing import only_query
from vlm_robot.answering.proposal import Attends, FreeOptions, Proposal, Proposer
from vlm_robot.answering.scene import PRESENT, Rule
from vlm_robot.answering.server_options import ServerError
from vlm_robot.answering.signals import Signals, agreement, share_inside
from vlm_robot.answering.trust import Trust, joined
from vlm_robot.answering.verification import Verification, verify
from vlm_robot.types import Answer, Detections, Frame, Verdict

_LOG = logging.getLogger(__name__)
_NO_TIME = (ServerError, DeadlineExceeded)
"""What ends a look that the answer can do without; a cancel ends the answer too."""
_MARGIN = 0.5
"""Of a box's sides, added around it for the second look."""
_MOST_OF_IMAGE = 0.6
"""A second look at more of the image than this would show nothing new."""


@dataclass(frozen=True)
class Checked:
    """A free answer with what the checks say.

    Attributes:
        proposal: the answer that was kept.
        confidence: see `trust.joined`.
        looked_twice: whether a part of the image was looked at again.
    """

    proposal: Proposal
    verification: Verification
    signals: Signals
    confidence: float
    looked_twice: bool

    @property
    def verdict(self) -> Verdict:
        """What the deciding rule makes of it."""
        return VERDICTS[self.verification.rule]


class CheckedAnswerer:
    """Lets a model answer freely, and the evidence backend check what it says."""

    def __init__(
        self,
        proposer: Proposer,
        *,
        verifier: EvidenceAnswerer,
        options: FreeOptions | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Args:
        trust: of the model against the evidence, see `trust.joined`; without it the evidence is
            always believed where they differ.
        """
        self.proposer = proposer
        self._verifier = verifier
        self._options = options or FreeOptions()
        self._trust = trust

    @property
    def name(self) -> str:
        """The model's."""
        return self.proposer.name

    def answer(
        self,
        question: str,
        observation_frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer `question` from the frame.

        Raises:
            InputError: the question is empty or too long, or there is no frame.
            AnswerCancelled, DeadlineExceeded: through `cancel`, within one token.
        """
        frame = observation_frame
        found = self.conclude(question, frame, cancel=cancel, on_text=on_text)
        written = _as_detections(found.proposal.boxes)
        evidence = found.verification.evidence
        return Answer(
            frame.camera,
            frame.stamp,
            frame.frame_id,
            question,
            found.proposal.text or "The model gave no answer.",
            found.verdict,
            found.confidence,
            evidence if len(evidence) else written,
            self.name,
        )

    def conclude(
        self,
        question: str,
        frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Checked:
        """As `answer`, with every signal by itself.

        Raises:
            As `answer`.
        """
        cancel.check()
        check_question(question, frame, self._options.max_question_length)
        proposal = self.proposer.propose(question, frame, cancel=cancel, on_text=on_text)
        first = self._check(question, frame, proposal, cancel)
        if first.confidence >= self._options.second_look or not proposal.text:
            return first
        part = closer(frame, first.verification.evidence)
        if part is None:
            return first
        try:
            again = self.proposer.propose(question, part, cancel=cancel)
            second = self._check(question, frame, again._replace(boxes=()), cancel)
        except _NO_TIME as error:
            _LOG.info("the first answer stays, without a second look: %s", error)
            return first
        return replace(max(first, second, key=lambda c: c.confidence), looked_twice=True)

    def _check(
        self, question: str, frame: Frame, proposal: Proposal, cancel: CancelToken
    ) -> Checked:
        if not proposal.text:
            nothing = Verification(Rule.NO_OUTPUT, None, {}, Detections.none())
            return Checked(proposal, nothing, Signals(), 0.0, looked_twice=False)
        checked = verify(question, proposal.text, frame, self._verifier, cancel=cancel)
        signals = Signals(
            token_probability=proposal.probability,
            token_certainty=None if proposal.entropy is None else float(np.exp(-proposal.entropy)),
            sample_agreement=self._sample_agreement(question, frame, proposal.text, cancel),
            detector_agreement=checked.agreement,
            least_mention=min(checked.mentions.values(), default=None),
            box_attention=self._box_attention(question, frame, checked.evidence),
        )
        sure = joined(signals, question, self._trust)
        if checked.rule is Rule.DISAGREES and self._trust is not None and sure >= PRESENT:
            checked = replace(checked, rule=Rule.OUTWEIGHED)
        return Checked(proposal, checked, signals, sure, looked_twice=False)

    def _box_attention(self, question: str, frame: Frame, evidence: Detections) -> float | None:
        if not isinstance(self.proposer, Attends) or not len(evidence):
            return None
        return share_inside(self.proposer.attention(question, frame), evidence.boxes, frame.size)

    def _sample_agreement(
        self, question: str, frame: Frame, text: str, cancel: CancelToken
    ) -> float | None:
        if not self._options.samples:
            return None
        count = self._options.samples
        try:
            drawn = self.proposer.sample(question, frame, count=count, cancel=cancel)
        except _NO_TIME as error:
            _LOG.info("the answer stays, without samples: %s", error)
            return None
        return agreement(text, drawn, only_query(question))


def closer(frame: Frame, evidence: Detections) -> Frame | None:
    """The part of the frame around the evidence; None where there is none, or it is all of it."""
    if not len(evidence):
        return None
    width, height = frame.size
    low, high = evidence.boxes[:, :2].min(axis=0), evidence.boxes[:, 2:].max(axis=0)
    margin = (high - low) * _MARGIN
    x1, y1 = np.floor(np.maximum(low - margin, 0)).astype(int)
    x2, y2 = np.ceil(np.minimum(high + margin, [width, height])).astype(int)
    if (x2 - x1) * (y2 - y1) > _MOST_OF_IMAGE * width * height or x2 - x1 < 2 or y2 - y1 < 2:
        return None
    image = np.ascontiguousarray(frame.image[y1:y2, x1:x2])
    return Frame(frame.camera, frame.stamp, frame.frame_id, image)


def _as_detections(boxes: Sequence[WrittenBox]) -> Detections:
    """Boxes that the model wrote itself; it gave them no score, so that theirs is 0."""
    labels = tuple(dict.fromkeys(box.label or "thing" for box in boxes))
    return Detections(
        np.array([box.box for box in boxes], np.float32).reshape(-1, 4),
        np.zeros(len(boxes), np.float32),
        np.array([labels.index(box.label or "thing") for box in boxes], np.int64),
        labels,
    )
