"""Answerers over the drawn kitchen."""

from collections.abc import Callable, Sequence

import pytest
from kitchen import KITCHEN, VOCABULARY, FakeDetector, Thing, draw

from vlm_robot.answering import AnswerOptions, CancelToken
from vlm_robot.answering.evidence import EvidenceAnswerer
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.types import Answer


@pytest.fixture(scope="session")
def encoder() -> SentenceEncoder:
    return SentenceEncoder()


@pytest.fixture(scope="session")
def make_answerer(encoder: SentenceEncoder) -> Callable[..., EvidenceAnswerer]:
    def make(things: Sequence[Thing] = KITCHEN, **options: object) -> EvidenceAnswerer:
        chosen = AnswerOptions(**{"vocabulary": VOCABULARY, **options})  # type: ignore[arg-type]
        return EvidenceAnswerer(FakeDetector(things), options=chosen, encoder=encoder)

    return make


@pytest.fixture(scope="session")
def ask(make_answerer: Callable[..., EvidenceAnswerer]) -> Callable[..., Answer]:
    """Ask about a drawing of `things`."""

    def ask(question: str, things: Sequence[Thing] = KITCHEN, **drawing: bool) -> Answer:
        frame = draw(things, **drawing)
        return make_answerer(things).answer(question, frame, cancel=CancelToken())

    return ask
