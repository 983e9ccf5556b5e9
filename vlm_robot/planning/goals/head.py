"""The trained head: from a clause's meaning to what it asks for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning.goals.clauses import Clause
from vlm_robot.types import InputError

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).with_name("head.safetensors")

ASKED = (
    "path_length",
    "min_clearance",
    "mean_clearance",
    "max_clearance",
    "smoothness",
    "sharp_turns",
    "max_turn_angle",
    "exposure",
    "area_covered",
    "reversals",
    "turning_radius",
)
"""Descriptors that the head tells; each has an output for more and one for less."""
KINDS = ("context", "unmeasured", "override")
"""What else a clause may be: only setting the scene, a wish that nothing measures, or an order
to give up a limit."""
OUTPUTS = len(ASKED) * 2 + len(KINDS)


class Reading(NamedTuple):
    """What the head makes of clauses.

    Attributes:
        wishes: (N, len(ASKED)) in -1..1: probability of more minus that of less.
        kinds: (N, len(KINDS)) probabilities.
    """

    wishes: Floats
    kinds: Floats


def features(clauses: Sequence[Clause], encoder: SentenceEncoder) -> Floats:
    """(N, 768): the clause as it is said, and its core, negative where it is denied.

    The encoder hardly tells 'hug the walls' from 'don't hug the walls'; the sign does.
    """
    vectors = encoder.encode([c.text for c in clauses] + [c.core for c in clauses])
    said, core = vectors[: len(clauses)], vectors[len(clauses) :]
    sign = np.array([[-1.0 if c.denied else 1.0] for c in clauses], np.float32)
    return np.concatenate([said, sign * core], axis=1)


class Head:
    """A linear map of `features` and a sigmoid for each output."""

    def __init__(self, weight: Floats, bias: Floats) -> None:
        """Args:
        weight: (768, OUTPUTS).
        bias: (OUTPUTS,).
        """
        if weight.ndim != 2 or weight.shape[1] != OUTPUTS or bias.shape != (OUTPUTS,):
            raise InputError(
                f"the goal head has the shape {weight.shape}, {OUTPUTS} outputs are needed:"
                " train it again with `python -m vlm_robot.planning.goals.train`"
            )
        self._weight = weight
        self._bias = bias

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Head:
        """Read the weights that the package ships.

        Raises:
            InputError: the file is missing or of another shape.
        """
        if not path.is_file():
            raise InputError(
                f"the goal head {path} is missing: install vlm_robot again, or train it with"
                " `python -m vlm_robot.planning.goals.train`"
            )
        tensors = load_file(path)
        return cls(tensors["weight"], tensors["bias"])

    def tensors(self) -> dict[str, Floats]:
        """The weights by name, to be saved."""
        return {"weight": self._weight, "bias": self._bias}

    def read(self, features: Floats) -> Reading:
        """Args:
        features: (N, 768) of `features`.
        """
        chance = 1.0 / (1.0 + np.exp(-(features @ self._weight + self._bias)))
        wished = chance[:, : len(ASKED) * 2].reshape(len(features), len(ASKED), 2)
        return Reading(wished[:, :, 0] - wished[:, :, 1], chance[:, len(ASKED) * 2 :])
