"""Images' features with the pairs about them, drawn at random."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vlm_robot.models.checkpoint import digest
from vlm_robot.training.shots import Shot, load_shots
from vlm_robot.training.vlm.features import BLANKS, PATHS, TOWER
from vlm_robot.training.vlm.instructions import Instructor, Pair
from vlm_robot.types import InputError

_BLANK, _PLACED, _PATHS = 0.03, 0.22, 0.08
"""Shares of pictures of one colour, of scenes that tell where things are, and of numbered paths
(the latter two where given)."""


class Drawn(NamedTuple):
    """One image's features (tokens, hidden_size) and pairs about it."""

    features: Tensor
    pairs: list[Pair]


class Material:
    """Scenes whose features were computed.

    Args:
        scenes, features: one split's folder, and that of its features.
        placed, placed_features: the same of scenes rendered with depth; None: none.
        most: images at most; 0: all.
    """

    def __init__(
        self,
        scenes: Path,
        features: Path,
        *,
        placed: Path | None = None,
        placed_features: Path | None = None,
        negatives: bool = True,
        most: int = 0,
    ) -> None:
        if placed_features:
            _check_towers(features, placed_features)
        self._rows = _rows(load_shots(scenes, placed=False), features)[: most or None]
        self._placed_shots = load_shots(placed) if placed and placed_features else []
        more = _rows(self._placed_shots, placed_features) if placed and placed_features else []
        self._placed = more
        self._asked, self._drawn = _paths(placed_features)
        self._blanks = np.load(features / BLANKS, mmap_mode="r")
        shots = [shot for shot, *_ in (*self._rows, *more)]
        self._instructor = Instructor(shots, negatives=negatives)

    def __len__(self) -> int:
        return len(self._rows)

    def shot(self, number: int) -> tuple[Shot, Tensor]:
        """The shot of that number with its features."""
        shot, file, row = self._rows[number]
        return shot, _tensor(file[row])

    def draw(self, number: int, pick: np.random.Generator, most_pairs: int) -> Drawn:
        """Image `number` with pairs; instead of it, now and then, a blank or a placed one."""
        chance = pick.random()
        if chance < _BLANK:
            features = self._blanks[int(pick.integers(len(self._blanks)))]
            return Drawn(_tensor(features), self._instructor.make_blank(pick))
        if self._asked and chance > 1 - _PATHS:
            row = int(pick.integers(len(self._asked)))
            shot = self._placed_shots[self._asked[row]["scene"]]
            pairs = self._instructor.make_paths(shot, self._asked[row]["asked"], pick)
            if pairs:
                return Drawn(_tensor(self._drawn[row]), pairs[:most_pairs])
        if self._placed and chance < _BLANK + _PLACED:
            shot, file, row = self._placed[int(pick.integers(len(self._placed)))]
        else:
            shot, file, row = self._rows[number]
        return Drawn(_tensor(file[row]), self._instructor.make(shot, pick)[:most_pairs])


def _check_towers(*folders: Path) -> None:
    files = [folder / TOWER / "model.safetensors" for folder in folders]
    if len({digest(file) for file in files if file.exists()}) > 1:
        names = " and ".join(map(str, folders))
        raise InputError(
            f"the features in {names} are of different towers: compute them with one --tower"
        )


Row = tuple[Shot, np.ndarray, int]


def _paths(features: Path | None) -> tuple[list[dict[str, Any]], np.ndarray]:
    """What can be asked of pictures with paths, and their features; none where not computed."""
    if features is None or not (features / f"{PATHS}.json").exists():
        return [], np.zeros(0)
    asked: list[dict[str, Any]] = json.loads((features / f"{PATHS}.json").read_text())
    return asked, np.load(features / f"{PATHS}.npy", mmap_mode="r")


def _rows(shots: Sequence[Shot], features: Path) -> list[Row]:
    files: dict[str, np.ndarray | None] = {}
    rows = []
    for shot in shots:
        shard = shot.image.parent.parent.name
        if shard not in files:
            file = features / f"{shard}.npy"
            files[shard] = np.load(file, mmap_mode="r") if file.exists() else None
        found = files[shard]
        if found is not None:
            rows.append((shot, found, int(shot.image.stem)))
    if not rows:
        raise InputError(f"{features} holds no features of these scenes: compute them first")
    return rows


def _tensor(features: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(features, np.float32))
