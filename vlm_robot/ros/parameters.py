"""The settings as ROS parameters: declared with ranges, checked at every change."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import (
    InvalidParameterTypeException,
    InvalidParameterValueException,
    ParameterUninitializedException,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from vlm_robot.scheduler import SchedulerClosedError
from vlm_robot.settings import CameraSettings, SettingInfo, Settings, setting_infos, unknown_names
from vlm_robot.types import InputError

_TYPES = {
    bool: Parameter.Type.BOOL,
    int: Parameter.Type.INTEGER,
    float: Parameter.Type.DOUBLE,
    str: Parameter.Type.STRING,
}
_ARRAYS = {str: Parameter.Type.STRING_ARRAY, float: Parameter.Type.DOUBLE_ARRAY}


class SettingsParameters:
    """The node's settings, kept equal to its parameters.

    Args:
        node: the parameters are declared on it.
        is_configured: whether settings that need a new configure may no longer change.
        on_change: called with the old and new settings after a change was accepted. It may
            refuse by InputError or SchedulerClosedError; then the old ones stay.
    """

    def __init__(
        self,
        node: Node,
        *,
        is_configured: Callable[[], bool],
        on_change: Callable[[Settings, Settings], None],
    ) -> None:
        self._is_configured = is_configured
        self._on_change = on_change
        self.settings = _declared(node)
        node.add_on_set_parameters_callback(self._set)

    def _set(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        ours = {p.name: _value(p) for p in parameters if _is_setting(p.name, self.settings)}
        try:
            new = self.settings.changed(ours)
            self._refuse_fixed(ours)
            self._on_change(self.settings, new)
        except (InputError, SchedulerClosedError) as error:
            return SetParametersResult(successful=False, reason=str(error))
        self.settings = new
        return SetParametersResult(successful=True)

    def _refuse_fixed(self, names: dict[str, Any]) -> None:
        if not self._is_configured():
            return
        at_run_time = {info.name for info in setting_infos() if info.at_run_time}
        if fixed := sorted(set(names) - at_run_time):
            raise InputError(
                f"{fixed[0]} can't change while the node is configured: deactivate and clean up"
                " first, then set it and configure again"
            )


def _is_setting(name: str, settings: Settings) -> bool:
    known = {info.name for info in setting_infos()}
    return name in known or name.partition(".")[0] in settings.cameras


def _value(parameter: Parameter) -> Any:
    value = parameter.value
    return () if value is None or parameter.type_ == Parameter.Type.BYTE_ARRAY else value


def _declared(node: Node) -> Settings:
    """Declare every setting and each camera's topics; the values that the user gave win.

    Raises:
        InputError: a value is wrong.
    """
    try:
        return Settings.from_mapping(_given(node))
    except (InvalidParameterValueException, InvalidParameterTypeException) as error:
        raise InputError(str(error)) from error


def _given(node: Node) -> dict[str, Any]:
    defaults = {info.name: info.default for info in setting_infos()}
    values = {info.name: _declare(node, info) for info in setting_infos()}
    given = {name: value for name, value in values.items() if value != defaults[name]}
    for camera in values["cameras"]:
        for topic in fields(CameraSettings):
            name = f"{camera}.{topic.name}"
            text = f"Topic of camera {camera}: {topic.name}; empty for the usual one, or none."
            descriptor = ParameterDescriptor(description=text)
            if value := node.declare_parameter(name, "", descriptor).value:
                given[name] = value
    _tell_unknown(node, values["cameras"])
    return given


def _tell_unknown(node: Node, cameras: Sequence[str]) -> None:
    """Warn of what was given and is no parameter; a file for all nodes may mean another one."""
    ignored = [
        name
        for name in node._parameter_overrides
        if not node.has_parameter(name) and not name.startswith("qos_overrides.")
    ]
    for complaint in unknown_names(ignored, cameras):
        node.get_logger().warning(f"a parameter is ignored: {complaint}")


def _declare(node: Node, info: SettingInfo) -> Any:
    """Declare one; an array may be empty, which a ROS parameter file can't give a type to."""
    descriptor = _descriptor(info)
    if not isinstance(info.default, tuple):
        return node.declare_parameter(info.name, info.default, descriptor).value
    if info.default:
        return tuple(node.declare_parameter(info.name, list(info.default), descriptor).value)
    node.declare_parameter(info.name, _ARRAYS[info.item], descriptor)
    try:
        return tuple(node.get_parameter(info.name).value or ())
    except ParameterUninitializedException:
        return ()


def _descriptor(info: SettingInfo) -> ParameterDescriptor:
    is_array = isinstance(info.default, tuple)
    unit = f" [{info.unit}]" if info.unit else ""
    descriptor = ParameterDescriptor(
        name=info.name,
        type=(_ARRAYS[info.item] if is_array else _TYPES[type(info.default)]).value,
        description=f"{info.help}{unit}",
        additional_constraints=f"one of: {', '.join(info.choices)}" if info.choices else "",
    )
    if is_array or math.isinf(info.low):
        return descriptor
    if isinstance(info.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=info.low, to_value=info.high)
        ]
    elif isinstance(info.default, int) and not isinstance(info.default, bool):
        descriptor.integer_range = [IntegerRange(from_value=int(info.low), to_value=int(info.high))]
    return descriptor
