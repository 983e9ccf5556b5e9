"""The node on the sample bag: `ros2 launch vlm_robot demo.launch.py bag:=path/to/home_drive`."""

from pathlib import Path

from ament_index_python.packages import get_package_share_path
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The node and a player of the bag."""
    share = get_package_share_path("vlm_robot")
    perception = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py"))),
        launch_arguments={
            "config": str(share / "config" / "demo.yaml"),
            "candidate_paths": "/candidate_paths",
        }.items(),
    )
    player = Node(
        package="vlm_robot",
        executable="play_bag",
        arguments=[
            LaunchConfiguration("bag"),
            "--loop",
            "--wait-for",
            "/front/image_raw/compressed",
        ],
        output="screen",
    )
    bag = DeclareLaunchArgument(
        "bag",
        default_value=str(share / "sample" / "home_drive"),
        description="rosbag2 folder to play",
    )
    return LaunchDescription([bag, perception, player])
