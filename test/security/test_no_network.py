"""No skill opens a connection, looks up a name, or runs a program, unless a setting names one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WATCH = """
import sys
seen = []
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        if event != "socket.connect" or isinstance(arguments[1], tuple):
            seen.append((event, arguments[-1]))
            raise OSError("the network is blocked")
    if event in ("subprocess.Popen", "os.system", "pickle.find_class"):
        seen.append((event, arguments[0]))
sys.addaudithook(watch)
"""
SKILLS = """
import numpy as np
from vlm_robot.perception import Perception
from vlm_robot.settings import Settings
from vlm_robot.types import Frame, PathCandidate
frame = Frame("a", 1, "b", np.zeros((48, 64, 3), np.uint8))
skills = Perception.load(Settings())
skills.warm_up()
skills.detect([frame])
skills.ask("Is there a chair?", frame)
line = PathCandidate("map", np.array([[0.0, 0, 0], [1, 0, 0]]))
skills.evaluate_paths("Take the shortest way.", [line], grid=None)
"""
REPLAY = """
from vlm_robot.cli import main
assert main(["replay", "sample/home_drive", "-o", "{out}", "--duration", "0.5", "--quiet"]) == 0
"""
MISSING = """
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.perception import Perception
from vlm_robot.settings import Settings
try:
    Perception.load(Settings(detector="nobody/has-this-model"))
except ModelError as error:
    assert "hf download" in str(error)
"""
CONNECTION = """
import socket
try:
    socket.create_connection(("10.0.0.1", 9))
except OSError:
    pass
"""


def run(program, **environment):
    program = f"{WATCH}\n{program}\nprint(seen)"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)


@pytest.mark.parametrize("program", [SKILLS, REPLAY, MISSING], ids=["skills", "replay", "missing"])
def test_nothing_reaches_for_the_network_or_a_program(program, tmp_path, monkeypatch):
    environment = {k: v for k, v in os.environ.items() if k != "HF_HUB_OFFLINE"}
    done = run(program.replace("{out}", str(tmp_path / "out")), **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_the_watch_itself_sees_a_connection():
    done = run(
        "import socket\ntry:\n    socket.create_connection(('10.0.0.1', 9))\nexcept OSError: pass"
    )
    assert "socket." in done.stdout
