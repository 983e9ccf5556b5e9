"""The table of all settings: `python -m vlm_robot.settings_table > docs/settings.md`."""

from __future__ import annotations

import math

from vlm_robot.settings import SettingInfo, setting_infos

HEADING = """\
# Settings

Every setting is a ROS parameter of the node and a line of the replay's YAML. This page is made by
`python -m vlm_robot.settings_table > docs/settings.md`.

Each name in `cameras` brings three more: `<camera>.image` (default `/<camera>/image_raw`),
`<camera>.camera_info` (default: beside the image) and `<camera>.depth` (default: none). Compressed
topics are found out: give the name without `/compressed`.

A setting with ● changes while the node runs (`ros2 param set`); the others need `cleanup` and
`configure`. A wrong value is refused with a reason, and the old one stays.

| name | default | unit | range | | what it does |
| --- | --- | --- | --- | --- | --- |
"""


def settings_page() -> str:
    """The page in Markdown."""
    return HEADING + "".join(_row(info) for info in setting_infos())


def _row(info: SettingInfo) -> str:
    dot = "●" if info.at_run_time else ""
    cells = (f"`{info.name}`", _default(info), info.unit, _range(info), dot, info.help)
    return f"| {' | '.join(cells)} |\n"


def _default(info: SettingInfo) -> str:
    value = info.default
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "(none)"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != "" else "(empty)"


def _range(info: SettingInfo) -> str:
    if info.choices:
        return ", ".join(info.choices)
    return "" if math.isinf(info.low) else f"{info.low:g} to {info.high:g}"


if __name__ == "__main__":
    print(settings_page(), end="")
