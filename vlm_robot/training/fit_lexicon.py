"""Fit what phrases mean to what regions show: `python -m vlm_robot.training.fit_lexicon`.

The last step of training, in place of `export`. What the network sees stays as it is, so regions
are described once and phrases learn from a thousand of them at a time, where training has some
fifty.
"""

from __future__ import annotations

import argparse
import copy
import sys
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from vlm_robot.detection.compact.checkpoint import CompactConfig, save_checkpoint
from vlm_robot.detection.compact.network import CompactNetwork, grid
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.models.device import cpu_has_bfloat16
from vlm_robot.training.assignment import assign
from vlm_robot.training.dataset import SceneFolder, SceneStream, batches
from vlm_robot.training.objective import Objective, Weights
from vlm_robot.training.phrasebook import Phrasebook
from vlm_robot.training.regions import draw_regions
from vlm_robot.training.schedule import cosine
from vlm_robot.training.trainer import MOST_LOG_TEMPERATURE, checked_run, trained_network
from vlm_robot.training.vocabulary import read_vocabulary
from vlm_robot.types import InputError

_BATCH = 8
_RATE, _TEXT_RATE = 3e-3, 3e-4
"""Peak learning rates of the phrases' own vectors, and of the projection that all text shares."""
_WARM_UP = 30


class Described(NamedTuple):
    """Regions of many images: embeddings (R, E) float16, and instance (R,), -1 for none."""

    embeddings: Tensor
    instances: Tensor


@torch.inference_mode()
def describe(
    network: CompactNetwork, stream: SceneStream, count: int, *, empty: int, workers: int = 1
) -> Described:
    """Describe true boxes, found boxes and `empty` others of each of `count` augmented images.

    Whole batches are taken, so that it may be a few more.
    """
    dtype = torch.bfloat16 if cpu_has_bfloat16() else torch.float32
    network = copy.deepcopy(network).cast(torch.device("cpu"), dtype)
    generator = torch.Generator().manual_seed(0)
    embeddings, instances = [], []
    rounds = -(-count // _BATCH)
    for images, targets in tqdm(islice(batches(stream, workers=workers), rounds), total=rounds):
        cells = network(images.to(dtype).contiguous(memory_format=torch.channels_last))
        places = grid(images.shape[3], images.shape[2])
        chosen = assign(cells, targets, *places, trust=1.0)
        shown = draw_regions(cells, targets, chosen, generator, empty=empty)
        embeddings.append(network.describe(cells.maps, shown.boxes, shown.used).half())
        instances.append(shown.instances[shown.used])
    return Described(torch.cat(embeddings), torch.cat(instances))


def fit(
    network: CompactNetwork, book: Phrasebook, regions: Described, *, steps: int, batch: int = 1024
) -> list[float]:
    """Fit the lexicon's vectors, the projection of text and the scale of scores, in place.

    Returns:
        The loss of each step.
    """
    objective = Objective(book, network, Weights())
    optimizer = _optimizer(network)
    generator = torch.Generator().manual_seed(0)
    losses = []
    for step in tqdm(range(steps), unit="step"):
        for group in optimizer.param_groups:
            rate = cosine(step / steps, least=0.02) * min(1.0, (step + 1) / _WARM_UP)
            group["lr"] = group["peak"] * rate
        rows = torch.randint(len(regions.embeddings), (batch,), generator=generator)
        shown = regions.embeddings[rows].float()
        loss, _ = objective.naming(network, shown, regions.instances[rows], torch.ones(batch))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        with torch.no_grad():
            network.log_temperature.clamp_(max=MOST_LOG_TEMPERATURE)
        losses.append(loss.item())
    return losses


def _optimizer(network: CompactNetwork) -> torch.optim.Optimizer:
    network.requires_grad_(False)
    words = [network.lexicon_shift]
    shared = [*network.text.parameters(), network.log_temperature, network.bias]
    groups = [
        {"params": [p.requires_grad_() for p in part if p is not None], "peak": peak}
        for part, peak in ((words, _RATE), (shared, _TEXT_RATE))
    ]
    return torch.optim.Adam(groups)


def fit_run(options: argparse.Namespace) -> None:
    """Do as the command's options say.

    Raises:
        InputError: the run or the scenes can't be used.
    """
    network = trained_network(checked_run(options.run)).fold()
    config = CompactConfig(network.config)
    split = options.data / "train"
    vocabulary = read_vocabulary(split / "vocabulary.json")
    book = Phrasebook(vocabulary, TextEncoder(), cache=options.run / "phrases.pt")
    if not book.holds(network.lexicon):
        raise InputError(
            f"{options.run} was trained with other phrases than those of {split}: name the data"
            " that it was trained with"
        )
    stream = SceneStream(
        SceneFolder(split, vocabulary).read,
        book.index,
        batch=_BATCH,
        sizes=(config.input_size,),
        size_weights=torch.ones(1),
        seed=options.seed,
    )
    regions = describe(network, stream, options.images, empty=Weights().empty_regions)
    losses = fit(network, book, regions, steps=options.steps)
    few = max(1, len(losses) // 10)
    first, last = (sum(part) / few for part in (losses[:few], losses[-few:]))
    print(f"{len(regions.embeddings)} regions; loss {first:.2f} at first, {last:.2f} at the end")
    save_checkpoint(options.out, network, config)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="fit_lexicon", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the training run")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds train/")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--images", type=int, default=12000, help="augmented images to look at")
    parser.add_argument("--steps", type=int, default=2500, help="of the fit")
    parser.add_argument("--threads", type=int, default=1, help="of the process")
    parser.add_argument("--seed", type=int, default=0, help="of the images")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        fit_run(options)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
