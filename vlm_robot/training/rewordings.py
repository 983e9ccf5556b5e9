"""Other ways to say a training phrase, so that the text projection learns more than its words.

A word that the evaluation keeps for itself is never used: `reworded` leaves out what holds one.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_COLORS = {
    "white": ("ivory", "milky", "pale white", "chalk white"),
    "black": ("ebony", "inky", "pitch black", "charcoal"),
    "gray": ("ashen", "slate", "ash gray", "stone gray"),
    "silver": ("chrome", "steel", "shiny silver"),
    "red": ("ruby", "cherry red", "blood red", "vermilion"),
    "orange": ("apricot", "pumpkin orange", "bright orange", "carrot"),
    "yellow": ("golden", "canary", "mustard", "bright yellow"),
    "green": ("jade", "lime", "grass green", "moss green"),
    "light blue": ("pale blue", "baby blue", "turquoise", "azure"),
    "blue": ("sapphire", "indigo", "dark blue", "ultramarine"),
    "purple": ("lilac", "plum", "lavender", "mauve"),
    "pink": ("fuchsia", "magenta", "salmon", "light pink"),
    "brown": ("mahogany", "umber", "hazel", "dark brown"),
    "beige": ("sandy", "cream", "tan"),
}
_COLOR = re.compile(rf"\b({'|'.join(_COLORS)})\b")
_TOY = re.compile(r"^toy (.+)$")
_TOYS = ("{} figurine", "model of a {}", "plastic {}", "{} ornament", "little {}")
_PLAIN = ("the {}", "some {}", "{} at home", "old {}")


def reworded(phrase: str, kept_words: Collection[str]) -> list[str]:
    """Other wordings of a phrase that mean the same, none of which holds a kept word."""
    color, toy = _COLOR.search(phrase), _TOY.match(phrase)
    if color:
        rest = " ".join(phrase.replace(color[1], "", 1).split())
        others = [f"{rest} in {color[1]}"]
        others += [phrase.replace(color[1], other, 1) for other in _COLORS[color[1]]]
    elif toy:
        others = [pattern.format(toy[1]) for pattern in _TOYS]
    else:
        others = [pattern.format(phrase) for pattern in _PLAIN]
    return [other for other in others if not set(other.lower().split()) & set(kept_words)]
