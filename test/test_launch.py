"""The launch files, where `launch` and `launch_ros` are installed (they aren't on PyPI)."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

launch = pytest.importorskip("launch", reason="ROS's launch isn't on PyPI")
pytest.importorskip("launch_ros", reason="ROS's launch_ros isn't on PyPI")

FOLDER = Path(__file__).parents[1] / "launch"


def described(name):
    spec = spec_from_file_location(name.replace(".", "_"), FOLDER / name)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module, module.generate_launch_description()


def started(**given):
    """The node's action under these arguments."""
    module, description = described("perception.launch.py")
    context = launch.LaunchContext()
    for entity in description.entities[:-1]:
        entity.execute(context)
    context.launch_configurations.update(given)
    return module, module.start(context)[0], context


def test_every_argument_is_declared_with_a_description():
    _, description = described("perception.launch.py")
    arguments = {a.name: a.description for a in description.get_launch_arguments()}
    assert {"config", "namespace", "model", "device", "prompts", "image", "log_level"} <= set(
        arguments
    )
    assert all(arguments.values())


def test_arguments_become_parameters():
    module, _ = described("perception.launch.py")
    given = dict.fromkeys(module.ARGUMENTS, "") | {
        "prompts": "red mug, door",
        "image": "/rgb/image",
        "depth": "/depth/image",
    }
    assert module.parameters(given) == {
        "prompts": ["red mug", "door"],
        "cameras": ["camera"],
        "camera.image": "/rgb/image",
        "camera.depth": "/depth/image",
    }


def test_the_node_is_started_in_its_namespace():
    _, node, context = started(config="x.yaml", namespace="robot")
    node._perform_substitutions(context)
    assert node.expanded_node_namespace == "/robot"
    assert node.node_name == "/robot/vlm_robot"


def test_the_demo_starts_a_player_too():
    _, description = described("demo.launch.py")
    assert len(description.entities) == 3
