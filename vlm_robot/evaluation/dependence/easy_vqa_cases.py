"""easy-vqa's test questions as cases: `python -m vlm_robot.evaluation.dependence.easy_vqa_cases`.

Its pictures show one shape on a plain ground, so what an answer rests on is known: the pixels that
differ from the ground.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from easy_vqa import get_test_image_paths, get_test_questions

from vlm_robot.types import Image

_DIFFERS = 12
"""Of 255: more than JPEG and the ground's own noise."""


def shape_box(image: Image) -> list[int]:
    """Xyxy pixels of what isn't ground, in an image (H, W, 3) whose corner is ground."""
    differs = (np.abs(image.astype(int) - image[0, 0]).max(axis=2) > _DIFFERS).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(differs)
    return [int(x), int(y), int(x + width), int(y + height)]


def write_cases(folder: Path, *, images: int) -> Path:
    """Copy the first test images and write cases.json beside them; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = get_test_image_paths()
    cases: list[dict[str, Any]] = []
    for question, answer, number in zip(*get_test_questions(), strict=True):
        if number >= images:
            continue
        name = f"{number}.png"
        if not (folder / name).exists():
            shutil.copyfile(paths[number], folder / name)
        picture = cv2.imread(str(folder / name))
        box = shape_box(np.asarray(picture, np.uint8))
        cases.append({"image": name, "ask": question, "answer": answer, "box": box})
    file = folder / "cases.json"
    file.write_text(json.dumps(cases, indent=1) + "\n", "utf-8")
    return file


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--images", type=int, default=50)
    options = parser.parse_args()
    print(write_cases(options.out, images=options.images))


if __name__ == "__main__":
    main()
