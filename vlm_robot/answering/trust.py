"""How a model's own probability and the evidence's become one confidence.

Two that see by the same detector aren't independent, and which of them to believe where they differ
depends on the model and on what is asked: whether a thing is there, or which colour it has.
`evaluation.trust` fits it: a logistic of both log-odds (Platt 1999), of all questions and besides
of each kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vlm_robot.answering.confidence import fitted
from vlm_robot.answering.parsing import only_query
from vlm_robot.answering.relations import log_odds
from vlm_robot.answering.signals import Signals
from vlm_robot.models.checkpoint import ModelError

Trust = Mapping[str, float]
"""Weights of `trust_signals`, by name."""

_LEAST = 0.001
"""Probabilities nearer to 0 or 1 say no more."""


def kind_of(question: str) -> str:
    """What a question asks for, by the name of its query; empty where it isn't just one."""
    query = only_query(question)
    return "" if query is None else type(query).__name__


def trust_signals(kind: str, own: float, evidence: float) -> dict[str, float]:
    """What the weights are of: 1, and the log-odds of both, of all and of this kind of question."""
    odds = log_odds(np.array([own, evidence]), least=_LEAST)
    values = {"answer": 1.0, "own": float(odds[0]), "evidence": float(odds[1])}
    return values | {f"{name}, {kind}": value for name, value in values.items()}


def joined(signals: Signals, question: str, trust: Trust | None = None) -> float:
    """The model's own probability p of its answer and the evidence's e as one.

    By the fitted weights; without any p·e / (p·e + (1 - p)(1 - e)), the two taken as independent.
    Where the model doesn't tell its tokens' probabilities, the agreement of samples stands for p;
    where only one of the two is known, it is that; where nothing tells anything, 0.
    """
    own, evidence = signals.token_probability, signals.detector_agreement
    p = signals.sample_agreement if own is None else own
    if p is None or evidence is None:
        return float(np.clip(next((x for x in (p, evidence) if x is not None), 0.0), 0.0, 1.0))
    if trust is not None and own is not None:
        return fitted(trust, trust_signals(kind_of(question), own, evidence))
    both = p * evidence
    return float(np.clip(both / max(both + (1 - p) * (1 - evidence), 1e-9), 0.0, 1.0))


def read_trust(file: Path) -> Trust | None:
    """What `file`, JSON, holds as `trust`; None where there is no file, or none in it.

    Raises:
        ModelError: it holds something else.
    """
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text("utf-8")).get("trust")
        return None if content is None else {n: float(v) for n, v in content.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file}: its trust isn't numbers by name: fit it again by vlm_robot.evaluation.trust,"
            " or remove it"
        ) from error
