"""Limits with numbers: 'at least half a metre from walls', 'no longer than 20 m'."""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

from vlm_robot.types import HardLimit

_NUMBERS = {
    "zero": 0.0, "one": 1.0, "a": 1.0, "an": 1.0, "two": 2.0, "three": 3.0, "four": 4.0,
    "five": 5.0, "six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "twelve": 12.0,
    "fifteen": 15.0, "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "forty-five": 45.0,
    "fifty": 50.0, "sixty": 60.0, "eighty": 80.0, "ninety": 90.0, "hundred": 100.0,
    "a hundred": 100.0, "half a": 0.5, "half an": 0.5, "a half": 0.5, "half": 0.5,
    "one and a half": 1.5, "two and a half": 2.5, "a quarter of a": 0.25, "a quarter": 0.25,
    "three quarters of a": 0.75, "a couple of": 2.0, "a dozen": 12.0, "no": 0.0,
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


_QUANTITY = re.compile(
    rf"(?<![\w.,-])(?P<number>\d+(?:[.,]\d+)?|{_any(_NUMBERS)})[\s-]*(?P<and>and a half\s+)?"
    rf"(?P<unit>{_any(_UNITS)})(?![\w²³])",
    re.IGNORECASE,
)
_LEAST = re.compile(
    r"(?:at least|no less than|not less than|more than|a minimum of|minimum(?: \w+)? of|over|beyond"
    r"|(?:no|not) (?:closer|nearer) than|(?:closer|nearer) than|(?:no|not) (?:under|below)|min"
    r"|or more|or further|>=?|≥|greater than|wider than|away)",
    re.IGNORECASE,
)
_MOST = re.compile(
    r"(?:at most|no more than|not more than|less than|a maximum of|maximum(?: \w+)? of|under|below"
    r"|within|up to|in less than|(?:no|not) (?:further|farther|longer|sharper|tighter|over|above|more)"
    r"|(?:longer|sharper|further|farther) than|or less|<=?|≤|max|shorter than|inside|in)",
    re.IGNORECASE,
)
_ROUGH = re.compile(r"\b(?:about|around|roughly|approximately|some|circa|more or less)\s*$", re.I)
_FROM = re.compile(
    r"^\W*(?:\w+\s+)?(?:(?:away|clear|apart|off)\s+)?(?:from|of|to|between you and|around|off)\s+"
    r"(?P<thing>[\w\s'-]+)",
    re.IGNORECASE,
)
_DENIED_LEAST = re.compile(r"(?:closer|nearer) than\W*$|come within\W*$|get within\W*$", re.I)


class Found(NamedTuple):
    """A limit in a clause.

    Attributes:
        limit: its `landmark` is still the words that follow 'from', whatever they are.
        unclear: words with a number that no limit could be made of; empty otherwise.
    """

    limit: HardLimit | None
    unclear: str


def find(text: str) -> list[Found]:
    """Read every number with a unit in a clause."""
    return [_read(text, match) for match in _QUANTITY.finditer(text) if _is_quantity(text, match)]


def _is_kind_of_turn(text: str, match: re.Match[str]) -> bool:
    """'Turns of more than ninety degrees' says which turns, not how far one may turn."""
    degrees = _UNITS[match["unit"].lower()][0] == "deg"
    bound = _bound(text[: match.start()], text[match.end() :])
    return degrees and bound != "<=" and not re.search(r"\d", match["number"])


def _is_quantity(text: str, match: re.Match[str]) -> bool:
    """'no turns' and 'a second' name no amount by themselves; 'within a second' does."""
    number = match["number"].lower()
    if _is_kind_of_turn(text, match):
        return False
    if number not in ("a", "an", "no", "one"):
        return True
    before = text[: match.start()]
    return number != "no" and bool(_bound(before, "") or _FROM.match(text[match.end() :]))


def _read(text: str, match: re.Match[str]) -> Found:
    before, after = text[: match.start()], text[match.end() :]
    number = match["number"].lower()
    value = _NUMBERS.get(number)
    if value is None:
        value = float(number.replace(",", "."))
    value += 0.5 if match["and"] else 0.0
    unit, factor = _UNITS[match["unit"].lower()]
    words = text.strip()
    thing = _FROM.match(after)
    if _ROUGH.search(before):
        return Found(None, words)
    relation = _bound(before, after)
    name = _name(text, unit, bool(thing), relation)
    if not relation and name in ("min_clearance", "mean_clearance", "turning_radius"):
        relation = ">="
    if not name or not relation:
        return Found(None, words)
    landmark = thing["thing"].strip() if thing and unit == "m" else ""
    return Found(HardLimit(name, relation, value * factor, unit, words, landmark), "")


def _bound(before: str, after: str) -> str:
    """`>=` or `<=` from the words next to a quantity; empty where they don't tell."""
    if _DENIED_LEAST.search(before):
        return ">="
    near = before[-32:]
    least = [m.end() for m in _LEAST.finditer(near)]
    most = [m.end() for m in re.finditer(rf"\b{_MOST.pattern}(?=\W)", near + " ", re.I)]
    if re.search(r"\b(?:no|not|never|n't)\b.{0,20}\bmore than\W*$", near, re.I):
        return "<="
    if re.search(r"\b(?:not|never|n't)\b.{0,20}\bless than\W*$", near, re.I):
        return ">="
    if least or most:
        return ">=" if max(least, default=-1) > max(most, default=-1) else "<="
    if re.match(r"\W*(?:or more|or further|at least|and more)", after, re.I):
        return ">="
    if re.match(r"\W*(?:or less|at most|or shorter|maximum|max)\b", after, re.I):
        return "<="
    return ""


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
    if is_from or re.search(
        r"clearance|margin|distance (?:to|from)|gap|wide|room|berth|space", lower
    ):
        if "average" in lower or "mean" in lower:
            return "mean_clearance"
        return "max_clearance" if relation == "<=" else "min_clearance"
    if re.search(r"\blong|length|path|route|way|travel|drive|distance|trip|walk|go\b", lower):
        return "path_length"
    return ""
