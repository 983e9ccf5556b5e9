"""From examples of a thing to the vector that finds it: what sets it apart from all else.

The mean of the examples' embeddings also says what everything has in common, and counts features
that go together several times. A linear discriminant against the background takes both away
(Hariharan, Malik, Ramanan, 'Discriminative Decorrelation', ECCV 2012, section 2): with mean m and
covariance S of regions of any kind, measured once, w = S^-1 (mean of the examples - m).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from vlm_robot.models.checkpoint import ModelError, write_tensors

BACKGROUND = "background.safetensors"
"""Name of the file in the model's folder."""
_RIDGE = 0.05
"""Of the mean variance, added to each. 0.005 to 0.3 differ little on the validation split."""
_LENGTH = 2.0
"""Of the vector. Cosines with a discriminant are smaller than those with a mean: longer, its scores
come near to those of phrases; much longer, they are all near one."""


class Background(NamedTuple):
    """Regions of any kind: mean (E,) and covariance (E, E) of their embeddings of length 1."""

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of(cls, embeddings: Tensor) -> Background:
        """Measure it on embeddings (N, E)."""
        ones = functional.normalize(embeddings.float(), dim=-1)
        return cls(ones.mean(0), torch.cov(ones.T, correction=0))

    @classmethod
    def read(cls, folder: Path) -> Background | None:
        """That of a model's folder; None where it has none.

        Raises:
            ModelError: the file is damaged.
        """
        file = folder / BACKGROUND
        if not file.exists():
            return None
        try:
            tensors = load_file(file)
            return cls(tensors["mean"].float(), tensors["covariance"].float())
        except (OSError, KeyError, SafetensorError) as error:
            raise ModelError(
                f"{file} can't be read ({error}): install the package again, or remove the file"
            ) from error

    def write(self, folder: Path) -> None:
        """Write the file."""
        write_tensors(folder / BACKGROUND, self._asdict())

    def discriminant(self, examples: Tensor) -> Tensor:
        """The vector (E,) that finds what `examples` (N, E) show."""
        shown = functional.normalize(examples.float(), dim=-1).mean(0) - self.mean
        size = len(self.mean)
        ridge = _RIDGE * self.covariance.trace() / size * torch.eye(size)
        return _LENGTH * functional.normalize(
            torch.linalg.solve(self.covariance + ridge, shown), dim=0
        )
