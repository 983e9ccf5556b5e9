"""What is asked of which picture, with the right answer and the place that it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from vlm_robot.types import Frame, InputError


class Case(NamedTuple):
    """A question about a picture.

    Attributes:
        accepted: words of which a right answer holds one; empty: it can't be told.
        boxes: (N, 4) float32, xyxy pixels: what the answer rests on; none where nobody knows.
    """

    frame: Frame
    question: str
    accepted: tuple[str, ...]
    boxes: NDArray[np.float32]

    @property
    def form(self) -> str:
        """Kind of answer: what can be guessed blindly differs between them."""
        if set(self.accepted) & {"yes", "no"}:
            return "yes or no"
        return "number" if self.question.lower().startswith("how many") else "open"


def read_cases(path: Path) -> list[Case]:
    """Read a YAML or JSON list of {image, ask, answer, box}; images are beside the file.

    `answer` is a word or several; `box` (x1, y1, x2, y2 in pixels) may be missing.

    Raises:
        InputError: it isn't that, or an image can't be read.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"can't read {path}: {error}") from error
    if not (isinstance(content, list) and content):
        raise InputError(f"{path} must be a list of {{image, ask, answer, box}}")
    pictures: dict[str, Frame] = {}
    return [_case(entry, path, pictures) for entry in content]


def _case(entry: Any, path: Path, pictures: dict[str, Frame]) -> Case:
    needed, allowed = {"image", "ask", "answer"}, {"image", "ask", "answer", "box"}
    if not (isinstance(entry, dict) and needed <= set(entry) <= allowed):
        raise InputError(
            f"{path}: {entry!r} must have 'image', 'ask' and 'answer', and may have a 'box'"
        )
    name = str(entry["image"])
    if name not in pictures:
        pictures[name] = _picture(path, name)
    answer = {True: "yes", False: "no"}.get(entry["answer"], entry["answer"])
    words = answer if isinstance(answer, list) else [answer]
    box = entry.get("box")
    boxes = np.array([] if box is None else box, np.float32).reshape(-1, 4)
    return Case(pictures[name], str(entry["ask"]), tuple(str(w).lower() for w in words), boxes)


def _picture(path: Path, name: str) -> Frame:
    folder = path.parent.resolve()
    file = (folder / name).resolve()
    if not file.is_relative_to(folder):
        raise InputError(f"{path}: image '{name}' is outside the file's folder: put it inside")
    bgr = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if bgr is None:
        raise InputError(f"{path}: image '{name}' can't be read")
    return Frame(name, 0, "", np.ascontiguousarray(bgr[:, :, ::-1]))
