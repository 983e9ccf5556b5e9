"""`vlm-robot doctor` finds what is missing in a bag, and says the mend."""

import dataclasses
from pathlib import Path

import pytest

from vlm_robot.cli import main
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.doctor import bag_findings, machine_findings
from vlm_robot.replay.topic_table import topic_rows
from vlm_robot.replay.topics import find_topics
from vlm_robot.settings import Settings

SAMPLE = Path(__file__).parents[2] / "sample" / "home_drive"
TO_ODOM = Settings(target_frame="odom")


def examined(path, settings=TO_ODOM):
    with Bag(path) as bag:
        return bag_findings(bag, find_topics(bag), settings)


def wrong(findings):
    return [f"{f.subject}: {f.text}: {f.mend}" for f in findings if f.mend]


def test_a_bag_that_has_all_has_nothing_wrong_but_its_uncalibrated_camera(whole_bag):
    assert wrong(examined(whole_bag)) == [
        "camera 'left': 10 of 10 images without calibration: no 3D: record the camera_info beside"
        " the image",
        "camera 'left': 10 of 10 images can't be placed in 'odom': no transform from"
        " 'left_optical' to 'odom': 'left_optical' was never on /tf or /tf_static",
    ]


def changed(bags, tmp_path, topic, change):
    content = [
        (name, at, change(message) if name == topic else message)
        for name, at, message in bags.entries()
    ]
    path = tmp_path / "bag"
    return bags.write(path, [entry for entry in content if entry[2] is not None])


FRONT = "/front/image_raw"


@pytest.mark.parametrize(
    ("topic", "change", "told"),
    [
        pytest.param("/tf", lambda m: None, "'odom' was never on /tf", id="no /tf"),
        pytest.param("/tf_static", lambda m: None, "'front_optical' was never", id="no /tf_static"),
        pytest.param(
            "/front/camera_info", lambda m: None, "without calibration", id="no camera_info"
        ),
        pytest.param(
            "/front/camera_info",
            lambda m: dataclasses.replace(m, k=m.k * 0),
            "they must be positive",
            id="no focal length",
        ),
        pytest.param(
            "/front/depth/image_raw",
            lambda m: dataclasses.replace(m, height=24, data=m.data[: len(m.data) // 2]),
            "publish depth registered to the image",
            id="depth of another size",
        ),
        pytest.param(
            FRONT, lambda m: dataclasses.replace(m, encoding="x"), "'x' isn't known", id="encoding"
        ),
        pytest.param(
            FRONT,
            lambda m: dataclasses.replace(m, header=dataclasses.replace(m.header, frame_id="")),
            "set frame_id in the camera's driver",
            id="no frame_id",
        ),
        pytest.param(
            FRONT,
            lambda m: dataclasses.replace(
                m,
                header=dataclasses.replace(
                    m.header, stamp=dataclasses.replace(m.header.stamp, sec=0, nanosec=0)
                ),
            ),
            "check the clock of the driver",
            id="no stamps",
        ),
    ],
)
def test_what_is_missing_is_found(bags, tmp_path, topic, change, told):
    found = wrong(examined(changed(bags, tmp_path, topic, change)))
    assert any(told in line for line in found), found


def test_what_the_bag_lost_is_said(bags, tmp_path):
    path = bags.write(tmp_path / "bag", bags.entries())
    (path / "metadata.yaml").unlink()
    assert any("no metadata.yaml" in line for line in wrong(examined(path)))


def test_a_model_that_is_not_there_is_named_with_its_mend():
    found = {f.subject: f for f in machine_findings(Settings(detector="/nowhere/model"))}
    assert "/nowhere/model" in found["detector '/nowhere/model'"].mend


def test_a_gpu_that_is_asked_for_and_not_there_is_told(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    found = {f.subject: f for f in machine_findings(Settings(device="cuda"))}
    assert "auto" in found["GPU"].mend


def test_the_command_lists_the_topics_and_tells_by_its_exit_code(whole_bag, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["doctor", str(whole_bag)]) == 1
    out = capsys.readouterr().out
    assert "/front/image_raw" in out
    assert "sensor_msgs/msg/Image" in out


def test_topics_are_listed_with_their_rates_and_encodings(whole_bag):
    with Bag(whole_bag) as bag:
        rows = {row.name: row for row in topic_rows(bag)}
    assert rows["/front/image_raw"].rate == pytest.approx(10, rel=0.2)
    assert rows["/map"].rate is None
    assert {name: row.encoding for name, row in rows.items() if row.encoding} == {
        "/front/image_raw": "rgb8",
        "/front/depth/image_raw": "16UC1",
        "/left/image_raw/compressed": "rgb8; jpeg compressed bgr8",
    }


def test_topics_are_listed_with_the_qos_they_were_recorded_with():
    with Bag(SAMPLE) as bag:
        qos = {row.name: row.qos for row in topic_rows(bag)}
    assert qos["/tf_static"] == "reliable, transient local"
    assert qos["/front/image_raw/compressed"] == "reliable, volatile"


def test_a_bag_that_is_not_there_is_told(tmp_path, capsys):
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert "there is no bag" in capsys.readouterr().err
