"""The loop that tunes projector and language model: resumable, seeded, with a log and curves."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, inject_adapter_in_model
from torch import Tensor, nn
from torch.nn import functional

from vlm_robot.answering.embedded.network import new_projector
from vlm_robot.answering.embedded.parts import Parts
from vlm_robot.answering.embedded.tower import RegionTowerConfig
from vlm_robot.training.curves import draw_curves
from vlm_robot.training.schedule import cosine
from vlm_robot.training.vlm.alignment import align
from vlm_robot.training.vlm.batches import TextBatch, collate, start_tokens, tokens_of
from vlm_robot.training.vlm.material import Material
from vlm_robot.types import InputError

CHECKPOINT = "last.pt"
SCALE = 2
"""Of the low-rank products: alpha over rank."""
_LOG = "log.csv"
_LOGGED_STEPS = 10
LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class TuneSettings:
    """How to tune.

    Attributes:
        steps: in all; the schedule ends there.
        images: at once.
        pairs: of an image, at most.
        rank: of the low-rank products; 0 tunes the projector alone.
        rate, projector_rate: peak learning rates.
        align_images, align_steps: of the projector's first weights, see `alignment`.
        every: seconds between checkpoints.
    """

    steps: int = 4000
    images: int = 4
    pairs: int = 12
    rank: int = 16
    rate: float = 8e-4
    projector_rate: float = 3e-4
    align_images: int = 20000
    align_steps: int = 3000
    every: float = 240.0
    seed: int = 0


class Trainer:
    """Tunes one model; `run` returns when the steps are done."""

    def __init__(
        self,
        language: Any,
        tokenizer: Any,
        tower: RegionTowerConfig,
        material: Material,
        run: Path,
        settings: TuneSettings,
        *,
        start: Parts | None = None,
    ) -> None:
        """Args:
        start: projector and products to go on from; None: an aligned projector, no products.

        Raises:
            InputError: `start` is of other sizes.
        """
        self.settings, self.folder, self._material = settings, run, material
        self._tokenizer, self._tower = tokenizer, tower
        torch.manual_seed(settings.seed)
        self.language = language.requires_grad_(False)
        if settings.rank:
            low_rank = LoraConfig(
                r=settings.rank, lora_alpha=SCALE * settings.rank, target_modules=list(LAYERS)
            )
            inject_adapter_in_model(low_rank, self.language)
        self.projector = new_projector(tower, language.config)
        groups: list[dict[str, Any]] = [
            {"params": list(self.projector.parameters()), "peak": settings.projector_rate}
        ]
        # Small updates of bfloat16 numbers round to nothing: learned are copies in float32.
        self._exact = {n: nn.Parameter(p.detach().float()) for n, p in self._products().items()}
        if settings.rank:
            groups.append({"params": list(self._exact.values()), "peak": settings.rate})
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate, weight_decay=0.01)
        self._before = start_tokens(tokenizer)
        self.steps, self.seconds, self.pairs = 0, 0.0, 0
        run.mkdir(parents=True, exist_ok=True)
        self._begun = start is not None
        self.resumed = self._resume()
        if start is not None and not self.resumed:
            self._begin(start)

    def run(self) -> None:
        """Tune until the schedule ends; writes a checkpoint now and then, and at the end."""
        if not self.resumed and not self._begun:
            self._align()
        saved, rows = time.monotonic(), list[tuple[float, float]]()
        while self.steps < self.settings.steps:
            rows.append(self.step())
            if len(rows) == _LOGGED_STEPS:
                self._log(rows)
                rows.clear()
            if time.monotonic() - saved > self.settings.every:
                self.save()
                saved = time.monotonic()
        self.save()

    def step(self) -> tuple[float, float]:
        """Learn one batch; returns its loss, and the share of first tokens that were right."""
        start = time.monotonic()
        settings = self.settings
        pick = np.random.default_rng([settings.seed, self.steps])
        drawn = [self._material.draw(int(n), pick, settings.pairs) for n in self._numbers(pick)]
        tokens = [tokens_of(one.pairs, self._tokenizer) for one in drawn]
        batch = collate(tokens, self._before, self._tower.tokens)
        self._set_rates()
        loss, right = self.loss(batch, torch.stack([one.features for one in drawn]))
        self._learn(loss)
        self.steps += 1
        self.pairs += sum(map(len, tokens))
        self.seconds += time.monotonic() - start
        return float(loss.detach()), right

    def _learn(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for name, product in self._products().items():
            if product.grad is not None:
                self._exact[name].grad = product.grad.float()
                product.grad = None
        learned = [p for group in self.optimizer.param_groups for p in group["params"]]
        nn.utils.clip_grad_norm_(learned, 1.0)
        self.optimizer.step()
        self._round()

    @torch.no_grad()
    def _round(self) -> None:
        for name, product in self._products().items():
            product.copy_(self._exact[name])

    def loss(self, batch: TextBatch, features: Tensor) -> tuple[Tensor, float]:
        """Cross entropy of the answers, weighted; and the share of their first tokens right."""
        inner = self.language.model
        words = inner.embed_tokens(batch.ids).clone()
        at = len(self._before)
        seen = self.projector(features).to(words.dtype)
        words = torch.cat([words[:, :at], seen, words[:, at + seen.shape[1] :]], 1)
        hidden = inner(
            inputs_embeds=words,
            attention_mask=batch.visible,
            position_ids=batch.positions,
            use_cache=False,
        ).last_hidden_state
        learned = batch.targets >= 0
        logits = self.language.lm_head(hidden[learned]).float()
        targets, weights = batch.targets[learned], batch.weights[learned]
        each = functional.cross_entropy(logits, targets, reduction="none")
        first = (learned & ~functional.pad(learned, (1, -1)))[learned]
        right = (logits.argmax(-1) == targets)[first].float().mean()
        return (each * weights).sum() / weights.sum(), float(right)

    def _numbers(self, pick: np.random.Generator) -> np.ndarray:
        """This step's images: every one comes once before one comes again."""
        images, count = self.settings.images, len(self._material)
        first = self.steps * images
        numbers = []
        for place in range(first, first + images):
            order = np.random.default_rng([self.settings.seed, 2, place // count])
            numbers.append(_shuffled(order, count, place // count)[place % count])
        return np.array(numbers)

    def _align(self) -> None:
        words = self.language.model.embed_tokens.weight.detach()
        settings = self.settings
        loss = align(
            self.projector,
            self._material,
            self._tokenizer,
            words,
            images=settings.align_images,
            steps=settings.align_steps,
            seed=settings.seed,
        )
        print(f"projector aligned: loss {loss:.3f}", flush=True)

    def _set_rates(self) -> None:
        """Linear warm-up over 50 steps, then a cosine down to a twentieth."""
        done = self.steps / self.settings.steps
        rate = min(1.0, (self.steps + 1) / 50) * cosine(done, least=0.05)
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate

    def _products(self) -> dict[str, nn.Parameter]:
        return {n: p for n, p in self.language.named_parameters() if ".lora_" in n}

    def _log(self, rows: list[tuple[float, float]]) -> None:
        loss, right = np.mean(rows, axis=0)
        row = [round(self.seconds / 60, 3), self.steps, self.pairs, round(float(loss), 4),
               round(float(right), 4)]  # fmt: skip
        file = self.folder / _LOG
        new = not file.exists()
        with file.open("a", newline="") as stream:
            writer = csv.writer(stream)
            if new:
                writer.writerow(["minutes", "steps", "pairs", "loss", "first tokens right"])
            writer.writerow(row)
        print(" ".join(f"{value:g}" for value in row), flush=True)

    def save(self) -> None:
        """Write a checkpoint that the next run goes on from, and the curves."""
        state = {
            "projector": self.projector.state_dict(),
            "products": {name: p.detach() for name, p in self._exact.items()},
            "optimizer": self.optimizer.state_dict(),
            "rank": self.settings.rank,
            "counters": [self.steps, self.seconds, self.pairs],
        }
        draft = self.folder / "draft.pt"
        torch.save(state, draft)
        draft.replace(self.folder / CHECKPOINT)
        if (self.folder / _LOG).exists():
            draw_curves(self.folder / _LOG, self.folder / "curves.png")

    def _begin(self, start: Parts) -> None:
        given = start.of("products")
        products = {part_name(name): p for name, p in self._exact.items()}
        try:
            self.projector.load_state_dict(start.of("projector"))
            if {n: v.shape for n, v in given.items()} != {n: p.shape for n, p in products.items()}:
                raise ValueError(f"its products aren't of rank {self.settings.rank}")
        except (RuntimeError, ValueError) as error:
            raise InputError(f"the run can't go on from these parts: {error}") from error
        with torch.no_grad():
            for name, value in given.items():
                products[name].copy_(value)
        self._round()

    def _resume(self) -> bool:
        file = self.folder / CHECKPOINT
        if not file.exists():
            return False
        state = torch.load(file, weights_only=True)
        self.projector.load_state_dict(state["projector"])
        with torch.no_grad():
            for name, value in state["products"].items():
                self._exact[name].copy_(value)
        self._round()
        peaks = [group["peak"] for group in self.optimizer.param_groups]
        self.optimizer.load_state_dict(state["optimizer"])
        for group, peak in zip(self.optimizer.param_groups, peaks, strict=True):
            group["peak"] = peak
        self.steps, self.seconds, self.pairs = state["counters"]
        return True


def part_name(parameter: str) -> str:
    """What a parameter of a low-rank product is called among the products of `Parts`."""
    layer, _, rest = parameter.partition(".lora_")
    return f"{layer}.{rest[0].lower()}"


_orders: dict[int, np.ndarray] = {}


def _shuffled(order: np.random.Generator, count: int, epoch: int) -> np.ndarray:
    """The images' order in an epoch; the last one's is kept."""
    if epoch not in _orders or len(_orders[epoch]) != count:
        _orders.clear()
        _orders[epoch] = order.permutation(count)
    return _orders[epoch]
