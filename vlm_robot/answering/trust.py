"""How a model's own probability and the evidence's become one confidence.

Two that see by the same detector aren't independent, and which of them to believe where they differ
depends on the model. `evaluation.trust` fits it: a logistic of both log-odds (Platt 1999).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vlm_robot.answering.confidence import fitted
from vlm_robot.answering.relations import log_odds
from vlm_robot.answering.signals import Signals
from vlm_robot.models.checkpoint import ModelError

Trust = Mapping[str, float]
"""Weights of `trust_signals`, by name."""

NAMES = ("answer", "own", "evidence")
_LEAST = 0.001
"""Probabilities nearer to 0 or 1 say no more."""


def trust_signals(own: float, evidence: float) -> dict[str, float]:
    """What the weights are of: 1, and the log-odds of both."""
    odds = log_odds(np.array([own, evidence]), least=_LEAST)
    return dict(zip(NAMES, (1.0, *map(float, odds)), strict=True))


def joined(signals: Signals, trust: Trust | None = None) -> float:
    """The model's own probability p and the evidence's e as one.

    By the fitted weights; without any p·e / (p·e + (1 - p)(1 - e)), the two taken as independent.
    Where the model doesn't tell its tokens' probabilities, the agreement of samples stands for p;
    where only one of the two is known, it is that; where nothing tells anything, 0.
    """
    own, evidence = signals.token_probability, signals.detector_agreement
    p = signals.sample_agreement if own is None else own
    if p is None or evidence is None:
        return float(np.clip(next((x for x in (p, evidence) if x is not None), 0.0), 0.0, 1.0))
    if trust is not None and own is not None:
        return fitted(trust, trust_signals(own, evidence))
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
        return None if content is None else {name: float(content[name]) for name in NAMES}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{file}: its trust isn't three numbers called {', '.join(NAMES)}: fit it again by"
            " vlm_robot.evaluation.trust, or remove it"
        ) from error
