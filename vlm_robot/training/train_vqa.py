"""Train a small BLIP on easy-vqa: `python -m vlm_robot.training.train_vqa --out RUN`.

easy-vqa is a public set of questions about one coloured shape, on PyPI. RUN becomes a checkpoint
folder that transformers and the `answerer` setting load, with RUN/training.pt beside it; the same
command goes on where it stopped. The steps are counted, not the time: a seed gives the same model
on a busy machine.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import easy_vqa
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pictures
from torch import Tensor
from transformers import BertTokenizer, BlipConfig, BlipForQuestionAnswering, BlipProcessor
from transformers.models.blip import BlipImageProcessorPil

from vlm_robot.training.schedule import cosine
from vlm_robot.training.vqa_tower import CLOSED, teach

SIDE = 64
"""Pixels of an image's side; all are square."""
HELD_OUT_EVERY = 20
"""Every so many-th training image is kept out of training, to fit the temperature on."""
_QUESTIONS_EACH = 2
_OPEN = 0.5
"""Share of questions chosen among those not answered by yes or no: shapes are learnt from these
first, as a yes or no says little of what was seen."""
_STATE = "training.pt"
_EVERY = 500
"""Steps between checkpoints."""


class VqaSet(NamedTuple):
    """Questions about images.

    Attributes:
        images: (N, SIDE, SIDE, 3) uint8 RGB.
        asked: of each image, its questions and their answers.
    """

    images: NDArray[np.uint8]
    asked: list[list[tuple[str, str]]]


@dataclass(frozen=True)
class TrainSettings:
    """How to train: `steps` in all, with `images` at once, after `tower_steps` of the tower."""

    steps: int = 5000
    tower_steps: int = 600
    images: int = 64
    rate: float = 1e-3
    weight_decay: float = 0.05
    seed: int = 0


def read_split(split: str) -> VqaSet:
    """The 'train' or 'test' split of easy-vqa, as the package ships it."""
    training = split == "train"
    questions = easy_vqa.get_train_questions() if training else easy_vqa.get_test_questions()
    paths = easy_vqa.get_train_image_paths() if training else easy_vqa.get_test_image_paths()
    asked: dict[int, list[tuple[str, str]]] = {number: [] for number in sorted(paths)}
    for question, answer, number in zip(*questions, strict=True):
        asked[number].append((question, answer))
    images = [np.asarray(Pictures.open(paths[n]).convert("RGB"), np.uint8) for n in asked]
    return VqaSet(np.stack(images), list(asked.values()))


def halves(data: VqaSet) -> tuple[VqaSet, VqaSet]:
    """What is trained on, and what is held out."""
    out = np.arange(len(data.images)) % HELD_OUT_EVERY == 0
    parts = [(data.images[m], [data.asked[i] for i in np.flatnonzero(m)]) for m in (~out, out)]
    return VqaSet(*parts[0]), VqaSet(*parts[1])


def new_processor(data: VqaSet) -> BlipProcessor:
    """A processor whose vocabulary is the words of the questions and answers."""
    pairs = [pair for of_image in data.asked for pair in of_image]
    words = sorted({w for q, a in pairs for w in (*q.replace("?", " ?").split(), a)})
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"]
    vocabulary = {word: number for number, word in enumerate([*marks, *words])}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=True, bos_token="[DEC]")
    images = BlipImageProcessorPil(size={"height": SIDE, "width": SIDE})
    return BlipProcessor(images, tokenizer)


def new_model(processor: BlipProcessor) -> BlipForQuestionAnswering:
    """A small BLIP, its weights by the seed that torch was given."""
    tokenizer = processor.tokenizer
    width = {"hidden_size": 128, "intermediate_size": 256, "num_attention_heads": 4}
    text = {
        "vocab_size": len(tokenizer),
        "encoder_hidden_size": width["hidden_size"],
        "num_hidden_layers": 2,
        "max_position_embeddings": 32,
        "bos_token_id": tokenizer.convert_tokens_to_ids("[DEC]"),
        "sep_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **width,
    }
    vision: dict[str, float] = {
        "image_size": SIDE,
        "patch_size": 8,
        "num_hidden_layers": 3,
        **width,
    }
    # BLIP's default, 1e-10, makes all places alike at first, and shapes are never learnt.
    vision["initializer_range"] = 0.05
    return BlipForQuestionAnswering(BlipConfig(text_config=text, vision_config=vision))


class Trainer:
    """Trains one model; `run` returns when the steps are done."""

    def __init__(self, data: VqaSet, folder: Path, settings: TrainSettings) -> None:
        self._data, self._folder, self._settings = data, folder, settings
        torch.manual_seed(settings.seed)
        self.processor = new_processor(data)
        self.model = new_model(self.processor)
        self._pixels = self.processor.image_processor(list(data.images), return_tensors="pt")[
            "pixel_values"
        ]
        self._room = [room_to_move(image) for image in data.images]
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.rate, weight_decay=settings.weight_decay
        )
        self.steps = 0
        if (folder / _STATE).exists():
            self._resume()

    def run(self) -> None:
        """Train until the schedule ends; writes the checkpoint now and then, and at the end."""
        if not self.steps and self._settings.tower_steps:
            print(f"tower taught: loss {self._teach():.4f}", flush=True)
        losses = list[float]()
        while self.steps < self._settings.steps:
            losses.append(self.step())
            if self.steps % _EVERY == 0 or self.steps == self._settings.steps:
                self.save()
            if self.steps % 50 == 0:
                print(f"step {self.steps}: loss {np.mean(losses):.4f}", flush=True)
                losses.clear()

    def step(self) -> float:
        """Learn one batch; returns its loss, nats a token."""
        pick = np.random.default_rng([self._settings.seed, self.steps])
        chosen = pick.integers(len(self._pixels), size=self._settings.images)
        pairs = [_drawn(self._data.asked[i], pick) for i in chosen for _ in range(_QUESTIONS_EACH)]
        images = self._moved(chosen.tolist(), pick)
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        loss = self._loss(images, [q for q, _ in pairs], [a for _, a in pairs])
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self.steps += 1
        return float(loss.detach())

    def _moved(self, chosen: Sequence[int], pick: np.random.Generator) -> Tensor:
        return torch.stack([moved(self._pixels[i], self._room[i], pick) for i in chosen])

    def _teach(self) -> float:
        settings = self._settings
        return teach(
            self.model.vision_model,
            self._moved,
            self._data.asked,
            images=settings.images,
            steps=settings.tower_steps,
            rate=settings.rate,
            seed=settings.seed,
        )

    def save(self) -> None:
        """Write the checkpoint and what a resumed run needs."""
        self.model.save_pretrained(self._folder)
        self.processor.save_pretrained(self._folder)
        state = {"optimizer": self._optimizer.state_dict(), "steps": self.steps}
        torch.save(state, self._folder / _STATE)

    def _resume(self) -> None:
        self.model = BlipForQuestionAnswering.from_pretrained(self._folder)
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), weight_decay=self._settings.weight_decay
        )
        state: dict[str, Any] = torch.load(self._folder / _STATE, weights_only=True)
        self._optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]

    def _rate(self) -> float:
        """Warm-up over 200 steps, and a cosine down to zero over all of them."""
        done = self.steps / self._settings.steps
        warm = min(1.0, (self.steps + 1) / 200)
        return self._settings.rate * warm * cosine(done)

    def _loss(self, images: Tensor, questions: list[str], answers: list[str]) -> Tensor:
        """That of the model's `forward`, but each image goes through the vision tower once."""
        tokenizer = self.processor.tokenizer
        asked = tokenizer(questions, padding=True, return_tensors="pt")
        said = tokenizer(answers, padding=True, return_tensors="pt")["input_ids"]
        said[:, 0] = self.model.decoder_start_token_id
        seen = self.model.vision_model(pixel_values=images).last_hidden_state
        understood = self.model.text_encoder(
            input_ids=asked["input_ids"],
            attention_mask=asked["attention_mask"],
            encoder_hidden_states=seen.repeat_interleave(_QUESTIONS_EACH, dim=0),
        )[0]
        answered = self.model.text_decoder(
            input_ids=said,
            encoder_hidden_states=understood,
            encoder_attention_mask=asked["attention_mask"],
            labels=said.masked_fill(said == tokenizer.pad_token_id, -100),
        )
        loss: Tensor = answered.loss
        return loss


def _drawn(asked: list[tuple[str, str]], pick: np.random.Generator) -> tuple[str, str]:
    """One question and its answer."""
    wordy = [pair for pair in asked if pair[1] not in CLOSED]
    among = wordy if wordy and pick.random() < _OPEN else asked
    return among[int(pick.integers(len(among)))]


Room = tuple[int, int, int, int]
"""How far a shape can move up, down, left and right, pixels."""


def room_to_move(image: NDArray[np.uint8]) -> Room:
    """How far the shape in an image of one background colour can move; nowhere if it is cut off."""
    colours, counts = np.unique(image.reshape(-1, 3), axis=0, return_counts=True)
    shape = (image != colours[counts.argmax()]).any(axis=2)
    rows, columns = np.flatnonzero(shape.any(axis=1)), np.flatnonzero(shape.any(axis=0))
    room = (rows[0], SIDE - 1 - rows[-1], columns[0], SIDE - 1 - columns[-1])
    return tuple(int(r) for r in room) if min(room) > 0 else (0, 0, 0, 0)  # type: ignore[return-value]


def moved(image: Tensor, room: Room, pick: np.random.Generator) -> Tensor:
    """The image (3, SIDE, SIDE) with its shape elsewhere, perhaps mirrored: none asks where."""
    up, down, left, right = room
    by = int(pick.integers(-up, down + 1)), int(pick.integers(-left, right + 1))
    image = image.roll(by, (1, 2))
    return image.flip(2) if pick.random() < 0.5 else image


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="train_vqa", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, default=TrainSettings.steps, help="in all")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    settings = TrainSettings(options.steps, seed=options.seed)
    data, _ = halves(read_split("train"))
    Trainer(data, options.out, settings).run()


if __name__ == "__main__":
    main()
