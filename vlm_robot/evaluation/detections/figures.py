"""The figures of a compact detector on one split: known and unseen, told and shown."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vlm_robot.detection.compact.detector import CompactDetector
from vlm_robot.detection.postprocess import iou_matrix
from vlm_robot.detection.prompts import Exemplar
from vlm_robot.evaluation.detections.average_precision import Precision, average_precision
from vlm_robot.evaluation.detections.seen import Named, Seen, name_boxes, objects_only
from vlm_robot.evaluation.detections.seen import without_ignored as count_only
from vlm_robot.training.dataset import read_image
from vlm_robot.training.vocabulary import Vocabulary

LEAST_RAW = 0.1
"""Raw score below which a box isn't even ranked."""
_HIT_IOU = 0.5


@dataclass(frozen=True)
class Split:
    """A detector's view of one split of a data set."""

    detector: CompactDetector
    vocabulary: Vocabulary
    seen: Sequence[Seen]
    kept: dict[tuple[str, ...], list[Named]] = field(default_factory=dict)

    def truth(self, phrases: Sequence[str], splits: Sequence[str]) -> list[NDArray[np.bool_]]:
        """For each scene (objects, P): true, and the object's instance is in one of `splits`."""
        rows = {
            name: np.array(
                [phrase in instance.phrases for phrase in phrases]
                if instance.split in splits
                else np.zeros(len(phrases)),
                bool,
            )
            for name, instance in self.vocabulary.instances.items()
        }
        empty = np.zeros((0, len(phrases)), bool)
        return [
            np.stack([rows[n] for n in seen.scene.instances]) if seen.scene.instances else empty
            for seen in self.seen
        ]

    def in_split(self, split: str) -> list[NDArray[np.bool_]]:
        """For each scene (objects,): the object's instance is in `split`."""
        instances = self.vocabulary.instances
        return [
            np.array([instances[n].split == split for n in seen.scene.instances], bool)
            for seen in self.seen
        ]

    def name(self, vectors: Tensor) -> list[Named]:
        """Boxes of prompts (P, E) in every scene, those in ignored regions left out."""
        return [
            count_only(name_boxes(self.detector, seen, vectors, least_raw=LEAST_RAW), seen.scene)
            for seen in self.seen
        ]

    def named(self, phrases: Sequence[str]) -> list[Named]:
        """Boxes of phrases in every scene; kept, since several figures ask for the same."""
        key = tuple(phrases)
        if key not in self.kept:
            self.kept[key] = self.name(self.detector.phrase_vectors(phrases))
        return self.kept[key]

    def precision(
        self,
        phrases: Sequence[str],
        split: str,
        *,
        vectors: Tensor | None = None,
        every_iou: bool = False,
    ) -> Precision:
        """AP of phrases on the objects of one split of instances.

        An object of another split that the phrase is true of counts neither way; every other
        object is a negative.
        """
        others = [s for s in ("known", "unseen_instance", "unseen_kind") if s != split]
        return average_precision(
            [seen.scene for seen in self.seen],
            self.named(phrases) if vectors is None else self.name(vectors),
            self.truth(phrases, [split]),
            self.truth(phrases, others),
            every_iou=every_iou,
        )


def heldout_phrases(vocabulary: Vocabulary) -> tuple[list[str], list[str]]:
    """Held-out phrasings of known instances: those with a word never trained with, the rest."""
    trained = {word for p in vocabulary.phrases("known") for word in p.lower().split()}
    held = vocabulary.phrases("known", heldout=True)
    new = [p for p in held if set(p.lower().split()) - trained]
    return new, [p for p in held if p not in set(new)]


def named_figures(split: Split) -> dict[str, Any]:
    """AP of known phrases, of held-out phrasings and of unseen instances."""
    vocabulary = split.vocabulary
    known = split.precision(vocabulary.phrases("known"), "known", every_iou=True)
    new, reordered = heldout_phrases(vocabulary)
    held = split.precision([*new, *reordered], "known")
    of_new, of_rest = held.by_phrase[: len(new)], held.by_phrase[len(new) :]
    unseen = split.precision(vocabulary.phrases("unseen_instance"), "unseen_instance")
    kinds = {i.kind for i in vocabulary.instances.values() if i.split == "unseen_instance"}
    return {
        "known_ap50": known.ap50,
        "known_ap": known.ap,
        "known_phrases": known.phrases,
        "heldout_phrasings_ap50": held.ap50,
        "heldout_phrasings_new_words_ap50": float(np.nanmean(of_new)),
        "heldout_phrasings_known_words_ap50": float(np.nanmean(of_rest)) if len(of_rest) else None,
        "heldout_phrasings": held.phrases,
        "heldout_phrasings_with_new_words": int(np.isfinite(of_new).sum()),
        "unseen_instances_ap50": unseen.ap50,
        "unseen_instance_kinds": len(kinds & _kinds_shown(split)),
    }


def taught_figures(split: Split, taught: Collection[str]) -> dict[str, Any]:
    """AP of known phrases that a distilled model was taught, and of those that it wasn't."""
    known = split.vocabulary.phrases("known")
    seen = split.precision([p for p in known if p in taught], "known")
    unseen = split.precision([p for p in known if p not in taught], "known")
    return {
        "taught_ap50": seen.ap50,
        "taught_phrases": seen.phrases,
        "untaught_ap50": unseen.ap50,
        "untaught_phrases": unseen.phrases,
    }


def _kinds_shown(split: Split) -> set[str]:
    instances = split.vocabulary.instances
    return {instances[n].kind for seen in split.seen for n in seen.scene.instances}


def unseen_kinds(split: Split, *, shuffles: int = 5) -> dict[str, Any]:
    """AP of kinds never trained on, told by their phrases, against phrases dealt out wrongly."""
    kinds = sorted(
        {
            split.vocabulary.instances[n].kind
            for seen in split.seen
            for n in seen.scene.instances
            if split.vocabulary.instances[n].split == "unseen_kind"
        }
    )
    if not kinds:
        return {}
    phrases, owner = _kind_phrases(split.vocabulary, kinds)
    vectors = split.detector.phrase_vectors(phrases)
    told = split.precision(phrases, "unseen_kind")
    names = split.precision(kinds, "unseen_kind")
    rng = np.random.default_rng(0)
    controls = [
        split.precision(phrases, "unseen_kind", vectors=vectors[_deal(owner, rng)]).ap50
        for _ in range(shuffles)
    ]
    return {
        "unseen_kinds": len(kinds),
        "unseen_kinds_ap50": told.ap50,
        "unseen_kinds_name_only_ap50": names.ap50,
        "unseen_kinds_shuffled_ap50": float(np.mean(controls)),
        "unseen_kinds_top10_recall": _recall(split, 10),
        "unseen_kinds_by_name": {
            kind: round(value, 3)
            for kind, value in zip(kinds, names.by_phrase.tolist(), strict=True)
            if np.isfinite(value)
        },
    }


def _kind_phrases(
    vocabulary: Vocabulary, kinds: Sequence[str]
) -> tuple[list[str], NDArray[np.int64]]:
    """Phrases of unseen kinds, each once, and the kind that each belongs to."""
    owner: dict[str, int] = {}
    for instance in vocabulary.instances.values():
        if instance.split == "unseen_kind" and instance.kind in kinds:
            for phrase in sorted(instance.phrases):
                owner.setdefault(phrase, kinds.index(instance.kind))
    return list(owner), np.array(list(owner.values()))


def _deal(owner: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """For each phrase another one, of another kind."""
    order = rng.permutation(len(owner))
    for i in range(len(owner)):
        if owner[order[i]] == owner[i]:
            others = np.flatnonzero((owner[order] != owner[i]) & (owner != owner[order[i]]))
            j = int(rng.choice(others))
            order[i], order[j] = order[j], order[i]
    return order


def _recall(split: Split, count: int) -> float:
    """Share of unseen kinds' objects among the `count` best boxes, whatever their name."""
    found = []
    for seen, unseen in zip(split.seen, split.in_split("unseen_kind"), strict=True):
        if unseen.any():
            boxes, _ = objects_only(seen, count)
            found.append(iou_matrix(seen.scene.boxes[unseen], boxes).max(axis=1) >= _HIT_IOU)
    return float(np.concatenate(found).mean())


def enrolled_figures(
    split: Split, counts: Sequence[int] = (1, 5, 10), *, rounds: int = 3
) -> dict[str, Any]:
    """AP of unseen kinds that are shown by example boxes; example images aren't scored."""
    places = _objects_of_unseen_kinds(split)
    most = max(counts)
    kinds = [kind for kind, found in sorted(places.items()) if len(found) >= most + 5]
    if not kinds:
        return {"enrolled_kinds": 0}
    rng = np.random.default_rng(0)
    values: dict[int, list[float]] = {count: [] for count in counts}
    for _ in range(rounds):
        drawn = {k: [places[k][i] for i in rng.permutation(len(places[k]))[:most]] for k in kinds}
        used = {scene for some in drawn.values() for scene, _ in some}
        rest = Split(
            split.detector,
            split.vocabulary,
            [seen for i, seen in enumerate(split.seen) if i not in used],
        )
        for count in counts:
            vectors = torch.stack([_enrol(split, k, drawn[k][:count]) for k in kinds])
            values[count].append(rest.precision(kinds, "unseen_kind", vectors=vectors).ap50)
    result: dict[str, Any] = {f"enrolled_{n}_ap50": float(np.mean(v)) for n, v in values.items()}
    return {**result, "enrolled_kinds": len(kinds)}


def _objects_of_unseen_kinds(split: Split) -> dict[str, list[tuple[int, int]]]:
    """Of each unseen kind: (scene, object) of its objects that are large enough to show."""
    places: dict[str, list[tuple[int, int]]] = {}
    for i, seen in enumerate(split.seen):
        for row, name in enumerate(seen.scene.instances):
            instance = split.vocabulary.instances[name]
            sides = seen.scene.boxes[row, 2:] - seen.scene.boxes[row, :2]
            if instance.split == "unseen_kind" and sides.min() >= 16:
                places.setdefault(instance.kind, []).append((i, row))
    return places


def _enrol(split: Split, kind: str, places: Sequence[tuple[int, int]]) -> Tensor:
    exemplars = [
        Exemplar(kind, read_image(split.seen[i].scene.file), split.seen[i].scene.boxes[row][None])
        for i, row in places
    ]
    return split.detector.enrolled(exemplars)


def wrong_names(split: Split, threshold: float) -> float:
    """Share of unseen kinds' objects that some known phrase, untrue of them, names."""
    phrases = split.vocabulary.phrases("known")
    named = split.named(phrases)
    truth = split.truth(phrases, ["unseen_kind"])
    wrong = []
    for i, unseen in enumerate(split.in_split("unseen_kind")):
        objects, some = split.seen[i].scene.boxes, named[i]
        sure = some.scores >= threshold
        hits = np.greater_equal(iou_matrix(objects, some.boxes[sure]), _HIT_IOU)
        lies: NDArray[np.bool_] = hits & ~truth[i][:, some.labels[sure]]
        wrong.append(np.asarray(lies.any(axis=1))[unseen])
    return float(np.concatenate(wrong).mean())


def false_box_rate(split: Split, phrases: Sequence[str], threshold: float) -> float:
    """Share of images with a box for a phrase that nothing in them answers; mean over phrases."""
    named = split.named(phrases)
    hit = np.zeros((len(named), len(phrases)), bool)
    for row, some in zip(hit, named, strict=True):
        row[some.labels[some.scores >= threshold]] = True
    return float(hit.mean())


def absent_known(split: Split, threshold: float) -> float:
    """The same for known phrases, over the images that hold nothing they are true of."""
    phrases = split.vocabulary.phrases("known")
    named = split.named(phrases)
    truth = split.truth(phrases, ["known", "unseen_instance", "unseen_kind"])
    rates = np.zeros(2)
    for some, true in zip(named, truth, strict=True):
        hit = np.zeros(len(phrases), bool)
        hit[some.labels[some.scores >= threshold]] = True
        absent = ~true.any(axis=0)
        rates += [(hit & absent).sum(), absent.sum()]
    return float(rates[0] / rates[1])


def robustness(
    clean: float, looks: Callable[[str], Split], corruptions: Sequence[str]
) -> dict[str, Any]:
    """AP50 of known phrases under each corruption, divided by that without.

    Args:
        clean: AP50 on the same scenes without a corruption.
        looks: the split seen through a corruption of that name.
    """
    values = {}
    for name in corruptions:
        split = looks(name)
        precision = split.precision(split.vocabulary.phrases("known"), "known")
        values[f"{name}_relative_ap50"] = precision.ap50 / clean
    return {**values, "mean_relative_ap50": float(np.mean(list(values.values())))}
