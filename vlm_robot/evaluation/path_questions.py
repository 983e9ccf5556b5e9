"""Questions about numbered paths drawn into rendered scenes, in wordings that no training has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from vlm_robot.evaluation.questions import Expected, Question
from vlm_robot.training.shots import Namer, Shot
from vlm_robot.training.vlm.numbered_paths import choices, drawing_of
from vlm_robot.types import Frame

FORM = "numbered paths"
WORDS = {
    "path_passes": "By which number is the path marked that runs by the {x}?",
    "path_leads": "Give the number of the path which takes me to the {x}.",
    "path_left": "One path goes by to the left of the {x}: which number?",
    "path_farthest": "Which number has the path that gives the {x} the widest berth?",
}


def path_questions(shots: Sequence[Shot], seed: int) -> Iterator[tuple[Question, Frame]]:
    """At most one question of each form about each shot with depth, and the drawn-in picture."""
    namer = Namer(shots)
    for number, shot in enumerate(shots):
        pick = np.random.default_rng([seed, 11, number])
        drawing = drawing_of(shot, pick)
        if drawing is None:
            continue
        frame = shot.frame()
        drawn = replace(frame, image=drawing.on(frame.image, shot.intrinsics))
        asked: set[str] = set()
        for name, thing in namer.sure(shot, pick):
            for choice in choices(drawing, thing.center):
                if choice.form in asked or not np.isfinite(thing.center).all():
                    continue
                asked.add(choice.form)
                text = WORDS[choice.form].format(x=name)
                yield Question(number, text, FORM, Expected("count", str(choice.number))), drawn


def commonest(questions: Sequence[Question]) -> float:
    """Share that the number right most often would get: chance, at its best."""
    numbers = [q.expected.value for q in questions if q.expected]
    return max(map(numbers.count, set(numbers)), default=0) / max(len(numbers), 1)
