"""The embedded VLM as a LLaVA (Liu et al., NeurIPS 2023) of transformers."""

from __future__ import annotations

import copy
from typing import Any

from transformers import LlavaConfig
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from vlm_robot.answering.embedded.template import IMAGE
from vlm_robot.answering.embedded.tower import RegionTowerConfig


def add_image_token(tokenizer: Any) -> int:
    """Make the image's placeholder a token; returns its id."""
    tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    return int(tokenizer.convert_tokens_to_ids(IMAGE))


def llava_config(tower: RegionTowerConfig, text: Any, image_token: int) -> LlavaConfig:
    """The whole model's configuration; `text` is the language model's."""
    text = copy.deepcopy(text)  # LLaVA's changes what it is given
    text.vocab_size = max(text.vocab_size, image_token + 1)
    return LlavaConfig(
        vision_config=tower,
        text_config=text,
        image_token_index=image_token,
        image_seq_length=tower.tokens,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        tie_word_embeddings=True,
    )


def new_projector(tower: RegionTowerConfig, text: Any) -> LlavaMultiModalProjector:
    """A projector with random weights, float32."""
    return LlavaMultiModalProjector(llava_config(tower, text, text.vocab_size - 1)).float()
