"""Images to a model's input, in torch on the model's device.

The checkpoint's own image processor says what is to be done. Doing it here takes 4 to 14 ms
of a core for a VGA image, where transformers' processors without torchvision take 19 to 127
(OWLv2's the most), and gives the same boxes whether torchvision is installed or not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from vlm_robot.models.checkpoint import ModelError
from vlm_robot.types import Image

_MODES = {2: "bilinear", 3: "bicubic"}
"""Pillow's numbers of resampling filters, which checkpoints hold, by torch's names."""


@dataclass(frozen=True)
class Preprocessor:
    """How a checkpoint wants its images.

    Attributes:
        height, width: of the input, pixels; or 0 where the edges below rule.
        shortest_edge, longest_edge: most of each after a resize that keeps the aspect ratio.
        mode: torch's name of the interpolation.
        square: pad below and right to a square, before the resize (OWLv2).
        gain, offset: (3,) of each channel: input = gain * (0..255) - offset.
    """

    height: int
    width: int
    shortest_edge: int
    longest_edge: int
    mode: str
    square: bool
    gain: tuple[float, ...]
    offset: tuple[float, ...]

    def input_size(self, image: Image) -> tuple[int, int]:
        """Height and width that an image is resized to, pixels."""
        if self.height:
            return self.height, self.width
        return _keep_aspect(image.shape[0], image.shape[1], self.shortest_edge, self.longest_edge)

    def extent(self, image: Image) -> tuple[int, int]:
        """Width and height, in the image's pixels, that box coordinates 0..1 span."""
        height, width = image.shape[:2]
        return (max(height, width),) * 2 if self.square else (width, height)

    def __call__(
        self, images: Sequence[Image], *, device: torch.device, dtype: torch.dtype
    ) -> Tensor:
        """(B, 3, height, width) in `dtype`; `images` must have one `input_size`."""
        resize = self._resize_square if self.square else self._resize
        pixels = torch.cat(
            [resize(_upload(image, device), self.input_size(image)) for image in images]
        )
        gain, offset = (
            torch.tensor(values, device=device)[:, None, None]
            for values in (self.gain, self.offset)
        )
        return (pixels.to(torch.float32) * gain).sub_(offset).to(dtype)

    def _resize(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        if image.shape[2:] == size:
            return image
        # torch has the 8-bit kernel, which rounds as Pillow does, on a CPU only.
        rounded = image.device.type == "cpu"
        source = image if rounded else image.to(torch.float32)
        resized = functional.interpolate(source, size, mode=self.mode, antialias=True)
        return resized if rounded else resized.round_().clamp_(0, 255)

    def _resize_square(self, image: Tensor, size: tuple[int, int]) -> Tensor:
        """Pad to a square, blur against aliasing, resize: as OWLv2's processor does."""
        height, width = image.shape[2:]
        side = max(height, width)
        padded = functional.pad(image.to(torch.float32), (0, side - width, 0, side - height))
        for axis in (2, 3):
            padded = _blur(padded, axis, sigma=max(0.0, (side / size[axis - 2] - 1) / 2))
        return functional.interpolate(padded, size, mode="bilinear", align_corners=False)


def read_preprocessor(processor: Any, model_type: str) -> Preprocessor:
    """Read what a transformers image processor does.

    Raises:
        ModelError: it does something that isn't known here.
    """
    size, mode = processor.size, _MODES.get(int(processor.resample))
    if not processor.do_resize or mode is None:
        raise ModelError(
            f"image processor: do_resize {processor.do_resize}, resample {processor.resample}"
            " isn't supported: resize by resample 2 (bilinear) or 3 (bicubic)"
        )
    crop = processor.crop_size if getattr(processor, "do_center_crop", False) else None
    if crop and any(crop.get(side) != size.get(side) for side in ("height", "width")):
        raise ModelError(
            f"image processor: do_center_crop to {crop.get('width')}x{crop.get('height')} isn't"
            " supported, since it would hide the edges: set it to false in"
            " preprocessor_config.json"
        )
    scale = float(processor.rescale_factor) if processor.do_rescale else 1.0
    means = processor.image_mean if processor.do_normalize else (0.0, 0.0, 0.0)
    deviations = processor.image_std if processor.do_normalize else (1.0, 1.0, 1.0)
    return Preprocessor(
        height=int(size.get("height") or 0),
        width=int(size.get("width") or 0),
        shortest_edge=int(size.get("shortest_edge") or 0),
        longest_edge=int(size.get("longest_edge") or 0),
        mode=mode,
        square=model_type == "owlv2" and bool(processor.do_pad),
        gain=tuple(scale / deviation for deviation in deviations),
        offset=tuple(mean / deviation for mean, deviation in zip(means, deviations, strict=True)),
    )


def _upload(image: Image, device: torch.device) -> Tensor:
    """(1, 3, H, W) uint8 on the device. Copied once, since torch warns of read-only arrays."""
    pinned = torch.empty(image.shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
    np.copyto(pinned.numpy(), image)
    return pinned.to(device, non_blocking=True).permute(2, 0, 1)[None]


def _keep_aspect(height: int, width: int, shortest: int, longest: int) -> tuple[int, int]:
    """Height and width with the shorter edge at `shortest`, unless the longer passes `longest`.

    Rounded as the DETR family's processors do.
    """
    low, high = min(height, width), max(height, width)
    edge = float(shortest)
    if longest and high / low * shortest > longest:
        edge = longest * low / high
        shortest = round(edge)
    if low == shortest:
        return height, width
    other = int(edge * high / low)
    return (shortest, other) if height <= width else (other, shortest)


def _blur(image: Tensor, axis: int, *, sigma: float) -> Tensor:
    """Gaussian blur along one axis, mirrored at the edges."""
    if sigma <= 0:
        return image
    reach = math.ceil(3 * sigma)
    at = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (at / sigma) ** 2)
    kernel = (kernel / kernel.sum()).reshape([1, 1, -1, 1] if axis == 2 else [1, 1, 1, -1])
    margin = (0, 0, reach, reach) if axis == 2 else (reach, reach, 0, 0)
    mirrored = functional.pad(image, margin, mode="reflect")
    return functional.conv2d(mirrored, kernel.expand(3, -1, -1, -1), groups=3)
