"""From a question in words to what it asks, by the grammar in question.lark."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import inflect
from lark import Lark, Token, Transformer, Tree
from lark.exceptions import LarkError

from vlm_robot.answering import queries as q
from vlm_robot.answering.determiners import (
    INDEFINITE,
    chosen,
    claimed,
    complete,
    join,
    left_over,
    such,
    there_are,
)
from vlm_robot.answering.normalise import normalise
from vlm_robot.answering.pronouns import IT as IT
from vlm_robot.answering.pronouns import ONE, Speech
from vlm_robot.answering.queries import IsColour, Noun, Quality, Related, RelationKind

MAX_WORDS = 60
"""A question with more words isn't one that boxes answer, and would cost the parser too long."""

_MYSELF = tuple(Noun(name) for name in ("robot", "camera", "robot camera"))
"""What the robot, where distances are measured from, is called."""
_DETERMINERS = {"THE": "the", "A": "a", "ANY": "any", "ALL_OF": "all", "NO": "no"}
_DETERMINED = {"any": "any", "som": "any", "eve": "all", "eac": "all", "one": "all"}
"""Determiners in one word with their noun ('everything'), by its first letters; others are 'no'."""
_QUALITIES = {
    "near": Quality.NEAREST,
    "clos": Quality.NEAREST,
    "far": Quality.FARTHEST,
    "fur": Quality.FARTHEST,
    "big": Quality.LARGEST,
    "larg": Quality.LARGEST,
    "smal": Quality.SMALLEST,
    "left": Quality.LEFTMOST,
    "right": Quality.RIGHTMOST,
    "high": Quality.HIGHEST,
    "top": Quality.HIGHEST,
    "low": Quality.LOWEST,
}
_RELATIONS = {
    "left": RelationKind.LEFT_OF,
    "right of": RelationKind.RIGHT_OF,
    "right side": RelationKind.RIGHT_OF,
    "right-": RelationKind.RIGHT_OF,
    "right hand": RelationKind.RIGHT_OF,
    "on top": RelationKind.ON,
    "in front": RelationKind.IN_FRONT_OF,
    "in back": RelationKind.BEHIND,
    "behind": RelationKind.BEHIND,
    "above": RelationKind.ABOVE,
    "over": RelationKind.ABOVE,
    "below": RelationKind.BELOW,
    "beneath": RelationKind.BELOW,
    "under": RelationKind.BELOW,
    "in": RelationKind.IN,
    "within": RelationKind.IN,
    "next": RelationKind.NEXT_TO,
    "right next": RelationKind.NEXT_TO,
    "right beside": RelationKind.NEXT_TO,
    "right near": RelationKind.NEXT_TO,
    "right by": RelationKind.NEXT_TO,
    "beside": RelationKind.NEXT_TO,
    "close": RelationKind.NEXT_TO,
    "near": RelationKind.NEXT_TO,
    "by": RelationKind.NEXT_TO,
    "adjacent": RelationKind.NEXT_TO,
    "alongside": RelationKind.NEXT_TO,
}
_NUMBER_LIST = "zero one two three four five six seven eight nine ten"
NUMBER_WORDS = tuple(_NUMBER_LIST.split())
_NUMBERS = {word: number for number, word in enumerate(NUMBER_WORDS)}
_BOUNDS = {
    "at least": ">=",
    "at most": "<=",
    "exactly": "=",
    "only": "=",
    "more than": ">",
    "fewer than": "<",
    "less than": "<",
}
_PAIR_LIST = (
    "jeans trousers pants shorts scissors spectacles sunglasses goggles headphones earphones"
    " stairs clothes binoculars pliers tongs blinds lens gas canvas"
)
_PAIRS = frozenset(_PAIR_LIST.split())
"""Words in -s that have no singular, or are one."""
_COLOURS = {"gray": "grey", "violet": "purple"}


class NotUnderstoodError(ValueError):
    """The grammar has no reading of the question."""


def parse(question: str) -> tuple[q.Query, ...]:
    """What `question` asks: one query for each question in it.

    Raises:
        NotUnderstoodError: the grammar has no reading of it.
    """
    text = normalise(question)
    if not text or len(text.split()) > MAX_WORDS:
        raise NotUnderstoodError(f"no question in '{question[:40]}'")
    try:
        tree = _grammar().parse(text)
    except LarkError as error:
        raise NotUnderstoodError(f"no reading of '{text[:80]}'") from error
    turns: list[q.Query] = _Reader().transform(tree)
    speech = Speech()
    return tuple(speech.resolve(turn) for turn in turns)


def only_query(question: str) -> q.Query | None:
    """The query of a question that asks just one thing, and is understood; else None."""
    try:
        queries = parse(question)
    except NotUnderstoodError:
        return None
    return queries[0] if len(queries) == 1 else None


def known_words() -> frozenset[str]:
    """Every word that the grammar's closed classes hold, for the mending of typos."""
    patterns = (
        t.pattern.value for t in _grammar().terminals if t.name not in ("WORD", "WS_INLINE")
    )
    spelled = (w for p in patterns for w in re.findall(r"(?<![\\\[?<!])[a-z][a-z?]{2,}", p))
    return frozenset(word for w in spelled for word in _spellings(w) if len(word) >= 3)


def _spellings(pattern: str) -> list[str]:
    """'colou?rs?' to all the words that it stands for."""
    head, mark, rest = pattern.partition("?")
    if not mark:
        return [pattern]
    return [start + end for start in (head, head[:-1]) for end in _spellings(rest)]


@cache
def _grammar() -> Lark:
    text = files("vlm_robot.answering").joinpath("question.lark").read_text("utf-8")
    return Lark(text, parser="earley", lexer="basic", ambiguity="resolve")  # type: ignore[arg-type, unused-ignore]


@cache
def _inflections() -> inflect.engine:
    return inflect.engine()


@cache
def singular(noun: str) -> str:
    """`noun` in the singular; unchanged where it is one, or has none ('scissors')."""
    if " of " in noun:
        head, _, rest = noun.partition(" of ")
        return f"{singular(head)} of {rest}"
    *first, last = noun.split()
    if last in _PAIRS or re.search(r"(?:ss|us)$", last):  # glass, bus
        return noun
    one = _inflections().singular_noun(last)
    return " ".join([*first, one if isinstance(one, str) else last])


@cache
def plural(noun: str) -> str:
    """`noun` in the plural."""
    if " of " in noun:
        head, _, rest = noun.partition(" of ")
        return f"{plural(head)} of {rest}"
    if singular(noun) != noun or noun.split()[-1] in _PAIRS:
        return noun
    return str(_inflections().plural_noun(noun))


def _types(children: list[Any]) -> set[str]:
    return {c.type for c in children if isinstance(c, Token)}


def _of(kind: type, children: list[Any]) -> list[Any]:
    return [c for c in children if isinstance(c, kind)]


def _token(children: list[Any], *types: str) -> str:
    return next((str(c) for c in children if isinstance(c, Token) and c.type in types), "")


def _quality(word: str) -> Quality:
    word = re.sub(r"^f[au]rthest (?:to )?(?:the )?(?=left|right)", "", word)
    return next(quality for stem, quality in _QUALITIES.items() if word.startswith(stem))


def _relation(word: str) -> RelationKind:
    word = re.sub(r"^(?:(?:to|on|at) )?(?:the |its )?(?=left|right)", "", word)
    stems = [stem for stem in _RELATIONS if word.startswith(stem)]
    return _RELATIONS[max(stems, key=len)] if stems else RelationKind.ON


def _side(word: str) -> RelationKind:
    row = "top" if re.search("top|upper", word) else "bottom" if re.search("bot|low", word) else ""
    column = "left" if "left" in word else "right" if "right" in word else ""
    place = " ".join(part for part in (row, column) if part)
    if not place:
        return RelationKind.MIDDLE
    return RelationKind(f"{'at' if row else 'on'} the {place}")


def _sign(word: str) -> int:
    return 1 if word == "more" else 0 if word in ("as many", "the same number of") else -1


def _negate(predicate: q.Predicate) -> q.Predicate:
    if isinstance(predicate, IsColour):
        return IsColour(predicate.colour, negated=True)
    return Related(predicate.kind, predicate.others, negated=True)


def _determiner(tokens: list[Token]) -> str:
    for token in tokens:
        if token.type in _DETERMINERS:
            return _DETERMINERS[token.type]
        if token.type in ("SOME", "NOBODY", "EVERYBODY", "EACH_OTHER"):
            return _DETERMINED.get(token[:3], "no")
    return ""


class _Group(tuple[Noun, ...]):
    """Things that are asked for together; `kind` says whether all or one of them."""

    kind: type[q.Both] | type[q.Either] = q.Both


class _AnyGroup(_Group):
    kind = q.Either


class _Reader(Transformer):  # type: ignore[type-arg, unused-ignore]
    """Builds queries bottom-up; each method has the name of its rule."""

    def start(self, children: list[Any]) -> list[q.Query]:
        turns: list[q.Query] = []
        for child in children:
            if not isinstance(child, (Token, Tree)):
                turns.extend(child if type(child) is list else [child])
        return [q.Beyond() if left_over(turn) else turn for turn in turns]

    # Things

    def purpose(self, children: list[Any]) -> str:
        skip = ("THAT", "PERSON_CAN", "FOR")
        return " ".join(str(c) for c in children if c.type not in skip).removeprefix("to ")

    def noun(self, children: list[Any]) -> Noun:
        if "IT" in _types(children):
            return Noun(IT)
        conditions: list[q.Predicate] = []
        for child in children:
            if isinstance(child, Token) and child.type == "COLOUR":
                conditions.append(self.is_colour([child]))
            elif isinstance(child, Token) and child.type == "PLACED":
                conditions.append(Related(_side(child)))
            elif isinstance(child, (IsColour, Related)):
                conditions.append(child)
        qualities = [_quality(c) for c in _of(Token, children) if c.type == "SUPERLATIVE"]
        words = [str(c) for c in _of(Token, children) if c.type in ("WORD", "OF", "COLOUR_NOUN")]
        purposes = [c for c in children if type(c) is str]
        head = singular(" ".join(words)) if words else ""
        head = ONE if "ONE" in _types(children) else head
        head = "person" if {"NOBODY", "EVERYBODY"} & _types(children) else head
        noun = _lift_purpose(head, conditions, qualities, "".join(purposes[:1]))
        return replace(noun, determiner=_determiner(_of(Token, children)))

    def all_of(self, children: list[Any]) -> _Group:
        return _Group(_of(Noun, children))

    def any_of(self, children: list[Any]) -> _Group:
        return _AnyGroup(_of(Noun, children))

    # What is said of them

    def is_colour(self, children: list[Any]) -> IsColour:
        word = re.sub(r"[- ]colou?red$", "", str(children[0]))
        return IsColour(_COLOURS.get(word, word))

    def relation(self, children: list[Any]) -> Related:
        others = tuple(_of(Noun, children))
        if "BETWEEN" in _types(children):
            return Related(RelationKind.BETWEEN, others)
        if not others:
            return Related(_side(_token(children, "SIDE")))
        return Related(_relation(_token(children, "REL")), others)

    def tail_not(self, children: list[Any]) -> q.Predicate:
        return _negate(children[-1])

    # Yes or no

    def exists(self, children: list[Any]) -> q.Query:
        groups = _of(_Group, children) or [_Group(_of(Noun, children))]
        return there_are(groups[0], groups[0].kind)

    def exists_word(self, children: list[Any]) -> q.Proposition:
        return q.Exists(self.noun(children))

    def exists_not(self, children: list[Any]) -> q.Query:
        inner = self.exists(children)
        if isinstance(inner, q.PROPOSITIONS) and not isinstance(inner, q.Both):
            return q.Not(inner)
        return q.Beyond()

    def neither_nor(self, children: list[Any]) -> q.Proposition:
        return q.Not(join(q.Either, [q.Exists(noun) for noun in _of(Noun, children)]))

    def count_is(self, children: list[Any]) -> q.CountIs:
        word = _token(children, "NUMBER")
        bound = _BOUNDS.get(_token(children, "BOUND"), ">=")
        number = _NUMBERS[word] if word in _NUMBERS else int(word)
        return q.CountIs(_of(Noun, children)[0], bound, number)

    def more(self, children: list[Any]) -> q.More:
        first, second = _of(Noun, children)
        return q.More(first, second, _sign(_token(children, "MORE", "AS_MANY") or "more"))

    def holds(self, children: list[Any]) -> q.Proposition:
        noun, *predicates = [c for c in children if not isinstance(c, Token)]
        if noun.determiner in INDEFINITE:
            return claimed(noun, *predicates)
        if noun.determiner == "all" or "ALL_OF" in _types(children):
            return q.Holds(such(noun), tuple(predicates), every=True)
        return q.Holds(noun, tuple(predicates))

    def holds_not(self, children: list[Any]) -> q.Proposition:
        noun, predicate = [c for c in children if not isinstance(c, Token)]
        if noun.determiner in INDEFINITE and noun.determiner != "no":
            return claimed(noun, _negate(predicate))
        return q.Not(q.Holds(noun, (predicate,)))

    def order(self, children: list[Any]) -> q.Query:
        first, second = _of(Noun, children)
        if "any" in (first.determiner, second.determiner):
            return q.Beyond()
        return q.Order(first, second, _quality(_token(children, "COMPARATIVE")))

    def both(self, children: list[Any]) -> q.Proposition:
        return join(q.Both, [c for c in children if not isinstance(c, Token)])

    def either(self, children: list[Any]) -> q.Proposition:
        return join(q.Either, [c for c in children if not isinstance(c, Token)])

    # Open questions

    def count(self, children: list[Any]) -> list[q.Count]:
        first, *predicates = [c for c in children if not isinstance(c, Token)]
        nouns = first if isinstance(first, _Group) else (first,)
        return [q.Count(such(noun, *predicates)) for noun in nouns]

    def colour(self, children: list[Any]) -> q.ColourOf:
        noun, *predicates = [c for c in children if not isinstance(c, Token)]
        return q.ColourOf(such(noun, *predicates))

    def where(self, children: list[Any]) -> q.Where:
        return q.Where(such(_of(Noun, children)[0]))

    def distance(self, children: list[Any]) -> q.Query:
        nouns = _of(Noun, children)
        if len(nouns) == 2:
            nouns = [n for n in nouns if n not in _MYSELF or n.determiner in INDEFINITE]
        elif "apart" in _token(children, "HOW_FAR") or "BETWEEN" in _types(children):
            return q.Beyond()
        return q.Distance(*nouns) if nouns else q.Beyond()

    def choice(self, children: list[Any]) -> q.Query:
        noun, *options = [c for c in children if not isinstance(c, Token)]
        return chosen(noun, complete(options))

    def choice_of_relation(self, children: list[Any]) -> q.Query:
        noun, other = _of(Noun, children)
        kinds = [_relation(c) for c in _of(Token, children) if c.type == "REL"]
        return chosen(noun, tuple(Related(kind, (other,)) for kind in kinds))

    def choice_of_other(self, children: list[Any]) -> q.Query:
        noun, *others = _of(Noun, children)
        kind = _relation(_token(children, "REL"))
        return chosen(noun, tuple(Related(kind, (other,)) for other in others))

    def kind(self, children: list[Any]) -> q.Query:
        options = _of(_Group, children)[0]
        return q.Exists(options[0]) if len(options) == 1 else q.Kind(tuple(options))

    def most(self, children: list[Any]) -> q.Most:
        first, second = _of(Noun, children)
        return q.Most(first, second, _sign(_token(children, "MORE")))

    def foremost(self, children: list[Any]) -> q.Foremost:
        first, second = _of(Noun, children)
        return q.Foremost(first, second, _quality(_token(children, "COMPARATIVE", "SUPERLATIVE")))

    def which(self, children: list[Any]) -> q.Query:
        parts = [c for c in children if not isinstance(c, Token)]
        word = _token(children, "SUPERLATIVE", "COMPARATIVE")
        noun, *predicates = parts if parts else [Noun("")]
        noun = such(noun, *predicates, quality=_quality(word) if word else None)
        if noun.quality is None and not noun.conditions:
            return q.Beyond()
        several = "are" in children and noun.quality is None
        return q.Everything(noun) if several else q.Which(noun)

    def everything(self, children: list[Any]) -> q.Everything:
        parts = [c for c in children if not isinstance(c, Token)]
        noun = next((c for c in parts if isinstance(c, Noun)), Noun(""))
        conditions = [c for c in parts if isinstance(c, (IsColour, Related))]
        if "NOT" in _types(children):
            conditions = [_negate(c) for c in conditions]
        return q.Everything(such(noun, *conditions))

    def beyond(self, children: list[Any]) -> q.Beyond:
        return q.Beyond()


def _lift_purpose(
    head: str, conditions: list[q.Predicate], qualities: list[Quality], purpose: str
) -> Noun:
    """'anything on the table I could drink from': the purpose is anything's, not the table's."""
    if not head and not purpose:
        for at, condition in enumerate(conditions):
            if not isinstance(condition, Related) or not condition.others:
                continue
            *others, last = condition.others
            if last.purpose:
                purpose = last.purpose
                bare = Noun(last.head, last.conditions, last.quality)
                conditions[at] = Related(condition.kind, (*others, bare), condition.negated)
    return Noun(head, tuple(conditions), qualities[0] if qualities else None, purpose)
