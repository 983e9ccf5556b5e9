"""What a question asks, once it is understood: small frozen trees without any text left to read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple


class RelationKind(StrEnum):
    """How one thing is placed to others, or in the image. `left` and `right` are the image's."""

    LEFT_OF = "left of"
    RIGHT_OF = "right of"
    ABOVE = "above"
    BELOW = "below"
    IN_FRONT_OF = "in front of"
    BEHIND = "behind"
    ON = "on"
    IN = "in"
    NEXT_TO = "next to"
    BETWEEN = "between"
    LEFT = "on the left"
    RIGHT = "on the right"
    TOP = "at the top"
    BOTTOM = "at the bottom"
    MIDDLE = "in the middle"
    TOP_LEFT = "at the top left"
    TOP_RIGHT = "at the top right"
    BOTTOM_LEFT = "at the bottom left"
    BOTTOM_RIGHT = "at the bottom right"


class Quality(StrEnum):
    """What things are ordered by; each names the end that comes first."""

    NEAREST = "nearest"
    FARTHEST = "farthest"
    LARGEST = "largest"
    SMALLEST = "smallest"
    LEFTMOST = "leftmost"
    RIGHTMOST = "rightmost"
    HIGHEST = "highest"
    LOWEST = "lowest"


@dataclass(frozen=True)
class IsColour:
    """Has one of the basic colours."""

    colour: str
    negated: bool = False


@dataclass(frozen=True)
class Related:
    """Is placed so. `others`: none for a place in the image, two for `between`, else one."""

    kind: RelationKind
    others: tuple[Noun, ...] = ()
    negated: bool = False


Predicate = IsColour | Related


@dataclass(frozen=True)
class Noun:
    """A thing that is spoken of.

    Attributes:
        head: its name, singular; empty for 'anything', 'it' for the last thing spoken of.
        conditions: what must hold of it.
        quality: which of several is meant ('the nearest'); None: any.
        purpose: what it is for ('drink from'); empty: anything.
        determiner: 'the', 'a', 'any', 'all', 'no' or empty: how it was spoken of, for the parser,
            which makes other queries of it; it makes no other noun.
    """

    head: str
    conditions: tuple[Predicate, ...] = ()
    quality: Quality | None = None
    purpose: str = ""
    determiner: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        colours = [c.colour for c in self.conditions if isinstance(c, IsColour)]
        words = [self.quality.value] if self.quality else []
        return " ".join([*words, *colours, self.head or "thing"])


class Exists(NamedTuple):
    """Is there one?"""

    noun: Noun


class CountIs(NamedTuple):
    """Is their number so? `bound`: '=', '>=', '<=', '>' or '<'."""

    noun: Noun
    bound: str
    number: int


class More(NamedTuple):
    """Are there more (`sign` 1), fewer (-1) or as many (0) of the first?"""

    first: Noun
    second: Noun
    sign: int


class Holds(NamedTuple):
    """Is it so of the thing, or of `every` one?"""

    noun: Noun
    predicates: tuple[Predicate, ...]
    every: bool = False


class Order(NamedTuple):
    """Does the first come before the second by `quality`?"""

    first: Noun
    second: Noun
    quality: Quality


@dataclass(frozen=True)
class Both:
    """First and second."""

    first: Proposition
    second: Proposition


@dataclass(frozen=True)
class Either:
    """First or second."""

    first: Proposition
    second: Proposition


@dataclass(frozen=True)
class Not:
    """Not so."""

    inner: Proposition


Proposition = Exists | CountIs | More | Holds | Order | Both | Either | Not


class Count(NamedTuple):
    """How many?"""

    noun: Noun


class ColourOf(NamedTuple):
    """Which colour?"""

    noun: Noun


class Where(NamedTuple):
    """Where in the image, in which direction, how far?"""

    noun: Noun


class Distance(NamedTuple):
    """How far from the camera, or from `other`?"""

    noun: Noun
    other: Noun | None = None


class Choice(NamedTuple):
    """Which of these is so of the thing?"""

    noun: Noun
    options: tuple[Predicate, ...]


class Kind(NamedTuple):
    """Which of these things is it?"""

    options: tuple[Noun, ...]


class Most(NamedTuple):
    """Of which are there more (`sign` 1) or fewer (-1)?"""

    first: Noun
    second: Noun
    sign: int


class Foremost(NamedTuple):
    """Which of two comes first by `quality`?"""

    first: Noun
    second: Noun
    quality: Quality


class Which(NamedTuple):
    """Which one is it? One thing is meant."""

    noun: Noun


class Everything(NamedTuple):
    """What is there? All things are meant."""

    noun: Noun


class Beyond(NamedTuple):
    """A question that was understood well enough to know that boxes can't answer it."""


Query = (
    Count
    | ColourOf
    | Where
    | Distance
    | Choice
    | Kind
    | Most
    | Foremost
    | Which
    | Everything
    | Beyond
    | Proposition
)

PROPOSITIONS = (Exists, CountIs, More, Holds, Order, Both, Either, Not)


def map_nouns(query: Any, change: Callable[[Noun], Noun]) -> Any:
    """The same query with `change` applied to each of its nouns, in the order of speech.

    A noun comes before those that its conditions name.
    """
    if isinstance(query, Noun):
        changed = change(query)
        return replace(changed, conditions=map_nouns(changed.conditions, change))
    if isinstance(query, Related):
        return replace(query, others=map_nouns(query.others, change))
    if isinstance(query, (Both, Either)):
        first = map_nouns(query.first, change)
        return type(query)(first, map_nouns(query.second, change))
    if isinstance(query, Not):
        return Not(map_nouns(query.inner, change))
    if isinstance(query, tuple) and hasattr(query, "_fields"):
        return type(query)(*(map_nouns(part, change) for part in query))
    if isinstance(query, tuple):
        return tuple(map_nouns(part, change) for part in query)
    return query


def nouns_of(query: Query) -> Iterator[Noun]:
    """Every noun of a query, with those that its conditions name."""
    found: list[Noun] = []

    def keep(noun: Noun) -> Noun:
        found.append(noun)
        return noun

    map_nouns(query, keep)
    yield from found
