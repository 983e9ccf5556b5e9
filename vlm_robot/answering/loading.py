"""From a checkpoint's name to a model in memory that answers freely."""

from __future__ import annotations

import json
from typing import Any

import torch
from transformers import (
    AutoModelForImageTextToText,
    AutoModelForVisualQuestionAnswering,
    AutoProcessor,
)

from vlm_robot.answering.answerer import TextEncoder
from vlm_robot.answering.blip import BlipProposer
from vlm_robot.answering.chat.backend import ChatProposer
from vlm_robot.answering.chat.generation import ChatModel
from vlm_robot.answering.embedded import tower as _registered  # noqa: F401  with the Auto classes
from vlm_robot.answering.florence import FlorenceProposer
from vlm_robot.answering.proposal import FreeOptions, Proposer
from vlm_robot.models.checkpoint import Checkpoint, ModelError
from vlm_robot.models.device import out_of_memory

FITS_FILE = "answering.json"
"""In a checkpoint's folder: {"temperature": …}, as `evaluation.easy_vqa_answers` fits it, and
where it was fitted `trust`, see `answering.trust`."""


def load_proposer(
    checkpoint: Checkpoint,
    *,
    device: torch.device,
    dtype: torch.dtype,
    options: FreeOptions,
    encoder: TextEncoder,
) -> Proposer:
    """Load a model that answers freely; its configuration tells what it is.

    Raises:
        ModelError: it is no such model, has no chat template, or doesn't fit.
    """
    name = checkpoint.name
    if checkpoint.model_type == "florence2":
        model, processor = _load(AutoModelForImageTextToText, checkpoint, device, dtype)
        return FlorenceProposer(model, processor, name=name, encoder=encoder, options=options)
    temperature = fitted_temperature(checkpoint)
    if "BlipForQuestionAnswering" in checkpoint.config.get("architectures", ()):
        model, processor = _load(AutoModelForVisualQuestionAnswering, checkpoint, device, dtype)
        return BlipProposer(model, processor, name=name, temperature=temperature, options=options)
    chat = load_chat_model(checkpoint, device=device, dtype=dtype, temperature=temperature)
    return ChatProposer(chat, name=name, options=options)


def fitted_temperature(checkpoint: Checkpoint) -> float:
    """What `FITS_FILE` in the checkpoint's folder says; 1 where there is none.

    Raises:
        ModelError: the file holds no number above 0.
    """
    file = checkpoint.folder / FITS_FILE
    if not file.exists():
        return 1.0
    try:
        value = float(json.loads(file.read_text("utf-8"))["temperature"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file} holds no temperature: fit it again, or remove it") from error
    if not 0.0 < value < 1000.0:
        raise ModelError(f"{file}: temperature {value} must be above 0: fit it again")
    return value


def load_chat_model(
    checkpoint: Checkpoint,
    *,
    device: torch.device,
    dtype: torch.dtype,
    temperature: float = 1.0,
) -> ChatModel:
    """Load model and processor; no code of the checkpoint runs.

    Raises:
        ModelError: it isn't an image-text-to-text model, has no chat template, or doesn't fit.
    """
    model, processor = _load(AutoModelForImageTextToText, checkpoint, device, dtype)
    if not getattr(processor, "chat_template", None):
        raise ModelError(
            f"model '{checkpoint.name}' has no chat template: use its -Instruct or -it version"
        )
    return ChatModel(model, processor, temperature=temperature)


def _load(
    kind: Any, checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype
) -> tuple[Any, Any]:
    folder = checkpoint.folder
    try:
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        model = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"model '{checkpoint.name}' can't be loaded as an image-text-to-text model"
            f" ({error}): use one with a chat template, such as Qwen3-VL or SmolVLM2"
        ) from error
    try:
        return model.to(device), processor
    except torch.OutOfMemoryError as error:
        raise out_of_memory(checkpoint.name, str(device), error) from error
