"""Small changes of image and words, chosen together to hurt most, against random ones.

The search goes by the model's own joint similarity of image and words, as in the 'Coordinated
Robustness Evaluation Framework for Vision-Language Models' (2025): a detector's is the best score
that it gives the words anywhere in the image. Each candidate is as small as any other (an image
change of strength 1, one change of words), so the random pairs have the same size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.evaluation.detections.corruptions import NAMES, corrupt, moved
from vlm_robot.evaluation.results.truth import HIT_IOU
from vlm_robot.evaluation.robustness.material import Material
from vlm_robot.evaluation.robustness.text_changes import REWORDINGS, changed
from vlm_robot.perception import Perception
from vlm_robot.types import Frame

_LEAST = 0.001
"""Score below which a similarity counts as this."""
SMALL = 1


class Target(NamedTuple):
    """A phrase that is true of a frame, with its true boxes (N, 4)."""

    frame: int
    phrase: str
    boxes: NDArray[np.float32]


class Searched(NamedTuple):
    """Similarity and success of all pairs (image changes, text changes), unchanged ones first.

    Attributes:
        similarity: (I, T) best score.
        hit: (I, T) the best box is on a true one, and its score over the threshold.
    """

    similarity: NDArray[np.float64]
    hit: NDArray[np.bool_]


def attack(
    perception: Perception,
    material: Material,
    targets: Sequence[Target],
    *,
    threshold: float,
    seed: int,
) -> dict[str, Any]:
    """Attack every target that is found without changes.

    Returns:
        Mean similarity and share still found, for each way to choose the pair.
    """
    rng = np.random.default_rng(seed)
    chosen: dict[str, list[tuple[float, bool]]] = {}
    pairs = []
    for frame, phrases in _by_frame(targets).items():
        for target in search(perception, material.frames[frame], phrases, threshold, seed):
            if target.hit[0, 0]:
                pairs.append(target.hit.size)
                for way, (similarity, hit) in choices(target, rng).items():
                    chosen.setdefault(way, []).append((similarity, hit))
    ways = {
        way: {
            "similarity": float(np.mean([s for s, _ in found])),
            "found": float(np.mean([h for _, h in found])),
        }
        for way, found in chosen.items()
    }
    count = len(pairs)
    return {"targets": count, "pairs searched": int(np.mean(pairs)) if pairs else 0, "ways": ways}


def _by_frame(targets: Sequence[Target]) -> Mapping[int, list[Target]]:
    frames: dict[int, list[Target]] = {}
    for target in targets:
        frames.setdefault(target.frame, []).append(target)
    return frames


def search(
    perception: Perception, frame: Frame, targets: Sequence[Target], threshold: float, seed: int
) -> list[Searched]:
    """Look for all words of all targets in every changed image."""
    texts = [[t.phrase, *_rewordings(t.phrase, seed)] for t in targets]
    # Words that several targets share are looked for once.
    every = list(dict.fromkeys(text for some in texts for text in some))
    encoded = perception.encode(every, threshold=_LEAST)
    place = {text: n for n, text in enumerate(encoded.prompts.phrases)}
    found = [Searched(np.zeros((0, len(t))), np.zeros((0, len(t)), bool)) for t in texts]
    for name in ("", *NAMES):
        image = corrupt(frame.image, name, SMALL, seed) if name else frame.image
        changed_frame = Frame(frame.camera, frame.stamp, frame.frame_id, image)
        (seen,) = perception.detect([changed_frame], encoded)
        for n, target in enumerate(targets):
            true = moved(target.boxes, frame.size, name, SMALL, seed)
            row = [_best(seen.detections, place[text], true, threshold) for text in texts[n]]
            found[n] = Searched(
                np.vstack([found[n].similarity, [s for s, _ in row]]),
                np.vstack([found[n].hit, [h for _, h in row]]),
            )
    return found


def _rewordings(phrase: str, seed: int) -> list[str]:
    words = [changed(phrase, name, seed + n) for name in REWORDINGS for n in range(2)]
    return list(dict.fromkeys(w for w in words if w is not None and w != phrase))


def _best(
    detections: Any, label: int, true: NDArray[np.float32], threshold: float
) -> tuple[float, bool]:
    """Best score of a prompt, and whether it is worth anything."""
    rows = np.flatnonzero(detections.labels == label)
    if not len(rows):
        return _LEAST, False
    first = rows[np.argmax(detections.scores[rows])]
    score = float(detections.scores[first])
    overlap = iou_matrix(detections.boxes[first][None], true)
    return score, bool(score >= threshold and (overlap >= HIT_IOU).any())


def choices(found: Searched, rng: np.random.Generator) -> dict[str, tuple[float, bool]]:
    """The pair that each way chooses: its similarity, and whether the target is still found."""
    similarity = found.similarity
    images, texts = similarity.shape
    ways = {
        "unchanged": (0, 0),
        "image alone": (int(np.argmin(similarity[:, 0])), 0),
        "words alone": (0, int(np.argmin(similarity[0]))),
        "each alone, then together": (
            int(np.argmin(similarity[:, 0])),
            int(np.argmin(similarity[0])),
        ),
        "coordinated": tuple(np.unravel_index(int(np.argmin(similarity)), similarity.shape)),
        "random pair": (
            int(rng.integers(min(1, images - 1), images)),
            int(rng.integers(min(1, texts - 1), texts)),
        ),
    }
    return {
        way: (float(similarity[pair]), bool(found.hit[pair]))  # type: ignore[index]
        for way, pair in ways.items()
    }
