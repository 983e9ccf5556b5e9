"""Fit whom to believe where a model and the evidence differ.

`python -m vlm_robot.evaluation.trust --scenes DIR` asks the embedded VLM (`--model` names another)
the questions of `questions`, fits the weights of `answering.trust` to whether its answers are
right, and prints them; `--into FILE` writes them into parts.json of the VLM's parts, or into
answering.json of a checkpoint's folder. Fit on the calibration split, never on the one that is
reported.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vlm_robot.answering.answerer import CancelToken, load_answerer
from vlm_robot.answering.checked import CheckedAnswerer
from vlm_robot.answering.confidence import fitted
from vlm_robot.answering.proposal import FreeOptions
from vlm_robot.answering.scene import PRESENT
from vlm_robot.answering.trust import Trust, kind_of, trust_signals
from vlm_robot.detection.factory import load_detector
from vlm_robot.evaluation.confidence import fit_weights
from vlm_robot.evaluation.free_answers import is_right
from vlm_robot.evaluation.questions import Question, make_questions
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.training.shots import Shot, load_shots


class Weighed(NamedTuple):
    """An answer that the evidence has a say in.

    Attributes:
        kind: of the question, see `trust.kind_of`.
        own: the model's probability of it.
        evidence: that by reasoning over boxes.
    """

    kind: str
    own: float
    evidence: float
    right: bool


def observe(
    answerer: CheckedAnswerer, shots: Sequence[Shot], questions: Sequence[Question]
) -> list[Weighed]:
    """Ask; answers that only one of the two has a probability for are left out."""
    made = []
    for question in questions:
        found = answerer.conclude(question.text, shots[question.shot].frame(), cancel=CancelToken())
        own, evidence = found.signals.token_probability, found.signals.detector_agreement
        if own is not None and evidence is not None:
            right = is_right(question.expected, found.proposal.text)
            made.append(Weighed(kind_of(question.text), own, evidence, right))
    return made


def fit(weighed: Sequence[Weighed]) -> Trust:
    """Weights of the greatest likelihood less a small penalty."""
    return fit_weights([trust_signals(*w[:3]) for w in weighed], _right(weighed))


def contradictions(weighed: Sequence[Weighed], trust: Trust | None) -> tuple[int, int]:
    """How many answers are contradicted, and how many of those are wrong."""
    against = np.array([w.evidence < PRESENT for w in weighed], bool)
    if trust is not None:
        sure = [fitted(trust, trust_signals(*w[:3])) for w in weighed]
        against &= np.array(sure) < PRESENT
    return int(against.sum()), int((against & ~_right(weighed)).sum())


def write_trust(file: Path, trust: Trust) -> None:
    """Put it beside what `file`, JSON, holds; a new one is of a checkpoint without fits."""
    content = json.loads(file.read_text("utf-8")) if file.exists() else {"temperature": 1.0}
    file.write_text(json.dumps(content | {"trust": trust}, indent=2) + "\n")


def _right(weighed: Sequence[Weighed]) -> NDArray[np.bool_]:
    return np.array([w.right for w in weighed], bool)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="trust", description=__doc__)
    parser.add_argument("--scenes", type=Path, required=True, help="the calibration split's folder")
    parser.add_argument("--model", default="embedded_vlm", help="as the setting `answerer`")
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--questions", type=int, default=1500)
    parser.add_argument("--into", type=Path, help="JSON file to write them into")
    options = parser.parse_args()
    torch.set_num_threads(2)
    shots = load_shots(options.scenes)
    answerer = load_answerer(
        options.model,
        detector=load_detector(options.detector),
        encoder=SentenceEncoder(),
        free=FreeOptions(second_look=0.0),
    )
    if not isinstance(answerer, CheckedAnswerer):
        parser.error(f"--model {options.model} doesn't answer freely")
    weighed = observe(answerer, shots, make_questions(shots, seed=0, at_most=options.questions))
    trust = fit(weighed)
    for kind in sorted({w.kind for w in weighed}):
        some = [w for w in weighed if w.kind == kind]
        before, after = contradictions(some, None), contradictions(some, trust)
        print(f"{kind or 'others'}: {len(some)} answers; contradicted, wrong: {before} without"
              f" a fit, {after} with it")  # fmt: skip
    print(json.dumps(trust))
    if options.into:
        write_trust(options.into, trust)


if __name__ == "__main__":
    main()
