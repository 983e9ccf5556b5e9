"""The frame tree: where frames are in each other, at a stamp.

The tree is filled from /tf and /tf_static and asked at the stamps of images. Between two samples a
place is interpolated as tf2 does: linearly in position, along the shortest arc in orientation.
pytransform3d does the arithmetic. Its own temporal manager holds a fixed array for each frame and
checks it whole when it is replaced, which costs more the longer the memory; /tf adds one sample at
a time, hundreds of times a second, so the samples are kept here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from threading import Condition
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pytransform3d.rotations import (
    concatenate_quaternions,
    quaternion_from_matrix,
    quaternion_slerp,
)
from pytransform3d.transformations import invert_transform, transform_from_pq

from vlm_robot.types import Boxes3D

Matrix = NDArray[np.float64]


WORTH_WAITING = 0.2
"""Seconds that a stamp may be ahead of the newest sample for the next one to be waited for."""


class FrameTreeError(LookupError):
    """A transform isn't known.

    Attributes:
        reason: the text without its numbers, the same at every stamp: to count by.
        seconds_ahead: how far the stamp is past the newest sample, so that it may still come;
            0 where waiting doesn't help.
    """

    def __init__(self, text: str, *, reason: str = "", seconds_ahead: float = 0.0) -> None:
        super().__init__(text)
        self.reason = reason or text
        self.seconds_ahead = seconds_ahead


class _Sample(NamedTuple):
    """Position in metres and unit quaternion (wxyz) of a child in its parent."""

    stamp: int
    place: tuple[float, float, float, float, float, float, float]


class _Edge:
    """Where a child frame is in its parent: the samples of the last seconds, oldest first."""

    def __init__(self, child: str, parent: str, *, static: bool) -> None:
        self.child, self.parent, self.static = child, parent, static
        self.samples: list[_Sample] = []

    def add(self, sample: _Sample, horizon: int) -> None:
        samples = self.samples
        if self.static or (samples and sample.stamp < samples[-1].stamp - horizon):
            samples.clear()  # the clock was set back: a bag starts again, a simulator was reset
        if not samples or sample.stamp > samples[-1].stamp:
            samples.append(sample)
        else:
            self._insert(sample)
        oldest = samples[-1].stamp - horizon
        if samples[0].stamp < oldest - horizon // 4:  # in bunches: a cut moves the whole list
            del samples[: bisect_left(samples, (oldest,))]

    def _insert(self, sample: _Sample) -> None:
        at = bisect_left(self.samples, (sample.stamp,))
        if self.samples[at].stamp == sample.stamp:
            self.samples[at] = sample
        else:
            insort(self.samples, sample)

    def matrix(self, stamp: int) -> Matrix:
        """The child's points to the parent's, (4, 4)."""
        samples = self.samples
        if self.static:
            return _matrix(samples[0].place)
        at = bisect_left(samples, (stamp,))
        if at < len(samples) and samples[at].stamp == stamp:
            return _matrix(samples[at].place)
        if at in (0, len(samples)):
            raise self._outside(stamp)
        before, after = samples[at - 1], samples[at]
        part = (stamp - before.stamp) / (after.stamp - before.stamp)
        return _matrix(_between(before.place, after.place, part))

    def _outside(self, stamp: int) -> FrameTreeError:
        first, last = self.samples[0].stamp, self.samples[-1].stamp
        ahead, behind = (stamp - last) / 1e9, (first - stamp) / 1e9
        side = (
            f"{ahead:.3f} s after its newest" if ahead > 0 else f"{behind:.3f} s before its oldest"
        )
        what = f"no transform from '{self.child}' to '{self.parent}'"
        mend = "check that /tf is published and its clock is the images'"
        return FrameTreeError(
            f"{what} at {stamp / 1e9:.3f} s: that is {side} sample; {mend}",
            reason=f"{what} at the image's stamp: {mend}",
            seconds_ahead=max(ahead, 0.0),
        )


class FrameTree:
    """Frames and their samples of the last seconds; safe to fill and ask from several threads.

    `memory` is how many seconds of samples are kept, counted from each frame's newest.
    """

    def __init__(self, *, memory: float = 10.0) -> None:
        self._horizon = int(memory * 1e9)
        self._edges: dict[str, _Edge] = {}
        self._changed = Condition()

    def add_static(self, parent: str, child: str, xyz: Any, xyzw: Any) -> None:
        """Set a transform that holds at every stamp; arguments as for `add_dynamic`."""
        self._add(0, parent, child, xyz, xyzw, static=True)

    def add_dynamic(self, stamp: int, parent: str, child: str, xyz: Any, xyzw: Any) -> None:
        """Add a sample.

        Args:
            stamp: nanoseconds.
            xyz: where the child's origin is in the parent, metres.
            xyzw: the child's orientation in the parent, a quaternion.

        Raises:
            FrameTreeError: the sample isn't a transform.
        """
        self._add(stamp, parent, child, xyz, xyzw, static=False)

    def _add(
        self, stamp: int, parent: str, child: str, xyz: Any, xyzw: Any, *, static: bool
    ) -> None:
        parent, child = parent.lstrip("/"), child.lstrip("/")
        sample = _Sample(stamp, _place(parent, child, xyz, xyzw))
        with self._changed:
            edge = self._edges.get(child)
            if edge is None or edge.parent != parent or edge.static != static:
                self._check_tree(parent, child)
                edge = self._edges[child] = _Edge(child, parent, static=static)
            edge.add(sample, self._horizon)
            self._changed.notify_all()

    def _check_tree(self, parent: str, child: str) -> None:
        if child in self._chain(parent):
            raise FrameTreeError(
                f"'{child}' can't be a child of '{parent}': '{parent}' is below it"
            )

    def clear(self) -> None:
        """Forget everything."""
        with self._changed:
            self._edges.clear()

    @property
    def frames(self) -> list[str]:
        """Names of all frames."""
        with self._changed:
            return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def lookup(self, target: str, source: str, stamp: int, *, patience: float = 0.0) -> Matrix:
        """The transform of points in `source` to points in `target` at `stamp` (ns), (4, 4).

        Args:
            patience: seconds to wait where `stamp` is a little after the newest sample: in a
                running graph an image often comes before the transform of its stamp.

        Raises:
            FrameTreeError: a frame is missing, the frames aren't connected, or `stamp` is outside
                the samples.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        if target == source:
            return np.eye(4)
        end = monotonic() + patience
        with self._changed:
            while True:
                try:
                    return self._known(target, source, stamp)
                except FrameTreeError as error:
                    left = end - monotonic()
                    if left <= 0 or not 0 < error.seconds_ahead <= WORTH_WAITING:
                        raise
                    self._changed.wait(left)

    def _known(self, target: str, source: str, stamp: int) -> Matrix:
        up, down = self._chain(source), self._chain(target)
        self._check_connected(target, source, up, down)
        common = next(frame for frame in up if frame in down)
        source_to_common = self._climb(up[: up.index(common)], stamp)
        target_to_common = self._climb(down[: down.index(common)], stamp)
        return np.asarray(invert_transform(target_to_common) @ source_to_common)

    def _chain(self, frame: str) -> list[str]:
        """The frame and all above it."""
        chain = [frame]
        while (edge := self._edges.get(chain[-1])) is not None:
            chain.append(edge.parent)
        return chain

    def _climb(self, frames: list[str], stamp: int) -> Matrix:
        matrix: Matrix = np.eye(4)
        for frame in frames:
            matrix = self._edges[frame].matrix(stamp) @ matrix
        return matrix

    def _check_connected(self, target: str, source: str, up: list[str], down: list[str]) -> None:
        if up[-1] == down[-1]:
            return
        known = {*self._edges, *(edge.parent for edge in self._edges.values())}
        missing = [f"'{frame}'" for frame in (source, target) if frame not in known]
        if missing:
            raise FrameTreeError(
                f"no transform from '{source}' to '{target}': {' and '.join(missing)}"
                f" {'was' if len(missing) == 1 else 'were'} never on /tf or /tf_static"
            )
        raise FrameTreeError(
            f"no transform from '{source}' to '{target}': they are in two trees, under"
            f" '{up[-1]}' and '{down[-1]}'; publish the transform between these"
        )


def _place(
    parent: str, child: str, xyz: Any, xyzw: Any
) -> tuple[float, float, float, float, float, float, float]:
    px, py, pz = (float(value) for value in xyz)
    x, y, z, w = (float(value) for value in xyzw)
    length = (x * x + y * y + z * z + w * w) ** 0.5
    if not (parent and child and 0.9 < length < 1.1 and abs(px + py + pz) < float("inf")):
        raise FrameTreeError(
            f"the transform from '{child}' to '{parent}' isn't one: it needs two frame names,"
            f" a finite position and a quaternion of length 1, and has {[px, py, pz]} and"
            f" {[x, y, z, w]}"
        )
    return px, py, pz, w / length, x / length, y / length, z / length


def _matrix(place: Any) -> Matrix:
    return np.asarray(transform_from_pq(np.array(place)), dtype=np.float64)


def _between(before: Any, after: Any, part: float) -> Matrix:
    first, second = np.array(before), np.array(after)
    place: Matrix = first + part * (second - first)
    place[3:] = quaternion_slerp(first[3:], second[3:], part, shortest_path=True)
    return place


def transform_boxes(boxes: Boxes3D, matrix: Matrix, target_frame: str) -> Boxes3D:
    """The same boxes in another frame; sizes stay along the boxes' own axes.

    Args:
        matrix: (4, 4), points of `boxes.frame_id` to points of `target_frame`.
    """
    rotation, position = matrix[:3, :3], matrix[:3, 3]
    x, y, z, w = boxes.orientation
    turned = concatenate_quaternions(quaternion_from_matrix(rotation), np.array([w, x, y, z]))
    return Boxes3D(
        target_frame,
        boxes.centers @ rotation.T + position,
        boxes.sizes,
        boxes.reasons,
        np.roll(turned, -1),
    )
