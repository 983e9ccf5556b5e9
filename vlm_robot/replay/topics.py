"""Which topics of a bag are cameras, depth, calibration, transforms, map and candidate paths."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from vlm_robot.replay.bag import Bag, BagError
from vlm_robot.settings import CameraSettings, Settings

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
TRANSFORMS = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")
GRID = "nav_msgs/msg/OccupancyGrid"
PATHS = "vlm_robot_msgs/msg/CandidatePaths"

_DEPTH_ENCODINGS = ("16UC1", "32FC1")
_NO_MEASURES = ("jpeg", "tiff")
"""What compressed_image_transport makes of depth, too, and no depth can be had from."""


class BagTopics(NamedTuple):
    """The topics that a replay reads; an empty name is none.

    Attributes:
        cameras: names with their topics.
    """

    cameras: tuple[tuple[str, CameraSettings], ...]
    transforms: tuple[str, ...]
    grid: str
    paths: tuple[str, ...]


def find_topics(
    bag: Bag,
    *,
    settings: Settings | None = None,
    only: Sequence[str] = (),
    grid: str = "",
    paths: str = "",
) -> BagTopics:
    """Find a bag's topics by their types, names, and what their first message holds.

    Args:
        settings: cameras whose topics are in the bag are taken as they are set there; None, or
            settings of which none is in the bag's topics by name, finds all cameras.
        only: image topics, or names of cameras, to look at; none for all.
        grid, paths: topics to take for the map and the candidate paths instead of those found.

    Raises:
        BagError: there is no image, or a topic that was asked for isn't there.
    """
    _check_asked(bag, grid, (GRID,))
    _check_asked(bag, paths, (PATHS,))
    for name in only:
        if name.startswith("/"):
            _check_asked(bag, name, (IMAGE, COMPRESSED_IMAGE))
    cameras = (_set_cameras(bag, settings) if settings else {}) or _found_cameras(bag)
    if only:
        cameras = {
            name: topics for name, topics in cameras.items() if name in only or topics.image in only
        }
    if not cameras:
        asked = f" of {', '.join(only)}" if only else ""
        raise BagError(f"{bag.name} has no images{asked} that can be read; it has {_list(bag)}")
    return BagTopics(
        cameras=tuple(cameras.items()),
        transforms=tuple(t for kind in TRANSFORMS for t in _of_type(bag, kind)),
        grid=grid or _best_grid(_of_type(bag, GRID)),
        paths=(paths,) if paths else tuple(_of_type(bag, PATHS)),
    )


def _list(bag: Bag) -> str:
    if not bag.topics:
        return "no messages at all"
    return ", ".join(f"{topic.name} ({topic.msgtype})" for topic in bag.topics.values())


def _check_asked(bag: Bag, name: str, types: Sequence[str]) -> None:
    if not name:
        return
    if name not in bag.topics:
        raise BagError(f"{bag.name} has no topic {name}; it has {_list(bag)}")
    if bag.topics[name].msgtype not in types:
        raise BagError(f"{name} is of type {bag.topics[name].msgtype}, not {' or '.join(types)}")


def _of_type(bag: Bag, msgtype: str) -> list[str]:
    """Topics of a type that have messages and can be read."""
    return [
        topic.name
        for topic in bag.topics.values()
        if topic.msgtype == msgtype and topic.messages and bag.can_decode(msgtype)
    ]


def _best_grid(topics: Sequence[str]) -> str:
    """What the planner sees before the bare map: the global costmap, any costmap, any map."""

    def rank(name: str) -> tuple[bool, bool, str]:
        return ("global" not in name, "costmap" not in name, name)

    return min(topics, key=rank, default="")


def _set_cameras(bag: Bag, settings: Settings) -> dict[str, CameraSettings]:
    """The settings' cameras that are in the bag."""
    cameras = {}
    for name, topics in settings.topics:
        for image in (topics.image, f"{topics.image}/compressed"):
            if image in bag.topics and bag.topics[image].msgtype in (IMAGE, COMPRESSED_IMAGE):
                depth = _set_depth(bag, name, topics.depth)
                cameras[name] = CameraSettings(image, topics.camera_info, depth)
                break
        else:
            bag.warnings.append(f"camera '{name}': its topic {topics.image} isn't in {bag.name}")
    return cameras


def _set_depth(bag: Bag, camera: str, topic: str) -> str:
    """The settings' depth topic as it is in the bag; empty for none."""
    for name in (topic, f"{topic}/compressedDepth"):
        if topic and name in bag.topics:
            return name
    if topic:
        bag.warnings.append(f"camera '{camera}': its depth topic {topic} isn't in {bag.name}")
    return ""


def _found_cameras(bag: Bag) -> dict[str, CameraSettings]:
    """All cameras, by name; of a picture recorded raw and compressed, the raw one counts."""
    images = [*_of_type(bag, IMAGE), *_of_type(bag, COMPRESSED_IMAGE)]
    formats = {topic: _format(bag, topic) for topic in images}
    of_depth = [topic for topic in images if _is_of_depth(topic, formats[topic])]
    depths = [topic for topic in of_depth if not any(k in formats[topic] for k in _NO_MEASURES)]
    depth_bases = {_base(topic) for topic in of_depth}
    pictures: dict[str, str] = {}
    for topic in images:
        if _base(topic) not in depth_bases:
            pictures.setdefault(_base(topic), topic)
    names: dict[str, CameraSettings] = {}
    for base, topic in sorted(pictures.items()):
        info = f"{base.rpartition('/')[0]}/camera_info"
        settings = CameraSettings(
            image=topic,
            camera_info=info if info in bag.topics else "",
            depth=_depth_of(base, depths, list(pictures)),
        )
        names[_camera_name(base, names)] = settings
    return names


def _base(topic: str) -> str:
    """The topic of the picture without its transport."""
    return topic.removesuffix("/compressed").removesuffix("/compressedDepth")


def _format(bag: Bag, topic: str) -> str:
    """How the pixels of a topic's first message are coded; empty where it can't be read."""
    message = next(iter(bag.messages([topic])), None)
    if message is None:
        return ""
    try:
        first = bag.decode(message)
    except BagError:
        return ""
    return str(first.format if message.msgtype == COMPRESSED_IMAGE else first.encoding)


def _is_of_depth(topic: str, form: str) -> bool:
    """Whether depth went into it, even where none can be had from it any more."""
    encoding = form.partition(";")[0].strip()
    return (
        "compresseddepth" in form.lower()
        or encoding in _DEPTH_ENCODINGS
        or (encoding == "mono16" and "depth" in topic.lower())
    )


def _depth_of(image: str, depths: Sequence[str], images: Sequence[str]) -> str:
    """The depth topic that belongs to an image: of the same camera, registered if there is one."""

    def shared(one: str, other: str) -> int:
        pairs = zip(one.split("/"), other.split("/"), strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    def rank(depth: str) -> tuple[int, bool, bool, str]:
        registered = any(word in depth for word in ("aligned", "registered"))
        return (-shared(image, depth), not registered, "compressed" in depth, depth)

    mine = [
        depth
        for depth in depths
        if shared(image, depth) > 1
        and shared(image, depth) == max(shared(i, depth) for i in images)
    ]
    only_one_camera = [*depths] if len(images) == 1 else []
    return min(mine or only_one_camera, key=rank, default="")


def _camera_name(base: str, taken: dict[str, CameraSettings]) -> str:
    """A name out of a topic: '/camera/color/image_raw' is camera_color."""
    parts = [re.sub(r"\W", "_", part) for part in base.strip("/").split("/")]
    for name in ("_".join(parts[:-1]) or "camera", "_".join(parts)):
        if name not in taken:
            break
    return name if name[0].isalpha() and name.isascii() else f"camera_{len(taken)}"
