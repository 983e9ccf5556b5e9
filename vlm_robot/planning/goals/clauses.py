"""A goal cut into clauses, and what each says of degree, denial and indifference."""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import re
from typing import NamedTuple

NORMAL = 0.6
"""Weight of a clause that says nothing of how much."""
STRONG = 1.0
WEAK = 0.3

_VERBS = (
    "avoid|be|bring|carry|choose|come|cover|creep|cross|cut|do|don't|don’t|drive|dodge|enter|explore"
    "|find|follow|get|give|go|head|hug|hurry|ignore|inspect|keep|leave|let|make|maximi[sz]e"
    "|minimi[sz]e|mind|move|never|not|no|pass|please|prefer|pretend|roll|rush|show|skirt|squeeze|stay"
    "|must|should|steer|stick|stop|take|travel|try|turn|use|visit|watch|weave|without|wind"
)
_SUBJECTS = (
    "it|i|we|you|they|he|she|there|nobody|everybody|the \\w+ (?:is|are|must|has|have|needs?)"
)
_MARKS = re.compile(r"(?<!\d)[.](?!\d)|\.(?=\s|$)|[;!?\n]+|\s[-–—]+\s|—")
_TURNS = re.compile(
    r"[,\s]+(?:but|however|yet|although|though|whereas|nevertheless|except that)\b[,\s]*"
    rf"|(?:(?<!\d),|,(?!\d))\s*(?:and\s+|so\s+|then\s+)*"
    rf"|\s+and\s+(?:then\s+|also\s+)?(?=(?:{_VERBS}|{_SUBJECTS})\b)|\s+(?:and\s+)?so\s+(?=(?:{_VERBS})\b)"
    r"|\s+then\s+|\s+(?=(?:while|without)\s)|\s+(?=because\s|as long as\s)"
    r"|\s+(?=(?:even if|even though|(?<!is )(?<!['’]s )no matter (?:if|how|whether)|(?:regardless|irrespective) of"
    r"|rather than|instead of|at the (?:cost|expense) of)\s)",
    re.IGNORECASE,
)
_HELD = re.compile(
    r"((?:^|[,.;:!?]|\b(?:must|should|may|please|but|and))\s*)(never|do not|don['’]?t)\s*,\s*"
    r"(?:(?:ever|please|(?:under|at|for|in|on) any \w+)\b\s*,?\s*)?",
    re.IGNORECASE,
)
"""A denial that a comma parts from what it denies: 'never, ever, come closer'."""
_DOUBLED = re.compile(
    r"\b(?:(?:do not|don['’]?t|not|(?P<never>never))(?: ever)?"
    r" (?:forget|fail|neglect|omit|hesitate|be (?:afraid|shy|reluctant)) to|not (?:only|merely))\s+",
    re.IGNORECASE,
)
"""Denials that deny nothing of what follows."""
_FRONTED = (
    re.compile(
        r"^((?:from|to|towards|along|near|by|around|past|beside|off|of) [^,.;:]{2,40}),\s*"
        rf"((?:{_VERBS})\b[^,.;:]*)",
        re.IGNORECASE,
    ),
    re.compile(
        r"^([^,.;:]{3,60})[:,]\s*((?:take|choose|avoid|prefer|pick|use|want)) (?:that|it|this)\b"
        r"(?: one\b)?",
        re.IGNORECASE,
    ),
)
"""What stands first that English puts last: 'from the walls, keep away'."""
_STRONG = re.compile(
    r"\b(?:above all|at all costs|by all means|most of all|most important(?:ly)?|more than anything"
    r"|matters? most|top priority|first priority|absolutely|essential(?:ly)?|crucial(?:ly)?|critical"
    r"|imperative|vital|must|at any price|whatever (?:it takes|happens)|no matter what|really|very"
    r"|extremely|much|far|well|always|never|under no circumstances|strictly|as \w+ as (?:possible"
    r"|you can|can be)|everything)\b",
    re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:a (?:little )?bit|a little|slightly|somewhat|a tad|a touch|if possible|if you can|ideally"
    r"|preferably|where possible|when possible|if convenient|would be nice|maybe|perhaps|mildly"
    r"|a shade|some|moderately|not too)\b",
    re.IGNORECASE,
)
_INDIFFERENT = re.compile(
    r"\b(?:no matter (?:if|how|whether)|even (?:if|though)|regardless of|irrespective of|never mind"
    r"|(?:do|does|did)(?: not|n't) (?:matter|care|mind)|don't (?:care|mind)|needn't|need not"
    r"|(?:do|does)(?: not|n't) (?:need|have)|no need|at the (?:cost|expense) of|(?:not|un)important"
    r"|(?:isn't|aren't|not) (?:a (?:concern|priority|problem)|necessary|required)|irrelevant"
    r"|no (?:hurry|rush)|take (?:your|its) time|rather than|instead of|takes? longer is fine"
    r"|is fine|are fine|doesn't count|for all i care|(?:do not|don['’]?t) (?:worry|fret|bother (?:to|about|with|\w+ing))|it may take|may take as long)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"\b(?:(?:please |you |we |it |should |must |may |shall |can |could |do |does |did |will )*"
    r"(?:not|never)(?: ever)?(?: to)?|(?:don|doesn|mustn|shouldn|can|won|didn|isn|aren)['’]?t(?: ever)?"
    r"|cannot|avoid(?:s|ed|ing)?|eliminat(?:e|es|ed|ing)|free (?:of|from)|(?:stop|quit|cease)(?=\s+\w+ing\b)|without"
    r"|no(?! (?:further|more|less|longer|later|closer|nearer)\b(?!.*\bthan (?:\w+ )?(?:necessary|needed|required)\b))"
    r"|(?:stay|keep|steer|stand|remain)(?:s|ing)? (?:well |far )?(?:clear of|away from|off)"
    r"(?=\s(?:the |any |all )?(?:narrow|tight|small|open|wide) )"
    r"|none of|keep from|refrain from|nothing|nobody|nowhere|neither|skip|at no point|hardly|dislikes?|hates?|fears?|loathes?|(?:is|are|am) afraid of)\b\s*(?:any\b|being\b|be\b)?",
    re.IGNORECASE,
)

_STATES = re.compile(
    r"^(?:the|an?|any|every|each|some|somebody|someone|my|your|our|his|her|their|its|this|that|these"
    r"|those|he|she|it|they|we|you|i|there|people|who|nobody|everybody|one|two|three|most|all)\b"
    r"|^\w+s of\b|^(?:[\w'’-]+ ){1,5}(?:is|are|was|were|has|have|had)\b",
    re.IGNORECASE,
)
_COMMANDS = re.compile(rf"^(?:{_VERBS})\b", re.IGNORECASE)
_WISHES = re.compile(
    r"\b(?:should|must|ought|needs? to|need not|(?:has|have|is|are) to|(?:it|i|you|we|robot|vehicle|agent) (?:may|can)|shall|let|wants?|wish\w*"
    r"|would (?:like|prefer)|['’]d (?:like|prefer)|prefers?|make sure|be sure|never|do not|don['’]?t|please|supposed"
    r"|crucial|important|essential|try|provided|as long as)\b",
    re.IGNORECASE,
)


class Clause(NamedTuple):
    """A part of a goal that says one thing.

    Attributes:
        text: its words.
        core: the words without those that deny; `text` where nothing is denied.
        denied: whether `core` is to be kept from.
        indifferent: whether it only says what doesn't matter.
        weight: 0..1, from words of degree.
    """

    text: str
    core: str
    denied: bool
    indifferent: bool
    weight: float


def split(goal: str) -> list[str]:
    """Cut a goal into clauses, in its order."""
    goal = _DOUBLED.sub(
        lambda doubled: "always " if doubled["never"] else "", _HELD.sub(r"\1\2 ", goal)
    )
    parts: list[str] = []
    for sentence in _MARKS.split(goal):
        plain = _in_order(sentence.strip())
        parts.extend(piece for part in _TURNS.split(plain) for piece in _one_denial(part))
    parts = [part.strip(" ,:\"'()") for part in parts]
    return [part for part in parts if re.search(r"\w", part)]


def _in_order(sentence: str) -> str:
    for fronted in _FRONTED:
        sentence = fronted.sub(r"\2 \1", sentence, count=1)
    return sentence


def _one_denial(part: str) -> list[str]:
    """Cut at 'and' and 'or' where a clause denies twice: each denial holds for its own part."""
    twice = len(_DENIAL.findall(part)) > 1
    return re.split(r"\s+(?:and|or|nor)\s+", part) if twice else [part]


def is_statement(text: str) -> bool:
    """Whether a clause tells how things are, rather than asks for something."""
    states = _STATES.search(text) and not _COMMANDS.search(text)
    return bool(states) and not _WISHES.search(text)


def clause(text: str) -> Clause:
    """Read a clause's degree and denial."""
    indifferent = bool(_INDIFFERENT.search(text))
    core, denials = _DENIAL.subn(" ", text)
    core = " ".join(core.split()).strip(" ,")
    denied = denials % 2 == 1 and bool(core)
    return Clause(text, core if denied else text, denied, indifferent, _degree(text))


def _degree(text: str) -> float:
    if _WEAK.search(text):
        return WEAK
    return STRONG if _STRONG.search(text) else NORMAL
