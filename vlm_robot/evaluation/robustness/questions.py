"""Questions whose answers the truth knows: is there …?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vlm_robot.answering.wording import a as article
from vlm_robot.evaluation.results.truth import Truth
from vlm_robot.evaluation.robustness.material import Material
from vlm_robot.evaluation.robustness.skills import Asked

_QUESTIONS_A_FRAME = 2


def existence(
    truth: Truth | None, phrases: Sequence[str], material: Material, *, seed: int
) -> list[Asked]:
    """As many questions for what is there as for what isn't; only of what is beyond dispute."""
    rng = np.random.default_rng(seed)
    asked: list[Asked] = []
    for number, frame in enumerate(material.frames):
        if truth is None:
            drawn = rng.permutation(len(phrases))[:_QUESTIONS_A_FRAME]
            asked += [Asked(number, _is_there(phrases[i]), None, phrases[i]) for i in drawn]
            continue
        there, absent = there_and_absent(truth, frame.camera, frame.stamp, phrases)
        for accepted, some in (("yes", there), ("no", absent)):
            if some:
                phrase = some[int(rng.integers(len(some)))]
                asked.append(Asked(number, _is_there(phrase), (accepted,), phrase))
    return asked


def _is_there(phrase: str) -> str:
    return f"Is there {article(phrase)}?"


def there_and_absent(
    truth: Truth, camera: str, stamp: int, phrases: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Phrases that the truth says are plainly in a frame, and those that aren't at all.

    Phrases that it doesn't annotate are neither.
    """
    image = truth.images.get((camera, stamp))
    if image is None:
        return [], []
    there, absent = [], []
    for phrase in filter(truth.knows, phrases):
        place = (image, truth.categories[phrase.lower()])
        if place not in truth.boxes:
            absent.append(phrase)
        elif not truth.boxes[place][1].all():
            there.append(phrase)
    return there, absent
