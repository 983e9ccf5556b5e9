"""What may stand in a simulated home, what it may be called, and which split it is in.

This is the one definition of kinds, instances, phrases and splits. The words are in
`data/kinds.yaml` and `data/drawings.yaml`, the splits in `data/splits.yaml`; more names of kinds,
which no figure asks for, in `data/other_names.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "data"
STYLES = ("fluent", "google", "twitter")


class Split(StrEnum):
    """How far an instance is from what is trained on."""

    KNOWN = "known"
    UNSEEN_INSTANCE = "unseen_instance"
    UNSEEN_KIND = "unseen_kind"


@dataclass(frozen=True)
class Instance:
    """A thing that can be put into a scene: a mesh, a drawing, or a form in one colour.

    Attributes:
        name: unique.
        kind: what it is.
        source: `mesh`, `drawing` or `shape`.
        model: name of the mesh or drawing file, or of the shape function.
        form: variant of the shape, else empty.
        colour: key of the palette for a shape, else empty.
        split: how far it is from the training.
        shown: the data set splits that it may appear in.
        train_phrases: true phrases that training may use (none for an unseen kind).
        heldout_phrases: true phrases that training never uses.
        shared_phrases: of an unseen kind: true phrases that training teaches for other kinds
            ('something to sit on'); no name that is its own, and no wrong one either.
        place: where it may stand: table, low, floor, floorflat, furniture, wall, wallfoot.
        size: range of the scale factor.
        turn: a mesh that lies along y and is to be stood up.
    """

    name: str
    kind: str
    source: str
    model: str
    form: str
    colour: str
    split: Split
    shown: tuple[str, ...]
    train_phrases: tuple[str, ...]
    heldout_phrases: tuple[str, ...]
    shared_phrases: tuple[str, ...]
    place: tuple[str, ...]
    size: tuple[float, float]
    turn: bool

    @property
    def phrases(self) -> tuple[str, ...]:
        """Every true phrase."""
        return self.train_phrases + self.heldout_phrases + self.shared_phrases


@dataclass(frozen=True)
class Vocabulary:
    """Every instance, the palette, phrases of things that are never there, more names of kinds."""

    instances: tuple[Instance, ...]
    palette: dict[str, tuple[float, float, float]]
    absent_phrases: tuple[str, ...]
    other_names: dict[str, tuple[str, ...]]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind, sorted."""
        return tuple(sorted({instance.kind for instance in self.instances}))

    def shown_in(self, split: str) -> tuple[Instance, ...]:
        """Instances that images of the data set split may hold."""
        return tuple(instance for instance in self.instances if split in instance.shown)

    def as_json(self) -> dict[str, Any]:
        """The content of a data set's vocabulary.json."""
        return {
            "instances": {
                instance.name: {
                    "kind": instance.kind,
                    "split": instance.split.value,
                    "shown": list(instance.shown),
                    "source": instance.source,
                    "train_phrases": list(instance.train_phrases),
                    "heldout_phrases": list(instance.heldout_phrases),
                    "shared_phrases": list(instance.shared_phrases),
                }
                for instance in self.instances
            },
            "absent_phrases": list(self.absent_phrases),
            "other_names": {kind: list(names) for kind, names in self.other_names.items()},
        }


@dataclass(frozen=True)
class _Draft:
    """An instance before splits and phrases are checked against each other."""

    kind: str
    source: str
    model: str
    variant: str
    form: str
    colour: str
    say: tuple[str, ...]
    new: tuple[str, ...]
    place: tuple[str, ...]
    size: tuple[float, float]
    turn: bool


@cache
def load_vocabulary() -> Vocabulary:
    """Read the words, make the instances, and put each into its split."""
    words = yaml.safe_load((DATA / "kinds.yaml").read_text())
    drawn = yaml.safe_load((DATA / "drawings.yaml").read_text())
    drafts: list[_Draft] = []
    for kind, entry in words["kinds"].items():
        make = _shapes if "shape" in entry else _meshes
        drafts.extend(make(kind, entry, words))
    for kind, line in drawn.items():
        drafts.extend(_drawings(kind, line))
    palette = {name: tuple(colour["rgb"]) for name, colour in words["palette"].items()}
    instances = _split(drafts, yaml.safe_load((DATA / "splits.yaml").read_text()))
    named = yaml.safe_load((DATA / "other_names.yaml").read_text())
    others = {kind: tuple(line.split(", ")) for kind, line in named.items()}
    return Vocabulary(instances, palette, tuple(words["absent"]), others)


def drawing_symbols() -> dict[str, str]:
    """Kind and Unicode character of every drawing."""
    drawn = yaml.safe_load((DATA / "drawings.yaml").read_text())
    return {kind: line.split("|")[0].strip() for kind, line in drawn.items()}


def drawing_model(kind: str, style: str) -> str:
    """File stem of a kind's drawing in a style."""
    return f"{kind.replace(' ', '_')}.{style}"


def _meshes(kind: str, entry: dict[str, Any], words: dict[str, Any]) -> list[_Draft]:
    drafts = []
    for model, colour in entry["meshes"].items():
        say, new = list(entry["say"]), list(entry["new"])
        if colour:
            say.append(f"{colour} {kind}")
            new.extend(_recoloured(kind, colour, words))
        drafts.append(_draft(kind, "mesh", model, model, "", "", say, new, entry))
    return drafts


def _shapes(kind: str, entry: dict[str, Any], words: dict[str, Any]) -> list[_Draft]:
    colours = entry["colours"]
    colours = words["groups"][colours] if isinstance(colours, str) else colours
    drafts = []
    for form, word in entry["forms"].items():
        for colour in dict.fromkeys(colours):
            say, new = list(entry["say"]), list(entry["new"])
            if word:
                say.append(f"{word} {kind}")
            if not entry.get("plain"):
                joined = entry.get("joined", "{colour} {kind}")
                say.append(joined.format(colour=colour, kind=kind))
                if "joined" not in entry:
                    say.append(f"{colour} {entry['say'][1]}")
                    if word:
                        say.append(f"{colour} {word} {kind}")
                for other in words["palette"][colour]["new"]:
                    new.append(joined.format(colour=other, kind=kind))
                new.append(
                    f"{kind} of {colour} color"
                    if "joined" not in entry
                    else f"{kind} with {colour}"
                )
            drafts.append(
                _draft(kind, "shape", entry["shape"], form, form, colour, say, new, entry)
            )
    return drafts


def _drawings(kind: str, line: str) -> list[_Draft]:
    _, say, new = (column.strip() for column in line.split("|"))
    train = [kind, f"toy {kind}", *(phrase.strip() for phrase in say.split(","))]
    held = [f"figure of a {kind}", *(phrase.strip() for phrase in new.split(","))]
    entry = {"place": ["table", "floor", "low"], "size": [0.5, 1.3]}
    return [
        _draft(kind, "drawing", drawing_model(kind, style), style, "", "", train, held, entry)
        for style in STYLES
    ]


def _draft(
    kind: str,
    source: str,
    model: str,
    variant: str,
    form: str,
    colour: str,
    say: list[str],
    new: list[str],
    entry: dict[str, Any],
) -> _Draft:
    size = entry.get("size", [0.85, 1.25])
    low, high = (size * 0.85, size * 1.25) if isinstance(size, int | float) else size
    place = tuple(entry.get("place", ["table", "low", "floor"]))
    return _Draft(
        kind, source, model, variant, form, colour, tuple(dict.fromkeys(say)),
        tuple(dict.fromkeys(new)), place, (low, high), bool(entry.get("turn")),
    )  # fmt: skip


def _recoloured(kind: str, colour: str, words: dict[str, Any]) -> list[str]:
    known = words["palette"].get(colour, {"new": []})
    return [f"{kind} of {colour} color", *(f"{other} {kind}" for other in known["new"])]


def _split(drafts: list[_Draft], splits: dict[str, Any]) -> tuple[Instance, ...]:
    unseen = {kind: (where,) for where, kinds in splits["unseen_kind"].items() for kind in kinds}
    held = {
        (kind, variant): (where,)
        for where, variants in splits["unseen_instance"].items()
        for kind, variant in variants.items()
    }
    taught = {
        phrase
        for draft in drafts
        if draft.kind not in unseen and (draft.kind, draft.variant) not in held
        for phrase in draft.say
    }
    instances = []
    for draft in drafts:
        split = Split.KNOWN
        shown: tuple[str, ...] = ("train", "val", "calibration", "test")
        if draft.kind in unseen:
            split, shown = Split.UNSEEN_KIND, unseen[draft.kind]
        elif (draft.kind, draft.variant) in held:
            split, shown = Split.UNSEEN_INSTANCE, held[draft.kind, draft.variant]
        instances.append(_instance(draft, split, shown, taught))
    return tuple(instances)


def _instance(draft: _Draft, split: Split, shown: tuple[str, ...], taught: set[str]) -> Instance:
    say = draft.say
    if split is Split.UNSEEN_KIND:
        train: tuple[str, ...] = ()
        shared = tuple(phrase for phrase in (*say, *draft.new) if phrase in taught)
        held = tuple(phrase for phrase in (*say, *draft.new) if phrase not in taught)
    else:
        shared = ()
        train = tuple(phrase for phrase in say if phrase in taught)
        held = tuple(phrase for phrase in draft.new if phrase not in taught)
    name = "/".join(filter(None, (draft.kind, draft.variant, draft.colour)))
    return Instance(
        name, draft.kind, draft.source, draft.model, draft.form, draft.colour, split, shown,
        train, held, shared, draft.place, draft.size, draft.turn,
    )  # fmt: skip
