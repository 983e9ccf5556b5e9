"""Detection under a condition of the grid."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vlm_robot.detection.detector import EncodedPrompts
from vlm_robot.evaluation.detections.corruptions import moved
from vlm_robot.evaluation.results.detections import detection_figures
from vlm_robot.evaluation.results.folder import Key, Results
from vlm_robot.evaluation.results.truth import Truth, matches, truth_from
from vlm_robot.evaluation.robustness.conditions import Condition, Measured, Outcome
from vlm_robot.evaluation.robustness.material import Material
from vlm_robot.perception import Perception
from vlm_robot.replay.records import Record, detection_records
from vlm_robot.types import Detections, Frame, InputError

LEAST_SCORE = 0.02
"""Average precision ranks boxes down to here; flips and false boxes count from the threshold."""


class Detection:
    """Phrases in frames; performance is each phrase's AP50.

    Args:
        truth: boxes that are true; None: those that are found without changes are taken for it.
    """

    name = "detection"

    def __init__(
        self,
        perception: Perception,
        material: Material,
        phrases: Sequence[str],
        truth: Truth | None,
    ) -> None:
        self._perception = perception
        self._frames = material.frames
        self.phrases = tuple(phrases)
        self._has_truth = truth is not None
        self.truth = truth
        settings = perception.settings
        self.threshold = settings.threshold or perception.detector.info.threshold

    @property
    def performance(self) -> str:
        """What it is measured against."""
        against = "truth" if self._has_truth else "the boxes found without changes"
        return f"AP50 against {against}"

    def measure(self, condition: Condition) -> Measured:
        """Look for every phrase that the condition has words for."""
        asked = self._asked(condition)
        if not asked:
            return Measured({})
        encoded = self._perception.encode(list(asked), threshold=LEAST_SCORE)
        names = [asked[phrase] for phrase in encoded.prompts.phrases]
        found = {
            (frame.camera, frame.stamp): self._look(condition.frame(frame, n), encoded, names)
            for n, frame in enumerate(self._frames)
        }
        if self.truth is None:
            self.truth = self._taken_for_true(found)
        truth = self._moved(self.truth, condition)
        return Measured(self._outcomes(found, names, truth), _precision(found, names, truth))

    def _asked(self, condition: Condition) -> dict[str, str]:
        """The words looked for, and the phrase that each stands for; none stands for two."""
        asked: dict[str, str] = {}
        for phrase in self.phrases:
            words = condition.words(phrase)
            if words is not None and (words == phrase or words not in self.phrases):
                asked.setdefault(words, phrase)
        return asked

    def _look(self, frame: Frame, encoded: EncodedPrompts, names: list[str]) -> list[Record]:
        (seen,) = self._perception.detect([frame], encoded)
        found = seen.detections
        named = Detections(found.boxes, found.scores, found.labels, tuple(names))
        return detection_records(named)

    def _taken_for_true(self, found: dict[Key, list[Record]]) -> Truth:
        """Boxes above the threshold as if they were true."""
        categories = {phrase: n for n, phrase in enumerate(self.phrases, 1)}
        annotations: list[dict[str, Any]] = []
        for number, entries in enumerate(found.values(), 1):
            for entry in entries:
                x1, y1, x2, y2 = entry["box"]
                if entry["score"] >= self.threshold:
                    annotations.append(
                        {
                            "image_id": number,
                            "category_id": categories[entry["phrase"]],
                            "bbox": [x1, y1, x2 - x1, y2 - y1],
                        }
                    )
        if not annotations:
            raise InputError(
                f"nothing scores {self.threshold:g} or more in {len(found)} frames, so there is"
                " nothing to compare with: replay with a lower --threshold or other --prompts"
            )
        return truth_from(
            {
                "images": [
                    {"id": n, "file_name": f"{camera}/{stamp}"}
                    for n, (camera, stamp) in enumerate(found, 1)
                ],
                "categories": [{"id": n, "name": phrase} for phrase, n in categories.items()],
                "annotations": annotations,
            }
        )

    def _moved(self, truth: Truth, condition: Condition) -> Truth:
        """The truth of the changed images."""
        if condition.image != "tilt":
            return truth
        ids = {truth.images.get((f.camera, f.stamp)): (n, f) for n, f in enumerate(self._frames)}
        annotations = []
        for one in truth.content["annotations"]:
            if one["image_id"] in ids:
                number, frame = ids[one["image_id"]]
                x, y, width, height = one["bbox"]
                box = np.array([[x, y, x + width, y + height]], np.float32)
                seed = condition.image_seed(number)
                (there,) = moved(box, frame.size, "tilt", condition.strength, seed).tolist()
                place = [there[0], there[1], there[2] - there[0], there[3] - there[1]]
                annotations.append({**one, "bbox": place})
        return truth_from({**truth.content, "annotations": annotations})

    def _outcomes(
        self, found: dict[Key, list[Record]], names: list[str], truth: Truth
    ) -> dict[Hashable, Outcome]:
        """Whether each phrase is seen in each frame, and how sure of what isn't there."""
        outcomes: dict[Hashable, Outcome] = {}
        for key, entries in found.items():
            if key not in truth.images:
                continue
            sure = [entry for entry in entries if entry["score"] >= self.threshold]
            for phrase in names:
                boxes = [entry for entry in sure if entry["phrase"] == phrase]
                match = matches(truth, truth.images[key], phrase, boxes)
                false = ~(match.right | match.excused)
                scores = np.array([entry["score"] for entry in boxes])
                right = not false.any() and not match.missed if truth.knows(phrase) else None
                confidence = float(scores[false].max()) if false.any() else 0.0
                outcomes[*key, phrase] = Outcome(
                    bool(boxes), right, confidence, is_given=bool(false.any())
                )
        return outcomes


def _precision(
    found: dict[Key, list[Record]], names: list[str], truth: Truth
) -> dict[Hashable, float]:
    run = {"detections": dict.fromkeys(names, 0), "frames": {camera: 0 for camera, _ in found}}
    frames = {key: {"detections": entries} for key, entries in found.items()}
    figures = detection_figures(Results(Path(), run, frames, [], []), truth)
    return {
        phrase: value["AP50"]
        for phrase, value in figures["by phrase"].items()
        if value["AP50"] is not None
    }
