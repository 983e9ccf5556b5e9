"""Time of one 640x480 frame, batch 1, prompts kept, from image to detections."""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vlm_robot.detection.compact.checkpoint import read_checkpoint
from vlm_robot.detection.compact.detector import MOST_REGIONS, CompactDetector, load_compact
from vlm_robot.detection.compact.network import CompactNetwork
from vlm_robot.detection.detector import DetectionOptions
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.types import Image

_PHRASES = ["mug", "red chair", "door", "person", "something to sit on"]


def measure(folder: Path, image: Image, *, rounds: int = 30) -> list[dict[str, Any]]:
    """Median milliseconds of each way to run, on one thread and on two.

    `cpu_ms` is the processor time of the process, which other processes' load disturbs less;
    `load` is how many processes wanted a core in the last minute.
    """
    rows: list[dict[str, Any]] = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        for name, make in _ways(folder, threads).items():
            try:
                run = make()
            except ImportError:
                rows.append({"way": name, "threads": threads, "ms": None})
                continue
            rows.append({"way": name, "threads": threads, **_median(lambda: run(image), rounds)})  # noqa: B023
    return rows


def _median(run: Callable[[], object], rounds: int) -> dict[str, float]:
    for _ in range(3):
        run()
    walls, processors = [], []
    for _ in range(rounds):
        wall, processor = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        processors.append(time.process_time() - processor)
    return {
        "ms": round(1000 * statistics.median(walls), 1),
        "best_ms": round(1000 * min(walls), 1),
        "cpu_ms": round(1000 * statistics.median(processors), 1),
        "load": round(os.getloadavg()[0], 1),
    }


def _ways(folder: Path, threads: int) -> dict[str, Callable[[], Callable[[Image], object]]]:
    return {
        "eager float32": lambda: _detect(load_compact(folder, dtype=torch.float32)),
        "eager bfloat16": lambda: _detect(load_compact(folder, dtype=torch.bfloat16)),
        "torch.compile float32": lambda: _compiled(folder, torch.float32),
        "torch.compile bfloat16": lambda: _compiled(folder, torch.bfloat16),
        "ONNX Runtime float32, network only": lambda: _onnx(folder, threads),
        "OpenVINO float32, network only": lambda: _openvino(folder, threads),
    }


def _detect(detector: CompactDetector) -> Callable[[Image], object]:
    prompts = detector.encode(prompt_set(_PHRASES, threshold=detector.info.threshold))
    return lambda image: detector.detect([image], prompts, DetectionOptions())


def _compiled(folder: Path, dtype: torch.dtype) -> Callable[[Image], object]:
    detector = load_compact(folder, dtype=dtype)
    detector.compile()
    return _detect(detector)


class _Flat(torch.nn.Module):
    """The network with a plain tuple for output, as exporters want it; no NMS between its parts."""

    def __init__(self, network: CompactNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        cells = self.network(images)
        best = cells.objectness.topk(MOST_REGIONS, dim=1)
        boxes = cells.boxes.gather(1, best.indices[..., None].expand(-1, -1, 4))
        used = torch.ones_like(best.indices, dtype=torch.bool)
        return boxes, best.values, self.network.describe(cells.maps, boxes, used)


def _exported(folder: Path) -> tuple[Path, NDArrayShape]:
    importlib.import_module("onnx")  # torch's exporter needs it, and has an error of its own

    network, config = read_checkpoint(folder)
    width, height = config.input_size
    file = Path(os.environ.get("TMPDIR", "/tmp")) / "vlm_robot_compact.onnx"
    example = torch.zeros(1, 3, height, width)
    torch.onnx.export(_Flat(network.fold()), (example,), str(file), dynamo=False)
    return file, (1, 3, height, width)


NDArrayShape = tuple[int, int, int, int]


def _resized(image: Image, shape: NDArrayShape) -> np.ndarray[Any, np.dtype[np.float32]]:
    import cv2

    small = cv2.resize(image, (shape[3], shape[2]), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], dtype=np.float32)


def _onnx(folder: Path, threads: int) -> Callable[[Image], object]:
    import onnxruntime

    file, shape = _exported(folder)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda image: session.run(None, {name: _resized(image, shape)})


def _openvino(folder: Path, threads: int) -> Callable[[Image], object]:
    import openvino

    file, shape = _exported(folder)
    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    model = core.compile_model(core.read_model(str(file)), "CPU", settings)
    request = model.create_infer_request()
    return lambda image: request.infer([_resized(image, shape)])
