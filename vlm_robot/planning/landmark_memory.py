"""What was seen before the robot turned away, for a while and within a distance."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from vlm_robot.planning.landmarks import SeenLandmark, key
from vlm_robot.types import InputError


class _Sighting(NamedTuple):
    landmark: SeenLandmark
    stamp: int


class LandmarkMemory:
    """Remembers landmarks in one fixed frame (map or odom).

    A sighting within `same_place` metres of a remembered one of the same phrase replaces it.
    """

    def __init__(
        self,
        *,
        seconds: float = 30.0,
        metres: float = 10.0,
        same_place: float = 0.5,
        capacity: int = 1000,
    ) -> None:
        """Args:
        seconds: how long a sighting is kept.
        metres: from the robot, how far away a sighting is kept.
        same_place: metres between sightings of one thing.
        capacity: the most sightings kept; the oldest go first.
        """
        if not (seconds >= 0 and metres >= 0 and same_place >= 0 and capacity > 0):
            raise InputError(
                "a landmark memory needs seconds, metres and same_place of 0 or more,"
                " and a capacity of at least 1"
            )
        self._nanoseconds = seconds * 1e9
        self._metres = metres
        self._same_place = same_place
        self._capacity = capacity
        self._sightings: list[_Sighting] = []

    def __len__(self) -> int:
        return len(self._sightings)

    def add(self, landmark: SeenLandmark, *, stamp: int) -> None:
        """Remember what an image of `stamp` (nanoseconds) showed.

        An older sighting than the one remembered at that place is left out.
        """
        if not np.isfinite(landmark.position).all():
            raise InputError(f"landmark '{landmark.phrase}' has no finite position to remember")
        for index, known in enumerate(self._sightings):
            if self._is_same(known.landmark, landmark):
                if stamp >= known.stamp:
                    self._sightings[index] = _Sighting(landmark, stamp)
                return
        self._sightings.append(_Sighting(landmark, stamp))
        if len(self._sightings) > self._capacity:
            self._sightings.remove(min(self._sightings, key=lambda seen: seen.stamp))

    def recall(self, *, stamp: int, robot: tuple[float, float] | None) -> tuple[SeenLandmark, ...]:
        """What is known at `stamp` (nanoseconds) for a robot at x, y (metres), newest first.

        Sightings past the memory's seconds or metres are forgotten for good; where it isn't
        known where the robot is (None), its metres don't count. Those from after `stamp` are
        kept, but not told.
        """
        self._sightings = [
            seen
            for seen in self._sightings
            if stamp - seen.stamp <= self._nanoseconds
            and (robot is None or math.dist(seen.landmark.position[:2], robot) <= self._metres)
        ]
        known = [seen for seen in self._sightings if seen.stamp <= stamp]
        known.sort(key=lambda seen: -seen.stamp)
        return tuple(
            seen.landmark._replace(age_s=max(seen.landmark.age_s, (stamp - seen.stamp) / 1e9))
            for seen in known
        )

    def clear(self) -> None:
        """Forget everything: the frame has jumped."""
        self._sightings.clear()

    def _is_same(self, known: SeenLandmark, new: SeenLandmark) -> bool:
        return (
            key(known.phrase) == key(new.phrase)
            and math.dist(known.position[:2], new.position[:2]) <= self._same_place
        )
