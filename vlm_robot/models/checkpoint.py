"""Checkpoints by name: bundled with the package, in a folder, or in the Hugging Face cache.

Nothing is downloaded, nothing is unpickled, and no code of a checkpoint runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import constants, try_to_load_from_cache
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:
    from torch import Tensor

BUNDLED = Path(__file__).parent
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")


class ModelError(Exception):
    """A model that can't be loaded or run. The text names it and says how to mend it."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder with a configuration and weights that were found sound.

    Attributes:
        name: as it was asked for.
        folder: holds config.json and *.safetensors.
        config: what config.json says.
    """

    name: str
    folder: Path
    config: dict[str, Any]

    @property
    def model_type(self) -> str:
        """The architecture's name; empty where config.json has none."""
        return str(self.config.get("model_type", ""))

    @property
    def stored_dtype(self) -> str:
        """The number format of its weights; empty where config.json has none."""
        return str(self.config.get("dtype") or self.config.get("torch_dtype") or "")


def find_checkpoint(name: str) -> Checkpoint:
    """Find a checkpoint and check that it can be loaded safely.

    Args:
        name: of a bundled checkpoint ('compact'), a folder, or a hub id ('google/owlv2-base').

    Raises:
        ModelError: it isn't there, is damaged, or holds pickled weights only.
    """
    if not name.strip():
        raise ModelError(f"the model has no name: use {_bundled()}, a folder or a hub id")
    if name in bundled_checkpoints():
        return _check(name, BUNDLED / name, f"model '{name}' of this package", "install it again")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _check(name, folder, f"model folder '{folder}'", "copy it again")
    if folder.exists():
        raise ModelError(f"model '{name}' is a file: give the folder that holds its config.json")
    if not _HUB_ID.fullmatch(name):
        raise ModelError(f"model folder '{folder}' doesn't exist: check the path")
    return _check(
        name, _cached(name), f"model '{name}' in the cache", f"fetch it by `hf download {name}`"
    )


def bundled_checkpoints() -> tuple[str, ...]:
    """Names of the checkpoints that come with the package."""
    return tuple(sorted(config.parent.name for config in BUNDLED.glob("*/config.json")))


def _bundled() -> str:
    return ", ".join(f"'{name}'" for name in bundled_checkpoints()) or "'compact'"


def _cached(hub_id: str) -> Path:
    """The newest snapshot of a hub id in the local cache."""
    cache = constants.HF_HUB_CACHE
    config = try_to_load_from_cache(hub_id, "config.json", cache_dir=cache)
    if isinstance(config, str):
        return Path(config).parent
    raise ModelError(
        f"model '{hub_id}' is neither bundled ({_bundled()}) nor a folder, and the Hugging Face"
        f" cache {cache} has no hub id '{hub_id}': fetch it on a machine with a network by"
        f" `hf download {hub_id}`"
    )


def _check(name: str, folder: Path, what: str, mend: str) -> Checkpoint:
    config = _read_config(folder, what, mend)
    for file in _weights(folder, what, mend):
        try:
            with safe_open(file, framework="np"):
                pass
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{what}: {file.name} is damaged ({error}): {mend}") from error
    return Checkpoint(name, folder, config)


def _read_config(folder: Path, what: str, mend: str) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(
            f"{what} has no config.json: give the folder that `save_pretrained` or"
            " `hf download` wrote"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{what}: config.json can't be read ({error}): {mend}") from error
    if not isinstance(config, dict):
        raise ModelError(f"{what}: config.json holds no settings: {mend}")
    return config


def _weights(folder: Path, what: str, mend: str) -> list[Path]:
    """The safetensors files, every shard of them."""
    files = sorted(folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text("utf-8")).get("weight_map", {}).values())
        missing = sorted(shards - {file.name for file in files})
        if missing:
            raise ModelError(f"{what} lacks {', '.join(missing)}: {mend}")
    if files:
        return files
    pickles = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLES)
    if pickles:
        raise ModelError(
            f"{what} has its weights as {pickles[0]} only, a pickle that could run code of its"
            " own: take a revision that has model.safetensors, or load it once where you trust it"
            " and save it by `save_pretrained`"
        )
    raise ModelError(f"{what} has no weights (*.safetensors): {mend}")


def write_tensors(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors that everybody may read: the library's are their owner's."""
    from safetensors.torch import save_file  # torch is slow to load, and reading takes none

    save_file({name: value.detach().contiguous().clone() for name, value in tensors.items()}, file)
    file.chmod(0o644)


def digest(file: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
