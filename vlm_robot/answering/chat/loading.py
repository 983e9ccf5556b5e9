"""From a checkpoint's name to a chat model in memory."""

from __future__ import annotations

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from vlm_robot.answering.chat.generation import ChatModel
from vlm_robot.models.checkpoint import Checkpoint, ModelError
from vlm_robot.models.device import out_of_memory


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
    folder = checkpoint.folder
    try:
        processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
        model = AutoModelForImageTextToText.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=dtype
        )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise ModelError(
            f"model '{checkpoint.name}' can't be loaded as an image-text-to-text model"
            f" ({error}): use one with a chat template, such as Qwen3-VL or SmolVLM2"
        ) from error
    if not getattr(processor, "chat_template", None):
        raise ModelError(
            f"model '{checkpoint.name}' has no chat template: use its -Instruct or -it version"
        )
    try:
        return ChatModel(model.to(device), processor, temperature=temperature)
    except torch.OutOfMemoryError as error:
        raise out_of_memory(checkpoint.name, str(device), error) from error
