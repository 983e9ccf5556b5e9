"""Tiny detectors with random weights, saved to disk as the hub's checkpoints are.

Their boxes mean nothing; their arithmetic, tokenizers and files are those of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import (
    BertConfig,
    BertTokenizer,
    CLIPTextConfig,
    CLIPTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    GroundingDinoImageProcessorPil,
    MMGroundingDinoConfig,
    MMGroundingDinoForObjectDetection,
    OmDetTurboConfig,
    OmDetTurboForObjectDetection,
    Owlv2Config,
    Owlv2ForObjectDetection,
    Owlv2ImageProcessorPil,
    OwlViTConfig,
    OwlViTForObjectDetection,
    OwlViTImageProcessorPil,
    PreTrainedModel,
    SwinConfig,
)
from transformers.models.detr.image_processing_pil_detr import DetrImageProcessorPil

WORDS = [
    *("a", "the", "of", "red", "blue", "green", "yellow", "black", "white"),
    *("person", "chair", "armchair", "table", "couch", "potted", "plant", "mug", "bottle"),
    *("box", "cat", "dog", "door", "bed", "lamp", "book", "screen"),
]
"""Words that are one token for the CLIP tokenizer (armchair is two for the BERT one)."""


def clip_tokenizer(max_length: int) -> CLIPTokenizer:
    """A byte-level BPE: any text can be written in it, `WORDS` in one token each."""
    letters = sorted(ByteLevel.alphabet())
    pieces = dict.fromkeys(letters + [letter + "</w>" for letter in letters])
    merges = []
    for word in WORDS:
        parts = [*word[:-1], word[-1] + "</w>"]
        for end in range(1, len(parts)):
            merge = ("".join(parts[:end]), parts[end])
            pieces.setdefault("".join(merge))
            merges.append(merge)
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    vocabulary |= {
        "<|startoftext|>": len(vocabulary),
        "<|endoftext|>": len(vocabulary) + 1,  # its place is found as the highest id
    }
    return CLIPTokenizer(
        vocab=vocabulary,
        merges=list(dict.fromkeys(merges)),
        model_max_length=max_length,
        pad_token="!",
    )


def bert_tokenizer() -> BertTokenizer:
    """A WordPiece whose special tokens have BERT's ids, which Grounding DINO has in its code."""
    fixed = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103}
    fixed |= {".": 1012, "?": 1029}
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    pieces = [*letters, *("##" + letter for letter in letters), "arm", "##chair", ",", "'", "-"]
    pieces += [word for word in WORDS if word not in ("armchair", "a")]
    free = (index for index in range(1, 1100) if index not in fixed.values())
    vocabulary = fixed | dict(zip(pieces, free, strict=False))
    vocabulary |= {f"[unused{index}]": index for index in free}
    return BertTokenizer(vocab=vocabulary, model_max_length=512)


def _randomise(model: PreTrainedModel, seed: int) -> PreTrainedModel:
    """Draw weights that keep signals of size 1, so that boxes and scores are spread out."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim > 1:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
            else:
                parameter.copy_(0.1 * noise + (1.0 if name.endswith("weight") else 0.0))
    return model.eval()


def _clip_sides(tokens: int) -> dict[str, dict[str, int]]:
    both = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    vocabulary = clip_tokenizer(tokens)
    text = {
        "vocab_size": len(vocabulary),
        "max_position_embeddings": tokens,
        "intermediate_size": 64,
        "bos_token_id": vocabulary.bos_token_id,
        "eos_token_id": vocabulary.eos_token_id,
        "pad_token_id": vocabulary.pad_token_id,
    }
    vision = {"image_size": 64, "patch_size": 16, "intermediate_size": 64}
    return {"text_config": both | text, "vision_config": both | vision, "projection_dim": 32}


def save_owlvit(folder: Path, *, seed: int = 0) -> Path:
    """OWL-ViT: 64 pixel input, 16 boxes, 16 text tokens."""
    torch.manual_seed(seed)
    model = OwlViTForObjectDetection(OwlViTConfig(**_clip_sides(16)))
    _randomise(model, seed).save_pretrained(folder)
    OwlViTImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    clip_tokenizer(16).save_pretrained(folder)
    return folder


def save_owlv2(folder: Path, *, seed: int = 0) -> Path:
    """OWLv2: 64 pixel input from an image padded to a square, 16 boxes, 16 text tokens."""
    torch.manual_seed(seed)
    model = Owlv2ForObjectDetection(Owlv2Config(**_clip_sides(16)))
    _randomise(model, seed).save_pretrained(folder)
    Owlv2ImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    clip_tokenizer(16).save_pretrained(folder)
    return folder


def _swin() -> SwinConfig:
    return SwinConfig(
        image_size=64,
        patch_size=4,
        embed_dim=16,
        depths=[1, 1, 1, 1],
        num_heads=[1, 2, 2, 4],
        window_size=4,
        out_indices=[2, 3, 4],
    )


def _dino_settings() -> dict[str, object]:
    return {
        "backbone_config": _swin(),
        "text_config": BertConfig(
            vocab_size=1100,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
        ),
        "d_model": 32,
        "encoder_layers": 1,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "num_queries": 20,
        "max_text_len": 64,
    }


def save_grounding_dino(folder: Path, *, seed: int = 0) -> Path:
    """Grounding DINO: shortest edge 96 pixels, 20 boxes, 64 text tokens a pass."""
    torch.manual_seed(seed)
    model = GroundingDinoForObjectDetection(GroundingDinoConfig(**_dino_settings()))
    _randomise(model, seed)
    with torch.no_grad():  # its logits are plain products, which would all be near 10
        model.model.decoder.layer_norm.weight.mul_(0.15)
    return _save_dino(model, folder)


def save_mm_grounding_dino(folder: Path, *, seed: int = 0) -> Path:
    """MM-Grounding-DINO (LLMDet has the same class), of the same size."""
    torch.manual_seed(seed)
    model = MMGroundingDinoForObjectDetection(MMGroundingDinoConfig(**_dino_settings()))
    return _save_dino(_randomise(model, seed), folder)


def _save_dino(model: PreTrainedModel, folder: Path) -> Path:
    model.save_pretrained(folder)
    size = {"shortest_edge": 96, "longest_edge": 160}
    GroundingDinoImageProcessorPil(size=size).save_pretrained(folder)
    bert_tokenizer().save_pretrained(folder)
    return folder


def save_omdet_turbo(folder: Path, *, seed: int = 0) -> Path:
    """OmDet-Turbo: 64 pixel input, 20 boxes; a Swin of transformers, so that timm isn't needed."""
    torch.manual_seed(seed)
    tokens = 77
    sides = _clip_sides(tokens)
    config = OmDetTurboConfig(
        backbone_config=_swin(),
        text_config=CLIPTextConfig(**sides["text_config"], projection_dim=32),
        apply_layernorm_after_vision_backbone=False,
        image_size=64,
        text_projection_in_dim=32,
        text_projection_out_dim=32,
        class_embed_dim=32,
        task_encoder_hidden_dim=32,
        encoder_hidden_dim=16,
        vision_features_channels=[16, 16, 16],
        encoder_in_channels=[32, 64, 128],
        encoder_attention_heads=2,
        encoder_dim_feedforward=32,
        decoder_hidden_dim=16,
        decoder_num_heads=2,
        decoder_num_layers=2,
        decoder_dim_feedforward=32,
        num_queries=20,
    )
    _randomise(OmDetTurboForObjectDetection(config), seed).save_pretrained(folder)
    DetrImageProcessorPil(size={"height": 64, "width": 64}).save_pretrained(folder)
    clip_tokenizer(tokens).save_pretrained(folder)
    return folder


SAVERS: dict[str, Callable[..., Path]] = {
    "owlvit": save_owlvit,
    "owlv2": save_owlv2,
    "grounding-dino": save_grounding_dino,
    "mm-grounding-dino": save_mm_grounding_dino,
    "omdet-turbo": save_omdet_turbo,
}
"""How to save one, by its `model_type`."""
