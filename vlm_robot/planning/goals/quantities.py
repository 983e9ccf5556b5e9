"""Limits with numbers: 'at least half a metre from walls', 'no longer than 20 m'."""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from vlm_robot.types import HardLimit

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {
    **{word: float(value) for value, word in enumerate(_ONES.split())},
    **{word: 10.0 * value for value, word in enumerate(_TENS.split(), 2)},
    "hundred": 100.0, "thousand": 1000.0,
}  # fmt: skip
_AMOUNTS = {
    "a": 1.0, "an": 1.0, "half a": 0.5, "half an": 0.5, "a half": 0.5, "half": 0.5,
    "a quarter of a": 0.25, "a quarter of an": 0.25, "a quarter": 0.25,
    "three quarters of a": 0.75, "three quarters of an": 0.75,
    "a couple of": 2.0, "a dozen": 12.0, "a hundred": 100.0, "a thousand": 1000.0,
}  # fmt: skip
_UNITS: dict[str, tuple[str, float]] = {
    **dict.fromkeys(("m", "metre", "metres", "meter", "meters"), ("m", 1.0)),
    **dict.fromkeys(("cm", "centimetre", "centimetres", "centimeter", "centimeters"), ("m", 0.01)),
    **dict.fromkeys(("mm", "millimetre", "millimetres", "millimeter", "millimeters"), ("m", 0.001)),
    **dict.fromkeys(
        ("km", "kilometre", "kilometres", "kilometer", "kilometers"), ("m", 1000.0)
    ),
    **dict.fromkeys(("ft", "foot", "feet"), ("m", 0.3048)),
    **dict.fromkeys(("in", "inch", "inches"), ("m", 0.0254)),
    **dict.fromkeys(("yd", "yard", "yards"), ("m", 0.9144)),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), ("s", 1.0)),
    **dict.fromkeys(("min", "minute", "minutes"), ("s", 60.0)),
    **dict.fromkeys(("h", "hour", "hours"), ("s", 3600.0)),
    **dict.fromkeys(("deg", "degree", "degrees", "°"), ("deg", 1.0)),
    **dict.fromkeys(("rad", "radian", "radians"), ("deg", math.degrees(1.0))),
    **dict.fromkeys(
        ("turn", "turns", "sharp turn", "sharp turns", "hard turns", "tight turns", "reversal",
         "reversals", "times", "corners", "sharp corners"), ("1", 1.0)
    ),
}  # fmt: skip


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_WORD = _any(_WORDS)
_NUMBER = (
    r"\d{1,3}(?:,\d{3})+(?![\d.,])|\d+/\d+|\d+(?:[.,]\d+)?|\.\d+"
    rf"|(?:(?:{_WORD}|(?:hundred|thousand)\s+and)[\s-]+)*(?:{_WORD})(?:\s+point(?:[\s-]+(?:{_WORD}))+)?"
    rf"|{_any(_AMOUNTS)}"
)
_UNIT = (
    rf"(?:(?!in\b)(?:{_any(_UNITS)})|in(?=\W*$|\s*[.,;)]|\s+(?:from|of|off|away|clear|to|or|and|at)\b))"
    r"(?![\w²³])"
)
"""'In' is inches only where no place follows ('room 12 in the east wing')."""
_QUANTITY = re.compile(
    rf"(?<![\w.,/-])(?:(?P<between>between\s+)?(?P<low>{_NUMBER})\s*(?P<low_unit>{_UNIT})?\s*"
    rf"(?(between)and\b|(?:to\b|[-–]))\s*)?(?P<number>{_NUMBER})(?:(?<=\d)[\s-]*|[\s-]+)(?P<half>and a half\s+)?"
    rf"(?P<unit>{_UNIT})(?:(?P<and_half>\s+and a half\b)|\s+(?:and\s+)?(?P<small>{_NUMBER})\s*"
    r"(?P<small_unit>cm|centimet(?:re|er)s?|inch(?:es)?|min|minutes?|s|secs?|seconds?)\b)?",
    re.IGNORECASE,
)
_CUT_NUMBER = re.compile(
    rf"(?:\d|\b(?:{_WORD}|(?<!each )(?<!every )(?<!any )point)(?:\s+and)?)[\s-]*$", re.IGNORECASE
)
"""What a number goes on from that wasn't read with it ('point five metres')."""
_OVER = (
    r"(?:more|greater|larger|bigger|higher|longer|further|farther|sharper|tighter|wider|later|slower)"
    r" than|over|above|beyond|exceed(?:s|ing)?"
)
_UNDER = (
    r"(?:less|fewer|smaller|lower|shorter|closer|nearer|gentler|narrower|sooner|earlier|faster|quicker)"
    r" than|under|below"
)
_BOUNDS = tuple(
    (re.compile(rf"(?:{words})\W*$", re.IGNORECASE), relation, denied, strict)
    for words, relation, denied, strict in (
        (rf"\b(?:{_OVER})|>", ">=", "<=", True),
        (rf"\b(?:{_UNDER})|<", "<=", ">=", True),
        (r"\b(?:up to|within|inside)", "<=", ">=", False),
        (r"\bat least|>=|≥", ">=", "", False),
        (r"\bat most|<=|≤", "<=", "", False),
        (r"\bmin(?:imum|imal)?\b(?:\W+\w+){0,3}", ">=", ">=", False),
        (r"\bmax(?:imum|imal)?\b(?:\W+\w+){0,3}", "<=", "<=", False),
    )
)
"""Words right before a number, how they bound it, how where they are denied (empty: unclear), and
whether the number itself is out of bounds."""
_IN_TIME = re.compile(r"\bin\W*$", re.IGNORECASE)
_OR_MORE = re.compile(
    r"\W*(?:(?:or|and) (?:more|further|farther|longer)|at least|min(?:imum)?)\b", re.I
)
_OR_LESS = re.compile(r"\W*(?:or (?:less|fewer|closer|shorter)|at most|max(?:imum)?)\b", re.I)
_DENIED = re.compile(
    r"\b(?:not(?! only)|never|no(?! matter)|nor|none|nobody|nothing|\w+n['’]t|dont|cannot|without|prevent\w*"
    r"|(?:stop|keep from|refrain from)(?=\s+\w+ing\b)|avoid\w*(?!.*\b(?:by|with|at a|(?<!of )at (?:least|most))\b))\b(?:(?!\band\b)[^:;,])*$",
    re.IGNORECASE,
)
"""'Avoid people by 2 m' denies nothing of the two metres."""
_FORBIDDEN = re.compile(
    r"\b(?:be avoided|forbidden|prohibited|banned|(?:not|n['’]t)(?: be)? allowed"
    r"|(?:is|are) (?:too \w+|dangerous|unsafe))\b",
    re.IGNORECASE,
)
_USUALLY_LEAST = ("min_clearance", "mean_clearance", "turning_radius")
"""What a number alone is the least of."""
_ROUGH = re.compile(r"\b(?:about|around|roughly|approximately|some|circa|more or less)\s*$", re.I)
_FROM = re.compile(
    r"^\W*(?:\w+\s+)?(?:(?:away|clear|apart|off)\s+)?(?:from|of|to|between you and|around|off)\s+"
    r"(?!(?:path|route|driving|travel)\b)"
    r"(?P<thing>[\w\s'-]+)",
    re.IGNORECASE,
)
_WIDTH = re.compile(
    r"\bwide\b(?! berth)|\b(?:narrower|wider) than\b|\bthrough (?:\w+ ){0,2}?gap\b"
    r"|\b(?:gaps|passages?|openings?|doorways?|corridors?) (?:of |at )?(?:least|less|more|under|below|over)\b",
    re.IGNORECASE,
)
"""How wide a passage is: clearance is only what the robot leaves of it."""


class Found(NamedTuple):
    """A limit in a clause.

    Attributes:
        limit: its `landmark` is still the words that follow 'from', whatever they are.
        unclear: words with a number that no limit could be made of; empty otherwise.
    """

    limit: HardLimit | None
    unclear: str


class _Bound(NamedTuple):
    """How words bound a number.

    Attributes:
        relation: `>=`, `<=`, or empty where they don't tell.
        strict: whether the number itself is out of bounds.
        denied: whether they are denied; `relation` is what remains asked for.
        start: where they start.
    """

    relation: str
    strict: bool
    denied: bool
    start: int


def find(text: str) -> list[Found]:
    """Read every number with a unit in a clause."""
    return [found for match in _matches(text) for found in _read(text, match)]


def spans(text: str) -> list[tuple[int, int]]:
    """Where each number with a unit stands, with the words that bound it and what it is from."""
    places = []
    for match in _matches(text):
        thing = _FROM.match(text[match.end() :])
        end = match.end() + (thing.end() if thing else 0)
        places.append((_bound(text, match).start, end))
    return places


def _matches(text: str) -> list[re.Match[str]]:
    return [match for match in _QUANTITY.finditer(text) if _is_quantity(text, match)]


def _is_kind_of_turn(match: re.Match[str], relation: str) -> bool:
    """'Turns of more than ninety degrees' says which turns, not how far one may turn."""
    degrees = _unit(match)[0] == "deg"
    return degrees and relation != "<=" and not re.search(r"\d", match["number"])


def _is_quantity(text: str, match: re.Match[str]) -> bool:
    """'a second' names no amount by itself; 'within a second' does."""
    relation = _bound(text, match).relation
    if _is_kind_of_turn(match, relation):
        return False
    if match["number"].lower() not in ("a", "an", "one") or match["and_half"]:
        return True
    return bool(relation or _FROM.match(text[match.end() :]))


def _read(text: str, match: re.Match[str]) -> list[Found]:
    unit = _unit(match)[0]
    thing = _FROM.match(text[match.end() :])
    before, words = text[: match.start()], text.strip()
    ends = _ends(match, _bound(text, match))
    named = [(_name(text, unit, bool(thing), relation), relation, end) for relation, end in ends]
    limits = [
        (name, relation or ">=", end)
        for name, relation, end in named
        if name and (relation or name in _USUALLY_LEAST)
    ]
    if not limits or _ROUGH.search(before) or _CUT_NUMBER.search(before):
        return [Found(None, words)]
    landmark = thing["thing"].strip() if thing and "clearance" in limits[0][0] else ""
    return [
        Found(HardLimit(name, relation, end, unit, words, landmark), "")
        for name, relation, end in limits
    ]


def _ends(match: re.Match[str], bound: _Bound) -> list[tuple[str, float]]:
    """The ends of the range that is asked for; none where they can't be told."""
    unit = _unit(match)[0]
    value, low = _value(match), _amount(match["low"] or "zero")
    low_unit, factor = _UNITS[(match["low_unit"] or match["unit"]).lower()]
    if value is None or low is None or low_unit != unit or (bound.denied and not bound.relation):
        return []
    if match["low"]:
        return [] if bound.relation else [(">=", low * factor), ("<=", value)]
    if unit == "1" and bound.strict:
        value = math.floor(value) + 1.0 if bound.relation == ">=" else math.ceil(value) - 1.0
    return [(bound.relation, value)]


def _unit(match: re.Match[str]) -> tuple[str, float]:
    return _UNITS[match["unit"].lower()]


def _value(match: re.Match[str]) -> float | None:
    """In metres, seconds, degrees or times; None where the words aren't one number."""
    unit, factor = _unit(match)
    value = _amount(match["number"])
    if value is None:
        return None
    value = (value + (0.5 if match["half"] or match["and_half"] else 0.0)) * factor
    if not match["small"]:
        return value
    small, (small_unit, small_factor) = _amount(match["small"]), _UNITS[match["small_unit"].lower()]
    return None if small is None or small_unit != unit else value + small * small_factor


def _amount(words: str) -> float | None:
    """The number that digits or words say; None where they aren't one number ('five twenty')."""
    text = " ".join(re.sub(r"-|\band\b", " ", words.lower()).split())
    if text in _AMOUNTS:
        return _AMOUNTS[text]
    if re.match(r"[\d.]", text):
        top, _, bottom = re.sub(r",(?=\d{3}\b)", "", text).replace(",", ".").partition("/")
        return float(top) / float(bottom or 1) if float(bottom or 1) else None
    whole, _, decimals = text.partition("point")
    digits = [_WORDS[word] for word in decimals.split()]
    total = _whole([_WORDS[word] for word in whole.split()])
    if total is None or any(digit > 9 for digit in digits):
        return None
    return total + sum(digit / 10.0**place for place, digit in enumerate(digits, 1))


def _whole(values: list[float]) -> float | None:
    total = 0.0
    for place, value in enumerate(values):
        rest = total % 100
        if value == 1000:
            total = (total or 1.0) * value
        elif value == 100:
            total += (rest or 1.0) * value - rest
        elif place and (value == 0 or rest % 10 or rest == 10 or (rest and value > 9)):
            return None
        else:
            total += value
    return total


def _bound(text: str, match: re.Match[str]) -> _Bound:
    """What the words next to a quantity, and a denial before them, make of it."""
    before, after = text[: match.start()], text[match.end() :]
    denial = _DENIED.search(before)
    denied = bool(denial) != bool(_FORBIDDEN.search(after))
    start, said, otherwise, strict = _said(before, after, _unit(match)[0])
    relation = otherwise if denied else said
    start = denial.start() if denial else start
    return _Bound(relation, strict == (relation == said), denied, start)


def _said(before: str, after: str, unit: str) -> tuple[int, str, str, bool]:
    """Where the words that bound a quantity start, and what `_BOUNDS` has of them."""
    for pattern, relation, denied, strict in _BOUNDS:
        if found := pattern.search(before):
            # A radius that is tighter is less.
            radius = unit == "m" and re.match("sharper|tighter", found[0], re.IGNORECASE)
            relation, denied = (denied, relation) if radius else (relation, denied)
            return found.start(), relation, denied, strict
    in_time = _IN_TIME.search(before) if unit == "s" else None
    if in_time:
        return in_time.start(), "<=", "", False
    relation = ">=" if _OR_MORE.match(after) else "<=" if _OR_LESS.match(after) else ""
    return len(before), relation, "", False


def _name(text: str, unit: str, is_from: bool, relation: str) -> str:
    """The descriptor that a number with this unit bounds; empty where none does."""
    lower = text.lower()
    if unit == "s":
        return "duration"
    if unit == "1":
        if "revers" in lower:
            return "reversals"
        return "sharp_turns" if re.search(r"sharp|hard|tight|hairpin", lower) else ""
    if unit == "deg":
        total = re.search(r"\b(?:total|sum|overall|in all|altogether)\b", lower)
        return "smoothness" if total else "max_turn_angle"
    if re.search(r"turning (?:radius|circle)|radius", lower):
        return "turning_radius"
    is_width = bool(_WIDTH.search(lower))
    if (
        is_from
        or re.search(r"clearance|margin|distance (?:to|from)|room|berth|space", lower)
        or ("gap" in lower and not is_width)
    ):
        if "average" in lower or "mean" in lower:
            return "mean_clearance"
        return "max_clearance" if relation == "<=" else "min_clearance"
    if is_width:
        return ""
    if re.search(r"\blong|length|path|route|way|travel|drive|distance|trip|walk|go\b", lower):
        return "path_length"
    return ""
