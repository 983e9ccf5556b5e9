"""The compact detector behind the seam that every detection model stands behind."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence

from vlm_robot.detection.compact.checkpoint import CompactConfig, read_checkpoint
from vlm_robot.detection.compact.enrolment import Background
from vlm_robot.detection.compact.letterbox import Letterbox
from vlm_robot.detection.compact.network import Cells, CompactNetwork, combined_scores
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.detection.detector import DetectionOptions, EncodedPrompts, ModelInfo, Presence
from vlm_robot.detection.postprocess import detections, nms
from vlm_robot.detection.prompts import Exemplar, PromptSet
from vlm_robot.models.device import cpu_has_bfloat16
from vlm_robot.types import Detections, Image

_MOST_CELLS, MOST_REGIONS = 300, 64
"""Cells of one image whose boxes compete, and boxes left of them that are described."""
_SAME_IOU = 0.7
"""Boxes that overlap more are one, whatever they show."""
_LEAST_SCORE = 1e-4


class Regions(NamedTuple):
    """What the network found in one image, surest first, N of them.

    Attributes:
        embeddings: (N, E), not normalised.
        boxes: (N, 4) float32, xyxy pixels of the network's input.
        objectness: (N,) logits.
    """

    embeddings: Tensor
    boxes: Tensor
    objectness: Tensor


class Prompts(NamedTuple):
    """What the detector makes of a prompt set.

    Attributes:
        vectors: (P, E), of length 1, in the order of the set's labels.
        least_raw: (P,) the raw score that each prompt's threshold stands for.
    """

    vectors: Tensor
    least_raw: Tensor


class CompactDetector:
    """Finds what phrases and examples name; see `network` for how."""

    def __init__(
        self,
        network: CompactNetwork,
        config: CompactConfig,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        encoder: TextEncoder | None = None,
        background: Background | None = None,
    ) -> None:
        """Args:
        network: its batch norms are folded, here if not before.
        dtype: of weights and images in the network.
        encoder: of phrases; loaded at the first of them.
        background: that examples are told apart from; None: an example's vector is their mean.
        """
        self.config = config
        self._device, self._dtype = torch.device(device), dtype
        self._network = network.fold().cast(self._device, dtype)
        self._encoder = encoder or TextEncoder(device=device)
        self._background = background

    @property
    def info(self) -> ModelInfo:
        """The model's name, device and dtype, and the threshold chosen in validation."""
        kind = str(self._dtype).removeprefix("torch.")
        fit = self.config.calibration
        presence, existence = (
            None if even is None else Presence(even, slope)
            for even, slope in (
                (fit.presence_even, fit.presence_slope),
                (fit.existence_even, fit.existence_slope),
            )
        )
        return ModelInfo(
            "compact", str(self._device), kind, fit.threshold, presence, existence, fit.answers
        )

    @torch.inference_mode()
    def encode(self, prompts: PromptSet) -> EncodedPrompts:
        """Encode phrases, and enrol what is shown.

        Raises:
            EncoderMissingError: there are phrases, and the sentence encoder isn't installed.
        """
        parts = []
        if prompts.phrases:
            parts.append(self.phrase_vectors(prompts.phrases))
        for name in prompts.labels[len(prompts.phrases) :]:
            parts.append(self.enrolled([e for e in prompts.exemplars if e.name == name])[None])
        size = self.config.network.embedding
        vectors = torch.cat(parts) if parts else torch.zeros(0, size, device=self._device)
        least = self._raw_threshold(np.array(prompts.thresholds, np.float64))
        return EncodedPrompts(prompts, Prompts(vectors, torch.from_numpy(least).to(self._device)))

    @torch.inference_mode()
    def phrase_vectors(self, phrases: Sequence[str]) -> Tensor:
        """Vectors (P, E) of phrases, of length 1; what the text encoder said is kept."""
        text = torch.from_numpy(self._encoder.encode(phrases)).to(self._device)
        vectors: Tensor = self._network.read(text)
        return vectors

    @torch.inference_mode()
    def enrolled(self, exemplars: Sequence[Exemplar]) -> Tensor:
        """The vector (E,) that finds what the example boxes show; see `enrolment`."""
        letterboxes, cells = self._find([exemplar.image for exemplar in exemplars])
        boxes = [
            torch.from_numpy(letterbox.to_input(exemplar.boxes).astype(np.float32))
            for letterbox, exemplar in zip(letterboxes, exemplars, strict=True)
        ]
        vectors = torch.cat(self._describe(cells, boxes))
        if self._background is not None:
            return self._background.discriminant(vectors.cpu()).to(self._device)
        return functional.normalize(functional.normalize(vectors, dim=-1).mean(0), dim=0)

    @torch.inference_mode()
    def detect(
        self, images: Sequence[Image], prompts: EncodedPrompts, options: DetectionOptions
    ) -> list[Detections]:
        """Detect in all `images` as one batch; boxes in each image's own pixels."""
        asked = prompts.prompts
        if not asked.labels or not images:
            return [Detections.none(prompt_version=asked.version) for _ in images]
        letterboxes, regions = self.run(images)
        return [
            self._gather(letterbox, some, prompts, options)
            for letterbox, some in zip(letterboxes, regions, strict=True)
        ]

    def run(self, images: Sequence[Image]) -> tuple[list[Letterbox], list[Regions]]:
        """Find and describe what is in images, as one batch; boxes are in input pixels."""
        letterboxes, cells = self._find(images)
        picked = [distinct(*one) for one in zip(cells.boxes, cells.objectness, strict=True)]
        boxes = [cells.boxes[i, rows] for i, rows in enumerate(picked)]
        embeddings = self._describe(cells, boxes)
        return letterboxes, [
            Regions(embeddings[i], boxes[i], cells.objectness[i, rows])
            for i, rows in enumerate(picked)
        ]

    def _describe(self, cells: Cells, boxes: Sequence[Tensor]) -> list[Tensor]:
        """Embeddings (K, E) of each image's boxes (K, 4): one pass, padded."""
        counts = torch.tensor([len(some) for some in boxes], device=self._device)
        padded = pad_sequence([some.to(self._device) for some in boxes], batch_first=True)
        used = torch.arange(padded.shape[1], device=self._device) < counts[:, None]
        embeddings = self._network.describe(cells.maps, padded, used)
        return list(torch.split(embeddings, counts.tolist()))

    def _find(self, images: Sequence[Image]) -> tuple[list[Letterbox], Cells]:
        wide, high = self.config.input_size
        batch = np.empty((len(images), high, wide, 3), np.uint8)
        letterboxes = []
        for image, row in zip(images, batch, strict=True):
            letterbox = Letterbox.fit((image.shape[1], image.shape[0]), (wide, high))
            letterbox.apply(image, row)
            letterboxes.append(letterbox)
        # A permuted view of rows of RGB is what channels_last means: nothing is copied.
        pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).to(self._device).to(self._dtype)
        return letterboxes, self._network(pixels)

    def with_config(self, config: CompactConfig) -> CompactDetector:
        """The same network and text encoder under another configuration."""
        other = copy.copy(self)
        other.config = config
        return other

    def compile(self) -> None:
        """Let torch.compile build the network; the next image takes a minute, later ones less."""
        self._network.compile()

    def similarity_logits(self, embeddings: Tensor, vectors: Tensor) -> Tensor:
        """Scaled cosine of regions (N, E) with prompts (P, E) of length 1: (N, P) logits."""
        logits: Tensor = self._network.similarity_logits(embeddings, vectors)
        return logits

    def _gather(
        self,
        letterbox: Letterbox,
        regions: Regions,
        prompts: EncodedPrompts,
        options: DetectionOptions,
    ) -> Detections:
        """Detections of one image from its regions."""
        payload: Prompts = prompts.payload
        logits = self.similarity_logits(regions.embeddings, payload.vectors)
        raw = combined_scores(regions.objectness[:, None], logits)
        rows, labels = torch.nonzero(raw >= payload.least_raw, as_tuple=True)
        return detections(
            letterbox.to_image(regions.boxes[rows].cpu().numpy()),
            self.calibrated(raw[rows, labels].cpu().numpy()),
            labels.cpu().numpy(),
            size=letterbox.image_size,
            prompts=prompts.prompts,
            options=options,
        )

    def calibrated(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities of raw scores, by the fit in the configuration."""
        fit = self.config.calibration
        clipped = np.clip(raw.astype(np.float64), 1e-9, 1 - 1e-9)
        odds = fit.slope * np.log(clipped / (1 - clipped)) + fit.offset
        return (1 / (1 + np.exp(-odds))).astype(np.float32)

    def _raw_threshold(self, thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
        """Raw scores of probabilities: the fit turned around."""
        fit = self.config.calibration
        clipped = np.clip(thresholds, 1e-9, 1 - 1e-9)
        logits = (np.log(clipped / (1 - clipped)) - fit.offset) / fit.slope
        raw = 1 / (1 + np.exp(-logits))
        # A threshold of 0 would ask for every cell; one of 1 or more for none.
        return np.where(thresholds >= 1, np.inf, np.maximum(raw, _LEAST_SCORE)).astype(np.float32)


def distinct(
    boxes: Tensor, objectness: Tensor, *, same_iou: float = _SAME_IOU, most: int = MOST_REGIONS
) -> Tensor:
    """Rows, surest first, of the boxes (N, 4) of one image that are left after NMS."""
    best = objectness.topk(min(_MOST_CELLS, len(objectness))).indices
    kept = nms(boxes[best].cpu().numpy(), same_iou)
    return best[torch.from_numpy(kept).to(best.device)][:most]


def load_compact(
    folder: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype | None = None,
    encoder: TextEncoder | None = None,
) -> CompactDetector:
    """Load a compact detector from the folder of its weights and config.json.

    Args:
        dtype: None: what is fastest on the device and keeps the figures.
        encoder: of phrases; None: a new one.

    Raises:
        ModelError: the checkpoint is missing, damaged or of another version.
    """
    network, config = read_checkpoint(folder)
    return CompactDetector(
        network,
        config,
        device=device,
        dtype=dtype or _fastest(device),
        encoder=encoder,
        background=Background.read(folder),
    )


def _fastest(device: str) -> torch.dtype:
    if not device.startswith("cpu"):
        return torch.float16
    return torch.bfloat16 if cpu_has_bfloat16() else torch.float32
