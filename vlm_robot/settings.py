"""Every setting, once: ROS parameters, the replay's YAML and the docs' table come from here."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import yaml

from vlm_robot.types import InputError


class SettingInfo(NamedTuple):
    """What is known of a setting besides its value.

    Attributes:
        default: its type is the setting's type; a tuple holds only values of `item`.
        low, high: the range of a number, or of each number in a tuple; both ends allowed.
        choices: the words allowed; empty for any.
        at_run_time: it may change while the node is active.
    """

    name: str
    default: Any
    item: type
    low: float
    high: float
    unit: str
    choices: tuple[str, ...]
    at_run_time: bool
    help: str


def _setting(
    default: Any,
    text: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    unit: str = "",
    choices: tuple[str, ...] = (),
    at_run_time: bool = False,
    item: type = str,
) -> Any:
    metadata = {
        "default": default,
        "item": item,
        "low": low,
        "high": high,
        "unit": unit,
        "choices": choices,
        "at_run_time": at_run_time,
        "help": text,
    }
    return field(default=default, metadata=metadata)


_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


@dataclass(frozen=True)
class CameraSettings:
    """Topics of one camera; an empty name is no topic.

    Attributes:
        image: raw or compressed images; which of both is found out from the graph.
        camera_info: its calibration.
        depth: depth registered to the image, raw or compressedDepth.
        derived: which of them nobody gave, so that they follow a change of the others.
    """

    image: str
    camera_info: str
    depth: str = ""
    derived: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def for_camera(cls, name: str, topics: Mapping[str, str] = {}) -> CameraSettings:
        """The topics of camera `name`: those in `topics`, the rest or empty by ROS's habit."""
        image = topics.get("image") or f"/{name}/image_raw"
        info = f"{image.removesuffix('/compressed').rpartition('/')[0]}/camera_info"
        made = cls(image, topics.get("camera_info") or info, topics.get("depth", ""))
        # No field: `asdict` writes the fields into a replay's results.
        object.__setattr__(made, "derived", frozenset(n for n in _TOPICS if not topics.get(n)))
        return made


_TOPICS = frozenset(f.name for f in dataclasses.fields(CameraSettings))


@dataclass(frozen=True)
class Settings:
    """All settings, checked. Make a changed copy by `changed`."""

    cameras: tuple[str, ...] = _setting(
        ("camera",), "Names of the cameras; each has `<name>.image`, `.camera_info`, `.depth`."
    )
    detector: str = _setting("compact", "Detection model: `compact`, a folder, or a hub id.")
    device: str = _setting("auto", "Where models run: auto, cpu, cuda, cuda:1 …")
    dtype: str = _setting(
        "auto",
        "Number format of the models; auto takes half precision on hardware that has it.",
        choices=("auto", "float32", "float16", "bfloat16"),
    )
    compile: bool = _setting(
        False, "Run models through torch.compile: a slower start, then faster."
    )
    threads: int = _setting(
        0, "Processor threads of a model call; 0 leaves it to torch: every core.", low=0, high=256
    )
    prompts: tuple[str, ...] = _setting(
        ("person", "chair", "table", "couch", "potted plant", "mug", "bottle", "box"),
        "Phrases to look for in every frame; none stops continuous detection.",
        at_run_time=True,
    )
    prompt_thresholds: tuple[float, ...] = _setting(
        (),
        "Least score for each of `prompts`, or none to use `threshold` for all.",
        low=0.0,
        high=1.0,
        at_run_time=True,
        item=float,
    )
    exemplars: str = _setting(
        "", "Folder of things shown by example, looked for beside `prompts`; see the README."
    )
    threshold: float = _setting(
        0.0,
        "Least score of a detection; 0 takes the model's own default.",
        low=0.0,
        high=1.0,
        at_run_time=True,
    )
    nms_iou: float = _setting(
        0.5,
        "Of two boxes of a phrase that overlap more (IoU), the weaker goes.",
        low=0.0,
        high=1.0,
        at_run_time=True,
    )
    class_agnostic_nms: bool = _setting(
        False, "Boxes of different phrases compete too.", at_run_time=True
    )
    max_detections: int = _setting(
        100, "Most boxes kept in one image.", low=1, high=1000, at_run_time=True
    )
    max_rate: float = _setting(
        0.0,
        "Most frames of each camera looked at in a second; 0 for as many as the model can.",
        low=0.0,
        high=1000.0,
        unit="Hz",
        at_run_time=True,
    )
    max_frame_age: float = _setting(
        5.0,
        "A request refuses a newest frame that is older.",
        low=0.01,
        high=3600.0,
        unit="s",
        at_run_time=True,
    )
    depth_slop: float = _setting(
        20.0,
        "Most difference of the stamps of an image and its depth.",
        low=0.0,
        high=1000.0,
        unit="ms",
        at_run_time=True,
    )
    target_frame: str = _setting(
        "",
        "Frame of 3D detections; empty for the camera's optical frame.",
        at_run_time=True,
    )
    tf_buffer: float = _setting(
        10.0, "How long transforms are kept.", low=1.0, high=600.0, unit="s"
    )
    jpeg_quality: int = _setting(
        80, "JPEG quality of annotated images.", low=1, high=100, at_run_time=True
    )
    request_deadline: float = _setting(
        20.0,
        "A request that took longer is given up with an error.",
        low=0.1,
        high=3600.0,
        unit="s",
        at_run_time=True,
    )
    request_queue: int = _setting(
        16, "Most requests that wait; one more is refused as BUSY.", low=1, high=1000
    )
    answerer: str = _setting(
        "evidence",
        "What answers: `evidence` (reasons over detections, pixels, depth), `embedded_vlm` (made by"
        " `vlm-robot assemble`), a VLM by folder or hub id, or `server`; the answers of all but the"
        " first are checked by the detector.",
    )
    answer_vocabulary: tuple[str, ...] = _setting(
        (),
        "Labels that 'what is on the table?' chooses from; none for the built-in household list.",
    )
    answer_pixels: int = _setting(
        307200,
        "Most pixels of the image that a VLM or a server is given: the budget of visual tokens.",
        low=1024,
        high=100_000_000,
    )
    answer_tokens: int = _setting(
        128, "Longest answer of a VLM or a server, tokens.", low=1, high=4096
    )
    answer_samples: int = _setting(
        0,
        "Answers drawn at random besides, whose agreement tells how sure a VLM or a server is.",
        low=0,
        high=20,
    )
    server_url: str = _setting(
        "",
        "OpenAI-compatible server, such as `http://localhost:8000/v1`; empty for OPENAI_BASE_URL of"
        " the environment.",
    )
    server_model: str = _setting(
        "", "The model's name at the server; empty for the first that the server lists."
    )
    server_key_file: str = _setting(
        "",
        "File that holds the server's key; empty for OPENAI_API_KEY of the environment, or none.",
    )
    server_timeout: float = _setting(
        10.0,
        "Time for the server's answer, retries included; then `evidence` answers and says so.",
        low=0.1,
        high=600.0,
        unit="s",
    )
    server_retries: int = _setting(
        2, "Further attempts where the server is busy or breaks off.", low=0, high=10
    )
    map_frame: str = _setting(
        "map", "Frame that the doctor looks for transforms to where `target_frame` is empty."
    )
    robot_radius: float = _setting(
        0.25, "Radius of the robot's footprint.", low=0.0, high=10.0, unit="m", at_run_time=True
    )
    footprint: tuple[float, ...] = _setting(
        (),
        "Corners x1, y1, x2, y2 … of the robot in its own frame; none for a circle of"
        " `robot_radius`.",
        low=-10.0,
        high=10.0,
        unit="m",
        item=float,
    )
    min_turning_radius: float = _setting(
        0.0, "Least turning radius; 0 turns on the spot.", low=0.0, high=100.0, unit="m"
    )
    max_jump: float = _setting(
        1.0, "Longest step between two poses of a path.", low=0.01, high=100.0, unit="m"
    )
    unknown_is_free: bool = _setting(False, "Paths may cross unknown cells of the map.")
    occupied_from: int = _setting(
        65,
        "Cells of this value or more are obstacles; 100 for Nav2's costmaps, which inflate below.",
        low=1,
        high=100,
        unit="%",
    )
    max_speed: float = _setting(
        0.5, "Speed that durations are computed with.", low=0.01, high=50.0, unit="m/s"
    )
    max_turn_rate: float = _setting(
        1.0, "Turn rate that durations are computed with.", low=0.01, high=50.0, unit="rad/s"
    )
    max_costmap_age: float = _setting(
        0.0, "An older costmap isn't used; 0 takes any age.", low=0.0, high=86400.0, unit="s"
    )
    goal_interpreter: str = _setting(
        "embedded",
        "What reads goals for paths: `embedded`, `server` (the one of `server_url`, which detection"
        " waits for once a goal; `embedded` stands in while it is down), or a YAML file of wishes"
        " that stand for every goal.",
    )
    judge_weight: float = _setting(
        0.0,
        "Weight of a chat VLM's look at the paths (`answerer` must be one); a plain wish weighs"
        " 0.6. 0 for none.",
        low=0.0,
        high=1.0,
    )
    judge_half_life: float = _setting(
        5.0,
        "Time in which an old look at the paths loses half its weight.",
        low=0.1,
        high=600.0,
        unit="s",
    )
    landmark_memory_time: float = _setting(
        30.0, "How long a landmark out of sight is remembered.", low=0.0, high=3600.0, unit="s"
    )
    landmark_memory_distance: float = _setting(
        10.0, "How far the robot may go and still remember it.", low=0.0, high=1000.0, unit="m"
    )
    autostart: bool = _setting(
        True, "Configure and activate at start, without a lifecycle manager."
    )
    topics: tuple[tuple[str, CameraSettings], ...] = field(default=(), kw_only=True)
    """Topics of each camera, in the order of `cameras`; made from the names where not given."""

    def __post_init__(self) -> None:
        for info in setting_infos():
            value = _checked(info, getattr(self, info.name))
            object.__setattr__(self, info.name, value)
        _check_together(self)
        given = dict(self.topics)
        topics = tuple((c, given.get(c) or CameraSettings.for_camera(c)) for c in self.cameras)
        object.__setattr__(self, "topics", topics)

    def camera(self, name: str) -> CameraSettings:
        """Topics of camera `name`."""
        return dict(self.topics)[name]

    def changed(self, values: Mapping[str, Any]) -> Settings:
        """A checked copy with other values.

        Raises:
            InputError: a name or value is wrong; this object stays as it was.
        """
        cameras = values.get("cameras", self.cameras)
        kept = {
            name: value
            for name, value in _as_mapping(self).items()
            if "." not in name or name.partition(".")[0] in cameras
        }
        return Settings.from_mapping({**kept, **values})

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from names and values; `<camera>.image` and the like set topics.

        Raises:
            InputError: a name isn't known or a value is wrong.
        """
        plain = {name: value for name, value in values.items() if "." not in name}
        cameras = tuple(plain.get("cameras", cls.cameras))
        if unknown := unknown_names(values, cameras):
            raise InputError(unknown[0])
        by_camera: dict[str, dict[str, str]] = {camera: {} for camera in cameras}
        for name in set(values) - set(plain):
            camera, _, topic = name.partition(".")
            by_camera[camera][topic] = values[name]
        topics = tuple((c, CameraSettings.for_camera(c, t)) for c, t in by_camera.items())
        return cls(**plain, topics=topics)

    @classmethod
    def from_yaml(cls, path: Path) -> Settings:
        """Settings from a ROS parameter file, any node name or `/**`.

        Raises:
            InputError: the file can't be read or holds a wrong setting.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"can't read settings from {path}: {error}") from error
        return cls.from_mapping(_parameters_of(content, path))


def setting_infos() -> tuple[SettingInfo, ...]:
    """What is known of every setting, in the order of the table."""
    return _INFOS


def unknown_names(names: Iterable[str], cameras: Sequence[str]) -> list[str]:
    """A sentence for each name that is neither a setting nor of one of `cameras`."""
    known = {info.name for info in setting_infos()}
    complaints = []
    for name in sorted(names):
        camera, dot, topic = name.partition(".")
        if not dot and name not in known:
            complaints.append(f"there is no setting '{name}'; docs/settings.md lists them all")
        elif dot and camera not in cameras:
            complaints.append(f"'{name}' is of camera '{camera}', which `cameras` doesn't name")
        elif dot and topic not in _TOPICS:
            complaints.append(
                f"camera '{camera}' has no setting '{topic}': it has image, camera_info, depth"
            )
    return complaints


_INFOS = tuple(
    SettingInfo(name=f.name, **f.metadata) for f in dataclasses.fields(Settings) if f.metadata
)


def _parameters_of(content: Any, path: Path) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no settings: it must map a node's name to ros__parameters")
    nodes = [node.get("ros__parameters") for node in content.values() if isinstance(node, dict)]
    tables = [table for table in nodes if isinstance(table, dict)]
    if not tables:
        raise InputError(f"{path} has no 'ros__parameters' under a node's name")
    return {name: value for table in tables for name, value in _flat(table).items()}


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _as_mapping(settings: Settings) -> dict[str, Any]:
    values = {info.name: getattr(settings, info.name) for info in setting_infos()}
    for camera, topics in settings.topics:
        given = dataclasses.asdict(topics).items()
        values |= {f"{camera}.{k}": v for k, v in given if k not in topics.derived}
    return values


def _checked(info: SettingInfo, value: Any) -> Any:
    if isinstance(info.default, tuple):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InputError(f"{info.name} must be a list, got {value!r}")
        return tuple(_scalar(info, item, info.item) for item in value)
    return _scalar(info, value, type(info.default))


def _scalar(info: SettingInfo, value: Any, kind: type) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind:
        raise InputError(f"{info.name} must be {_KINDS[kind]}, got {value!r}")
    if info.choices and value not in info.choices:
        raise InputError(f"{info.name} must be one of {', '.join(info.choices)}, got '{value}'")
    if isinstance(value, (int, float)) and not info.low <= value <= info.high:
        unit = f" {info.unit}" if info.unit else ""
        raise InputError(f"{info.name} must be in {info.low:g} to {info.high:g}{unit}, got {value}")
    return value


_KINDS = {str: "text", float: "a number", int: "a whole number", bool: "true or false"}


def _check_together(settings: Settings) -> None:
    if bad := [name for name in settings.cameras if not _NAME.fullmatch(name)]:
        raise InputError(
            f"camera name '{bad[0]}' must be a letter, then letters, digits and underscores"
        )
    if len(set(settings.cameras)) < len(settings.cameras) or not settings.cameras:
        raise InputError(f"cameras must be one or more different names, got {settings.cameras}")
    if len(settings.prompt_thresholds) not in (0, len(settings.prompts)):
        raise InputError(
            f"prompt_thresholds has {len(settings.prompt_thresholds)} values for"
            f" {len(settings.prompts)} prompts: give one for each, or none"
        )
