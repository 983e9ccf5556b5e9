"""Parametric objects: every shape has forms, colours and measures that vary."""

from vlm_robot.simulation.shapes import (
    decor,
    devices,
    furniture,
    household,
    solids,
    tabletop,
)
from vlm_robot.simulation.shapes.builder import Builder
from vlm_robot.simulation.shapes.look import SHAPES, Look

__all__ = [
    "SHAPES",
    "Builder",
    "Look",
    "decor",
    "devices",
    "furniture",
    "household",
    "solids",
    "tabletop",
]
