"""The paints that a shape may use, and the registry of shapes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.shapes.builder import Builder

Range = tuple[float, float]


@dataclass(frozen=True)
class Look:
    """What a shape is painted with, and the chance that varies its measures.

    Attributes:
        main: the colour that the object is named by.
        wood, metal, dark, light: paints of parts that aren't named.
        other: a second colour for stripes and trims, unlike `main`.
        textures: keys of pattern textures, for prints and screens.
        rng: chance.
    """

    main: Paint
    wood: Paint
    metal: Paint
    dark: Paint
    light: Paint
    other: Paint
    textures: tuple[str, ...]
    rng: np.random.Generator

    def between(self, low: float, high: float) -> float:
        """A random length."""
        return float(self.rng.uniform(low, high))

    def printed(self, repeat: float = 1.0) -> Paint:
        """A random picture or pattern."""
        texture = self.textures[int(self.rng.integers(len(self.textures)))] if self.textures else ""
        return Paint(texture=texture, repeat=(repeat, repeat), shine=0.05)

    def matt(self, shade: float) -> Paint:
        """`main`, darker or lighter by the factor `shade`."""
        red, green, blue, alpha = self.main.rgba
        low = [min(1.0, channel * shade) for channel in (red, green, blue)]
        return replace(self.main, rgba=(low[0], low[1], low[2], alpha), shine=0.05)


Shape = Callable[[Builder, Look, str], None]
SHAPES: dict[str, Shape] = {}


def shape(function: Shape) -> Shape:
    """Register a shape under its function's name."""
    SHAPES[function.__name__] = function
    return function
