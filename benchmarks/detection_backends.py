"""What the transformers backend costs over the bare model: ratios, all measured in one run.

A random OWL-ViT of the size of google/owlvit-base-patch32 is made on the fly, since ratios
don't depend on what the weights say. Tasks are measured in turn, frame by frame. On a CPU the
clock is this process's CPU time, which other load on the machine hardly changes; on a GPU it's
the wall's.

    python benchmarks/detection_backends.py --json out.json
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import (
    AutoProcessor,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessorPil,
    pipeline,
)

REPOSITORY = Path(__file__).parents[1]
sys.path += [str(REPOSITORY), str(REPOSITORY / "test")]
from tiny_checkpoints import clip_tokenizer  # noqa: E402

from vlm_robot.detection.detector import DetectionOptions  # noqa: E402
from vlm_robot.detection.factory import load_detector  # noqa: E402
from vlm_robot.detection.prompts import prompt_set  # noqa: E402

TARGETS = {"100 prompts / 1 prompt": 1.10, "detect / bare model": 1.15}
"""At most."""

FASTER = {"pipeline, 20 prompts / detect": 10.0, "plain loop, 20 prompts / detect": 1.0}
"""At least."""


def save_base_size(folder: Path) -> None:
    """OWL-ViT base, patch 32, 768 pixels, as its configuration's defaults have it; random."""
    tokenizer = clip_tokenizer(16)
    text = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    torch.manual_seed(0)
    OwlViTForObjectDetection(OwlViTConfig(text_config=text)).save_pretrained(folder)
    OwlViTImageProcessorPil().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def in_turn(
    runs: int, clock: Callable[[], float], tasks: dict[str, Callable[[], object]]
) -> dict[str, float]:
    """Median seconds of each task, measured one after the other, `runs` times."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(runs):
        for name, task in tasks.items():
            start = clock()
            task()
            seconds[name].append(clock() - start)
    return {name: median(values) for name, values in seconds.items()}


def measure(folder: Path, runs: int, device: str) -> tuple[dict[str, float], dict[str, float]]:
    """Ratios, and the seconds that they are made of."""
    frame = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    detector = load_detector(str(folder), device=device, dtype="float32")
    options = DetectionOptions()
    threshold = detector.info.threshold
    phrases = [f"thing {index}" for index in range(100)]
    one, twenty, hundred = (
        detector.encode(prompt_set(phrases[:count], threshold=threshold)) for count in (1, 20, 100)
    )
    bare = OwlViTForObjectDetection.from_pretrained(folder).to(device).eval()
    pixels = OwlViTImageProcessorPil.from_pretrained(folder)(images=frame, return_tensors="pt")
    pixels = pixels["pixel_values"].to(device)

    queries = torch.randn(20, bare.config.text_config.hidden_size, device=device)

    @torch.inference_mode()
    def image_side_and_heads() -> object:
        grid = bare.image_embedder(pixel_values=pixels)[0]
        features = grid.flatten(1, 2)
        logits = bare.class_predictor(features, queries)[0]
        return logits.cpu(), bare.box_predictor(features, grid).cpu()

    tasks = {
        "bare_model": image_side_and_heads,
        "detect_1": lambda: detector.detect([frame], one, options),
        "detect_20": lambda: detector.detect([frame], twenty, options),
        "detect_100": lambda: detector.detect([frame], hundred, options),
    }
    clock = time.process_time if device == "cpu" else time.perf_counter
    in_turn(1, clock, tasks)  # to warm up
    seconds = in_turn(runs, clock, tasks)
    own = pipeline("zero-shot-object-detection", model=str(folder), device=device)
    picture = Image.fromarray(frame)
    processor = AutoProcessor.from_pretrained(folder)

    @torch.inference_mode()
    def plain_loop() -> object:
        """As tutorials write it: text and image through processor and model, every frame."""
        inputs = processor(text=[phrases[:20]], images=picture, return_tensors="pt").to(device)
        return processor.post_process_grounded_object_detection(
            bare(**inputs), threshold=threshold, target_sizes=[picture.size[::-1]]
        )

    beside = {
        "pipeline_20": lambda: own(picture, candidate_labels=phrases[:20], threshold=threshold),
        "plain_loop_20": plain_loop,
        "beside_it_detect_20": lambda: detector.detect([frame], twenty, options),
    }
    seconds |= in_turn(1, clock, beside)
    return {
        "100 prompts / 1 prompt": seconds["detect_100"] / seconds["detect_1"],
        "detect / bare model": seconds["detect_20"] / seconds["bare_model"],
        "pipeline, 20 prompts / detect": seconds["pipeline_20"] / seconds["beside_it_detect_20"],
        "plain loop, 20 prompts / detect": seconds["plain_loop_20"]
        / seconds["beside_it_detect_20"],
    }, seconds


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="where to write the figures")
    parser.add_argument("--runs", type=int, default=7, help="measured frames of each task")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        save_base_size(Path(folder))
        ratios, seconds = measure(Path(folder), options.runs, options.device)
    for name, ratio in ratios.items():
        target, least = TARGETS.get(name) or FASTER[name], name in FASTER
        met = ratio >= target if least else ratio <= target
        bound = f"{'at least' if least else 'at most'} {target:.2f}"
        print(f"{name:32} {ratio:8.2f}   {bound:16} {'met' if met else 'NOT MET'}")
    for name, value in seconds.items():
        print(f"{name:32} {1000 * value:8.1f} ms")
    if options.json:
        machine = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": platform.processor() or platform.machine(),
            "threads": torch.get_num_threads(),
            "device": options.device,
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        }
        figures = {"ratios": ratios, "seconds": seconds, "on": machine}
        options.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
