"""Rendered scenes on disk, and the stream of augmented batches made of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from vlm_robot.training.assignment import Targets
from vlm_robot.training.augmentation import Boxes, photograph, place
from vlm_robot.training.vocabulary import Vocabulary
from vlm_robot.types import Image, InputError


@dataclass(frozen=True)
class Scene:
    """One image file and what it shows.

    Attributes:
        file: the image.
        boxes: (N, 4) float32 xyxy pixels.
        instances: id of each box's instance; empty where it isn't known.
        ignored: (K, 4) regions that count neither way.
        weights: (N,) how much each box counts, 0..1.
    """

    file: Path
    boxes: Boxes
    instances: tuple[str, ...]
    ignored: Boxes
    weights: NDArray[np.float32]


def read_scenes(folder: Path) -> list[Scene]:
    """Read every shard of a split, in order.

    Raises:
        InputError: there is no shard, or one can't be read.
    """
    return SceneFolder(folder).read()


class SceneFolder:
    """The shards of a split, which may still be growing; each is read once."""

    def __init__(self, folder: Path, vocabulary: Vocabulary | None = None) -> None:
        """Args:
        vocabulary: to leave out what mustn't be learned, see `teachable`; None: leave all in.
        """
        self._folder = folder
        self._vocabulary = vocabulary
        self._shards: dict[Path, list[Scene]] = {}

    def read(self) -> list[Scene]:
        """Every scene of the shards that are complete by now.

        Raises:
            InputError: there is no shard, or one can't be read.
        """
        for file in sorted(self._folder.glob("shard-*/coco.json")):
            if file not in self._shards:
                scenes = _read_shard(file)
                vocabulary = self._vocabulary
                self._shards[file] = teachable(scenes, vocabulary) if vocabulary else scenes
        if not self._shards:
            raise InputError(f"{self._folder} has no shard-*/coco.json: render the data set first")
        return [scene for scenes in self._shards.values() for scene in scenes]


def _read_shard(file: Path) -> list[Scene]:
    try:
        content = json.loads(file.read_text())
        found: dict[int, list[dict[str, Any]]] = {row["id"]: [] for row in content["images"]}
        for row in content["annotations"]:
            found[row["image_id"]].append(row)
        return [
            _scene(file.parent, row["file_name"], found[row["id"]]) for row in content["images"]
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no COCO file ({error!r}): render the shard again") from error


def _scene(folder: Path, name: str, rows: list[dict[str, Any]]) -> Scene:
    file = folder / name
    if not file.exists():
        file = folder / "images" / name
    kept = [row for row in rows if not (row.get("ignore") or row.get("iscrowd"))]
    dropped = [row for row in rows if row.get("ignore") or row.get("iscrowd")]
    instances = tuple(str(row["instance"]) for row in kept)
    ones = np.ones(len(kept), np.float32)
    return Scene(file, _boxes(kept), instances, _boxes(dropped), ones)


def _boxes(rows: list[dict[str, Any]]) -> Boxes:
    boxes = np.array([row["bbox"] for row in rows], np.float32).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def teachable(scenes: Sequence[Scene], vocabulary: Vocabulary) -> list[Scene]:
    """Turn what mustn't be learned (instances that aren't known ones) into ignored regions."""
    known = {name for name, i in vocabulary.instances.items() if i.split == "known"}
    return [_only(scene, known) for scene in scenes]


def _only(scene: Scene, known: set[str]) -> Scene:
    keep = np.array([name in known for name in scene.instances], bool)
    if keep.all():
        return scene
    return Scene(
        scene.file,
        scene.boxes[keep],
        tuple(name for name, kept in zip(scene.instances, keep, strict=True) if kept),
        np.concatenate([scene.ignored, scene.boxes[~keep]]),
        scene.weights[keep],
    )


def read_image(file: Path) -> Image:
    """Read an image file as RGB.

    Raises:
        InputError: it is no image.
    """
    image = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
    if image is None:
        raise InputError(f"{file} is no image that OpenCV reads: render it again or delete it")
    return np.asarray(image, np.uint8)


class Batch(NamedTuple):
    """Images (B, 3, H, W) uint8 RGB and what they show."""

    images: Tensor
    targets: Targets


class SceneStream(IterableDataset[Batch]):
    """Endless augmented batches; every scene comes once before one comes again.

    Args:
        read: gives the scenes, anew before each round: a data set may grow meanwhile.
        index: of each instance id, into the phrasebook's rows.
        sizes: (width, height) of the network's input; each batch draws one.
        size_weights: shared (len(sizes),) tensor of their odds, which the trainer may change.
    """

    def __init__(
        self,
        read: Callable[[], Sequence[Scene]],
        index: dict[str, int],
        *,
        batch: int,
        sizes: Sequence[tuple[int, int]],
        size_weights: Tensor,
        seed: int,
    ) -> None:
        super().__init__()
        self._read = read
        self._index = index
        self._batch = batch
        self._sizes = sizes
        self._size_weights = size_weights
        self._seed = seed

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        rng = np.random.default_rng(self._seed)
        waiting: list[Scene] = []
        while True:
            while len(waiting) < self._batch:
                scenes = self._read()
                waiting += [scenes[i] for i in rng.permutation(len(scenes))]
            picked, waiting = waiting[: self._batch], waiting[self._batch :]
            odds = self._size_weights.numpy().astype(np.float64)
            size = self._sizes[int(rng.choice(len(odds), p=odds / odds.sum()))]
            yield collate([self._sample(scene, size, rng) for scene in picked])

    def _sample(self, scene: Scene, size: tuple[int, int], rng: np.random.Generator) -> Sample:
        image = read_image(scene.file)
        count = len(scene.boxes)
        both = np.concatenate([scene.boxes, scene.ignored])
        placed = place(image, both, size, rng, vary=True)
        learn = placed.learnable.copy()
        learn[count:] = False
        rows = np.array([self._index[name] for name in scene.instances], np.int64)
        changed = photograph(placed.image, rng) if rng.random() < 0.85 else placed.image
        kept = learn[:count]
        return Sample(
            changed, placed.boxes[learn], rows[kept], placed.boxes[~learn], scene.weights[kept]
        )


def batches(stream: SceneStream, *, workers: int) -> Iterator[Batch]:
    """Batches of a stream, made ahead by `workers` processes; 0: by this one, in time."""
    if workers:
        cv2.setNumThreads(1)  # a forked process would wait for threads that it hasn't got
    ahead = 4 if workers else None
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=ahead))


class Sample(NamedTuple):
    """One augmented image with its targets, before padding."""

    image: Image
    boxes: Boxes
    rows: NDArray[np.int64]
    ignored: Boxes
    weights: NDArray[np.float32]


def collate(samples: Sequence[Sample]) -> Batch:
    """Pad the targets of several images to one size."""
    count = len(samples)
    most = max(1, *(len(s.boxes) for s in samples))
    most_ignored = max(1, *(len(s.ignored) for s in samples))
    boxes = np.zeros((count, most, 4), np.float32)
    rows = np.full((count, most), -1, np.int64)
    ignored = np.zeros((count, most_ignored, 4), np.float32)
    weights = np.zeros((count, most), np.float32)
    for i, sample in enumerate(samples):
        boxes[i, : len(sample.boxes)] = sample.boxes
        rows[i, : len(sample.boxes)] = sample.rows
        weights[i, : len(sample.boxes)] = sample.weights
        ignored[i, : len(sample.ignored)] = sample.ignored
    images = np.stack([s.image for s in samples]).transpose(0, 3, 1, 2)
    targets = Targets(*map(torch.from_numpy, (boxes, rows, ignored, weights)))
    return Batch(torch.from_numpy(np.ascontiguousarray(images)), targets)
