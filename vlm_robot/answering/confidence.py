"""How sure a finding is, once answers of a detector were checked: a logistic of its signals.

The product of probabilities in `Finding.confidence` orders answers of one form well, and of
different forms badly: 'no' rests on what wasn't seen, a colour on pixels. A detector's description
may hold weights, fitted by `evaluation.confidence`, that put the forms on one scale (Platt 1999,
over several signals).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vlm_robot.answering.queries import Query
from vlm_robot.answering.reasoning import Finding
from vlm_robot.answering.relations import log_odds, logistic
from vlm_robot.types import Detections

_LEAST = 0.01
"""Probabilities nearer to 0 or 1 say no more."""


def signals(query: Query, finding: Finding, detections: Detections) -> dict[str, float]:
    """What speaks for a finding, by name; probabilities and scores as log-odds."""
    said = {True: ", yes", False: ", no", None: ""}[finding.yes]
    scores = detections.scores
    evidence = scores[list(finding.evidence)]
    return {
        "answer": 1.0,
        f"{type(query).__name__}{said}": 1.0,
        "confidence": _log_odds(finding.confidence),
        "presence": _log_odds(finding.presence),
        "truth": _log_odds(finding.truth),
        "best score": _log_odds(float(scores.max(initial=0.0))),
        "strongest evidence": _log_odds(float(evidence.max())) if len(evidence) else 0.0,
        "weakest evidence": _log_odds(float(evidence.min())) if len(evidence) else 0.0,
        "boxes of evidence": float(np.log1p(len(evidence))),
        "boxes": float(np.log1p(len(scores))),
    }


def fitted(weights: Mapping[str, float], values: Mapping[str, float]) -> float:
    """Probability that the finding is right; a signal without a weight counts for nothing."""
    odds = sum(weights.get(name, 0.0) * value for name, value in values.items())
    return float(logistic(np.asarray(odds)))


def _log_odds(probability: float) -> float:
    return float(log_odds(np.asarray(probability), least=_LEAST))
