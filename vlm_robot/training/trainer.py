"""The training loop: resumable, with a moving average of the weights, a log and curves."""

from __future__ import annotations

import copy
import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vlm_robot.detection.compact.checkpoint import read_checkpoint
from vlm_robot.detection.compact.network import Backbone, CompactNetwork, NetworkConfig
from vlm_robot.training.curves import draw_curves
from vlm_robot.training.dataset import Batch, Scene, SceneStream, batches
from vlm_robot.training.initial_weights import load_imagenet
from vlm_robot.training.narrowing import narrow
from vlm_robot.training.objective import Objective, Parts, Weights
from vlm_robot.training.phrasebook import Phrasebook, principal_projection
from vlm_robot.training.schedule import cosine
from vlm_robot.types import InputError

_LOG = "log.csv"
CHECKPOINT = "last.pt"
_SETTINGS = "settings.json"
_LOGGED_STEPS = 20
_SIZES_EARLY, _SIZES_LATE = (0.7, 0.2, 0.1), (0.05, 0.25, 0.7)
_MOST_LOG_TEMPERATURE = 3.5


@dataclass(frozen=True)
class TrainSettings:
    """How to train.

    Attributes:
        minutes: of training in all; the schedule ends there, whatever was resumed.
        batch: images at once.
        sizes: (width, height) of the network's input, small to large.
        backbone_rate, head_rate: peak learning rates.
        frozen_blocks: of the backbone, from its start, that keep their ImageNet weights.
        average: of the weights' moving average, for each step.
        trust_images: images until assignment trusts the predictions wholly.
        every: seconds between checkpoints.
    """

    minutes: float
    batch: int = 8
    sizes: tuple[tuple[int, int], ...] = ((256, 192), (320, 256), (384, 288))
    backbone_rate: float = 1.5e-4
    head_rate: float = 8e-4
    weight_decay: float = 0.03
    frozen_blocks: int = 7
    average: float = 0.998
    trust_images: int = 6000
    every: float = 180.0
    bfloat16: bool = True
    workers: int = 1
    seed: int = 0


class Trainer:
    """Trains one network on scenes; `run` returns when the minutes are over."""

    def __init__(
        self,
        network: CompactNetwork,
        book: Phrasebook,
        read: Callable[[], Sequence[Scene]],
        run: Path,
        settings: TrainSettings,
        weights: Weights | None = None,
    ) -> None:
        self.settings, self.run_folder, self._read = settings, run, read
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.network).eval()
        self.objective = Objective(book, network, weights or Weights())
        self.optimizer = _optimizer(network, settings)
        self.images = 0
        self.steps = 0
        self.seconds = 0.0
        self.odds = torch.tensor(_odds(0.0, len(settings.sizes))).share_memory_()  # type: ignore[no-untyped-call]
        run.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Train until the schedule ends; writes a checkpoint now and then, and at the end."""
        budget = self.settings.minutes * 60
        batches = self._batches()
        saved, rows = self.seconds, list[list[float]]()
        while self.seconds < budget:
            start = time.monotonic()
            rows.append(self.step(next(batches)))
            self.seconds += time.monotonic() - start
            if len(rows) == _LOGGED_STEPS:
                self._log(rows)
                rows.clear()
            if self.seconds - saved > self.settings.every:
                self.save()
                saved = self.seconds
        if rows:
            self._log(rows)
        self.save()

    def _batches(self) -> Iterator[Batch]:
        stream = SceneStream(
            self._read,
            self.objective.book.index,
            batch=self.settings.batch,
            sizes=self.settings.sizes,
            size_weights=self.odds,
            seed=self.settings.seed + self.images,
        )
        return batches(stream, workers=self.settings.workers)

    def step(self, batch: Batch) -> list[float]:
        """Learn one batch; returns the loss and its parts."""
        settings = self.settings
        progress = min(1.0, self.seconds / (settings.minutes * 60))
        self._set_rates(progress)
        self.odds.copy_(torch.tensor(_odds(progress, len(settings.sizes))))
        images = batch.images.float().contiguous(memory_format=torch.channels_last)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            cells = self.network(images)
        size = (images.shape[3], images.shape[2])
        trust = min(1.0, self.images / settings.trust_images)
        loss, parts = self.objective(self.network, cells, batch.targets, size, trust=trust)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 8.0)
        self.optimizer.step()
        with torch.no_grad():
            self.network.log_temperature.clamp_(max=_MOST_LOG_TEMPERATURE)
        self.steps += 1
        self.images += len(images)
        self._average()
        return [loss.item(), *(part.item() for part in parts)]

    def _set_rates(self, progress: float) -> None:
        """Linear warm-up, then a cosine down to a fiftieth, by the time spent."""
        rate = min(1.0, (self.steps + 1) / 100)
        rate *= cosine(progress, least=0.02)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate

    @torch.no_grad()
    def _average(self) -> None:
        keep = min(self.settings.average, (1 + self.steps) / (10 + self.steps))
        state = self.network.state_dict()
        for name, value in self.averaged.state_dict().items():
            if value.dtype.is_floating_point:
                value.lerp_(state[name], 1 - keep)
            else:
                value.copy_(state[name])

    def _log(self, rows: list[list[float]]) -> None:
        means = torch.tensor(rows).mean(0).tolist()
        row = [round(self.seconds / 60, 3), self.images, *(round(mean, 4) for mean in means)]
        file = self.run_folder / _LOG
        new = not file.exists()
        with file.open("a", newline="") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(["minutes", "images", "loss", *Parts._fields])
            writer.writerow(row)
        print(" ".join(f"{value:g}" for value in row), flush=True)

    def save(self) -> None:
        """Write a checkpoint that `resume` reads, in place of the last one, and the curves."""
        state = {
            "config": asdict(self.network.config),
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "text_before": list(self.objective.text_before),
            "counters": [self.images, self.steps, self.seconds],
        }
        draft = self.run_folder / "draft.pt"
        torch.save(state, draft)
        draft.replace(self.run_folder / CHECKPOINT)
        if (self.run_folder / _LOG).exists():
            draw_curves(self.run_folder / _LOG, self.run_folder / "curves.png")

    def resume(self) -> bool:
        """Go on from the last checkpoint; False where there is none.

        Raises:
            InputError: it is of another network.
        """
        file = self.run_folder / CHECKPOINT
        if not file.exists():
            return False
        state = torch.load(file, weights_only=True)
        try:
            self.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise InputError(
                f"{file} holds another network than this run's: export it, and train on from the"
                " model by --start in another folder"
            ) from error
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group, fresh in zip(
            self.optimizer.param_groups, _peaks(self.network, self.settings), strict=True
        ):
            group["peak"] = fresh
        self.objective.text_before = tuple(state["text_before"])
        self.images, self.steps, self.seconds = state["counters"]
        return True


def goes_on(run: Path, *, resume: bool) -> bool:
    """Whether there is a run in the folder, which is gone on with.

    Raises:
        InputError: there is one, and `resume` wasn't asked for.
    """
    holds_run = (run / CHECKPOINT).exists()
    if holds_run and not resume:
        raise InputError(f"{run} holds a run: add --resume to go on, or name another folder")
    return holds_run


def new_network(
    config: NetworkConfig, book: Phrasebook, samples: Tensor | None = None
) -> CompactNetwork:
    """A network to train: ImageNet's backbone, text space by principal axes.

    Args:
        samples: (B, 3, H, W) RGB in 0..255, a few of the training images: a backbone of less than
            full width starts from what the full one makes of them. None: it starts at random.
    """
    network = CompactNetwork(replace(config, normalised=True))
    if config.backbone_width == 1.0:
        load_imagenet(network.backbone)
    elif samples is not None:
        whole = Backbone()
        load_imagenet(whole)
        narrow(whole, network.backbone, network.normalised(samples))
    space = torch.cat([book.words, book.embeddings.flatten(0, 1)])
    weight, bias = principal_projection(space, config.embedding)
    with torch.no_grad():
        network.text.weight.copy_(weight)
        network.text.bias.copy_(bias)
    network.set_lexicon(book.lexicon)
    return network


def started_network(folder: Path, book: Phrasebook) -> CompactNetwork:
    """A trained model's network, to train on with.

    Its batch norms stay folded: a fresh one would undo what was learnt. What it learnt of its
    phrases stays only if they are those of the book.

    Raises:
        ModelError: there is no such model in the folder.
    """
    network, _ = read_checkpoint(folder)
    if not book.holds(network.lexicon):
        print(f"{folder} learnt other phrases: their vectors begin anew", flush=True)
        network.set_lexicon(book.lexicon)
    return network


def trained_network(run: Path) -> CompactNetwork:
    """The averaged network of a run's last checkpoint."""
    state = torch.load(run / CHECKPOINT, weights_only=True)
    network = CompactNetwork(NetworkConfig(**state["config"]))
    network.load_state_dict(state["averaged"])
    if "lexicon" in state:  # the run is of a time when nothing was learnt of phrases
        network.set_lexicon(state["lexicon"])
    return network


def _optimizer(network: CompactNetwork, settings: TrainSettings) -> torch.optim.Optimizer:
    if network.config.backbone_width == 1.0:
        for block in network.backbone.blocks[: settings.frozen_blocks]:
            block.requires_grad_(False)
    learned = [(n, p) for n, p in network.named_parameters() if p.requires_grad]
    backbone = [p for n, p in learned if n.startswith("backbone.")]
    heads = [p for n, p in learned if not n.startswith("backbone.")]
    peaks = _peaks(network, settings)
    groups: list[dict[str, Any]] = [
        {"params": part, "peak": peak} for part, peak in zip((backbone, heads), peaks, strict=True)
    ]
    return torch.optim.AdamW(groups, lr=settings.head_rate, weight_decay=settings.weight_decay)


def _peaks(network: CompactNetwork, settings: TrainSettings) -> tuple[float, float]:
    """Learning rates of the backbone, which must relearn where it lost channels, and the heads."""
    whole = network.config.backbone_width == 1.0
    return settings.backbone_rate if whole else settings.head_rate, settings.head_rate


def _odds(progress: float, count: int) -> list[float]:
    """Odds of each input size: small ones early, since they are faster, the real one late."""
    if count != len(_SIZES_EARLY):
        return [1.0] * count
    late = min(1.0, max(0.0, (progress - 0.3) / 0.4))
    return [a + (b - a) * late for a, b in zip(_SIZES_EARLY, _SIZES_LATE, strict=True)]


def read_settings(run: Path) -> TrainSettings:
    """What a run was started with."""
    content = json.loads((run / _SETTINGS).read_text())
    sizes = tuple((int(width), int(height)) for width, height in content["sizes"])
    return TrainSettings(**(content | {"sizes": sizes}))


def write_settings(run: Path, settings: TrainSettings) -> None:
    """Keep what the run was started with beside its results."""
    run.mkdir(parents=True, exist_ok=True)
    (run / _SETTINGS).write_text(json.dumps(asdict(settings), indent=2) + "\n")
