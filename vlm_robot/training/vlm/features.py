"""What the tower makes of every image, once: `python -m vlm_robot.training.vlm.features`.

The tower stays as it is in training, so that its features are kept, one file a shard: training
then runs the projector and the language model alone. Half of the images are taken by a poor
camera, as `training.augmentation.photograph` has it.

With `--paths N`, for scenes rendered with depth, pictures with numbered paths drawn in are written
beside them, up to N a scene, with what can be asked of them.

`--tower DIR` names a compact detector's folder; the tower is written beside the features, and
goes with the model from there.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import torch
from tqdm import tqdm

from vlm_robot.answering.embedded.tower import RegionTower, RegionTowerConfig
from vlm_robot.detection.compact.checkpoint import read_checkpoint
from vlm_robot.models.checkpoint import find_checkpoint
from vlm_robot.training.augmentation import photograph
from vlm_robot.training.dataset import read_image
from vlm_robot.training.shots import Shot, load_shots
from vlm_robot.training.vlm.numbered_paths import choices, drawing_of
from vlm_robot.types import Image, InputError

TOWER = "tower"
"""Folder of the tower, in that of the features."""
BLANKS = "blanks.npy"
"""Features of pictures of one colour."""
PATHS = "paths"
"""Name of the features of pictures with paths, and of what can be asked of them."""
_BATCH = 25
_BLANK_COUNT = 200


def tower_of(compact: Path, *, regions: int, patch_size: int) -> RegionTower:
    """A tower with the weights of a compact detector.

    Raises:
        ModelError: the folder holds none.
    """
    network, config = read_checkpoint(compact)
    network.set_lexicon(torch.zeros(0, network.config.text))
    width, height = config.input_size
    tower = RegionTower(
        RegionTowerConfig(
            asdict(network.config), width, height, patch_size=patch_size, regions=regions
        )
    )
    tower.network.load_state_dict(network.state_dict())
    tower.eval()
    return tower


@torch.inference_mode()
def features_of(tower: RegionTower, images: list[Image]) -> np.ndarray:
    """Features (N, tokens, hidden_size), float16, of images of any size."""
    size = (tower.config.width, tower.config.height)
    same = [
        image
        if (image.shape[1], image.shape[0]) == size
        else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        for image in images
    ]
    pixels = torch.from_numpy(np.stack(same)).permute(0, 3, 1, 2).to(tower.dtype)
    found: np.ndarray = tower(pixels).last_hidden_state.half().numpy()
    return found


def compute_shard(tower: RegionTower, shard: Path, out: Path, seed: int) -> None:
    """Write the features of a shard's images, in the order of their names."""
    files = sorted((shard / "images").glob("*.jpg"))
    parts = []
    for start in range(0, len(files), _BATCH):
        images = [
            _taken(read_image(file), np.random.default_rng([seed, int(shard.name[-5:]), start + i]))
            for i, file in enumerate(files[start : start + _BATCH])
        ]
        parts.append(features_of(tower, images))
    _write(out / f"{shard.name}.npy", np.concatenate(parts))


def _taken(image: Image, rng: np.random.Generator) -> Image:
    return photograph(image, rng) if rng.random() < 0.5 else image


def blanks(seed: int, count: int = _BLANK_COUNT) -> list[Image]:
    """Pictures (288, 384, 3) of one colour each, some with noise."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        colour = rng.integers(0, 256, 3) if rng.random() < 0.5 else rng.integers(0, 256)
        noise = rng.standard_normal((288, 384, 3)) * rng.choice([0, 0, 2, 10])
        made.append(np.clip(colour + noise, 0, 255).astype(np.uint8))
    return made


def compute_paths(
    tower: RegionTower, shots: Sequence[Shot], out: Path, count: int, seed: int
) -> None:
    """Write features of pictures with numbered paths, and for each its scene and what to ask.

    The questions' file comes last, so that its presence tells that both are whole.
    """
    parts, asked, images = [], [], list[Image]()
    for number, shot in enumerate(tqdm(shots, unit="scene")):
        for time in range(count):
            pick = np.random.default_rng([seed, 3, number, time])
            drawing = drawing_of(shot, pick)
            found = [
                [index, *choice]
                for index, thing in enumerate(shot.things)
                for choice in (choices(drawing, thing.center) if drawing else ())
            ]
            if drawing is None or not found:
                continue
            images.append(_taken(drawing.on(read_image(shot.image), shot.intrinsics), pick))
            asked.append({"scene": number, "paths": len(drawing.paths), "asked": found})
            if len(images) == _BATCH:
                parts.append(features_of(tower, images))
                images.clear()
    if images:
        parts.append(features_of(tower, images))
    if not parts:
        raise InputError("no scene shows enough of its floor to draw paths on")
    _write(out / f"{PATHS}.npy", np.concatenate(parts))
    (out / f"{PATHS}.json").write_text(json.dumps(asked) + "\n")


def _write(file: Path, features: np.ndarray) -> None:
    draft = file.with_suffix(".part")
    with draft.open("wb") as stream:
        np.save(stream, features)
    draft.replace(file)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="features", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="one split's folder")
    parser.add_argument("--out", type=Path, required=True, help="folder of the features")
    parser.add_argument("--tower", default="compact", help="a compact detector")
    parser.add_argument("--regions", type=int, default=20, help="things, of two tokens each")
    parser.add_argument("--patch-size", type=int, default=96, help="of the grid's cells, pixels")
    parser.add_argument("--paths", type=int, default=0, help="pictures with paths, of a scene")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    shards = sorted(options.data.glob("shard-*"))
    if not shards:
        raise InputError(f"{options.data} holds no shard-*: render the data set first")
    tower = tower_of(
        find_checkpoint(options.tower).folder,
        regions=options.regions,
        patch_size=options.patch_size,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    tower.save_pretrained(options.out / TOWER)
    tower.to(torch.bfloat16)
    if not (options.out / BLANKS).exists():
        _write(options.out / BLANKS, features_of(tower, blanks(options.seed)))
    # In a random order, so that a training that doesn't wait for all of it sees every kind of home.
    for index in tqdm(np.random.default_rng(options.seed).permutation(len(shards)), unit="shard"):
        if not (options.out / f"{shards[index].name}.npy").exists():
            compute_shard(tower, shards[index], options.out, options.seed)
    if options.paths and not (options.out / f"{PATHS}.json").exists():
        compute_paths(tower, load_shots(options.data), options.out, options.paths, options.seed)


if __name__ == "__main__":
    main()
