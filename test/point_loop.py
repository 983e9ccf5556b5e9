"""Descriptors and feasibility in robot mode, one point after the other in plain Python.

What `measure` and `violations` do for all paths at once, by the same definitions, written as one
would without arrays. It is there to be compared with: for the same values, and for the time.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from vlm_robot.planning.limits import RobotLimits

Point = tuple[float, float]


class LoopGrid:
    """Distances of a square map's cells, looked up bilinearly."""

    def __init__(self, metres: list[list[float]], resolution: float) -> None:
        self.metres, self.resolution = metres, resolution
        self.height, self.width = len(metres), len(metres[0])

    def distance(self, x: float, y: float) -> float:
        column = min(max(x / self.resolution - 0.5, 0.0), self.width - 1)
        row = min(max(y / self.resolution - 0.5, 0.0), self.height - 1)
        left, below = min(int(column), self.width - 2), min(int(row), self.height - 2)
        across, up = column - left, row - below
        low, high = self.metres[below], self.metres[below + 1]
        first = low[left] + (low[left + 1] - low[left]) * across
        second = high[left] + (high[left + 1] - high[left]) * across
        return first + (second - first) * up

    def border(self, x: float, y: float) -> float:
        column, row = x / self.resolution, y / self.resolution
        return self.resolution * min(column, self.width - column, row, self.height - row)


def resampled(points: list[Point], spacing: float) -> list[Point]:
    made = []
    for (x0, y0), (x1, y1) in pairwise(points):
        parts = max(math.ceil(math.hypot(x1 - x0, y1 - y0) / spacing - 1e-9), 1)
        made += [(x0 + k / parts * (x1 - x0), y0 + k / parts * (y1 - y0)) for k in range(parts)]
    return [*made, points[-1]]


def loop_measure(points: list[Point], grid: LoopGrid, limits: RobotLimits) -> dict[str, Any]:
    """The descriptors of one path, and whether it is feasible."""
    radius = limits.inner_radius
    sampled = resampled(points, grid.resolution)
    turn, duration = 0.0, 0.0
    for i in range(1, len(points) - 1):
        turn += _angle(points[i - 1], points[i], points[i + 1])
    lengths = [math.hypot(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(points)]
    reversals = 0
    for i, length in enumerate(lengths):
        angle = _angle(points[i - 1], points[i], points[i + 1]) if i else 0.0
        reversals += angle > 165.0
        duration += max(
            length / limits.maximum_speed, math.radians(angle) / limits.maximum_turn_rate
        )
    travelled, least, most, total, exposed, area = [0.0], math.inf, 0.0, 0.0, 0.0, set()
    feasible, was_open = max(lengths) <= limits.maximum_jump, False
    side = 2.0 * limits.outer_radius
    for i, (x, y) in enumerate(sampled):
        distance = grid.distance(x, y)
        feasible &= distance > 0.0 and distance >= radius - 1e-6
        feasible &= grid.border(x, y) >= radius - 1e-6
        room = min(max(distance - radius, 0.0), limits.clearance_cap)
        least, most, total = min(least, room), max(most, room), total + room
        is_open = room >= limits.open_from
        area.add((math.floor(x / side), math.floor(y / side)))
        if i:
            step = math.hypot(x - sampled[i - 1][0], y - sampled[i - 1][1])
            exposed += step * (is_open + was_open) / 2
            travelled.append(travelled[-1] + step)
        was_open = is_open
    largest, bend, sharp, in_sharp = 0.0, 0.0, 0, False
    back = ahead = 0
    window = limits.turn_window * (1 - 1e-6)
    for i in range(len(sampled)):
        while travelled[back] < travelled[i] - window:
            back += 1
        while ahead < len(sampled) - 1 and travelled[ahead] < travelled[i] + window:
            ahead += 1
        a, b = max(min(back, i - 1), 0), min(max(ahead, i + 1), len(sampled) - 1)
        angle = _angle(sampled[a], sampled[i], sampled[b])
        largest = max(largest, angle)
        sharp += angle > 90.0 and not in_sharp
        in_sharp = angle > 90.0
        if angle <= 165.0:
            bend = max(bend, _curvature(sampled[a], sampled[i], sampled[b]))
    length = sum(lengths)
    return {
        "min_clearance": least,
        "max_clearance": most,
        "mean_clearance": total / len(sampled),
        "path_length": length,
        "smoothness": turn,
        "sharp_turns": sharp,
        "max_turn_angle": largest,
        "duration": duration,
        "turn_per_metre": turn / length,
        "max_curvature": bend,
        "turning_radius": 1.0 / max(bend, 1e-6),
        "reversals": reversals,
        "exposure": exposed / length,
        "area_covered": len(area) * side**2,
        "feasible": feasible,
    }


def _angle(a: Point, b: Point, c: Point) -> float:
    x0, y0, x1, y1 = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1]
    return math.degrees(math.atan2(abs(x0 * y1 - y0 * x1), x0 * x1 + y0 * y1))


def _curvature(a: Point, b: Point, c: Point) -> float:
    x0, y0, x1, y1 = b[0] - a[0], b[1] - a[1], c[0] - b[0], c[1] - b[1]
    sides = math.hypot(x0, y0) * math.hypot(x1, y1) * math.hypot(c[0] - a[0], c[1] - a[1])
    return 2.0 * abs(x0 * y1 - y0 * x1) / sides if sides > 0 else 0.0
