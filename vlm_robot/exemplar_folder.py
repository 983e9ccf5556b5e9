"""Prompts that are shown, from a folder of images.

The folder holds exemplars.yaml, which maps a thing's name to images with boxes around it, xyxy
pixels of the image:

    my mug:
      - {image: kitchen.jpg, boxes: [[120, 80, 190, 160]]}
      - {image: desk.jpg, boxes: [[300, 210, 352, 270], [20, 14, 60, 51]]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vlm_robot.detection.prompts import Exemplar
from vlm_robot.imaging.decode import decode_compressed
from vlm_robot.types import InputError

FILE = "exemplars.yaml"


def read_exemplars(folder: Path) -> tuple[Exemplar, ...]:
    """All of a folder, in the order of its file.

    Raises:
        InputError: the file or an image can't be read, or isn't of the form above.
    """
    file = folder / FILE
    try:
        content = yaml.safe_load(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"the exemplars can't be read from {file}: {error}") from error
    try:
        shown = [(str(name), example) for name, some in content.items() for example in some]
        if not shown:
            raise ValueError("it names nothing")
        return tuple(_exemplar(folder, name, example) for name, example in shown)
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(
            f"{file} must map names to lists of {{image: FILE, boxes: [[x1, y1, x2, y2]]}}:"
            f" {error!r}"
        ) from error


def _exemplar(folder: Path, name: str, example: Any) -> Exemplar:
    file = folder / str(example["image"])
    boxes = np.array(example["boxes"], np.float32)
    try:
        image = decode_compressed(file.read_bytes())
    except (OSError, InputError) as error:
        raise InputError(f"exemplar '{name}': {file} can't be read: {error}") from error
    return Exemplar(name, image, boxes)
