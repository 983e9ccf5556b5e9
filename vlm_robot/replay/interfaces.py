"""Definitions of the messages that results are written as, for machines without ROS."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

_HERE = Path(__file__).parent
_PACKAGES = {
    "vision_msgs": "compat/vision_msgs/msg",
    "vlm_robot_msgs": "vlm_robot_msgs/msg",
}
"""Packages that rosbags doesn't know, with their folders in the repository."""


@lru_cache(maxsize=1)
def typestore() -> Typestore:
    """ROS 2's common messages, vision_msgs and vlm_robot_msgs.

    Raises:
        FileNotFoundError: the definitions weren't installed.
    """
    store = get_typestore(Stores.ROS2_JAZZY)
    for package, folder in _PACKAGES.items():
        types: dict[str, Any] = {}
        for path in sorted(_definitions(package, folder).glob("*.msg")):
            types |= get_types_from_msg(path.read_text("utf-8"), f"{package}/msg/{path.stem}")
        store.register(types)
    return store


def _definitions(package: str, folder: str) -> Path:
    """The copy that setup.py installs, the repository's, or that of a ROS installation."""
    installed_to = [*_HERE.parents][4:5]  # prefix/lib/pythonX.Y/site-packages/vlm_robot/replay
    prefixes = [Path(prefix) for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(":")]
    places = [
        *(prefix / "share" / "vlm_robot" / "definitions" / package for prefix in installed_to),
        _HERE.parents[1] / folder,
        *(prefix / "share" / package / "msg" for prefix in prefixes),
    ]
    for place in places:
        if any(place.glob("*.msg")):
            return place
    raise FileNotFoundError(
        f"the message definitions of {package} aren't installed: install vlm_robot again,"
        " or source the workspace that was built with it"
    )
