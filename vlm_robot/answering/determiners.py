"""What 'a', 'any', 'all' and 'no' make of the things that a question names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vlm_robot.answering.queries import (
    Beyond,
    Both,
    Choice,
    Either,
    Exists,
    Not,
    Noun,
    Predicate,
    Proposition,
    Quality,
    Query,
    Related,
    RelationKind,
    nouns_of,
)

INDEFINITE = ("a", "any", "no")
"""Determiners of a subject of which it is asked whether there is one that is so."""


def such(noun: Noun, *conditions: Predicate, quality: Quality | None = None) -> Noun:
    """`noun` with more said of it, and its determiner heeded."""
    return Noun(noun.head, noun.conditions + conditions, quality or noun.quality, noun.purpose)


def join(kind: type[Both] | type[Either], parts: Sequence[Proposition]) -> Proposition:
    """All parts as one proposition."""
    first, *rest = parts
    for part in rest:
        first = kind(first, part)
    return first


def left_over(turn: Query) -> bool:
    """Whether 'all' or 'no' is said of a thing where no query has room for it."""
    return any(noun.determiner in ("all", "no") for noun in nouns_of(turn))


def claimed(noun: Noun, *predicates: Predicate) -> Proposition:
    """That there is one, or none where the noun says 'no'."""
    if noun.determiner == "no":
        return Not(Exists(such(noun, *predicates)))
    return Exists(replace(noun, conditions=noun.conditions + predicates))


def there_are(group: Sequence[Noun], kind: type[Both] | type[Either]) -> Query:
    """That both or either of a group exist; 'no mugs or bowls' and 'no mugs and bowls': neither."""
    nouns = _placed(group)
    if not nouns:
        return Beyond()
    rest = {noun.determiner for noun in nouns[1:]}
    if nouns[0].determiner != "no" or not rest:
        return join(kind, [claimed(noun) for noun in nouns])
    if rest <= ({"", "any", "no"} if kind is Both else {"", "any"}):
        return Not(join(Either, [Exists(such(noun)) for noun in nouns]))
    return Beyond()


def chosen(noun: Noun, options: Sequence[Predicate]) -> Query:
    """Which option is so of the thing; of 'any' thing, whether there is one."""
    if not options:
        return Beyond()
    if noun.determiner not in INDEFINITE:
        return Choice(noun, tuple(options))
    one = join(Either, [Exists(such(noun, option)) for option in options])
    return Not(one) if noun.determiner == "no" else one


def complete(options: Sequence[Predicate]) -> tuple[Predicate, ...]:
    """'left or right of the bowl': the left is the bowl's too; none if in doubt."""
    sides = {RelationKind.LEFT: RelationKind.LEFT_OF, RelationKind.RIGHT: RelationKind.RIGHT_OF}
    places = [option for option in options if isinstance(option, Related)]
    anchors = {place.others for place in places if place.others}
    bare = {place.kind for place in places if not place.others}
    if not anchors or not bare:
        return tuple(options)
    if len(anchors) > 1 or not bare <= set(sides):
        return ()
    (anchor,) = anchors
    return tuple(
        Related(sides[o.kind], anchor) if isinstance(o, Related) and not o.others else o
        for o in options
    )


def _placed(group: Sequence[Noun]) -> list[Noun]:
    """The things of a group, each with the place that is said of several; none if in doubt.

    'mugs or bowls on the table' are both on it; 'a mug on the table or the shelf' is on either.
    """
    first, *rest = group
    place = first.conditions[-1] if first.conditions else None
    if rest and isinstance(place, Related) and len(place.others) == 1:
        if any(_places(noun) for noun in rest):
            return list(group)
        determiners = {noun.determiner for noun in rest}
        if determiners == {"the"} != {first.determiner} and not place.negated:
            before = first.conditions[:-1]
            others = [(*before, replace(place, others=(noun,))) for noun in rest]
            return [first, *(replace(such(first), conditions=c) for c in others)]
        doubtful = determiners == {place.others[0].determiner} or place.negated
        return [] if doubtful else list(group)
    if any(noun.determiner for noun in rest):
        return list(group)
    tail = tuple(_places(group[-1]))
    return [*(replace(n, conditions=n.conditions + tail) for n in group[:-1]), group[-1]]


def _places(noun: Noun) -> list[Related]:
    return [condition for condition in noun.conditions if isinstance(condition, Related)]
