"""The replay of the README runs as written, on the sample bag and the shipped model."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from vlm_robot.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readmes_replay_writes_results_and_a_report(tmp_path, monkeypatch):
    (line,) = re.findall(r"^    vlm-robot (replay .*)$", README, re.MULTILINE)
    arguments = shlex.split(line)
    out = tmp_path / "replay"
    arguments[arguments.index("-o") + 1] = str(out)
    monkeypatch.chdir(ROOT)
    # Two seconds of the drive: what is long about the rest is only its length.
    assert main([*arguments, "--duration", "2"]) == 0
    written = {path.suffix for path in out.rglob("*") if path.is_file()}
    assert {".mcap", ".jsonl", ".html"} <= written
