"""Other words for the same thing: prompts, questions and goals as people may put them."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml

Random = np.random.Generator


class TextChange(NamedTuple):
    """A way to change words.

    Attributes:
        keeps_meaning: the right result stays the same; else it is the opposite.
        is_english: the changed words are.
    """

    name: str
    keeps_meaning: bool = True
    is_english: bool = True


CHANGES = (
    TextChange("typos"),
    TextChange("synonyms"),
    TextChange("word_order"),
    TextChange("politeness"),
    TextChange("negation"),
    TextChange("other_language", is_english=False),
    TextChange("reversal", keeps_meaning=False),
)
REWORDINGS = tuple(c.name for c in CHANGES if c.keeps_meaning and c.is_english)
"""Those that should change nothing, in the words' own language."""
ANY = "any"
"""One of the rewordings, drawn for each text."""


def changed(text: str, name: str, seed: int) -> str | None:
    """The text after a change, or None where the change can't be made to it.

    Args:
        text: a prompt ('red mug'), a question (ends in '?'), or a goal (ends in another mark).
        name: of one of `CHANGES`, or `ANY`.
    """
    rng = np.random.default_rng([seed, *text.encode()])
    text = " ".join(text.split())
    if not text:
        return None
    if name == ANY:
        for drawn in rng.permutation(REWORDINGS):
            if (words := changed(text, str(drawn), seed)) is not None:
                return words
        return None
    new = _MAKERS[name](text, rng)
    return None if new is None or new == text else new


def is_question(text: str) -> bool:
    """Whether it asks."""
    return text.rstrip().endswith("?")


def is_sentence(text: str) -> bool:
    """Whether it is a question or a goal, not a prompt."""
    return text.rstrip()[-1:] in ("?", ".", "!") or len(text.split()) > 5


def _typos(text: str, rng: Random) -> str | None:
    """One slip of a finger: letters swapped, left out, or typed twice, inside a word."""
    words = list(re.finditer(r"[^\W\d_]{4,}", text))
    if not words:
        return None
    word = words[int(rng.integers(len(words)))]
    at = int(rng.integers(word.start() + 1, word.end() - 1))
    slips = (
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        text[:at] + text[at + 1 :],
        text[:at] + text[at] + text[at:],
    )
    differ = [slip for slip in slips if slip != text]
    return differ[int(rng.integers(len(differ)))]


def _synonyms(text: str, rng: Random) -> str | None:
    """At most two words for others; of words that overlap, the longest."""
    table, pattern = _synonym_table()

    def other(match: re.Match[str]) -> str:
        others = table[match[0].lower()]
        return _cased(others[int(rng.integers(len(others)))], match[0])

    new, count = pattern.subn(other, text, count=2)
    return _with_articles(new) if count else None


def _word_order(text: str, rng: Random) -> str | None:
    for pattern, form in _ORDERS:
        if match := re.fullmatch(pattern, text, re.IGNORECASE):
            return _capitalised(form.format(*match.groups()), like=text)
    return None


def _politeness(text: str, rng: Random) -> str | None:
    if is_question(text):
        return f"Could you please tell me: {_uncapitalised(text)}"
    if is_sentence(text):
        return f"Would you please be so kind: {_uncapitalised(text)}"
    return f"the {text}, please"


def _negation(text: str, rng: Random) -> str | None:
    """A 'not' beside what is meant."""
    if is_question(text):
        return f"Don't guess: {_uncapitalised(text)}"
    if is_sentence(text):
        return f"Don't forget: {_uncapitalised(text)}"
    return f"{text}, not a picture of one"


def _reversal(text: str, rng: Random) -> str | None:
    """The opposite: a question whose yes becomes no, a goal to be shunned."""
    if match := re.fullmatch(r"(Is|Are) there (?:an? |any )?(.+\?)", text, re.IGNORECASE):
        return f"{match[1]} there no {match[2]}"
    if is_question(text) or not is_sentence(text):
        return None
    return f"Whatever you do, don't {_uncapitalised(text)}"


def _other_language(text: str, rng: Random) -> str | None:
    """German, where the tables know all the words."""
    for entry in _words()["goals"]:
        if entry["goal"].lower() == text.lower():
            return str(entry["german"])
    if match := re.fullmatch(r"Is there an? ([^?]+?)(?: in the picture)?\?", text, re.IGNORECASE):
        noun = _german(match[1], article=True)
        return f"Gibt es hier {noun}?" if noun else None
    return None if is_sentence(text) else _german(text, article=False)


def _german(phrase: str, *, article: bool) -> str | None:
    """A noun with adjectives, bare ('roter Becher') or as an object ('einen roten Becher')."""
    german = _words()["german"]
    parts = phrase.lower().split()
    for start in range(len(parts)):
        noun = german["nouns"].get(" ".join(parts[start:]))
        adjectives = parts[:start]
        if noun and all(a in german["adjectives"] for a in adjectives):
            name, gender = noun
            ending = {"m": "en" if article else "er", "f": "e", "n": "es"}[gender]
            words = [german["adjectives"][a] + ending for a in adjectives]
            one = {"m": "einen", "f": "eine", "n": "ein"}[gender]
            return " ".join([*([one] if article else []), *words, name])
    return None


_ORDERS = (
    (r"Is there (an? .+?)( in the picture)?\?", "{0}: is there one?"),
    (r"Are there (?:any )?(.+?)\?", "{0}: are there any?"),
    (r"How many (.+) are there\?", "there are how many {0}?"),
    (r"What colou?r is (.+)\?", "{0} is what colour?"),
    (r"Where is (.+)\?", "{0} is where?"),
    (r"Is (the .+?) (on|in|under|near|behind|left of|right of) (.+)\?", "{0}: is it {1} {2}?"),
    (r"([^,]+), (with .+)\.", "{1}, {0}."),
    (r"([^,]+?),? and (.+)\.", "{1}, and {0}."),
    (r"([^,]+?) (as fast as you can|to the .+|from the .+|close to .+)\.", "{1}, {0}."),
    (r"([^,]+?) (well away|away|clear) (from .+|of .+)\.", "{2}, {0} {1}."),
    (r"(Take|Choose|Avoid) ([^,]+)\.", "{1}: {0} that."),
    (r"(\w+) ((?:\w+ )?\w+)", "{1}, {0}"),
)  # fmt: skip
"""Forms of a text and the same words in another order; the first that fits."""


@cache
def _words() -> Any:
    return yaml.safe_load(Path(__file__).with_name("words.yaml").read_text("utf-8"))


@cache
def _synonym_table() -> tuple[dict[str, list[str]], re.Pattern[str]]:
    """Other words for each word, and a pattern that finds any of them."""
    table: dict[str, list[str]] = {}
    for group in _words()["synonyms"]:
        for word in group:
            table.setdefault(word, []).extend(w for w in group if w != word)
    longest_first = sorted(map(re.escape, table), key=len, reverse=True)
    return table, re.compile(rf"\b({'|'.join(longest_first)})\b", re.IGNORECASE)


def default_goals() -> tuple[str, ...]:
    """Goals that any candidate paths can be judged by."""
    return tuple(entry["goal"] for entry in _words()["goals"])


def _with_articles(text: str) -> str:
    """'a' and 'an' as the next word wants it."""
    return re.sub(
        r"\b(a)n?( )(?=([a-z]))",
        lambda m: f"{m[1]}{'n' if m[3].lower() in 'aeiou' else ''} ",
        text,
        flags=re.IGNORECASE,
    )


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() else word


def _uncapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def _capitalised(text: str, *, like: str) -> str:
    """The first letter as `like` has it, the old first word no longer a beginning."""
    if not like[:1].isupper():
        return text
    first = like.split()[0]
    inner = re.sub(rf"\b{re.escape(first)}\b", first.lower(), text)
    return inner[:1].upper() + inner[1:]


_MAKERS = {
    "typos": _typos,
    "synonyms": _synonyms,
    "word_order": _word_order,
    "politeness": _politeness,
    "negation": _negation,
    "other_language": _other_language,
    "reversal": _reversal,
}
