"""A split's folder with three small scenes, as the simulation writes it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np

SCENE = (
    # instance, kind, box (x, y, width, height), center, on
    ("table/round/brown", "table", (60, 140, 240, 120), (0.0, 0.4, 2.0), ""),
    ("mug/plain/red", "mug", (100, 110, 30, 40), (-0.4, 0.1, 1.8), "table/round/brown"),
    ("bowl/plain/blue", "bowl", (230, 120, 50, 30), (0.4, 0.2, 2.3), "table/round/brown"),
    ("chair/slat/green", "chair", (310, 100, 60, 150), (1.2, 0.3, 3.0), ""),
)


def write_scenes(folder: Path, *, placed: bool = True) -> Path:
    """Three images, of four, three and two things; without depth they tell no places."""
    shard = folder / "shard-00000"
    (shard / "images").mkdir(parents=True)
    (shard / "depth").mkdir()
    coco = {"images": [], "annotations": []}
    for number in range(3):
        name = f"{number:06d}"
        noise = np.random.default_rng(number).integers(0, 255, (288, 384, 3), np.uint8)
        cv2.imwrite(str(shard / "images" / f"{name}.jpg"), noise)
        cv2.imwrite(str(shard / "depth" / f"{name}.png"), np.full((288, 384), 2000, np.uint16))
        coco["images"].append(
            {"id": number, "file_name": f"{name}.jpg", "width": 384, "height": 288}
            | {"camera": {"fx": 300.0, "fy": 300.0, "cx": 192.0, "cy": 144.0}}
        )
        for instance, kind, box, center, on in SCENE[: 4 - number]:
            coco["annotations"].append(
                {"image_id": number, "bbox": box, "ignore": 0, "kind": kind}
                | {"instance": instance}
                | ({"center": center, "on": on} if placed else {})
            )
    (shard / "coco.json").write_text(json.dumps(coco))
    words = {
        instance: {
            "split": "known",
            "source": "shape",
            "train_phrases": [kind],
            "heldout_phrases": [],
        }
        for instance, kind, *_ in SCENE
    }
    (folder / "vocabulary.json").write_text(json.dumps({"instances": words}))
    return folder
