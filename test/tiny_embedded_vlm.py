"""Parts of an embedded VLM with random weights, and a tiny language model to join them with."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from tiny_chat_models import byte_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from vlm_robot.answering.embedded.network import new_projector
from vlm_robot.answering.embedded.parts import save_parts
from vlm_robot.answering.embedded.tower import RegionTower, RegionTowerConfig
from vlm_robot.detection.compact.network import NetworkConfig
from vlm_robot.models.checkpoint import digest

NETWORK = NetworkConfig(0.25, neck_width=16, region_width=24, embedding=16)
RANK = 2


def tiny_tower() -> RegionTower:
    config = RegionTowerConfig(asdict(NETWORK), 128, 96, patch_size=32, regions=4)
    torch.manual_seed(0)
    return RegionTower(config).eval()


def tiny_language(_file: Path | None = None, dtype: torch.dtype = torch.float32):
    """Model and tokenizer; what a file would hold is random."""
    tokenizer = byte_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=4096,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None, initializer_range=0.3, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    return LlamaForCausalLM(config).to(dtype), tokenizer


def save_tiny_parts(folder: Path) -> Path:
    """Parts in `folder`/parts; returns the file that stands for the language model's."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "language.gguf"
    file.write_bytes(b"stands for a language model")
    tower, (language, _) = tiny_tower(), tiny_language()
    weights = {f"tower.{n}": v for n, v in tower.state_dict().items()}
    projector = new_projector(tower.config, language.config)
    weights |= {f"projector.{n}": v.detach() for n, v in projector.state_dict().items()}
    name = "products.model.layers.1.self_attn.o_proj"
    weights |= {f"{name}.a": torch.randn(RANK, 32), f"{name}.b": torch.randn(32, RANK)}
    names = ("width", "height", "patch_size", "regions")
    sizes = {name: getattr(tower.config, name) for name in names}
    save_parts(
        folder / "parts",
        weights,
        tower={"network": asdict(NETWORK), **sizes},
        language_sha256=digest(file),
        scale=2.0,
    )
    return file
