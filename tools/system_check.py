"""Say in one line what this machine lacks for the build, with the command that brings it."""

import ctypes
import importlib.util
import shutil
import sys
import sysconfig
from pathlib import Path

PYTHON = "python{}.{}".format(*sys.version_info)


def importable(module):
    """Whether Python finds and runs `module`; Debian splits off ensurepip, which venv needs."""
    try:
        return importlib.util.find_spec(module) is not None and bool(__import__(module))
    except ImportError:
        return False


def loads(library):
    """Whether the dynamic linker opens `library`."""
    try:
        return bool(ctypes.CDLL(library))
    except OSError:
        return False


def lacks():
    """Return (what is missing, its Debian or Ubuntu package), one row each."""
    needs = [
        ("a C++ compiler", "g++", shutil.which("c++") or shutil.which("g++")),
        ("Python's venv module", PYTHON + "-venv", importable("ensurepip")),
        (
            "Python's headers",
            PYTHON + "-dev",
            Path(sysconfig.get_path("include"), "Python.h").exists(),
        ),
        ("libGL, which OpenCV opens", "libgl1", loads("libGL.so.1")),
        ("GLib, which OpenCV opens", "libglib2.0-0", loads("libgthread-2.0.so.0")),
    ]
    return [(what, package) for what, package, there in needs if not there]


def main():
    """Return what to exit with: nothing, or the line."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return f"Python 3.11, 3.12 or 3.13 is needed, this is {PYTHON}: make PYTHON=python3.12"
    missing = lacks()
    if not missing:
        return None
    names = "; ".join(what for what, _ in missing)
    packages = " ".join(package for _, package in missing)
    return f"This machine lacks {names}. To bring it: sudo apt install {packages}"


if __name__ == "__main__":
    sys.exit(main())
