"""What is read from a goal, and the protocol of what reads it."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

from vlm_robot.types import HardLimit, InputError, LandmarkWish, Wish

MAX_GOAL_LENGTH = 2000
"""Characters. Nobody tells a robot more than this in one goal."""


@dataclass(frozen=True, kw_only=True)
class Interpretation:
    """What a goal asks for.

    Attributes:
        wishes: descriptors with direction and weight, each name once.
        limits: limits with numbers.
        landmarks: things in the scene.
        not_understood: words of the goal that nothing measures.
        notes: what was refused, contradicted or fallen back on, each a plain sentence.
        certainty: 0..1, lower where the wishes are little more than a guess.
        interpreter: what read the goal.
        lasting: False where another interpreter stood in, which may be back the next time.
    """

    wishes: tuple[Wish, ...] = ()
    limits: tuple[HardLimit, ...] = ()
    landmarks: tuple[LandmarkWish, ...] = ()
    not_understood: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    certainty: float = 1.0
    interpreter: str = ""
    lasting: bool = True

    def weights(self) -> tuple[float, ...]:
        """Weights of all wishes, those of landmarks last."""
        return tuple(wish.weight for wish in self.wishes) + tuple(
            mark.weight for mark in self.landmarks
        )

    def phrases(self) -> tuple[str, ...]:
        """What has to be looked for in the cameras, each once, in the goal's order."""
        named = [phrase for wish in self.landmarks for phrase in (wish.phrase, wish.other)]
        named += [limit.landmark for limit in self.limits]
        return tuple(dict.fromkeys(phrase for phrase in named if phrase))


RETRY = 10.0
"""Seconds after which a goal that was read by a stand-in is read anew."""
_KEPT = 64


class GoalInterpreter(Protocol):
    """Reads goals. The same goal always gives the same interpretation."""

    name: str

    def interpret(self, goal: str) -> Interpretation:
        """Read a goal in words.

        Raises:
            InputError: the goal can't be used; the text says why.
        """
        ...


def checked_goal(goal: str) -> str:
    """The goal with its spaces tidied.

    Raises:
        InputError: it is empty or too long.
    """
    text = " ".join(goal.split())
    if not text:
        raise InputError("the goal is empty: say what the path is for, or send weights")
    if len(text) > MAX_GOAL_LENGTH:
        raise InputError(
            f"the goal has {len(text)} characters: {MAX_GOAL_LENGTH} are the most; say it shorter"
        )
    return text


class Remembering:
    """Reads each goal once, as candidates come many times a second for the same one."""

    def __init__(self, interpreter: GoalInterpreter) -> None:
        self.name = interpreter.name
        self._interpreter = interpreter
        self._kept: OrderedDict[str, tuple[Interpretation, float]] = OrderedDict()

    def interpret(self, goal: str) -> Interpretation:
        """See `GoalInterpreter`."""
        if goal in self._kept:
            read, stamp = self._kept[goal]
            self._kept.move_to_end(goal)
            if read.lasting or monotonic() - stamp < RETRY:
                return read
        read = self._interpreter.interpret(goal)
        self._kept[goal] = read, monotonic()
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return read
