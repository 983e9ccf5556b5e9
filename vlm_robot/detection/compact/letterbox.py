"""Images of any size to the network's input, and boxes back to the image's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_robot.types import Image

GRAY = 114
"""What fills the rest of the input."""


@dataclass(frozen=True)
class Letterbox:
    """How one image lies in the network's input, its aspect kept, in the middle.

    Attributes:
        image_size: (width, height) of the original, pixels.
        input_size: (width, height) of the network's input, pixels.
        inner_size: (width, height) of the image inside the input; each at least 1.
        offset: (x, y) of the image's corner in the input.
    """

    image_size: tuple[int, int]
    input_size: tuple[int, int]
    inner_size: tuple[int, int]
    offset: tuple[int, int]

    @classmethod
    def fit(cls, image_size: tuple[int, int], input_size: tuple[int, int]) -> Letterbox:
        """Scale as large as fits."""
        scale = min(wide / side for wide, side in zip(input_size, image_size, strict=True))
        width, height = (max(1, round(side * scale)) for side in image_size)
        offset = ((input_size[0] - width) // 2, (input_size[1] - height) // 2)
        return cls(image_size, input_size, (width, height), offset)

    def apply(self, image: Image, out: Image) -> None:
        """Write an image (height, width, 3) into the input `out`."""
        (width, height), (left, top) = self.inner_size, self.offset
        inside = out[top : top + height, left : left + width]
        if self.inner_size != self.input_size:
            out.fill(GRAY)
        shrinks = width < self.image_size[0]
        inside[:] = cv2.resize(
            image,
            self.inner_size,
            interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
        )

    def to_input(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) xyxy from the image's pixels to the input's."""
        return (boxes * self._factors + self._offsets).astype(np.float32)

    def to_image(self, boxes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Boxes (N, 4) xyxy from the input's pixels to the image's."""
        return ((boxes - self._offsets) / self._factors).astype(np.float32)

    @property
    def _factors(self) -> NDArray[np.float64]:
        (width, height), (wide, high) = self.image_size, self.inner_size
        return np.array([wide / width, high / height] * 2)

    @property
    def _offsets(self) -> NDArray[np.float64]:
        return np.array(self.offset * 2, np.float64)
