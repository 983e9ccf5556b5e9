"""What the objects of a data set are called: vocabulary.json."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from vlm_robot.types import InputError

SPLITS = ("known", "unseen_instance", "unseen_kind")


@dataclass(frozen=True)
class Instance:
    """One mesh or drawing.

    Attributes:
        name: its id.
        kind: what it is.
        split: one of `SPLITS`.
        train_phrases: true of it, and trained with.
        heldout_phrases: true of it, and kept for evaluation.
    """

    name: str
    kind: str
    split: str
    train_phrases: tuple[str, ...]
    heldout_phrases: tuple[str, ...]

    @property
    def phrases(self) -> frozenset[str]:
        """Every phrase that is true of it."""
        return frozenset(self.train_phrases + self.heldout_phrases)


@dataclass(frozen=True)
class Vocabulary:
    """What a data set shows, and what it is called.

    Attributes:
        instances: by id.
        absent_phrases: true of none.
        other_names: of a phrase that is trained with: more names for the same thing.
    """

    instances: dict[str, Instance]
    absent_phrases: tuple[str, ...]
    other_names: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def kept_words(self) -> frozenset[str]:
        """Words of held-out phrases that no training phrase has: training never uses them."""
        taught = {word for p in self.phrases("known") for word in p.lower().split()}
        held = {
            word
            for instance in self.instances.values()
            for phrase in instance.heldout_phrases
            for word in phrase.lower().split()
        }
        return frozenset(held - taught)

    @property
    def usable_names(self) -> tuple[tuple[str, str], ...]:
        """Other names that training may use, each with its phrase, sorted.

        Left out are those that hold a word kept for evaluation, those that are a phrase already,
        and those that two phrases share.
        """
        count = Counter(name for some in self.other_names.values() for name in some)
        taken = {phrase for i in self.instances.values() for phrase in i.phrases}
        taken.update(self.absent_phrases)
        known, kept = set(self.phrases("known")), self.kept_words
        pairs = (
            (name, of) for of, some in self.other_names.items() if of in known for name in some
        )
        return tuple(
            sorted(
                (name, of)
                for name, of in pairs
                if count[name] == 1 and name not in taken and not kept & set(name.lower().split())
            )
        )

    def phrases(self, split: str, *, heldout: bool = False) -> tuple[str, ...]:
        """Phrases of the instances of one split, sorted, without repeats."""
        chosen = [i for i in self.instances.values() if i.split == split]
        texts = (i.heldout_phrases if heldout else i.train_phrases for i in chosen)
        return tuple(sorted({phrase for some in texts for phrase in some}))


def read_vocabulary(file: Path) -> Vocabulary:
    """Read vocabulary.json.

    Raises:
        InputError: it can't be read, or an instance lacks a field.
    """
    try:
        content = json.loads(file.read_text())
        instances = {name: _instance(name, row) for name, row in content["instances"].items()}
        absent = tuple(content.get("absent_phrases", ()))
        others = {of: tuple(some) for of, some in content.get("other_names", {}).items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{file} is no vocabulary ({error!r}): render the data again") from error
    return Vocabulary(instances, absent, others)


def _instance(name: str, row: dict[str, str | list[str]]) -> Instance:
    split = str(row["split"])
    if split not in SPLITS:
        raise ValueError(f"instance '{name}' has split '{split}', not one of {SPLITS}")
    return Instance(
        name, str(row["kind"]), split, tuple(row["train_phrases"]), tuple(row["heldout_phrases"])
    )
