"""Train the head of the embedded interpreter: `python -m vlm_robot.planning.goals.train`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from safetensors.numpy import save_file

from vlm_robot.models.sentence_encoder import SentenceEncoder
from vlm_robot.planning.goals.clauses import clause
from vlm_robot.planning.goals.head import ASKED, KINDS, OUTPUTS, WEIGHTS, Head, features
from vlm_robot.planning.goals.wants import WANTS

GOALS = Path(__file__).with_name("training_goals.yaml")
DECAY = 5e-4
"""Weight of the squared weights in the loss."""

Floats = NDArray[np.float32]


class Example(NamedTuple):
    """A goal of the training set.

    Attributes:
        targets: (OUTPUTS,) 0 or 1.
        topic: index of its topic, which cross-validation holds out as a whole.
    """

    text: str
    targets: Floats
    topic: int


def read_goals(path: Path = GOALS) -> list[Example]:
    """Read the training goals, in the file's order.

    A topic with `fill` has goals with a gap; each line of `fill` goes into two of them in turn.
    """
    topics: list[dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [
        Example(text, targets(topic["want"].split()), index)
        for index, topic in enumerate(topics)
        for text in _texts(topic)
    ]


def _texts(topic: dict[str, Any]) -> list[str]:
    lines = [line.strip() for line in topic["goals"].strip().splitlines()]
    fills = [line.strip() for line in topic.get("fill", "").strip().splitlines()]
    gaps = [lines[(2 * i + j) % len(lines)].format(f) for i, f in enumerate(fills) for j in (0, 1)]
    return [text[0].upper() + text[1:] for text in gaps] if fills else lines


def targets(wants: Sequence[str]) -> Floats:
    """(OUTPUTS,) what the head shall answer for the names of `WANTS` and `KINDS`."""
    row = np.zeros(OUTPUTS, np.float32)
    for want in wants:
        if want in KINDS:
            row[len(ASKED) * 2 + KINDS.index(want)] = 1.0
            continue
        for name, direction in WANTS[want].items():
            row[ASKED.index(name) * 2 + (direction < 0)] = 1.0
    return row


def encode(texts: Sequence[str], encoder: SentenceEncoder, *, batch: int = 128) -> Floats:
    """(N, 768) features of goals, each as one clause."""
    clauses = [clause(text) for text in texts]
    return np.concatenate(
        [features(clauses[i : i + batch], encoder) for i in range(0, len(clauses), batch)]
    )


def fit(inputs: Floats, wanted: Floats, *, decay: float = DECAY) -> Head:
    """Fit the head by L-BFGS from zero weights, so that it only depends on the data.

    Args:
        inputs: (N, 768).
        wanted: (N, OUTPUTS).
    """
    layer = torch.nn.Linear(inputs.shape[1], OUTPUTS)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.constant_(layer.bias, -3.0)
    x, y = torch.from_numpy(inputs), torch.from_numpy(wanted)
    rare = torch.clamp(((1 - y).sum(0) / y.sum(0).clamp(min=1)) ** 0.5, max=6.0)
    loss = torch.nn.BCEWithLogitsLoss(pos_weight=rare)
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=100, line_search_fn="strong_wolfe")

    def step() -> torch.Tensor:
        optimizer.zero_grad()
        value: torch.Tensor = loss(layer(x), y) * OUTPUTS + decay * (layer.weight**2).sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(step)  # type: ignore[no-untyped-call]
    return Head(
        np.ascontiguousarray(layer.weight.detach().numpy().T), layer.bias.detach().numpy().copy()
    )


def main() -> None:
    """Train on all goals and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goals", type=Path, default=GOALS)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    examples = read_goals(arguments.goals)
    inputs = encode([example.text for example in examples], SentenceEncoder())
    head = fit(inputs, np.stack([example.targets for example in examples]))
    save_file(head.tensors(), arguments.output)
    print(f"{len(examples)} goals, weights in {arguments.output}")


if __name__ == "__main__":
    main()
