"""Train the head of the embedded interpreter: `python -m vlm_robot.planning.goals.train`.

Half an hour on one core for each seed. Choices are made on validation_goals.yaml and
development_goals.yaml, never on the benchmark's goals:
`python -m vlm_robot.planning.bench_paths --goals vlm_robot/planning/goals/validation_goals.yaml`.
"""

from __future__ import annotations

import argparse
import copy
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import torch
from rich.progress import track
from torch.nn import functional

from vlm_robot.models.checkpoint import write_tensors
from vlm_robot.models.minilm import MiniLM, layer_weights
from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning.goals.head import ADD, DOWN, OUTPUTS, SCALE, UP, WEIGHTS
from vlm_robot.planning.goals.training_mix import mixed, sentences

FIRST_LAYER = 2
"""Lower layers of the encoder, which tell words apart, stay as they are."""
RANK = 24
"""Of what is added to a weight matrix. Truncation also forgets what was learnt by heart."""
BATCH, CHUNK = 32, 8
RATE, HEAD_RATE, DECAY = 2e-4, 2e-3, 0.01
WARM_UP = 50
"""Steps."""
DROPOUT = 0.1

Pair = tuple[str, frozenset[str]]


def batches(seed: int) -> Iterator[list[Pair]]:
    """Endless batches of goals of about one length each."""
    rng = random.Random(seed)
    goals = mixed(sentences(), seed)
    while True:
        chunk = sorted(islice(goals, BATCH * CHUNK), key=lambda pair: len(pair[0]))
        starts = list(range(0, len(chunk), BATCH))
        rng.shuffle(starts)
        yield from (chunk[start : start + BATCH] for start in starts)


def targets(pairs: list[Pair]) -> torch.Tensor:
    """(N, OUTPUTS) 1 where a goal asks for it."""
    return torch.tensor([[float(name in wants) for name in OUTPUTS] for _, wants in pairs])


def rarity(seed: int) -> torch.Tensor:
    """(OUTPUTS,) how much more a wish counts where it is there: rare ones would be forgotten."""
    share = targets(list(islice(mixed(sentences(), seed), 4000))).mean(0)
    return torch.clamp((0.05 / share.clamp(min=1e-4)) ** 0.5, 1.0, 4.0)


def fit(encoder: SentenceEncoder, *, steps: int, seed: int) -> tuple[MiniLM, torch.nn.Linear]:
    """Adapt a copy of the encoder to goals, and a linear layer over it."""
    torch.manual_seed(seed)
    tokenizer, model = encoder.load()
    model = copy.deepcopy(model).requires_grad_(False).eval()
    upper = model.layers.layers[FIRST_LAYER:].requires_grad_(True)
    head = torch.nn.Linear(model.words.embedding_dim, len(OUTPUTS))
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, -3.0)
    optimizer = torch.optim.AdamW(
        [
            {"params": upper.parameters(), "lr": RATE, "weight_decay": DECAY},
            {"params": head.parameters(), "lr": HEAD_RATE},
        ]
    )
    pace = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, step / WARM_UP) * (1 - step / steps)
    )
    weights = rarity(seed)
    for pairs in track(islice(batches(seed), steps), "training", total=steps):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = encoder.states([text for text, _ in pairs], (tokenizer, model)) * SCALE
        logits = head(functional.dropout(states.float(), DROPOUT))
        loss = functional.binary_cross_entropy_with_logits(
            logits, targets(pairs), pos_weight=weights
        )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(upper.parameters(), 1.0)
        optimizer.step()
        pace.step()
    return model.eval(), head


def difference(before: MiniLM, after: MiniLM, *, rank: int = RANK) -> dict[str, torch.Tensor]:
    """What was added to each tensor, matrices as a product of `rank` by truncated SVD."""
    old = layer_weights(before)
    tensors: dict[str, torch.Tensor] = {}
    for name, parameter in layer_weights(after).items():
        added = (parameter - old[name]).detach()
        if not added.any():
            continue
        if added.ndim == 1:
            tensors[name + ADD] = added.half()
            continue
        left, sizes, right = torch.linalg.svd(added, full_matrices=False)
        tensors[name + UP] = (left[:, :rank] * sizes[:rank].sqrt()).half()
        tensors[name + DOWN] = (sizes[:rank, None].sqrt() * right[:rank]).half()
    return tensors


def main() -> None:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, help="a file; by default one of the seed's name")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    encoder = SentenceEncoder()
    model, head = fit(encoder, steps=arguments.steps, seed=arguments.seed)
    tensors = difference(encoder.load()[1], model)
    tensors |= {"weight": head.weight.half(), "bias": head.bias.half()}
    output = arguments.output or WEIGHTS / f"seed_{arguments.seed}.safetensors"
    write_tensors(output, tensors)
    print(f"{len(sentences())} sentences, weights in {output}")


if __name__ == "__main__":
    main()
