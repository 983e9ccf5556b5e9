"""Hypothesis strategies for ROS messages of any type, from the fields that they declare."""

from __future__ import annotations

import array
import copy
import math
import re
from functools import cache
from importlib import import_module

from hypothesis import strategies as st

MOST_ITEMS = 6
_FLOATS = (0.0, -0.0, 1.0, 1e-300, 1e300, math.nan, math.inf, -math.inf)
_TEXTS = ("", "map", "odom", "camera_optical_frame", "rgb8", "mono16", "16UC1", "32FC1", "jpeg",
          "16UC1; compressedDepth png", "plumb_bob", "is there a chair?", "🪑")  # fmt: skip
_CODES = {"int8": "b", "uint8": "B", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I",
          "int64": "q", "uint64": "Q", "float": "f", "double": "d"}  # fmt: skip


def messages(kind):
    """Any message of a type, with values that are off more often than a robot's are."""
    fields = {name: _field(text) for name, text in kind.get_fields_and_field_types().items()}
    return st.fixed_dictionaries(fields).map(lambda values: _made(kind, values))


def spoilt(sound):
    """A sound message of which one or two fields, at any depth, are something else."""
    paths = sorted(_paths(sound))
    chosen = st.lists(st.sampled_from(paths), min_size=1, max_size=2, unique=True)
    return chosen.flatmap(
        lambda some: st.fixed_dictionaries({path: _field(_type(sound, path)) for path in some})
    ).map(lambda values: _with(sound, values))


def _paths(message, before=()):
    for name in message.get_fields_and_field_types():
        yield (*before, name)
        value = getattr(message, name)
        if hasattr(value, "get_fields_and_field_types"):
            yield from _paths(value, (*before, name))


def _owner(message, path):
    for name in path[:-1]:
        message = getattr(message, name)
    return message


def _type(message, path):
    return _owner(message, path).get_fields_and_field_types()[path[-1]]


def _with(sound, values):
    message = copy.deepcopy(sound)
    for path in sorted(values, key=len, reverse=True):  # parts first, then what holds them
        setattr(_owner(message, path), path[-1], values[path])
    return message


def _made(kind, values):
    message = kind()
    for name, value in values.items():
        setattr(message, name, value)
    return message


@cache
def _field(text):
    if match := re.fullmatch(r"sequence<(.+?)(?:, (\d+))?>", text):
        return _items(match[1], 0, int(match[2] or MOST_ITEMS))
    if match := re.fullmatch(r"(.+)\[(\d+)\]", text):
        return _items(match[1], int(match[2]), int(match[2]))
    if "/" in text:
        package, name = text.split("/")
        return messages(getattr(import_module(f"{package}.msg"), name))
    return _value(text)


def _items(text, least, most):
    if text in _CODES:
        several = st.lists(_value(text), min_size=least, max_size=max(most, least))
        return several.map(lambda values: array.array(_CODES[text], values))
    return st.lists(_field(text), min_size=least, max_size=min(most, max(least, 3)))


def _value(text):
    if text in ("string", "wstring") or text.startswith("string<"):
        odd = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
        return st.sampled_from(_TEXTS) | odd
    if text == "boolean":
        return st.booleans()
    if text == "octet":
        return st.binary(min_size=1, max_size=1)
    if text in ("float", "double"):
        width = 32 if text == "float" else 64
        odd = [value for value in _FLOATS if width == 64 or not 0 < abs(value) < 1e-30]
        odd = [value for value in odd if width == 64 or not 1e39 < abs(value) < math.inf]
        return st.sampled_from(odd) | st.floats(-10, 10, width=width)
    bits = int(re.sub(r"\D", "", text))
    low, high = (0, 2**bits - 1) if text[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.sampled_from([low, high, 0, 1]) | st.integers(max(low, -9), min(high, 99))
