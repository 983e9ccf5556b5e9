"""The rooms of the package, and what each may import."""

ROS = {
    "ament_index_python",
    "builtin_interfaces",
    "cv_bridge",
    "diagnostic_msgs",
    "geometry_msgs",
    "launch",
    "launch_ros",
    "lifecycle_msgs",
    "nav_msgs",
    "rcl_interfaces",
    "rclpy",
    "rosgraph_msgs",
    "sensor_msgs",
    "std_msgs",
    "tf2_msgs",
    "vision_msgs",
    "visualization_msgs",
    "vlm_robot_msgs",
}

DATA = {"", "types", "settings"}
SKILLS = DATA | {"geometry", "models", "detection", "answering", "planning"}
EDGE = SKILLS | {"perception", "drawing", "stamp_pairing", "imaging", "messages"}
MAY_IMPORT = {
    "__init__": set(),
    "types": set(),
    "settings": DATA,
    "settings_table": DATA,
    "scheduler": DATA,
    "stamp_pairing": DATA,
    "geometry": DATA,
    "drawing": DATA,
    "imaging": DATA,
    "messages": DATA | {"geometry", "imaging"},
    "models": DATA,
    "detection": DATA | {"models"},
    "answering": DATA | {"models", "detection", "geometry"},
    "planning": DATA | {"models", "detection", "geometry"},
    "landmark_finder": SKILLS,
    "exemplar_folder": DATA | {"detection", "imaging"},
    "perception": SKILLS | {"landmark_finder", "exemplar_folder"},
    "ros": EDGE | {"scheduler", "replay"},  # the bag player reads bags as the replay does
    "replay": EDGE,
    "evaluation": EDGE | {"training", "replay"},  # data sets and vocabulary; results of replays
    "training": EDGE | {"replay"},  # a student learns from the user's bags
    "simulation": EDGE,
    "cli": EDGE | {"replay", "evaluation", "training", "simulation"},
}
"""Rooms that a room may import besides itself; the design's table."""


def test_every_room_is_in_the_table(package_imports):
    assert {i.room for i in package_imports} <= set(MAY_IMPORT)


def test_rooms_import_only_what_the_table_allows(package_imports):
    wrong = [
        f"{i.where} imports {i.module}"
        for i in package_imports
        if i.top == "vlm_robot" and i.from_room not in MAY_IMPORT[i.room] | {i.room}
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_ros_room_imports_ros(package_imports):
    wrong = [
        f"{i.where} imports {i.module}"
        for i in package_imports
        if i.room != "ros" and (i.top in ROS or i.top.endswith(("_msgs", "_srvs")))
    ]
    assert not wrong, "\n".join(wrong)
