"""Questions about an image, answered with the boxes that the answer rests on, or not at all."""

from vlm_robot.answering.answerer import (
    AnswerCancelled,
    Answerer,
    AnswerOptions,
    CancelToken,
    DeadlineExceeded,
    TextEncoder,
    load_answerer,
)

__all__ = [
    "AnswerCancelled",
    "AnswerOptions",
    "Answerer",
    "CancelToken",
    "DeadlineExceeded",
    "TextEncoder",
    "load_answerer",
]
