"""A drawn kitchen whose boxes are known, and a detector that knows them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from vlm_robot.detection.detector import DetectionOptions, EncodedPrompts, ModelInfo
from vlm_robot.detection.prompts import PromptSet
from vlm_robot.types import Detections, Frame, Image, Intrinsics

WIDTH, HEIGHT, FOCAL = 640, 480, 500.0
VOCABULARY = ("mug", "bowl", "bottle", "chair", "table", "plant", "book", "dog", "couch", "knife")

Thing = tuple[str, tuple[float, float, float, float], float, tuple[int, int, int], float]
"""Label, box (xyxy pixels), depth (metres), colour (RGB), score."""

KITCHEN: tuple[Thing, ...] = (
    ("table", (200, 260, 520, 470), 2.0, (120, 75, 40), 0.9),
    ("mug", (230, 240, 270, 290), 1.9, (200, 20, 20), 0.85),
    ("bowl", (330, 250, 400, 290), 2.0, (30, 60, 200), 0.8),
    ("bottle", (440, 190, 470, 290), 2.1, (20, 140, 40), 0.75),
    ("chair", (20, 250, 120, 450), 1.5, (30, 60, 200), 0.9),
    ("chair", (560, 220, 630, 380), 3.5, (240, 220, 40), 0.8),
    ("plant", (20, 40, 100, 200), 3.0, (20, 140, 40), 0.7),
)


class FakeDetector:
    """Stands for a trained model so that the reasoning can be tested alone.

    It gives the boxes that it was made with for the phrases that name them, whatever the pixels.
    """

    def __init__(self, things: Sequence[Thing] = KITCHEN) -> None:
        self.things = things
        self.asked: list[tuple[str, ...]] = []

    @property
    def info(self) -> ModelInfo:
        return ModelInfo("fake", "cpu", "float32", 0.3)

    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        return EncodedPrompts(prompts, None)

    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        phrases = prompts.prompts.phrases
        self.asked.append(phrases)
        least = dict(zip(phrases, prompts.prompts.thresholds, strict=True))
        hits = [t for t in self.things if t[0] in phrases and t[4] >= least[t[0]]]
        hits.sort(key=lambda thing: -thing[4])
        found = Detections(
            np.array([t[1] for t in hits], np.float32).reshape(-1, 4),
            np.array([t[4] for t in hits], np.float32),
            np.array([phrases.index(t[0]) for t in hits], np.int64),
            phrases,
        )
        return [found for _ in images]


def draw(
    things: Sequence[Thing] = KITCHEN, *, depth: bool = True, intrinsics: bool = True
) -> Frame:
    """Things as filled ellipses before a grey wall 5 m away, far ones first."""
    image = np.full((HEIGHT, WIDTH, 3), 150, np.uint8)
    image[::8] = 135
    metres = np.full((HEIGHT, WIDTH), 5.0, np.float32)
    for label, box, away, colour, _ in sorted(things, key=lambda thing: -thing[2]):
        x1, y1, x2, y2 = (round(v) for v in box)
        if label == "table":
            image[y1:y2, x1:x2], metres[y1:y2, x1:x2] = colour, away
            continue
        middle, axes = ((x1 + x2) // 2, (y1 + y2) // 2), ((x2 - x1) // 2, (y2 - y1) // 2)
        cv2.ellipse(image, middle, axes, 0, 0, 360, colour, -1)
        cv2.ellipse(metres, middle, axes, 0, 0, 360, away, -1)
    matrix = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    return Frame(
        "front",
        1_000,
        "front_optical",
        image,
        metres if depth else None,
        Intrinsics(WIDTH, HEIGHT, matrix) if intrinsics else None,
    )
