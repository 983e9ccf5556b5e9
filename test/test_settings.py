"""Settings: one definition, checked, and clear words for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlm_robot.settings import CameraSettings, Settings, setting_infos, unknown_names
from vlm_robot.settings_table import settings_page
from vlm_robot.types import InputError


def test_defaults_are_valid():
    assert Settings().detector == "compact"


def test_topics_of_a_camera_follow_its_image():
    topics = CameraSettings.for_camera("front", {"image": "/robot/front/rgb/compressed"})
    assert topics.camera_info == "/robot/front/camera_info"
    assert topics.depth == ""


def test_changed_keeps_the_rest():
    settings = Settings.from_mapping({"cameras": ["front"], "front.depth": "/d", "max_rate": 5})
    changed = settings.changed({"threshold": 0.5})
    assert (changed.threshold, changed.max_rate) == (0.5, 5.0)
    assert changed.camera("front").depth == "/d"


def test_a_changed_image_brings_its_own_calibration():
    changed = Settings().changed({"camera.image": "/hand/image_raw"})
    assert changed.camera("camera").camera_info == "/hand/camera_info"


@pytest.mark.parametrize("given", ["/other/camera_info", "/camera/camera_info"])
def test_a_calibration_that_was_given_stays_when_the_image_changes(given):
    settings = Settings.from_mapping({"camera.camera_info": given})
    changed = settings.changed({"threshold": 0.5}).changed({"camera.image": "/hand/image_raw"})
    assert changed.camera("camera").camera_info == given


def test_an_empty_calibration_is_the_usual_one():
    settings = Settings.from_mapping({"camera.camera_info": "/other/camera_info"})
    changed = settings.changed({"camera.camera_info": ""})
    assert changed.camera("camera").camera_info == "/camera/camera_info"


def test_names_that_are_no_setting_are_all_told():
    names = ["threshold", "treshold", "front.depht", "front.depth", "rear.image"]
    assert unknown_names(names, ["front"]) == [
        "camera 'front' has no setting 'depht': it has image, camera_info, depth",
        "'rear.image' is of camera 'rear', which `cameras` doesn't name",
        "there is no setting 'treshold'; docs/settings.md lists them all",
    ]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        pytest.param({"threshold": float("nan")}, "threshold must be in 0 to 1", id="nan"),
        pytest.param({"threshold": -0.1}, "threshold must be in 0 to 1", id="negative"),
        pytest.param({"max_rate": -1.0}, "max_rate must be in 0 to 1000 Hz", id="negative rate"),
        pytest.param({"tresh": 1}, "no setting 'tresh'", id="unknown name"),
        pytest.param({"prompts": "chair"}, "prompts must be a list", id="text for a list"),
        pytest.param({"prompts": ["chair", 1]}, "must be text", id="number among phrases"),
        pytest.param({"dtype": "int8"}, "float32, float16", id="unknown choice"),
        pytest.param({"compile": "yes"}, "must be true or false", id="text for a switch"),
        pytest.param({"max_detections": 1.5}, "must be a whole number", id="fraction"),
        pytest.param({"cameras": []}, "one or more different names", id="no camera"),
        pytest.param({"cameras": ["a", "a"]}, "one or more different names", id="camera twice"),
        pytest.param({"cameras": ["a/b"]}, "camera name 'a/b'", id="slash in a camera's name"),
        pytest.param({"rear.image": "/x"}, "which `cameras` doesn't name", id="unknown camera"),
        pytest.param({"camera.rgb": "/x"}, "it has image, camera_info, depth", id="unknown topic"),
        pytest.param(
            {"prompts": ["a", "b"], "prompt_thresholds": [0.1]}, "1 values for", id="lengths differ"
        ),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(values, text):
    with pytest.raises(InputError, match=text):
        Settings().changed(values)


def test_yaml_is_a_ros_parameter_file(tmp_path):
    path = tmp_path / "perception.yaml"
    path.write_text(
        "/**:\n  ros__parameters:\n    cameras: [front]\n    front: {image: /x/image}\n"
        "    threshold: 0.4\n"
    )
    settings = Settings.from_yaml(path)
    assert settings.camera("front").image == "/x/image"
    assert settings.threshold == 0.4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("a: [", "can't read settings", id="not yaml"),
        pytest.param("- a", "it must map a node's name", id="a list"),
        pytest.param("node: {threshold: 1}", "no 'ros__parameters'", id="no ros__parameters"),
    ],
)
def test_a_yaml_that_is_no_parameter_file_is_refused(tmp_path, text, words):
    path = tmp_path / "perception.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        Settings.from_yaml(path)


def test_every_setting_has_help_that_ends_as_a_sentence():
    for info in setting_infos():
        assert info.help.rstrip().endswith((".", "…")), info.name


def test_the_table_in_the_docs_is_current():
    page = Path(__file__).parents[1] / "docs" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page()


@pytest.mark.parametrize("name", ["perception.yaml", "demo.yaml"])
def test_the_shipped_parameter_files_are_valid(name):
    Settings.from_yaml(Path(__file__).parents[1] / "config" / name)
