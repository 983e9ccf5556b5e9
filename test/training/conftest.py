"""A tiny data set for the tests of training and evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}
SHAPES = ("disc", "square")


def write_tiny_data(folder: Path, *, images: int, seed: int = 0) -> Path:
    """Write `folder`/train with `images` scenes of one to three shapes; returns `folder`."""
    rng = np.random.default_rng(seed)
    shard = folder / "train" / "shard-00000"
    (shard / "images").mkdir(parents=True)
    rows, annotations = [], []
    for number in range(images):
        picture = rng.integers(90, 140, (288, 384, 3)).astype(np.uint8)
        for place in rng.permutation(3)[: rng.integers(1, 4)]:
            color, shape = rng.choice(list(COLORS)), rng.choice(SHAPES)
            radius = int(rng.integers(22, 50))
            x, y = 64 + 128 * int(place), int(rng.integers(70, 218))
            box = _draw(picture, str(color), str(shape), x, y, radius)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "bbox": box,
                    "category_id": 1,
                    "iscrowd": 0,
                    "instance": f"{color} {shape}",
                    "kind": str(shape),
                    "ignore": 0,
                }
            )
        name = f"{number:06d}.jpg"
        cv2.imwrite(str(shard / "images" / name), picture[:, :, ::-1])
        rows.append({"id": number, "file_name": name, "width": 384, "height": 288})
    (shard / "coco.json").write_text(json.dumps({"images": rows, "annotations": annotations}))
    (folder / "train" / "vocabulary.json").write_text(json.dumps(_vocabulary()))
    return folder


def _draw(picture: np.ndarray, color: str, shape: str, x: int, y: int, radius: int) -> list[int]:
    if shape == "disc":
        cv2.circle(picture, (x, y), radius, COLORS[color], -1)
    else:
        cv2.rectangle(
            picture, (x - radius, y - radius), (x + radius, y + radius), COLORS[color], -1
        )
    return [x - radius, y - radius, 2 * radius, 2 * radius]


def _vocabulary() -> dict[str, object]:
    instances = {
        f"{color} {shape}": {
            "kind": shape,
            "split": "known",
            "train_phrases": [f"{color} {shape}", shape],
            "heldout_phrases": [f"{shape} that is {color}"],
        }
        for color in COLORS
        for shape in SHAPES
    }
    names = {"disc": ["coin"], "sphere": ["ball"]}
    return {"instances": instances, "absent_phrases": ["helicopter"], "other_names": names}


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds train/ with 24 scenes of coloured discs and squares."""
    return write_tiny_data(tmp_path_factory.mktemp("data"), images=24)
