"""How near the models come to what this machine could do at most: the roofline of each.

A model's roof (Williams et al., 'Roofline', CACM 2009) is the longer of two times: its arithmetic
at the speed of a large matrix product of the same dtype, and its weights and the layers' inputs
and outputs at the speed of a large copy. Peaks are measured in the same run, on as many threads.

    python benchmarks/roofs.py --json out.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.utils.flop_counter import FlopCounterMode

REPOSITORY = Path(__file__).parents[1]
sys.path += [str(REPOSITORY), str(REPOSITORY / "benchmarks")]
from detection_backends import save_base_size  # noqa: E402

from vlm_robot.detection.detector import DetectionOptions  # noqa: E402
from vlm_robot.detection.factory import load_detector  # noqa: E402
from vlm_robot.detection.prompts import prompt_set  # noqa: E402

PHRASES = ["chair", "red mug", "person", "door", "box"]


class Cost(NamedTuple):
    """What one frame needs: floating-point operations, and bytes moved."""

    operations: int
    bytes: int


def seconds_of(task: Callable[[], object], runs: int) -> float:
    """Median CPU seconds; once more before, to warm up."""
    times = []
    for _ in range(runs + 1):
        start = time.process_time()
        task()
        times.append(time.process_time() - start)
    return median(times[1:])


def peak_operations(dtype: torch.dtype, runs: int, side: int = 2048) -> float:
    """Operations a second of a matrix product."""
    first, second = (torch.randn(side, side).to(dtype) for _ in range(2))
    return 2 * side**3 / seconds_of(lambda: first @ second, runs)


def peak_bandwidth(runs: int, size: int = 2**28) -> float:
    """Bytes a second, read and written, of a copy that no cache holds."""
    source, target = torch.zeros(size, dtype=torch.uint8), torch.ones(size, dtype=torch.uint8)
    return 2 * size / seconds_of(lambda: target.copy_(source), runs)


def cost(task: Callable[[], object]) -> Cost:
    """Count what a task needs; text that was encoded before isn't counted."""
    moved = 0

    def count(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        nonlocal moved
        if list(module.children()):
            return
        tensors = [*inputs, *(output if isinstance(output, tuple) else (output,))]
        tensors += list(module.parameters(recurse=False))
        moved += sum(t.nbytes for t in tensors if isinstance(t, torch.Tensor))

    hook = register_module_forward_hook(count)
    with FlopCounterMode(display=False) as counter:
        task()
    hook.remove()
    return Cost(counter.get_total_flops(), moved)


def roof(name: str, runs: int, bandwidth: float) -> dict[str, Any]:
    """Figures of one detector, a VGA frame."""
    detector = load_detector(name, device="cpu", dtype="auto")
    prompts = detector.encode(prompt_set(PHRASES, threshold=detector.info.threshold))
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)

    def task() -> object:
        return detector.detect([frame], prompts, DetectionOptions())

    needed = cost(task)
    dtype = getattr(torch, detector.info.dtype)
    peak = peak_operations(dtype, runs)
    arithmetic, memory = needed.operations / peak, needed.bytes / bandwidth
    measured = seconds_of(task, runs)
    return {
        "dtype": detector.info.dtype,
        "operations, G": round(needed.operations / 1e9, 2),
        "moved, MB": round(needed.bytes / 1e6, 1),
        "peak, G operations a second": round(peak / 1e9, 1),
        "arithmetic at the peak, ms": round(1e3 * arithmetic, 2),
        "memory at the peak, ms": round(1e3 * memory, 2),
        "measured, ms": round(1e3 * measured, 2),
        "measured / roof": round(measured / max(arithmetic, memory), 2),
    }


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    bandwidth = peak_bandwidth(options.runs)
    with tempfile.TemporaryDirectory() as folder:
        save_base_size(Path(folder))
        figures = {
            "copy, GB a second": round(bandwidth / 1e9, 1),
            "compact": roof("compact", options.runs, bandwidth),
            "OWL-ViT base": roof(folder, options.runs, bandwidth),
        }
    print(json.dumps(figures, indent=2))
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
