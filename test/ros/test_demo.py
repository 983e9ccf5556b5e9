"""`make demo`, whole: bag, graph, node process, table, pictures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")

ROOT = Path(__file__).parents[2]


def test_the_demo_shows_detections_answers_paths_and_pictures(tmp_path):
    command = [sys.executable, "-m", "vlm_robot.ros.demo", "--out", str(tmp_path / "out")]
    environment = os.environ | {"COLUMNS": "160", "ROS_DOMAIN_ID": "89"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    parts = ("phrase", "verdict", "ABSTAINED", "Take the shortest way", "What can you see in front")
    for part in parts:
        assert part in done.stdout
    assert len(list((tmp_path / "out").glob("*_*.jpg"))) == 8
    assert (tmp_path / "out" / "sheet.jpg").exists()
