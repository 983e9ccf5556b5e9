"""Slips of the finger in a goal put right: a head that reads meaning is thrown by 'shotrest'."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from spellchecker import SpellChecker

_LEAST_LETTERS = 3
_PATHS = (
    "short shorter shortest quick quicker quickest fast faster fastest direct long longer longest"
    " detour shortcut scenic way path route wall walls obstacle obstacles close closer clear"
    " clearance distance away near nearer along hug avoid keep stay stick pass take choose prefer"
    " smooth smoothly gentle gently turn turns bend bends corner corners curve curves sharp"
    " sharper sharpest tight tighter tightest wide wider widest narrow narrower narrowest straight"
    " winding zigzag swerve open hidden cover hide exposed left right from with without never"
    " always robot cargo fragile spill"
)
_WORDS_OF_PATHS = frozenset(_PATHS.split())
"""Taken before other words that a slip may have been meant for."""
_OTHERS = (
    "aeroplane cctv costmap draught draughts gnss gps imu kerb kerbs lidar manoeuvre manoeuvres nav"
    " odometry petri pyjamas radar rfid slam takt tock tyre tyres uav ugv wifi zag"
)
_ALSO_WORDS = frozenset(_OTHERS.split())
"""Words, of engineers and of Britain, that the dictionary lacks."""
_AMERICAN = (
    (re.compile(r"is(?=(?:e[drs]?|ing|ations?)$)"), "iz"),
    (re.compile(r"our"), "or"),
    (re.compile(r"re(?=[ds]?$)"), "er"),
    (re.compile(r"ence$"), "ense"),
    (re.compile(r"ould"), "old"),
)
"""How Britain spells, and America, whose words the dictionary has."""
_WORD = re.compile(r"(?<![\w'’.@/-])[A-Za-z]?[a-z]{2,}(?![\w'’@/-])")
_START_OF_SENTENCE = re.compile(r"(?:^|[.!?:\n])\W*$")


class Mended(NamedTuple):
    """A text without slips, and each pair of what was typed and what it was taken for."""

    text: str
    slips: tuple[tuple[str, str], ...]


def mend(text: str) -> Mended:
    """Take words that aren't English for the likeliest ones that are one slip away.

    A slip is a letter too many, missing, wrong, or swapped with the next. Names, that is words with
    a capital inside a sentence, and words that nothing is near to stay as they are.
    """
    slips: list[tuple[str, str]] = []

    def other(match: re.Match[str]) -> str:
        word = match[0]
        is_name = word[0].isupper() and not _START_OF_SENTENCE.search(text[: match.start()])
        meant = None if is_name else _meant(word.lower())
        if meant is None:
            return word
        meant = meant.capitalize() if word[0].isupper() else meant
        slips.append((word, meant))
        return meant

    return Mended(_WORD.sub(other, text), tuple(slips))


def _meant(word: str) -> str | None:
    """The word that was meant; None for a sound one, and where none is near."""
    if len(word) < _LEAST_LETTERS or word in _ALSO_WORDS:
        return None
    dictionary = _dictionary()
    if word in dictionary or any(old.sub(new, word) in dictionary for old, new in _AMERICAN):
        return None
    near = {one for one in dictionary.candidates(word) or () if one != word and one.isalpha()}
    return min(near, key=lambda w: (w not in _WORDS_OF_PATHS, -dictionary[w], w), default=None)


@cache
def _dictionary() -> SpellChecker:
    return SpellChecker(distance=1)
