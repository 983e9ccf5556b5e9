"""Goals to train on: the project's sentences, and what can be made of them by joining.

A goal as people say it has a setting, a reason and a request, asks for more than one thing, denies
some, and says what doesn't matter. Random joins of sentences whose wishes are known make many such
goals; the same seed makes the same ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from vlm_robot.planning.goals.head import KINDS
from vlm_robot.planning.goals.wants import WANTS

FOLDER = Path(__file__).with_name("training")

ASKING = (
    "{q}.", "It should {q}.", "The vehicle must {q}.", "The robot has to {q}.", "Please {q}.",
    "You should {q}.", "Make sure to {q}.", "Its task is to {q}.", "The operator wants it to {q}.",
    "It is crucial to {q}.", "Try to {q}.", "I'd like you to {q}.", "It is supposed to {q}.",
    "The aim is to {q}.", "{q}!", "It should {q} at all times.", "The agent needs to {q}.",
    "We want the drone to {q}.",
)  # fmt: skip
DENYING = (
    "It must not {q}.", "Do not {q}.", "Don't {q}.", "Never {q}.", "It should never {q}.",
    "The vehicle should not {q}.", "The last thing we want is to {q}.",
    "Under no circumstances {q}.", "Be careful not to {q}.",
)  # fmt: skip
FREEING = (
    "It need not {q}.", "It doesn't have to {q}.", "There is no need to {q}.",
    "Nobody asks it to {q}.", "Whether it manages to {q} is unimportant.",
)  # fmt: skip
SAYING = (
    "{r}.", "{r}.", "{r}.", "{r}, so choose the way accordingly.", "Remember that {r}.",
    "Note that {r}.", "Keep in mind: {r}.", "As {r}, plan accordingly.", "{r}, you know.",
    "Mind that {r}.", "Attention, {r}!",
)  # fmt: skip
ARGUING = (
    "{r}, so it should {q}.", "As {r}, the vehicle must {q}.", "{q}, because {r}.",
    "{r}. It should therefore {q}.", "The robot has to {q} since {r}.", "{r}; hence {q}.",
)  # fmt: skip
JOINS = (". ", ". ", ". ", ", and ", "; ", " and ", ", but ", " - ")
INDIFFERENT = {
    "length": (
        ", even if it takes longer", ", however long it takes", ", no matter how far it is",
        " and never mind the length", ", even at the cost of a detour", ". Time is no object",
        ". It may take as long as it likes",
    ),
    "turns": (
        ", no matter how many turns that takes", ", even if the ride gets bumpy",
        ". Turns are no problem", ". Comfort is secondary",
    ),
    "room": (
        ", no matter how close it gets to things", ". Distances to the walls are unimportant",
        ", and never mind the obstacles beside you",
    ),
}  # fmt: skip
"""What can be said not to matter, by what goes unsaid then."""
_ABOUT = {
    **dict.fromkeys(("shorter", "longer", "cover"), "length"),
    **dict.fromkeys(
        ("smooth", "twisty", "few_sharp", "many_sharp", "gentle_largest", "acute_largest",
         "less_turning", "more_turning"), "turns"
    ),
}  # fmt: skip
COURTESIES = (
    "Would you please be so kind: {}", "Could you please: {}", "Please, {}", "{}, please",
    "Don't forget: {}", "Hey robot, {}", "Ok, {}", "Well, {}", "Listen: {}", "{} Thank you.",
    "If you would, {}", "I was wondering whether you could do this: {}", "Just {}", "So, {}",
    "{} Got it?", "Remember: {}", "Good morning. {}", "Er, {}", "One more thing: {}", "{} Thanks!",
    "You know, {}", "Be a dear: {}", "Today's job: {}", "Mission: {}", "Note: {}",
)  # fmt: skip
"""What people put around a goal that changes nothing."""
MOST_WANTS = 4
_DENIED_ALREADY = ("not", "never", "avoid", "hardly")


class Sentence(NamedTuple):
    """A sentence of the training set.

    Attributes:
        kind: `goal` stands by itself, `reason` is a clause, `request` continues 'it should …'.
        wants: names of WANTS and KINDS.
        others: reasons of a request, requests of a reason.
        denied: what a denied request asks for.
    """

    kind: str
    text: str
    wants: frozenset[str]
    others: tuple[str, ...] = ()
    denied: str = ""


def sentences(folder: Path = FOLDER) -> list[Sentence]:
    """Every sentence of the training set, in the files' order."""
    found: list[Sentence] = []
    for path in sorted(folder.glob("*.yaml")):
        topics: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
        for topic in topics:
            found += _of_topic(topic)
    return found


def _of_topic(topic: dict[str, Any]) -> list[Sentence]:
    wants = frozenset(topic["want"].split())
    reasons, requests = _lines(topic, "reasons"), _lines(topic, "requests")
    denied = topic.get("denied", "")
    made = [Sentence("goal", text, wants) for text in _goals(topic)]
    made += [Sentence("reason", text, wants, requests) for text in reasons]
    return made + [Sentence("request", text, wants, reasons, denied) for text in requests]


def _goals(topic: dict[str, Any]) -> Sequence[str]:
    """A topic's goals; each line of `fill` goes into the gaps of `each` (two) of them in turn."""
    lines, fills, each = _lines(topic, "goals"), _lines(topic, "fill"), int(topic.get("each", 2))
    if not fills:
        return lines
    gaps = [
        lines[(each * i + j) % len(lines)].format(fill)
        for i, fill in enumerate(fills)
        for j in range(each)
    ]
    return [_capital(text) for text in gaps]


def _lines(topic: dict[str, Any], name: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in topic.get(name, "").strip().splitlines())


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def mixed(
    known: Sequence[Sentence], seed: int, *, joined: float = 0.4, reworded: float = 0.4
) -> Iterator[tuple[str, frozenset[str]]]:
    """Endless goals with what they ask for.

    Args:
        joined: share of goals that are made of two sentences or three.
        reworded: share of goals with a slip of the finger, a courtesy or the like.
    """
    rng = random.Random(seed)
    weights = [{"goal": 1.0, "reason": 1.3, "request": 2.0}[sentence.kind] for sentence in known]
    while True:
        first, second, third = (_said(s, rng) for s in rng.choices(known, weights, k=3))
        text, wants = first
        chance = rng.random()
        for other in (second, third)[: (chance < joined) + (chance < joined / 3)]:
            text, wants = _joined(text, wants, other, rng)
        if rng.random() < 0.06:
            text = _indifferent(text, wants, rng)
        if rng.random() < reworded:
            text = _reworded(text, rng)
        yield text, wants


def _said(sentence: Sentence, rng: random.Random) -> tuple[str, frozenset[str]]:
    text, wants, chance = sentence.text, sentence.wants, rng.random()
    if sentence.kind == "goal":
        return text, wants
    other = rng.choice(sentence.others) if sentence.others else ""
    if sentence.kind == "reason":
        argued = bool(other) and chance < 0.2
        form = rng.choice(ARGUING if argued else SAYING)
        return _capital(form.format(r=text, q=other)), wants
    deniable = text.split()[0] not in _DENIED_ALREADY
    if deniable and chance < 0.25:
        return _capital(rng.choice(DENYING).format(q=text)), frozenset([sentence.denied])
    if deniable and chance < 0.35:
        return _capital(rng.choice(FREEING).format(q=text)), frozenset(["context"])
    argued = bool(other) and chance < 0.5
    return _capital(rng.choice(ARGUING if argued else ASKING).format(r=other, q=text)), wants


def _joined(
    text: str, wants: frozenset[str], other: tuple[str, frozenset[str]], rng: random.Random
) -> tuple[str, frozenset[str]]:
    """Both as one goal; the first alone where they contradict each other."""
    both = wants | other[1]
    asked = both - set(KINDS)
    if contradictory(asked) or len(asked) > MOST_WANTS:
        return text, wants
    join = rng.choice(JOINS)
    tail = other[0] if join == ". " else other[0][0].lower() + other[0][1:]
    return text.rstrip(".!?") + join + tail, both - {"context"} if asked else both


def contradictory(wants: frozenset[str]) -> bool:
    """Whether one asks for more of what another asks for less of."""
    asked = [item for want in sorted(wants) for item in WANTS[want].items()]
    return len(dict(asked)) < len(set(asked))


def _indifferent(text: str, wants: frozenset[str], rng: random.Random) -> str:
    free = sorted(set(INDIFFERENT) - {_ABOUT.get(want, "room") for want in wants})
    return text.rstrip(".!?") + rng.choice(INDIFFERENT[rng.choice(free)]) + "." if free else text


def _reworded(text: str, rng: random.Random) -> str:
    """The goal as someone else may type it."""
    chance = rng.random()
    if chance < 0.5:
        text = _slipped(text, rng)
    if 0.4 < chance < 0.85:
        form = rng.choice(COURTESIES)
        inner = text if form.startswith("{}") else text[0].lower() + text[1:]
        text = form.format(inner.rstrip(".") if "{}," in form else inner)
    return text.lower().rstrip(".") if chance > 0.8 else text


def _slipped(text: str, rng: random.Random) -> str:
    """One letter or two swapped with the next, left out, or typed twice, inside words."""
    for _ in range(rng.choice((1, 1, 2))):
        places = [i for i in range(1, len(text) - 1) if text[i - 1 : i + 2].isalpha()]
        if not places:
            break
        at = rng.choice(places)
        slips = (text[at + 1] + text[at] + text[at + 2 :], text[at + 1 :], text[at] + text[at:])
        text = text[:at] + rng.choice(slips)
    return text
