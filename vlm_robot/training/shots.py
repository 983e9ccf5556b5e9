"""Rendered scenes with what is in them, and what people may call it.

`python -m vlm_robot.simulation.render_dataset` makes the scenes; with `--depth` they tell where
things are, too.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.answering.colours import COLOURS
from vlm_robot.types import Frame, InputError, Intrinsics

Pick = np.random.Generator

FAR_ENOUGH = 0.25
"""Metres (and at least a sixth of the nearer depth) apart before 'in front' is beyond dispute."""
_COLOURS = {"gray": "grey", "light blue": "blue"}


@dataclass(frozen=True)
class Thing:
    """A thing in an image.

    Attributes:
        phrases: every phrase that is true of it, lower case.
        colour: of the eleven basic ones; empty where it has none beyond dispute.
        box: (4,) xyxy pixels.
        names: what people may call it in a question.
        taught: those of them that training may use; none of an instance that it mustn't learn.
        center: (3,) metres in the camera's optical frame; NaN where the scenes don't tell.
        on: instance that it stands on; empty for the room itself; None where they don't tell.
        plain: whether it is seen well enough to be asked for.
    """

    instance: str
    kind: str
    phrases: frozenset[str]
    names: tuple[str, ...]
    taught: tuple[str, ...]
    colour: str
    box: NDArray[np.float32]
    center: NDArray[np.float64]
    on: str | None
    plain: bool

    @cached_property
    def middle(self) -> NDArray[np.float32]:
        """(2,) of its box, pixels."""
        return (self.box[:2] + self.box[2:]) / np.float32(2)

    @cached_property
    def area(self) -> float:
        """Of its box, square pixels."""
        return float((self.box[2:] - self.box[:2]).prod())

    @cached_property
    def last_words(self) -> frozenset[str]:
        """The nouns that its phrases end with."""
        return frozenset(phrase.split()[-1] for phrase in (*self.phrases, self.kind))


@dataclass(frozen=True)
class Shot:
    """An image with what is in it.

    Attributes:
        camera_height: metres above the floor; NaN where the scenes don't tell.
    """

    image: Path
    depth: Path
    intrinsics: Intrinsics
    things: tuple[Thing, ...]
    camera_height: float = float("nan")

    def frame(self) -> Frame:
        """Load the image and its depth."""
        bgr = cv2.imread(str(self.image))
        millimetres = cv2.imread(str(self.depth), cv2.IMREAD_UNCHANGED)
        if bgr is None or millimetres is None:
            raise InputError(f"{self.image} or {self.depth} is missing: render with --depth")
        metres = millimetres.astype(np.float32) / 1000.0
        metres[millimetres == 0] = np.nan
        image = np.ascontiguousarray(bgr[:, :, ::-1])
        return Frame("simulated", 0, "camera_optical", image, metres, self.intrinsics)

    def called(self, name: str) -> list[Thing]:
        """Things that `name` is true of, plain or not."""
        return [t for t in self.things if name in t.phrases or name == t.kind]

    def disputed(self, name: str) -> bool:
        """Whether `name` could be said of a thing that it isn't listed for ('box', 'tool box')."""
        last = name.split()[-1]
        sure = self.called(name)
        return any(last in t.last_words for t in self.things if t not in sure)


Named = tuple[str, Thing]
"""A thing and what it is called in a question."""


def beside(named: Sequence[Named]) -> Iterator[tuple[Named, Named, str]]:
    """Neighbours in the sequence, and on which side of the second the first is beyond dispute."""
    for (name, thing), (other_name, other) in pairwise(named):
        apart = (other.box[0] + other.box[2] - thing.box[0] - thing.box[2]) / 2
        widths = (other.box[2] - other.box[0] + thing.box[2] - thing.box[0]) / 2
        if abs(apart) >= 0.6 * widths:
            yield (name, thing), (other_name, other), "left" if apart > 0 else "right"


def at_depths(named: Sequence[Named]) -> Iterator[tuple[Named, Named, bool]]:
    """Neighbours in the sequence, and whether the first is nearer, where it is beyond dispute."""
    for (name, thing), (other_name, other) in pairwise(named):
        apart = other.center[2] - thing.center[2]
        if abs(apart) >= max(FAR_ENOUGH, min(other.center[2], thing.center[2]) / 6):
            yield (name, thing), (other_name, other), bool(apart > 0)


def load_shots(folder: Path, *, placed: bool = True) -> list[Shot]:
    """Scenes of one split's folder, in the order of its shards.

    Args:
        placed: whether they must tell where things are.

    Raises:
        InputError: there are none, or they were rendered without depth.
    """
    files = sorted(folder.glob("shard-*/coco.json"))
    if not files:
        raise InputError(f"{folder} holds no shard-*/coco.json: render scenes into it first")
    words = json.loads((folder / "vocabulary.json").read_text())["instances"]
    return [shot for file in files for shot in _shots(file, words, placed)]


def _shots(file: Path, words: dict[str, Any], placed: bool) -> Iterator[Shot]:
    coco = json.loads(file.read_text())
    if placed and coco["annotations"] and "center" not in coco["annotations"][0]:
        raise InputError(f"{file} has no places: render it with --depth")
    of_image: dict[int, list[Thing]] = {}
    for entry in coco["annotations"]:
        of_image.setdefault(entry["image_id"], []).append(_thing(entry, words[entry["instance"]]))
    for image in coco["images"]:
        camera, name = image["camera"], Path(image["file_name"])
        matrix = np.array(
            [[camera["fx"], 0, camera["cx"]], [0, camera["fy"], camera["cy"]], [0, 0, 1]]
        )
        yield Shot(
            file.parent / "images" / name,
            file.parent / "depth" / f"{name.stem}.png",
            Intrinsics(image["width"], image["height"], matrix),
            tuple(of_image.get(image["id"], ())),
            float(camera.get("height_m", np.nan)),
        )


def _thing(entry: dict[str, Any], words: dict[str, Any]) -> Thing:
    phrases = [p.lower() for p in (*words["train_phrases"], *words["heldout_phrases"])]
    colour = entry["instance"].split("/")[-1] if words["source"] == "shape" else ""
    colour = _COLOURS.get(colour, colour)
    x, y, width, height = entry["bbox"]
    return Thing(
        entry["instance"],
        entry["kind"],
        frozenset(phrases),
        _names(entry["kind"], phrases),
        _taught(entry["kind"], words),
        colour if colour in COLOURS and entry["kind"] not in _MANY_COLOURED else "",
        np.array([x, y, x + width, y + height], np.float32),
        np.array(entry.get("center", [np.nan] * 3)),
        entry.get("on"),
        not entry["ignore"],
    )


def _taught(kind: str, words: dict[str, Any]) -> tuple[str, ...]:
    phrases = [p.lower() for p in words["train_phrases"]]
    if words["split"] != "known" or not phrases:
        return ()
    return _names(kind, phrases)


def _names(kind: str, phrases: Sequence[str]) -> tuple[str, ...]:
    """What people may call it in a question: its kind, and short phrases without a colour."""
    avoid = {*COLOURS, "gray", "a", "an", "something", "of", "for", "to", "with", "toy", "figure"}
    short = [p for p in phrases if len(p.split()) <= 2 and not avoid & set(p.split())]
    first = [kind] if kind in phrases else []
    return tuple(dict.fromkeys([*first, *short])) or (kind,)


_MANY_COLOURED = re.split(
    ", ",
    "toy blocks, stacking rings, keyboard, remote control, person, computer monitor, phone,"
    " laptop, potted plant, rug, mirror, bookshelf, kitchen scale, dumbbell, broom, bench,"
    " television set",
)
"""Kinds of which the colour in the instance's name covers a part only."""


class Namer:
    """Picks things and names from the scenes' common statistics.

    Args:
        taught: whether only names that training may use are picked.
    """

    def __init__(self, shots: Sequence[Shot], *, taught: bool = False) -> None:
        self._taught = taught
        self._names = {t.kind: self._of(t)[0] for shot in shots for t in shot.things if self._of(t)}
        kinds = [
            frozenset(t.kind for t in shot.things if t.plain and t.kind in self._names)
            for shot in shots
        ]
        self._common = Counter(kind for present in kinds for kind in present)
        self._beside: dict[str, Counter[str]] = {}
        for present in kinds:
            for kind in present:
                self._beside.setdefault(kind, Counter()).update(present - {kind})

        self._popular = [k for k, _ in sorted(self._common.items(), key=lambda i: (-i[1], i[0]))]

    def _of(self, thing: Thing) -> tuple[str, ...]:
        return thing.taught if self._taught else thing.names

    def sure(self, shot: Shot, pick: Pick) -> list[tuple[str, Thing]]:
        """Plain things that a name means alone, in random order, each with that name."""
        found = []
        for index in pick.permutation(len(shot.things)):
            thing = shot.things[index]
            names = self._of(thing)
            if not names:
                continue
            name = names[0]
            if pick.random() < 0.3:
                name = str(pick.choice(names))
            if thing.plain and shot.called(name) == [thing] and not shot.disputed(name):
                found.append((name, thing))
        return found

    def absent(self, shot: Shot, order: Sequence[str]) -> list[str]:
        """Names of kinds, in `order`, that are true of nothing in the shot."""
        names = [self._names[kind] for kind in order]
        return [n for n in names if not shot.called(n) and not shot.disputed(n)]

    def any_name(self, pick: Pick) -> str:
        """A random kind's."""
        return self._names[self._popular[int(pick.integers(len(self._popular)))]]

    def orders(self, shot: Shot, pick: Pick) -> dict[str, list[str]]:
        """The kinds in POPE's three orders of asking for what isn't there."""
        kinds = sorted(self._common)
        together: Counter[str] = Counter()
        for kind in sorted({t.kind for t in shot.things if t.plain}):
            together.update(self._beside.get(kind, Counter()))
        return {
            "random": [kinds[i] for i in pick.permutation(len(kinds))],
            "popular": self._popular,
            "adversarial": [k for k, _ in sorted(together.items(), key=lambda i: (-i[1], i[0]))],
        }
