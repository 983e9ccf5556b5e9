"""Findings in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from vlm_robot.answering.parsing import NUMBER_WORDS, plural
from vlm_robot.answering.queries import IsColour, Noun, Predicate, RelationKind
from vlm_robot.answering.relations import Floats
from vlm_robot.types import Intrinsics

CAN_BE_ASKED = (
    "I can be asked whether, where, how many or how far things are, their colour, how they are"
    " placed to one another, and which is nearest or largest."
)

_WORDS = ("no", *NUMBER_WORDS[1:])


def a(words: str) -> str:
    """`words` with an indefinite article."""
    return f"{'an' if words[:1] in 'aeiou' else 'a'} {words}"


def number(count: int, noun: str) -> str:
    """'two mugs'."""
    word = _WORDS[count] if count < len(_WORDS) else str(count)
    return f"{word} {noun if count == 1 else plural(noun)}"


def counted(count: int, noun: Noun) -> str:
    """'two red mugs on the table'."""
    word = _WORDS[count] if count < len(_WORDS) else str(count)
    return f"{word} {named(noun, several=count != 1)}"


def named(noun: Noun, *, several: bool = False) -> str:
    """A noun with what is said of it, without article: 'red mug on the table'."""
    words = [noun.quality.value] if noun.quality else []
    words += [c.colour for c in noun.conditions if isinstance(c, IsColour) and not c.negated]
    head = noun.head or "thing"
    words.append(plural(head) if several else head)
    if noun.purpose:
        words.append(f"to {noun.purpose}")
    for condition in noun.conditions:
        if isinstance(condition, IsColour) and not condition.negated:
            continue
        words.append(("that are " if several else "that is ") * condition.negated + said(condition))
    return " ".join(words)


def said(predicate: Predicate) -> str:
    """What a predicate says, after 'is': 'not red', 'left of the bowl'."""
    no = "not " if predicate.negated else ""
    if isinstance(predicate, IsColour):
        return no + predicate.colour
    others = " and ".join(f"the {named(noun)}" for noun in predicate.others)
    return f"{no}{predicate.kind} {others}".strip()


def listed(parts: Sequence[str]) -> str:
    """'a, b and c'."""
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last


def inventory(labels: Sequence[str]) -> str:
    """'a mug and two bowls', in order of first mention."""
    return listed([a(n) if c == 1 else number(c, n) for n, c in Counter(labels).items()])


def metres(distance: float) -> str:
    """'0.85 m', 'two digits after the point below 10 m'."""
    return f"{distance:.2f} m" if distance < 10 else f"{distance:.1f} m"


def place_in_image(box: Floats, size: tuple[int, int]) -> str:
    """In which third of the image's width and height the box's centre is."""
    at = (box[:2] + box[2:]) / 2 / np.array(size)
    column = ("left", "", "right")[int(np.clip(at[0] * 3, 0, 2))]
    row = ("top", "", "bottom")[int(np.clip(at[1] * 3, 0, 2))]
    place = " ".join(part for part in (row, column) if part)
    if not place:
        return RelationKind.MIDDLE
    return f"{'at' if row else 'on'} the {place}"


def bearing(box: Floats, center: Floats, intrinsics: Intrinsics | None) -> str:
    """Angle of the thing to where the camera looks; empty where nothing tells it."""
    if np.isfinite(center).all():
        tangent = center[0] / max(center[2], 1e-6)
    elif intrinsics is not None:
        matrix = intrinsics.matrix
        tangent = ((box[0] + box[2]) / 2 - matrix[0, 2]) / matrix[0, 0]
    else:
        return ""
    degrees = round(float(np.degrees(np.arctan(tangent))))
    if not degrees:
        return "straight ahead of the camera"
    return f"{abs(degrees)}° to the {'right' if degrees > 0 else 'left'} of the camera's axis"
