"""Images matched with depth of the same stamp, without a clock: the same for graph and bag."""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

ImageT = TypeVar("ImageT")
DepthT = TypeVar("DepthT")

DEPTHS_KEPT = 10
MISSES_UNTIL_IMPATIENT = 3
PATIENCE = 3_000_000_000
"""Nanoseconds of stamps: depth may come at a small part of the images' rate."""


class Pair(NamedTuple, Generic[ImageT, DepthT]):
    """An image with its depth, or with the reason why there is none."""

    image: ImageT
    depth: DepthT | None
    missing: str


class StampPairing(Generic[ImageT, DepthT]):
    """Holds the newest image until its depth has come, or can't come any more.

    An image waits until a depth within `slop` comes, a later depth shows that its own was lost,
    or the next image comes. After `PATIENCE` without any depth, and a few images, none waits until
    depth comes again: a dead depth camera delays nothing.

    Args:
        slop: the most difference of the two stamps, nanoseconds.
    """

    def __init__(self, slop: int) -> None:
        self.slop = slop
        self._depths: deque[tuple[int, DepthT]] = deque(maxlen=DEPTHS_KEPT)
        self._held: tuple[int, ImageT] | None = None
        self._misses = 0
        self._last_depth: int | None = None

    def add_image(self, stamp: int, image: ImageT) -> list[Pair[ImageT, DepthT]]:
        """Take an image; returns what is complete now, in order of arrival."""
        released = self.flush()
        self._held = (stamp, image)
        if self._last_depth is None:
            self._last_depth = stamp  # patience counts from the first image
        if match := self._match(stamp):
            released.append(self._release(match[1]))
        elif self._misses >= MISSES_UNTIL_IMPATIENT and abs(stamp - self._last_depth) > PATIENCE:
            released += self.flush()
        return released

    def add_depth(self, stamp: int, depth: DepthT) -> list[Pair[ImageT, DepthT]]:
        """Take a depth image; returns what is complete now."""
        self._depths.append((stamp, depth))
        self._misses, self._last_depth = 0, stamp
        if self._held is None:
            return []
        if self._match(self._held[0]):
            return [self._release(depth)]
        return self.flush() if stamp > self._held[0] + self.slop else []

    def flush(self) -> list[Pair[ImageT, DepthT]]:
        """Give up waiting: the held image without depth, if there is one."""
        if self._held is None:
            return []
        self._misses += 1
        return [self._release(None)]

    def _match(self, stamp: int) -> tuple[int, DepthT] | None:
        near = min(self._depths, key=lambda entry: abs(entry[0] - stamp), default=None)
        return near if near is not None and abs(near[0] - stamp) <= self.slop else None

    def _release(self, depth: DepthT | None) -> Pair[ImageT, DepthT]:
        assert self._held is not None
        image, self._held = self._held[1], None
        if depth is not None:
            return Pair(image, depth, "")
        reason = "no depth within depth_slop" if self._depths else "no depth received yet"
        return Pair(image, None, reason)
