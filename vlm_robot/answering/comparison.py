"""Whether two answers to one question say the same, by the kind of what it asks for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from vlm_robot.answering import queries as q
from vlm_robot.answering.colours import COLOURS
from vlm_robot.answering.parsing import NUMBER_WORDS, singular
from vlm_robot.answering.queries import Quality
from vlm_robot.answering.wording import named, said

NEGATION = re.compile(r"\b(?:no|not|cannot|none|nothing|without|neither|never)\b|n['’]t\b")
_SAME_LENGTH = 0.2
"""Part of the longer of two distances by which they may differ: models estimate them."""
_LENGTH = re.compile(
    rf"(?<![\w.,-])(?<!half )(\d+(?:\.\d+)?|an?|{'|'.join(NUMBER_WORDS)})"
    r" ?(m|cm|met(?:re|er)s?|centimet(?:re|er)s?)\b"
)
_NUMBER = re.compile(rf"(?<![\w.-])(\d+(?:\.\d+)?|no|none|{'|'.join(NUMBER_WORDS)})\b")
_SIDE = (
    r"((?:top|upper|bottom|lower)(?:[- ](?:left|right|middle|cent(?:re|er)))?"
    r"|left|right|middle|cent(?:re|er))(?:[- ]hand)?(?: (?:side|part|half|corner|edge))?"
)
_BARE_SIDE = re.compile(rf"(?:the )?{_SIDE}")
# 'On the right of the table' and 'on the top shelf' are no places in the image.
_AT_SIDE = re.compile(
    rf"\b(?:on|at|in|to|towards?|near) (?:(?:the|its|your|my) )?{_SIDE}"
    r"(?=\W*$|[.,;:!?]| (?:and|in|on|at|near|next|behind|beside|by|with|under|above|below)\b)"
)
_OF_IMAGE = re.compile(r" of the (?:image|picture|photo|frame|scene|view)\b")
_SIDE_NAMES = {"upper": "top", "lower": "bottom", "centre": "middle", "center": "middle"}
_OPPOSITE = {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}
_OTHER_END = {
    Quality.NEAREST: "far|further",
    Quality.FARTHEST: "near|close",
    Quality.LARGEST: "small|tiny",
    Quality.SMALLEST: "larg|big",
    Quality.LEFTMOST: "right",
    Quality.RIGHTMOST: "left",
    Quality.HIGHEST: "low|below|under",
    Quality.LOWEST: "high|above|over",
}
_SMALL_WORDS = frozenset(("on", "in", "at", "of", "to", "the"))
_BOTH = "both"
"""Stands for the answer that there are as many of the one as of the other."""

_Choosing = q.Choice | q.Kind | q.Foremost | q.Most


def says_the_same(first: str, second: str, query: q.Query | None = None) -> bool | None:
    """Whether two answers agree in what `query` asks for; None where that can't be compared.

    Without a query: in yes or no, colours and numbers, whichever of them both tell.
    """
    one, two = plain(first), plain(second)
    match query:
        case None:
            told = [_shared(_yes_or_no), _shared(colours_in), _numbers_agree]
            found = [same for agree in told if (same := agree(one, two)) is not None]
            return all(found) if found else None
        case q.Count():
            return _shared(lambda text: _numbers(text)[:1])(one, two)
        case q.ColourOf():
            asked = colours_of(query)
            return _shared(lambda text: colours_in(text) - asked)(one, two)
        case q.Where() | q.Which():
            return _places_agree(one, two)
        case q.Distance():
            return _lengths_agree(one, two)
        case q.Choice() | q.Kind() | q.Foremost() | q.Most():
            return _shared(lambda text: _chosen(text, query))(one, two)
        case q.Everything() | q.Beyond():
            return None
    return _shared(_yes_or_no)(one, two)


def plain(text: str) -> str:
    """In lower case, with one space between words and one spelling of grey."""
    return " ".join(text.lower().replace("gray", "grey").split())


def colours_in(text: str) -> set[str]:
    """The colours that a plain text names and doesn't deny."""
    words = re.findall(r"[a-z]+", text)
    return set(COLOURS) & {
        w for w, before in zip(words, ["", *words], strict=False) if before != "not"
    }


def colours_of(query: q.Query) -> set[str]:
    """The colours by which a query says which things it means: to repeat them answers nothing."""
    conditions = [c for noun in q.nouns_of(query) for c in noun.conditions]
    return {c.colour for c in conditions if isinstance(c, q.IsColour)}


def _shared(
    values: Callable[[str], Collection[object]],
) -> Callable[[str, str], bool | None]:
    """Compares two texts by whether any of their values is the same."""

    def agree(first: str, second: str) -> bool | None:
        one, two = set(values(first)), set(values(second))
        return bool(one & two) if one and two else None

    return agree


def _yes_or_no(text: str) -> set[str]:
    found = re.match(r"\W*(yes|no)\b", text)
    return {found[1]} if found else set()


def _numbers(text: str) -> list[float]:
    return [_value(m[1]) for m in _NUMBER.finditer(text)]


def _value(word: str) -> float:
    if word in NUMBER_WORDS:
        return float(NUMBER_WORDS.index(word))
    return {"no": 0.0, "none": 0.0, "a": 1.0, "an": 1.0}[word] if word.isalpha() else float(word)


def _numbers_agree(first: str, second: str) -> bool | None:
    lengths = _lengths_agree(first, second)
    return _shared(_numbers)(first, second) if lengths is None else lengths


def _lengths_agree(first: str, second: str) -> bool | None:
    found = [_LENGTH.search(text) for text in (first, second)]
    metres = [_value(m[1]) * (0.01 if m[2].startswith("c") else 1.0) for m in found if m]
    if len(metres) < 2:
        return None
    return abs(metres[0] - metres[1]) <= _SAME_LENGTH * max(metres)


def _places(text: str) -> list[set[str]]:
    """The sides of the image that a text places things at, each as its words."""
    text = _OF_IMAGE.sub("", text)
    bare = _BARE_SIDE.fullmatch(text.strip(" .!"))
    sides = [bare[1]] if bare else [m[1] for m in _AT_SIDE.finditer(text)]
    return [{_SIDE_NAMES.get(word, word) for word in re.split("[- ]", side)} for side in sides]


def _places_agree(first: str, second: str) -> bool | None:
    told: set[bool | None] = set()
    for one in _places(first):
        for two in _places(second):
            opposed = any(_OPPOSITE.get(word) in two for word in one)
            told.add(False if opposed else True if one & two else None)
    return told.pop() if len(told) == 1 else None


def _chosen(text: str, query: _Choosing) -> set[str]:
    """The one of a query's options that a text names; nothing where it names none, or several."""
    options = _options(query)
    split = [_singulars(option) for option in options]
    alike = set.intersection(*split)
    # 'The bowl is nearer than the mug': what is chosen stands first.
    for part in (re.split(r"\bthan\b|:", text)[0], text):
        if NEGATION.search(part) or re.search(rf"\b(?:{_other_end(query)})", part):
            continue
        if isinstance(query, q.Most) and re.search(r"\b(?:same|equal|equally|as many)\b", part):
            return {_BOTH}
        words = _singulars(part)
        hits = [o for o, own in zip(options, split, strict=True) if _telling(own, alike) <= words]
        if len(hits) == 1:
            return set(hits)
    return set()


def _options(query: _Choosing) -> tuple[str, ...]:
    match query:
        case q.Choice():
            return tuple(said(option) for option in query.options)
        case q.Kind():
            return tuple(named(noun) for noun in query.options)
    return named(query.first), named(query.second)


def _telling(words: set[str], alike: set[str]) -> set[str]:
    """Of an option's words those that tell it from the others."""
    own = words - alike or words
    return own - _SMALL_WORDS or own


def _singulars(text: str) -> set[str]:
    return {singular(word) for word in re.findall(r"[a-z]+", text)}


def _other_end(query: _Choosing) -> str:
    """Words by which a text tells which one comes last, and not which comes first."""
    match query:
        case q.Foremost():
            return _OTHER_END[query.quality]
        case q.Most():
            return "fewer|less" if query.sign > 0 else "more|most"
    return "(?!)"
