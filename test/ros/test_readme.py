"""The service calls of the README work as pasted."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import yaml

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
CALLS = re.findall(r"^    (ros2 service call .*)$", README, re.MULTILINE)
PARAMETERS = re.findall(r"^    (ros2 param set .*)$", README, re.MULTILINE)


def filled(message, values):
    """Set a message's fields from YAML, as `ros2 service call` does."""
    for name, value in values.items():
        field = getattr(message, name)
        if isinstance(value, dict):
            filled(field, value)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            kind = message.get_fields_and_field_types()[name].removeprefix("sequence<")
            package, item = kind.removesuffix(">").split("/")
            make = getattr(import_module(f"{package}.msg"), item)
            setattr(message, name, [filled(make(), entry) for entry in value])
        else:
            setattr(message, name, value)
    return message


def test_the_readme_shows_every_service():
    services = {call.split()[3] for call in CALLS}
    assert services == {
        f"/vlm_robot/{name}" for name in ("detect", "set_prompts", "ask", "evaluate_paths")
    }


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.split()[3])
def test_a_service_call_works_as_pasted(make_graph, call):
    *_, name, kind, text = shlex.split(call)
    package, _, service = kind.split("/")
    kind = getattr(import_module(f"{package}.srv"), service)
    graph = make_graph().start()
    results = graph.detections()
    graph.send_until(graph.publisher(Image, "/camera/image_raw"), graph.image, results)
    response = graph.call(kind, name, filled(kind.Request(), yaml.safe_load(text)))
    assert (response.error_code, response.error_msg) == (0, "")


@pytest.mark.parametrize("line", PARAMETERS)
def test_a_parameter_is_set_as_pasted(make_graph, line):
    *_, name, text = shlex.split(line)
    result = make_graph().node.set_parameters([Parameter(name, value=yaml.safe_load(text))])[0]
    assert result.successful, result.reason
