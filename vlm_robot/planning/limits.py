"""What the robot is and may do: the limits that no goal can lift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vlm_robot.types import InputError


@dataclass(frozen=True, kw_only=True)
class RobotLimits:
    """The robot's body and motion, and how maps are read.

    Attributes:
        radius: of the circle that holds the robot, metres. With a `footprint` it is only used
            where a circle must do (coverage); clearances then use the footprint's inner circle.
        footprint: corners (x, y) in metres in the robot's own frame (x forward), which holds the
            origin; or None for a round robot.
        minimum_turning_radius: metres; 0 for a robot that turns on the spot.
        maximum_jump: between neighbouring poses, metres.
        unknown_is_free: whether the robot may go where the map knows nothing.
        maximum_speed: metres a second.
        maximum_turn_rate: radians a second.
        clearance_cap: clearance beyond this counts no further, metres; infinity for no cap.
        occupied_from: cells of this value or more are obstacles, per cent. Nav2's costmaps mark
            inflation below 100: give 100 for them.
        open_from: a place with this clearance or more is in the open, metres.
        turn_window: in robot mode headings are compared over this arc length, metres, so that
            a planner's grid steps don't count as turns.
        maximum_costmap_age: an older costmap is refused, seconds; infinity for a static map.
    """

    radius: float = 0.25
    footprint: tuple[tuple[float, float], ...] | None = None
    minimum_turning_radius: float = 0.0
    maximum_jump: float = math.inf
    unknown_is_free: bool = False
    maximum_speed: float = 0.5
    maximum_turn_rate: float = 1.0
    clearance_cap: float = math.inf
    occupied_from: int = 65
    open_from: float = 1.0
    turn_window: float = 0.5
    maximum_costmap_age: float = math.inf

    def __post_init__(self) -> None:
        for name in ("radius", "minimum_turning_radius"):
            _check(name, getattr(self, name), least=0.0, finite=True)
        for name in ("maximum_speed", "maximum_turn_rate", "open_from", "turn_window"):
            _check(name, getattr(self, name), above=0.0, finite=True)
        for name in ("maximum_jump", "clearance_cap", "maximum_costmap_age"):
            _check(name, getattr(self, name), above=0.0)
        if not 1 <= self.occupied_from <= 100:
            raise InputError(
                f"occupied_from is {self.occupied_from}: it must be in 1..100 per cent"
            )
        if self.footprint is not None:
            _check_footprint(self.footprint)

    @property
    def inner_radius(self) -> float:
        """Radius of the largest circle about the origin inside the robot, metres."""
        if self.footprint is None:
            return self.radius
        start = np.asarray(self.footprint, dtype=np.float64)
        edge = np.roll(start, -1, axis=0) - start
        along = np.clip(-(start * edge).sum(1) / (edge**2).sum(1), 0.0, 1.0)
        return float(np.hypot(*(start + along[:, None] * edge).T).min())

    @property
    def outer_radius(self) -> float:
        """Radius of the smallest circle about the origin that holds the robot, metres."""
        if self.footprint is None:
            return self.radius
        return float(np.hypot(*np.asarray(self.footprint, dtype=np.float64).T).max())


def _check(
    name: str,
    value: float,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    finite: bool = False,
) -> None:
    if math.isnan(value) or value < least or value <= above or (finite and math.isinf(value)):
        bound = f"above {above:g}" if above > -math.inf else f"{least:g} or more"
        raise InputError(f"the robot's {name} is {value}: it must be a number {bound}")


def _check_footprint(footprint: tuple[tuple[float, float], ...]) -> None:
    corners = np.asarray(footprint, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[0] < 3 or corners.shape[1] != 2:
        raise InputError("the robot's footprint must be three or more corners (x, y) in metres")
    if not np.isfinite(corners).all():
        raise InputError("the robot's footprint has a corner that isn't finite")
    following = np.roll(corners, -1, axis=0)
    if (np.abs(following - corners).sum(1) == 0).any():
        raise InputError("the robot's footprint repeats a corner: list each corner once")
    turns = np.arctan2(
        corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0],
        (corners * following).sum(1),
    )
    if abs(abs(turns.sum()) - 2 * math.pi) > 1e-6:
        raise InputError(
            "the robot's footprint must go once around the origin of its frame (base_link)"
        )
