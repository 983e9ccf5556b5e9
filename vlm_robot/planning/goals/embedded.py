"""The interpreter that needs no network: plain words by pattern, the rest by meaning."""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning.goals import language, plain_words, quantities, scene_words, spelling
from vlm_robot.planning.goals.clauses import NORMAL, Clause, clause, is_statement, split
from vlm_robot.planning.goals.courtesy import bare
from vlm_robot.planning.goals.head import ASKED, KINDS, Head, Reading
from vlm_robot.planning.goals.interpreter import Interpretation, checked_goal
from vlm_robot.types import HardLimit, LandmarkWish, Wish

ASKED_FROM = 0.5
"""Least probability of a wish that the head reads."""
UNSURE_FROM = 0.1
"""The same for a goal in which nothing was read more surely."""
GUESS = 0.3
"""Certainty of an interpretation that rests on the latter."""
_PLACED = ("min_clearance", "mean_clearance", "max_clearance", "exposure")
"""Descriptors that a landmark's relation stands for."""
_TURNING = ("smoothness", "sharp_turns", "max_turn_angle")
_AT_DISTANCE = re.compile(r"\b(?:at|from|with) (?:an? )?(?:\w+ )?distance\b", re.IGNORECASE)
"""Of a path to a thing: says nothing of its length."""
_OWN = re.compile(
    r"(?:you|we|i)(?:['’]ve| have| only have)\b|(?:it|you|we|(?:the|this|our|your) (?:robot|vehicle))"
    r" (?:always )?(?:keep|stay|remain|drive|pas)(?:e?s)?\b",
    re.IGNORECASE,
)
"""Says of the path itself: 'you have at most ten minutes', 'the robot keeps 1 m from people'."""
MINOR = {"exposure": 0.3}
"""Share of the weight for what the head says along with the clearances that mean the same."""
OVERRIDE = re.compile(
    r"\b(?:(?:drive|go|run|plough|plow|smash|crash|roll|push|break|straight|right|ram|burst|bash|cut)"
    r"\w*\s+(?:\w+\s+){0,2}?(?:through|into|over)\s+(?:(?:the|a|an|any|all|every|that|this)\s+)?"
    r"(?:\w+\s+)?(?:walls?|obstacles?|furniture|shel(?:f|ves)|everything|anything|people|anybody|fences?"
    r"|buildings?|closed doors?|whatever)"
    r"|(?:ignor|disregard|forget|bypass|override|disabl|turn(?:ing)? off|switch(?:ing)? off)\w*\s+"
    r"(?:\w+\s+){0,4}?(?:obstacles?|walls?|collisions?|safety|limits?|costmap|map|instructions?|rules?"
    r"|checks?|checking|footprint|constraints?)"
    r"|pretend\w*\s+.{0,30}\b(?:no|not|empty|free|aren't|isn't)"
    r"|collisions? (?:is|are) (?:allowed|fine|ok|okay)|(?:may|can) (?:collide|crash|hit)"
    r"|(?:hit|ram|knock over|run over|bump into|crash into|collide with)\s+(?:the|a|any|all|every|what))",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|never|\w+n['’]t|without|avoid\w*|no|cannot|nothing|nor)\b", re.I)


@dataclass
class _Notes:
    """What is gathered while clauses are read."""

    asked: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    limits: list[HardLimit] = field(default_factory=list)
    landmarks: list[LandmarkWish] = field(default_factory=list)
    not_understood: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    guessed: bool = False

    def ask(self, name: str, amount: float, source: str) -> None:
        """Note a wish; `amount` is its weight with the sign of its direction."""
        self.asked.setdefault(name, []).append((amount, source))


class EmbeddedInterpreter:
    """Reads English goals with patterns, and with a sentence encoder adapted to goals."""

    name = "embedded"

    def __init__(self, *, encoder: SentenceEncoder | None = None, head: Head | None = None) -> None:
        self._head = head or Head.load(encoder or SentenceEncoder())

    def interpret(self, goal: str) -> Interpretation:
        """See `GoalInterpreter`."""
        text = checked_goal(goal)
        notes = _Notes()
        foreign = language.why_not_english(text)
        if foreign:
            notes.not_understood.append(text)
            notes.said.append(foreign)
        else:
            text, slips = spelling.mend(text)
            notes.said += [f"'{typed}' was read as '{meant}'." for typed, meant in slips]
            self._clauses(bare(text), notes)
        return _gathered(notes, self.name)

    def _clauses(self, text: str, notes: _Notes) -> None:
        meant: list[_Meant] = []
        relation, parts = "", split(text)
        for part in parts:
            read = clause(part)
            if _overrides(part, notes):
                continue
            if read.indifferent:
                continue
            relation = _scene(read, relation, notes)
            limits = _numbers(read, notes)
            if relation or limits is not None:
                settled = _PLACED if relation else () if is_statement(part) else ASKED
                plain = _besides(part, relation, limits or [])
                meant.append(_Meant(read, plain, frozenset(settled)))
            else:
                meant.append(_Meant(read, plain_words.read(read), frozenset()))
        if any(part.open or is_statement(part.clause.text) for part in meant):
            whole = text if len(meant) == len(parts) else ". ".join(m.clause.text for m in meant)
            self._by_meaning(whole, meant, notes)
        else:
            _plainly(meant, {}, notes)

    def _by_meaning(self, whole: str, meant: Sequence[_Meant], notes: _Notes) -> None:
        """Read beyond plain words: the goal as a whole says what, its clauses how much."""
        reading = self._head.read([whole, *(part.clause.text for part in meant)])
        found: dict[str, tuple[float, int]] = {}
        for place in np.flatnonzero(np.abs(reading.wishes[0]) >= ASKED_FROM):
            sign = float(np.sign(reading.wishes[0, place]))
            source = int((sign * reading.wishes[1:, place]).argmax())
            if ASKED[place] not in meant[source].settled:
                found[ASKED[place]] = sign, source
        _plainly(meant, {name: sign for name, (sign, _) in found.items()}, notes)
        orders = [
            row
            for row, part in enumerate(meant)
            if part.open and _kind(reading, row + 1) == "override"
        ]
        for row in orders:
            _refuse(meant[row].clause.text, notes)
        known = set(notes.asked)
        for name, (sign, source) in found.items():
            if name not in known and not orders:
                weight = meant[source].clause.weight * MINOR.get(name, 1.0)
                notes.ask(name, sign * weight, meant[source].clause.text)
        if not (notes.asked or notes.limits or notes.landmarks or orders):
            _guess(reading, meant[0].clause, notes)
        sources = {source for _, source in found.values()} | set(orders)
        for row, part in enumerate(meant):
            if part.open and row not in sources and _kind(reading, row + 1) != "context":
                notes.not_understood.append(part.clause.text)


class _Meant(NamedTuple):
    """A clause that may ask for something.

    Attributes:
        plain: what it asks for in plain words.
        settled: descriptors that its landmark or number speaks for.
    """

    clause: Clause
    plain: dict[str, int]
    settled: frozenset[str]

    @property
    def open(self) -> bool:
        """Whether only its meaning can tell what it asks for."""
        return not (self.plain or self.settled)


def _plainly(meant: Sequence[_Meant], sure: Mapping[str, float], notes: _Notes) -> None:
    """Note what is asked for in plain words.

    A statement that has the words asks for what the goal as a whole surely asks for (`sure`).
    """
    for part in meant:
        states = is_statement(part.clause.text)
        for name, direction in part.plain.items():
            if not states or direction * sure.get(name, direction) > 0:
                notes.ask(name, direction * part.clause.weight, part.clause.text)


def _kind(reading: Reading, row: int) -> str:
    most = int(reading.kinds[row].argmax())
    return KINDS[most] if reading.kinds[row, most] > 0.5 else ""


def _guess(reading: Reading, first: Clause, notes: _Notes) -> None:
    """Take what the whole goal may ask for, with its low weight."""
    if _kind(reading, 0):
        return
    for place in np.flatnonzero(np.abs(reading.wishes[0]) >= UNSURE_FROM):
        notes.ask(ASKED[place], float(reading.wishes[0, place]) * NORMAL, first.text)
        notes.guessed = True


def _overrides(part: str, notes: _Notes) -> bool:
    match = OVERRIDE.search(part)
    if not match or _DENIED.search(part[: match.start()]):
        return False
    _refuse(part, notes)
    return True


def _refuse(words: str, notes: _Notes) -> None:
    if words in notes.not_understood:
        return
    notes.not_understood.append(words)
    notes.said.append(
        f"'{words}' can't be followed: obstacles, the map and the robot's limits hold whatever the"
        " goal says."
    )


def _scene(read: Clause, before: str, notes: _Notes) -> str:
    """Note the things that a clause names; return their relation, empty for none."""
    mentions = scene_words.find(read.text)
    if not mentions and before in ("avoid", "near", "never_cross") and not plain_words.read(read):
        mentions = [scene_words.Mention(before, thing) for thing in scene_words.listed(read.text)]
    for relation, phrase, other in mentions:
        notes.landmarks.append(LandmarkWish(phrase, relation, read.weight, read.text, other))
    return mentions[0].relation if mentions else ""


def _numbers(read: Clause, notes: _Notes) -> list[HardLimit] | None:
    """Note and return a clause's limits; None where it has no number.

    A statement's number ('they close in ten minutes') limits nothing about the path.
    """
    text = read.text
    starts = [start for start, _ in quantities.spans(text)]
    tells = plain_words.only_tells(text) and not _OWN.match(text) and 0 not in starts
    found = [] if tells else quantities.find(text)
    notes.not_understood += [unclear for _, unclear in found if unclear]
    limits = [_placed(limit) for limit, _ in found if limit is not None]
    notes.limits += limits
    return limits if found else None


def _besides(text: str, relation: str, limits: Sequence[HardLimit]) -> dict[str, int]:
    """What a clause asks for in plain words beside its landmark and its number."""
    for start, end in (*scene_words.spans(text), *quantities.spans(text)):
        text = text[:start] + "." * (end - start) + text[end:]
    plain = plain_words.read(clause(_AT_DISTANCE.sub(".", text) if relation else text))
    # 'The largest turn at most 45 degrees' asks for no large turn.
    against = {-1 if limit.relation == ">=" else 1 for limit in limits if limit.name in _TURNING}
    return {
        name: direction
        for name, direction in plain.items()
        if not (relation and name in _PLACED) and not (name in _TURNING and direction in against)
    }


def _placed(limit: HardLimit) -> HardLimit:
    """The limit with its landmark's phrase, or with none where any obstacle is meant."""
    thing = scene_words.thing_in(limit.landmark) if limit.landmark else ""
    name = "distance" if thing else limit.name
    return HardLimit(name, limit.relation, limit.value, limit.unit, limit.source, thing)


def _gathered(notes: _Notes, name: str) -> Interpretation:
    wishes = []
    for asked, amounts in notes.asked.items():
        more = max((amount for amount, _ in amounts), default=0.0)
        less = min((amount for amount, _ in amounts), default=0.0)
        if more > 0 > less and min(more, -less) > 0.5 * max(more, -less):
            sources = " / ".join(dict.fromkeys(source for _, source in amounts))
            notes.said.append(
                f"'{sources}' asks for more and for less {asked}: that contradicts itself, so it"
                " counts for nothing."
            )
            notes.not_understood.append(sources)
            continue
        amount, source = max(amounts, key=lambda pair: abs(pair[0]))
        weight = round(min(abs(amount), 1.0), 6)
        wishes.append(Wish(asked, 1 if amount > 0 else -1, weight, source))
    return Interpretation(
        wishes=tuple(wishes),
        limits=tuple(dict.fromkeys(notes.limits)),
        landmarks=tuple(dict.fromkeys(notes.landmarks)),
        not_understood=tuple(dict.fromkeys(notes.not_understood)),
        notes=tuple(dict.fromkeys(notes.said)),
        certainty=GUESS if notes.guessed else 1.0,
        interpreter=name,
    )
