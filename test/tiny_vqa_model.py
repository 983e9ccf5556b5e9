"""A tiny BLIP for questions with random weights, saved as the hub's checkpoints are."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import BertTokenizerFast, BlipConfig, BlipForQuestionAnswering, BlipProcessor
from transformers.models.blip import BlipImageProcessorPil

WORDS = (
    *("is", "there", "a", "red", "blue", "green", "circle", "square", "?", "yes", "no"),
    *("what", "colour", "shape", "the", "of", "it"),
)
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
MARKS_AND_WORDS = (*MARKS, *WORDS)


def save_blip(folder: Path, *, layers: int = 3) -> None:
    """Save model and processor into `folder`."""
    tokenizer = BertTokenizerFast(vocab={w: i for i, w in enumerate(MARKS_AND_WORDS)})
    text = {
        "vocab_size": len(MARKS_AND_WORDS), "hidden_size": 32, "encoder_hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": layers, "num_attention_heads": 2,
        "max_position_embeddings": 32, "bos_token_id": 5, "pad_token_id": 0, "eos_token_id": 3,
        "sep_token_id": 3,
    }  # fmt: skip
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 2, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    torch.manual_seed(0)
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=32)
    model = BlipForQuestionAnswering(config)
    with torch.no_grad():  # as small as they start, what is seen would hardly change an answer
        for name, weights in model.named_parameters():
            if weights.ndim > 1 and "embeddings" not in name:
                weights.mul_(8)
    model.save_pretrained(folder)
    images = BlipImageProcessorPil(size={"height": 32, "width": 32})
    BlipProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
