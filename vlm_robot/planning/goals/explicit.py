"""Wishes told as numbers: from a request or a YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from vlm_robot.planning.descriptors import DESCRIPTORS
from vlm_robot.planning.goals.interpreter import Interpretation
from vlm_robot.planning.landmarks import RELATIONS
from vlm_robot.types import HardLimit, InputError, LandmarkWish, Wish

SECTIONS = ("wishes", "limits", "landmarks")


class ExplicitInterpreter:
    """Gives the same wishes to every goal: the goal is for the record."""

    name = "explicit"

    def __init__(self, interpretation: Interpretation) -> None:
        check_wishes(interpretation.wishes)
        check_limits(interpretation.limits)
        check_landmarks(interpretation.landmarks)
        self._interpretation = interpretation

    @classmethod
    def from_yaml(cls, path: Path) -> ExplicitInterpreter:
        """Read a file with `wishes`, `limits` and `landmarks`.

        A wish is `name: weight`, negative for less of it. A limit is a mapping with `name`,
        `relation`, `value` and perhaps `unit` and `landmark`; a landmark one with `phrase`,
        `relation`, and perhaps `weight` and `other`.

        Raises:
            InputError: the file is missing or not of that form; the text says where.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise InputError(f"the weights {path} can't be read: {error}") from error
        return cls(from_mapping(content, source=path.name))

    def interpret(self, goal: str) -> Interpretation:
        """The wishes that it was made with, whatever the goal."""
        return self._interpretation


def from_mapping(content: Any, *, source: str) -> Interpretation:
    """Check and take wishes from the form of `ExplicitInterpreter.from_yaml`."""
    if not isinstance(content, Mapping) or set(content) - set(SECTIONS):
        raise InputError(f"{source} must have the sections {', '.join(SECTIONS)} and no other")
    try:
        wishes = tuple(
            Wish(str(name), -1 if float(weight) < 0 else 1, abs(float(weight)), source)
            for name, weight in (content.get("wishes") or {}).items()
        )
        limits = tuple(_limit(item, source=source) for item in content.get("limits") or ())
        landmarks = tuple(
            LandmarkWish(
                str(item["phrase"]),
                str(item["relation"]),
                float(item.get("weight", 1.0)),
                source,
                str(item.get("other", "")),
            )
            for item in content.get("landmarks") or ()
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{source} isn't of the form that docs/planning.md shows: {error}"
        ) from error
    return Interpretation(wishes=wishes, limits=limits, landmarks=landmarks, interpreter="explicit")


def _limit(item: Mapping[str, Any], *, source: str) -> HardLimit:
    landmark, name = str(item.get("landmark", "")), str(item["name"])
    unit = "m" if landmark else DESCRIPTORS[name].unit if name in DESCRIPTORS else ""
    return HardLimit(
        name,
        str(item["relation"]),
        float(item["value"]),
        str(item.get("unit", unit)),
        source,
        landmark,
    )


def check_wishes(wishes: Sequence[Wish]) -> None:
    """Raises InputError where a name, direction or weight is off, or a name comes twice."""
    names = [wish.name for wish in wishes]
    for wish in wishes:
        if wish.name not in DESCRIPTORS:
            raise InputError(
                f"'{wish.name}' isn't measured: the wishes are {', '.join(DESCRIPTORS)}"
            )
        if wish.direction not in (-1, 1):
            raise InputError(
                f"wish '{wish.name}' has the direction {wish.direction}: +1 is more of it, -1 less"
            )
        _check_weight(wish.weight, wish.name)
        if names.count(wish.name) > 1:
            raise InputError(f"wish '{wish.name}' comes twice: send it once")


def check_limits(limits: Sequence[HardLimit]) -> None:
    """Raises InputError where a limit's name, relation, value or unit is off."""
    for limit in limits:
        if not limit.landmark and limit.name not in DESCRIPTORS:
            raise InputError(
                f"a limit of '{limit.name}' can't be measured: limits are {', '.join(DESCRIPTORS)},"
                " or a distance with a landmark"
            )
        if limit.relation not in (">=", "<="):
            raise InputError(
                f"limit '{limit.name}' has the relation '{limit.relation}': use >= or <="
            )
        if not math.isfinite(limit.value):
            raise InputError(f"limit '{limit.name}' has the value {limit.value}: it must be finite")
        unit = "m" if limit.landmark else DESCRIPTORS[limit.name].unit
        if limit.unit != unit:
            raise InputError(f"limit '{limit.name}' is in '{limit.unit}': give it in '{unit}'")


def check_landmarks(landmarks: Sequence[LandmarkWish]) -> None:
    """Raises InputError where a landmark's phrase, relation or weight is off."""
    for wish in landmarks:
        if wish.relation not in RELATIONS:
            raise InputError(
                f"landmark '{wish.phrase}' has the relation '{wish.relation}':"
                f" use one of {', '.join(RELATIONS)}"
            )
        if not wish.phrase.strip():
            raise InputError(f"a landmark to be {wish.relation} has no phrase: name the thing")
        if (RELATIONS[wish.relation].phrases == 2) != bool(wish.other.strip()):
            raise InputError(
                f"landmark '{wish.phrase}' ({wish.relation}): only 'between' takes a second"
                " phrase, and it needs one"
            )
        _check_weight(wish.weight, wish.phrase)


def _check_weight(weight: float, name: str) -> None:
    if not (math.isfinite(weight) and weight >= 0):
        raise InputError(f"the weight of '{name}' is {weight}: it must be finite and 0 or more")
