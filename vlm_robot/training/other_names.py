"""Give a trained network more names for what it knows: each shares the vector of its phrase.

No image is needed for that. MiniLM holds 'rubbish bin' for no nearer to 'trash can' than to other
things; with some names of each kind beside its phrases, a further one is near one of them.
"""

from __future__ import annotations

import torch

from vlm_robot.detection.compact.network import CompactNetwork
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.training.phrasebook import same_phrases
from vlm_robot.training.vocabulary import Vocabulary
from vlm_robot.types import InputError


def add_other_names(network: CompactNetwork, vocabulary: Vocabulary, encoder: TextEncoder) -> int:
    """Put the usable names of a vocabulary into the network's lexicon; returns how many.

    Raises:
        InputError: the network was trained with other phrases.
    """
    named = vocabulary.usable_names
    phrases = vocabulary.phrases("known")
    row = {phrase: index for index, phrase in enumerate(phrases)}
    rows = torch.tensor([row[phrase] for _, phrase in named], dtype=torch.int64)
    told = torch.from_numpy(encoder.encode([phrase for _, phrase in named]))
    if len(network.lexicon) != len(phrases) or not same_phrases(network.lexicon[rows], told):
        raise InputError(
            "the run was trained with other phrases than the data set's: name the data set that it"
            " was trained on"
        )
    network.set_other_names(torch.from_numpy(encoder.encode([name for name, _ in named])), rows)
    return len(named)
