"""Detectors by the name of their checkpoint."""

from __future__ import annotations

import numpy as np

from vlm_robot.detection.detector import DetectionOptions, Detector
from vlm_robot.detection.prompts import prompt_set
from vlm_robot.models.checkpoint import Checkpoint, ModelError, find_checkpoint
from vlm_robot.models.device import choose_device, choose_dtype

COMPACT = "vlm_robot_compact"
TRANSFORMERS = ("owlvit", "owlv2", "grounding-dino", "mm-grounding-dino", "omdet-turbo")
"""`model_type` in config.json, of what can be loaded."""


def load_detector(
    name: str,
    *,
    device: str = "auto",
    dtype: str = "auto",
    compile: bool = False,  # noqa: A002 (the setting's name)
) -> Detector:
    """Load a detection model.

    Args:
        name: a bundled checkpoint ('compact'), a folder, or a hub id in the local cache.
        device: auto, cpu, cuda, cuda:1, mps.
        dtype: auto, float32, float16, bfloat16; auto is half precision on a GPU that has it.
        compile: run it through torch.compile: slow to start, then faster.

    Raises:
        ModelError: it can't be loaded; the text names it and says how to mend it.
    """
    checkpoint = find_checkpoint(name)
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    # Backends are imported when they're asked for: transformers alone takes seconds.
    if checkpoint.model_type == COMPACT:
        from vlm_robot.detection.compact.detector import load_compact

        own_choice = dtype == "auto"
        compact = load_compact(
            checkpoint.folder, device=str(place), dtype=None if own_choice else kind
        )
        if compile:
            compact.compile()
        return compact
    if checkpoint.model_type in TRANSFORMERS:
        from vlm_robot.detection.transformers_backend.loading import load_transformers

        return load_transformers(checkpoint, device=place, dtype=kind, compiled=compile)
    raise _unknown(checkpoint)


def warm_up(detector: Detector, *, width: int = 640, height: int = 480, batch: int = 1) -> None:
    """Run a detector once on grey images, so that the first frame isn't the slow one."""
    prompts = detector.encode(prompt_set(["object"], threshold=1.0))
    grey = np.full((height, width, 3), 128, np.uint8)
    detector.detect([grey] * batch, prompts, DetectionOptions())


def _unknown(checkpoint: Checkpoint) -> ModelError:
    return ModelError(
        f"model '{checkpoint.name}' has the architecture '{checkpoint.model_type or 'none'}', which"
        f" finds no boxes for phrases here: supported are {', '.join((COMPACT, *TRANSFORMERS))}"
    )
