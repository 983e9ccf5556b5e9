"""What the package's files import, read without running them."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import setuptools  # noqa: F401  (provides distutils from Python 3.12 on)

ROOT = Path(__file__).parents[2]


class Import(NamedTuple):
    """One imported module: where, its dotted name, and the room of the importing file."""

    where: str
    module: str
    room: str

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def from_room(self) -> str:
        """Room of the imported module; empty for the package itself."""
        return [*self.module.split("."), ""][1]


def imports_of(path: Path) -> Iterator[Import]:
    """Yield the imports in a file, also those inside functions."""
    relative = path.relative_to(ROOT)
    room = Path(relative.parts[1]).stem
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level:
            names = [f"a relative import of {node.module}"]
        elif isinstance(node, ast.ImportFrom):
            # `from vlm_robot import types` names a room after the import.
            inner = node.module == "vlm_robot"
            names = [f"{node.module}.{a.name}" if inner else node.module for a in node.names]
        for name in dict.fromkeys(names):
            yield Import(f"{relative}:{node.lineno}", name, room)


def imports_in(folder: str) -> list[Import]:
    """Every import in a folder of the repository."""
    return [i for path in sorted((ROOT / folder).rglob("*.py")) for i in imports_of(path)]


def from_elsewhere(imports: list[Import]) -> list[Import]:
    """Those imports that neither Python nor the package provides."""
    own = {*sys.stdlib_module_names, "vlm_robot"}
    return [i for i in imports if i.top not in own]


@pytest.fixture(scope="session")
def package_imports() -> list[Import]:
    """Every import in vlm_robot/."""
    return imports_in("vlm_robot")


@pytest.fixture(scope="session")
def third_party(package_imports: list[Import]) -> list[Import]:
    """What vlm_robot/ imports of others."""
    return from_elsewhere(package_imports)


@pytest.fixture(scope="session")
def launch_imports() -> list[Import]:
    """What the launch files import of others."""
    return from_elsewhere(imports_in("launch"))


@pytest.fixture(scope="session")
def distribution() -> Any:
    """What setup.py declares."""
    from distutils.core import run_setup

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return run_setup("setup.py", stop_after="init")
