"""From a checkpoint's files to a `TransformersDetector`."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoImageProcessor, AutoModelForZeroShotObjectDetection, AutoTokenizer
from transformers.utils import logging as transformers_logging

from vlm_robot.detection.transformers_backend.detector import TransformersDetector
from vlm_robot.detection.transformers_backend.family import Family
from vlm_robot.detection.transformers_backend.grounding_dino import GroundingDino
from vlm_robot.detection.transformers_backend.images import Preprocessor, read_preprocessor
from vlm_robot.detection.transformers_backend.omdet_turbo import OmDetTurbo
from vlm_robot.detection.transformers_backend.owl import Owl
from vlm_robot.models.checkpoint import Checkpoint, ModelError
from vlm_robot.models.device import out_of_memory

VOCABULARIES = ("tokenizer.json", "vocab.json", "vocab.txt")
_SAFE = {"local_files_only": True, "trust_remote_code": False}


def load_transformers(
    checkpoint: Checkpoint, *, device: torch.device, dtype: torch.dtype, compiled: bool = False
) -> TransformersDetector:
    """Load a detector whose `model_type` is one of transformers' zero-shot detectors.

    Raises:
        ModelError: files are missing or don't fit each other, or a package is missing.
    """
    transformers_logging.disable_progress_bar()
    try:
        model = _load_model(checkpoint, dtype).to(device).eval()
        tokenizer = _load_tokenizer(checkpoint)
        processor = AutoImageProcessor.from_pretrained(checkpoint.folder, **_SAFE)
    except ImportError as error:
        raise ModelError(
            f"model '{checkpoint.name}' needs a package that isn't there: {_first_line(error)}"
        ) from error
    except torch.OutOfMemoryError as error:
        raise out_of_memory(checkpoint.name, str(device), error) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"model '{checkpoint.name}' in {checkpoint.folder} can't be loaded:"
            f" {_first_line(error)}: fetch or copy the whole checkpoint again"
        ) from error
    preprocess = read_preprocessor(processor, checkpoint.model_type)
    family = _family(checkpoint.model_type, model, tokenizer, preprocess, compiled)
    return TransformersDetector(checkpoint.name, family, preprocess, device=device, dtype=dtype)


def _load_model(checkpoint: Checkpoint, dtype: torch.dtype) -> Any:
    model, report = AutoModelForZeroShotObjectDetection.from_pretrained(
        checkpoint.folder,
        dtype=dtype,
        use_safetensors=True,
        output_loading_info=True,
        **_SAFE,
    )
    missing = sorted(report["missing_keys"])
    if missing:
        # transformers would go on with random weights in their place.
        raise ValueError(f"its weights lack {len(missing)} tensors, the first is {missing[0]}")
    return model


def _load_tokenizer(checkpoint: Checkpoint) -> Any:
    if not any((checkpoint.folder / name).is_file() for name in VOCABULARIES):
        # transformers would go on with an empty vocabulary.
        raise ValueError(f"it has no vocabulary ({', '.join(VOCABULARIES)})")
    return AutoTokenizer.from_pretrained(checkpoint.folder, **_SAFE)


def _family(
    model_type: str, model: Any, tokenizer: Any, preprocess: Preprocessor, compiled: bool
) -> Family:
    if model_type in ("owlvit", "owlv2"):
        return Owl(model, tokenizer, preprocess, compiled=compiled)
    if model_type == "omdet-turbo":
        return OmDetTurbo(model, tokenizer, compiled=compiled)
    return GroundingDino(model, tokenizer, compiled=compiled)


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), repr(error))
