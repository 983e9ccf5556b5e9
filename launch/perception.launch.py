"""Start the node: `ros2 launch vlm_robot perception.launch.py image:=/camera/image_raw`."""

from typing import Any

from ament_index_python.packages import get_package_share_path
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription

ARGUMENTS = {
    "config": "parameter file; empty for the package's config/perception.yaml",
    "namespace": "namespace of the node",
    "model": "detector: compact, a folder or a hub id; empty for the one in the config",
    "device": "auto, cpu, cuda …; empty for the one in the config",
    "prompts": "phrases to look for, between commas; empty for those in the config",
    "image": "image topic of a single camera; empty for the cameras in the config",
    "camera_info": "its camera_info topic; empty for the one beside the image",
    "depth": "its depth topic; empty for none",
    "costmap": "topic of the map that paths are checked against",
    "candidate_paths": "topic of path sets to evaluate; empty for the node's own name",
    "log_level": "debug, info, warn or error",
}
DEFAULTS = {"costmap": "/map", "log_level": "info"}


def parameters(given: dict[str, str]) -> dict[str, Any]:
    """Parameters that the arguments set, over those of the config."""
    values: dict[str, Any] = {}
    if given["model"]:
        values["detector"] = given["model"]
    if given["device"]:
        values["device"] = given["device"]
    if given["prompts"]:
        values["prompts"] = [phrase.strip() for phrase in given["prompts"].split(",")]
    if given["image"]:
        values["cameras"] = ["camera"]
        for topic in ("image", "camera_info", "depth"):
            if given[topic]:
                values[f"camera.{topic}"] = given[topic]
    return values


def start(context: LaunchContext) -> list[Node]:
    """The node with the arguments of this launch."""
    given = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    config = given["config"] or str(
        get_package_share_path("vlm_robot") / "config" / "perception.yaml"
    )
    node = Node(
        package="vlm_robot",
        executable="perception_node",
        name="vlm_robot",
        namespace=given["namespace"],
        parameters=[config, parameters(given)],
        remappings=[
            (f"~/{name}", given[name]) for name in ("costmap", "candidate_paths") if given[name]
        ],
        arguments=["--ros-args", "--log-level", given["log_level"]],
        output="screen",
    )
    return [node]


def generate_launch_description() -> LaunchDescription:
    """Arguments and the node."""
    arguments = [
        DeclareLaunchArgument(name, default_value=DEFAULTS.get(name, ""), description=text)
        for name, text in ARGUMENTS.items()
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])
