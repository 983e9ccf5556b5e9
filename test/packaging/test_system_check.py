"""What a machine lacks is said in one line, with the command that brings it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "tools/system_check.py"
PYTHON = f"python3.{sys.version_info.minor}"


def run_check(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the check as make does, in an environment with some variables changed."""
    return subprocess.run(
        [sys.executable, CHECK],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_machine_that_has_everything_gets_no_word() -> None:
    done = run_check()
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_without_a_compiler(tmp_path: Path) -> None:
    done = run_check(PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr == ("This machine lacks a C++ compiler. To bring it: sudo apt install g++\n")


def test_without_the_venv_module(tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError('split off by Debian')")
    done = run_check(PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.endswith(f"sudo apt install {PYTHON}-venv\n")


@pytest.mark.parametrize(
    ("library", "package"),
    [("libGL.so.1", "libgl1"), ("libgthread-2.0.so.0", "libglib2.0-0")],
)
def test_without_a_library_of_opencv(tmp_path: Path, library: str, package: str) -> None:
    (tmp_path / library).write_bytes(b"")  # found first, and not to be opened
    done = run_check(LD_LIBRARY_PATH=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.endswith(f"sudo apt install {package}\n")


def test_all_that_is_missing_goes_into_one_command(tmp_path: Path) -> None:
    (tmp_path / "libGL.so.1").write_bytes(b"")
    done = run_check(PATH=str(tmp_path), LD_LIBRARY_PATH=str(tmp_path))
    assert done.stderr.count("\n") == 1
    assert done.stderr.endswith("sudo apt install g++ libgl1\n")


def test_make_without_python_names_the_mend(tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-C", ROOT, "build", "ROS=none", "PYTHON=python3.none", "SYSTEM_ROS="],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "sudo apt install python3 python3-venv python3-dev" in done.stderr
    assert not (ROOT / ".venv/none").exists()
