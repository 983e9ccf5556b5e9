"""All benchmarks, one after the other, into docs/benchmarks.md: `make bench`."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
OUT = ROOT / "out" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"

SCRIPTS: dict[str, tuple[str, ...]] = {
    "node": (),
    "startup": (),
    "detection_backends": (),
    "roofs": (),
    "replay": ("sample/home_drive", "--part", "4"),
}


def measure(name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Run a script and return its figures; a missed target is a figure too, not a failure."""
    path = OUT / f"{name}.json"
    path.unlink(missing_ok=True)
    command = [sys.executable, f"benchmarks/{name}.py", *arguments, "--json", str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    code = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    if not path.exists():
        raise SystemExit(f"benchmarks/{name}.py wrote no figures (exit code {code})")
    figures: dict[str, Any] = json.loads(path.read_text())
    return figures


def page(figures: dict[str, dict[str, Any]], load: float) -> str:
    """The page in Markdown; `load` is the machine's load average of the minute before."""
    node, startup, backends, roofs, replay = (figures[name] for name in SCRIPTS)
    ratios = backends["ratios"]
    rows = (
        ("the node's own work for a VGA frame, ms of one core", "5 or less", node,
         "own work a VGA frame, ms"),
        ("frame's way through the node / bare compact model", "1.15 or less", node,
         "end to end / bare model"),
        ("four cameras at 30 Hz, age p95 at publication / inference time", "below 2", node,
         "age p95 / inference time"),
        ("the same for a minute, memory at the end / after warm-up", "1.02 or less", node,
         "memory at the end / after warm-up"),
        ("start of the node to first detections, warm disk, s", "6 or less", startup,
         "start to first detections, s"),
        ("its resident memory, one camera, MB", "900 or less", startup, "resident memory, MB"),
        ("OWL-ViT base, 100 prompts / 1 prompt", "1.10 or less", ratios, "100 prompts / 1 prompt"),
        ("OWL-ViT base, detect / bare model", "1.15 or less", ratios, "detect / bare model"),
        ("transformers' own pipeline, 20 prompts / detect", "10 or more", ratios,
         "pipeline, 20 prompts / detect"),
        ("a plain loop of processor and model, 20 prompts / detect", "–", ratios,
         "plain loop, 20 prompts / detect"),
        ("replay, frames/s / bare compact model over decoded frames", "0.90 or more", replay,
         "replay / bare model"),
    )  # fmt: skip
    lines = [f"| {what} | {most} | {table[key]:.3g} |" for what, most, table, key in rows]
    counts = ("received", "processed", "dropped")
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Made by `make bench`: ratios within one run, CPU times of the threads that do the"
            " work, one thread for the models.",
            "",
            f"{datetime.now(UTC).date().isoformat()}, {os.cpu_count()} cores {platform.machine()}"
            f" under a load of {load:.1f} before the run,"
            f" Python {platform.python_version()}, torch {backends['on']['torch']},"
            f" transformers {backends['on']['transformers']}.",
            "",
            "| what | aim | measured |",
            "| --- | --- | --- |",
            *lines,
            "",
            "Four cameras: "
            + ", ".join(f"{node[key]} {key}" for key in counts)
            + f"; a batch has {node['frames of a batch']} frames and takes"
            f" {node['inference of a batch, ms']} ms; a frame waits for its batch"
            f" {node['wait for the batch p50, p95, ms'][0]} ms (p50), its age is"
            f" {node['age p95, ms']} ms (p95). The node takes {node['node, cores']} cores and"
            f" {node['memory, MB']} MB, the cameras' process {node['publisher, cores']} cores.",
            "",
            *_roof_lines(roofs),
        ]
    )


def _roof_lines(roofs: dict[str, Any]) -> list[str]:
    """What this machine could do at most, and how near the models come."""
    models = ("compact", "OWL-ViT base")
    columns = [*roofs[models[0]]]
    return [
        "## Roofs",
        "",
        "A VGA frame through `detect` on one thread. The roof is the longer of the model's"
        " arithmetic at the speed of a large matrix product and its weights and activations at the"
        f" speed of a large copy ({roofs['copy, GB a second']} GB a second).",
        "",
        f"| model | {' | '.join(columns)} |",
        "| --- " * (len(columns) + 1) + "|",
        *(f"| {m} | {' | '.join(str(v) for v in roofs[m].values())} |" for m in models),
        "",
    ]


def main() -> int:
    """Measure everything and write the page."""
    OUT.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0]
    figures = {name: measure(name, arguments) for name, arguments in SCRIPTS.items()}
    PAGE.write_text(page(figures, load), encoding="utf-8")
    print(f"written: {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
