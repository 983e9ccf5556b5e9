"""A small home of primitives; it needs the extra `sim`, but no fetched assets."""

import importlib.util
import os
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest

from vlm_robot.simulation.textures import make_bank
from vlm_robot.simulation.vocabulary import load_vocabulary

NAMES = ("ball/plain/red", "cube/plain/blue", "chair/slat/wooden", "rug/bordered/red")

WITHOUT_MUJOCO = {"conftest.py", "test_sim_vocabulary.py", "test_sample_bag.py"}


def _missing():
    """What rendering lacks on this machine; empty where it works."""
    if importlib.util.find_spec("mujoco") is None:
        return "MuJoCo: pip install 'vlm_robot[sim]'"
    if os.environ["MUJOCO_GL"] == "egl" and find_library("EGL") is None:
        return "EGL: sudo apt install libegl1 libgl1-mesa-dri"
    return ""


MISSING = _missing()
if MISSING:
    collect_ignore = [
        file.name for file in Path(__file__).parent.glob("*.py") if file.name not in WITHOUT_MUJOCO
    ]


def pytest_report_header():
    return f"test/simulation renders nothing, for want of {MISSING}" if MISSING else None


def instance(name):
    """The vocabulary's instance of that name."""
    (found,) = [i for i in load_vocabulary().instances if i.name == name]
    return found


@pytest.fixture(scope="session")
def bank(tmp_path_factory):
    return make_bank(tmp_path_factory.mktemp("bank"), "test", 3, count=2)


@pytest.fixture(scope="session")
def solids(bank):
    from vlm_robot.simulation.catalog import make_solid

    rng = np.random.default_rng(5)
    return [make_solid(instance(name), rng, bank.tints) for name in NAMES]


@pytest.fixture(scope="session")
def home(solids, bank):
    from vlm_robot.simulation.home import Home

    with Home(solids, bank, width=160, height=120) as home:
        yield home


@pytest.fixture(scope="session")
def room():
    from vlm_robot.simulation.home import Light, Panel, Room

    walls = (Panel((2, 0, 1.25), (-1, 0, 0)), Panel((0, 2, 1.25), (0, -1, 0)))
    light = Light((0.5, -0.5, 2.0), (0, 0, 0), (0.5, 0.5, 0.5), shadow=True)
    return Room(walls, (), floor=0, wall=1, counter=1, lights=(light,), ambient=0.4, headlight=0.2)
