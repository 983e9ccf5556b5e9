"""The `Detector` around a transformers model: batches, memory, pixels in and pixels out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vlm_robot.detection.detector import DetectionOptions, EncodedPrompts, ModelInfo
from vlm_robot.detection.postprocess import detections
from vlm_robot.detection.prompts import PromptSet
from vlm_robot.detection.transformers_backend.family import Family, corners
from vlm_robot.detection.transformers_backend.images import Preprocessor
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.models.device import dtype_name, out_of_memory
from vlm_robot.types import Detections, Image

_log = logging.getLogger(__name__)


class TransformersDetector:
    """A zero-shot detector of transformers. Only one thread calls it at a time.

    All images go as one batch. Where a model keeps the aspect ratio (Grounding DINO), images
    of different shapes go as one batch a shape: padding would change what it sees in them.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        preprocess: Preprocessor,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._family = family
        self._preprocess = preprocess
        self._device = device
        self._dtype = dtype
        self._most: int | None = None
        self.info = ModelInfo(name, str(device), dtype_name(dtype), family.threshold)

    @torch.inference_mode()
    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        """Encode prompts, once for a prompt set.

        Raises:
            InputError: the model can't take one of them.
            ModelError: the GPU's memory is too small.
        """
        if not prompts.labels:
            return EncodedPrompts(prompts, None)
        try:
            return EncodedPrompts(prompts, self._family.encode(prompts))
        except torch.OutOfMemoryError as error:
            raise out_of_memory(self.info.name, self.info.device, error) from error

    @torch.inference_mode()
    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        """Detect in all `images` as one batch; boxes in each image's own pixels.

        Raises:
            ModelError: the GPU's memory is too small for one image, or the model's numbers
                overflow.
        """
        asked = prompts.prompts
        found = [Detections.none(asked.labels, prompt_version=asked.version)] * len(images)
        if prompts.payload is None:
            return found
        for indices in self._by_input_size(images):
            raw = self._raw([images[index] for index in indices], prompts.payload)
            for index, rows in zip(indices, raw, strict=True):
                found[index] = self._detections(images[index], rows, asked, options)
        return found

    def _by_input_size(self, images: Sequence[Image]) -> list[list[int]]:
        groups: dict[tuple[int, int], list[int]] = {}
        for index, image in enumerate(images):
            groups.setdefault(self._preprocess.input_size(image), []).append(index)
        return list(groups.values())

    def _raw(self, images: Sequence[Image], payload: Any) -> list[NDArray[np.float32]]:
        """Raw boxes of each image, in batches that the memory holds."""
        found: list[NDArray[np.float32]] = []
        while len(found) < len(images):
            batch = images[len(found) :][: self._most]
            try:
                found += self._batch(batch, payload)
                continue
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise out_of_memory(self.info.name, self.info.device, error) from error
            # Outside of the handler, which holds on to the failed batch's tensors.
            self._halve(len(batch))
        return found

    def _halve(self, failed: int) -> None:
        self._most = failed // 2
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
        _log.warning(
            "%s: %s is out of memory for a batch of %d images; going on with %d at a time",
            self.info.name,
            self.info.device,
            failed,
            self._most,
        )

    def _batch(self, images: Sequence[Image], payload: Any) -> list[NDArray[np.float32]]:
        """(N, 6) for each image: xyxy in 0..1 of the model's input, score, label."""
        pixels = self._preprocess(images, device=self._device, dtype=self._dtype)
        raw = self._family.find(pixels, payload)
        rows = [corners(raw.boxes), raw.scores[..., None], raw.labels[..., None]]
        table: NDArray[np.float32] = torch.cat([row.float() for row in rows], -1).cpu().numpy()
        if not np.isfinite(table).all():
            raise ModelError(
                f"model '{self.info.name}' gave numbers that aren't finite in {self.info.dtype}:"
                " they overflow; set dtype to bfloat16 or float32"
            )
        return list(table)

    def _detections(
        self,
        image: Image,
        rows: NDArray[np.float32],
        prompts: PromptSet,
        options: DetectionOptions,
    ) -> Detections:
        rows = rows[rows[:, 4] >= 0]
        width, height = self._preprocess.extent(image)
        return detections(
            rows[:, :4] * np.array([width, height, width, height], np.float32),
            rows[:, 4],
            rows[:, 5].astype(np.int64),
            size=(image.shape[1], image.shape[0]),
            prompts=prompts,
            options=options,
        )
