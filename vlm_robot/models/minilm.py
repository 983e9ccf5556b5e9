"""all-MiniLM-L6-v2 in plain torch and tokenizers.

It is a BERT, which transformers runs as well; but importing transformers' models takes two seconds
and 120 MB, half of what the node else needs to start with the compact detector.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn


class MiniLM(nn.Module):
    """A BERT encoder (Devlin et al., 2019, section 3; layers as in Vaswani et al., 2017)."""

    def __init__(
        self, *, words: int, width: int, inner: int, layers: int, heads: int, places: int
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.places = nn.Embedding(places, width)
        self.kinds = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        layer = nn.TransformerEncoderLayer(
            width,
            heads,
            inner,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-12,
            batch_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)

    def forward(self, ids: Tensor, real: Tensor) -> Tensor:
        """Hidden states (N, T, width) of tokens (N, T); `real` (N, T) is false for padding."""
        places = torch.arange(ids.shape[1], device=ids.device)
        embedded = self.words(ids) + self.places(places) + self.kinds.weight[0]
        hidden: Tensor = self.layers(self.norm(embedded), src_key_padding_mask=~real)
        return hidden


def load_minilm(
    folder: Path, added: Mapping[str, Tensor] | None = None
) -> tuple[Tokenizer, MiniLM]:
    """Load from a checkpoint in transformers' layout.

    Args:
        added: to tensors of the checkpoint, by their names there.

    Raises:
        OSError, ValueError, KeyError: a file is missing, or isn't of a BERT; or the checkpoint has
            no such tensor.
    """
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
        raise ValueError(f"{folder} holds a {config['model_type']}, not a BERT")
    model = MiniLM(
        words=config["vocab_size"],
        width=config["hidden_size"],
        inner=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        places=config["max_position_embeddings"],
    )
    weights = load_file(folder / "model.safetensors")
    for name, change in (added or {}).items():
        weights[name] = weights[name] + change
    model.load_state_dict(_renamed(weights, config["num_hidden_layers"]), assign=True)
    file = folder / "tokenizer.json"
    if not file.exists():  # the tokenizer's own error is none of Python's kinds
        raise FileNotFoundError(f"{file} is missing")
    return Tokenizer.from_file(str(file)), model.eval().requires_grad_(False)


def _renamed(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Names of BERT's weights to torch's; query, key and value are one matrix there."""
    names = {
        "words.weight": "embeddings.word_embeddings.weight",
        "places.weight": "embeddings.position_embeddings.weight",
        "kinds.weight": "embeddings.token_type_embeddings.weight",
    }
    state = {name: weights[old] for name, old in names.items()}
    for number in range(layers):
        to, of = _self_attention(number)
        for kind in ("weight", "bias"):
            joined = [weights[f"{of}.{part}.{kind}"] for part in _QKV]
            state[f"{to}.in_proj_{kind}"] = torch.cat(joined)
    for new, old in _parts(layers).items():
        state |= {f"{new}.{kind}": weights[f"{old}.{kind}"] for kind in ("weight", "bias")}
    return state


def layer_weights(model: MiniLM) -> dict[str, Tensor]:
    """The weights of the layers by their names in a checkpoint: `load_minilm` turned around."""
    state, layers = dict(model.named_parameters()), len(model.layers.layers)
    weights: dict[str, Tensor] = {}
    for number in range(layers):
        to, of = _self_attention(number)
        for kind in ("weight", "bias"):
            parts = state[f"{to}.in_proj_{kind}"].chunk(len(_QKV))
            weights |= {f"{of}.{p}.{kind}": t for p, t in zip(_QKV, parts, strict=True)}
    for new, old in _parts(layers).items():
        weights |= {f"{old}.{kind}": state[f"{new}.{kind}"] for kind in ("weight", "bias")}
    return weights


def _self_attention(number: int) -> tuple[str, str]:
    """Names of a layer's attention here and in a checkpoint."""
    return f"layers.layers.{number}.self_attn", f"encoder.layer.{number}.attention.self"


def _parts(layers: int) -> dict[str, str]:
    """Names here and in a checkpoint of what has a weight and a bias."""
    parts = {"norm": "embeddings.LayerNorm"}
    for number in range(layers):
        to, of = f"layers.layers.{number}.", f"encoder.layer.{number}."
        parts |= {
            f"{to}self_attn.out_proj": f"{of}attention.output.dense",
            f"{to}norm1": f"{of}attention.output.LayerNorm",
            f"{to}linear1": f"{of}intermediate.dense",
            f"{to}linear2": f"{of}output.dense",
            f"{to}norm2": f"{of}output.LayerNorm",
        }
    return parts


_QKV = ("query", "key", "value")
