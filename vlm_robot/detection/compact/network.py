"""The compact detector's network: boxes, objectness and a region embedding for every cell.

MobileNetV2 (Sandler et al., CVPR 2018) with its batch norms folded into the convolutions, a light
pyramid with a top-down and a bottom-up path (PAN, Liu et al., CVPR 2018) that finds boxes in every
cell. The best boxes are then described, each by a region embedding from the backbone's features
inside it, and named in the spirit of YOLO-World (Cheng et al., CVPR 2024) by its cosine with
a projected text embedding, so that the vocabulary is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm_robot.detection.compact.regions import RegionHead
from vlm_robot.detection.compact.separable import Pointwise, Separable

STRIDES = (8, 16, 32)
"""Pixels between cells on the three levels."""

# MobileNetV2: expansion, channels, blocks, stride of the first block (table 2 of the paper).
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
OBJECTNESS_WEIGHT = 0.35
"""Of a score; the best of 0.5, 0.35 and 0.2 on a validation split."""
_LEXICON_WEIGHT, _LEXICON_TEMPERATURE = 2.0, 0.03
"""How much phrases of the lexicon count, and how alike they must be; chosen on a validation split:
held-out phrasings gain a sixth in AP50."""
_SIX_IN_BITS = 0x40C0
"""6.0 in bfloat16, taken for a whole number."""
_TAPS = (3, 6, 13, 17)
"""Blocks whose output is used: 24, 32, 96 and 320 channels at strides 4, 8, 16 and 32."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the network.

    Attributes:
        backbone_width: factor on MobileNetV2's channels, at most 1.
        neck_width: channels of the pyramid and of the heads that find.
        region_width: channels of the head that describes.
        embedding: length of region and text embeddings.
        text: length of the text encoder's embeddings.
        lexicon: phrases that others are read with the help of, see `CompactNetwork.read`.
        other_names: how many more names the lexicon's phrases go by.
        normalised: whether the pyramid has batch norms, as it needs while it is trained.
    """

    backbone_width: float = 1.0
    neck_width: int = 96
    region_width: int = 192
    embedding: int = 256
    text: int = 384
    lexicon: int = 0
    other_names: int = 0
    normalised: bool = False


class Cells(NamedTuple):
    """What the network finds in each cell of B images, levels one after another.

    Attributes:
        boxes: (B, N, 4), xyxy pixels of the network's input.
        objectness: (B, N), logits.
        maps: what `CompactNetwork.describe` looks at.
    """

    boxes: Tensor
    objectness: Tensor
    maps: tuple[Tensor, ...] = ()


class _ReLU6(nn.ReLU6):
    """ReLU6, four times as fast for bfloat16 on a CPU where no gradient is asked for.

    Bits of floats that aren't negative are in the order of the floats, and a sign bit makes a
    whole number negative, so that whole numbers can be clamped instead, with the same result. Only
    what is no number doesn't stay so.
    """

    def __init__(self) -> None:
        super().__init__(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype is not torch.bfloat16 or x.device.type != "cpu" or x.requires_grad:
            return super().forward(x)
        x.view(torch.int16).clamp_(0, _SIX_IN_BITS)
        return x


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [nn.Conv2d(inputs, hidden, 1), _ReLU6()]
        layers += [
            nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden),
            _ReLU6(),
            nn.Conv2d(hidden, outputs, 1),
        ]
        self.layers = nn.Sequential(*layers)
        self.adds_input = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.adds_input else y


class Backbone(nn.Module):
    """MobileNetV2 without its last convolution; `channels` are those of its outputs."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        channels = _even(32 * width)
        blocks: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1), _ReLU6()),
        ]
        self.channels: list[int] = []
        for expansion, nominal, repeats, stride in _STAGES:
            outputs = _even(nominal * width)
            for repeat in range(repeats):
                if len(blocks) - 1 in _TAPS:
                    self.channels.append(channels)
                step = stride if repeat == 0 else 1
                blocks.append(_InvertedResidual(channels, outputs, step, expansion))
                channels = outputs
        self.channels.append(channels)
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Features (B, C, H, W) of each level, of normalised images (B, 3, H, W)."""
        outputs = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in _TAPS:
                outputs.append(x)
        return outputs


def _even(channels: float) -> int:
    """Round to a multiple of eight, as MobileNetV2 does for widths other than 1."""
    return max(8, int(channels + 4) // 8 * 8)


class _Pyramid(nn.Module):
    def __init__(self, channels: list[int], width: int, *, normalised: bool) -> None:
        super().__init__()

        def separable(kernel: int) -> Separable:
            return Separable(width, kernel, normalised=normalised)

        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.top_down = nn.ModuleList([separable(3), separable(3), separable(5)])
        self.down = nn.ModuleList(
            nn.Conv2d(width, width, 3, 2, 1, groups=width) for _ in STRIDES[1:]
        )
        self.bottom_up = nn.ModuleList([separable(3), separable(5)])

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        c3, c4, c5 = (layer(x) for layer, x in zip(self.lateral, features, strict=True))
        p5 = self.top_down[2](c5)
        p4 = self.top_down[1](c4 + functional.interpolate(p5, scale_factor=2.0))
        p3 = self.top_down[0](c3 + functional.interpolate(p4, scale_factor=2.0))
        p4 = self.bottom_up[0](p4 + self.down[0](p3))
        p5 = self.bottom_up[1](p5 + self.down[1](p4))
        return [p3, p4, p5]


class CompactNetwork(nn.Module):
    """Images in, cells out; text embeddings are projected beside them."""

    pixel_mean: Tensor
    pixel_std: Tensor
    lexicon: Tensor
    other_names: Tensor | None
    named_phrases: Tensor | None

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        width = config.neck_width
        self.backbone = Backbone(config.backbone_width)
        channels, normalised = self.backbone.channels, config.normalised
        self.pyramid = _Pyramid(channels[1:], width, normalised=normalised)
        self.finding = nn.ModuleList(
            nn.Sequential(*(Separable(width, 3, normalised=normalised) for _ in range(2)))
            for _ in STRIDES
        )
        self.regions = RegionHead(
            channels, config.region_width, config.embedding, normalised=normalised
        )
        self.locate = nn.Conv2d(width, 5, 1)
        self.box_scale = nn.Parameter(torch.ones(len(STRIDES)))
        self.text = nn.Linear(config.text, config.embedding)
        self.log_temperature = nn.Parameter(torch.tensor(2.3))
        self.bias = nn.Parameter(torch.tensor(-4.6))
        nn.init.constant_(self.locate.bias[:4], 1.0)  # type: ignore[index]
        nn.init.constant_(self.locate.bias[4:], -4.0)  # type: ignore[index]
        self.register_buffer("lexicon", torch.zeros(config.lexicon, config.text))
        count = config.other_names
        self.register_buffer("other_names", torch.zeros(count, config.text) if count else None)
        self.register_buffer("named_phrases", torch.zeros(count).long() if count else None)
        self.lexicon_shift = _shift(config)
        self._memory: tuple[Tensor, Tensor] | None = None
        self.register_buffer("pixel_mean", torch.zeros(1, 3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.ones(1, 3, 1, 1), persistent=False)
        self.set_pixel_statistics()

    def set_pixel_statistics(self) -> None:
        """Those of ImageNet; they aren't in a checkpoint."""
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        with torch.no_grad():
            self.pixel_mean.copy_(mean.view(1, 3, 1, 1) * 255)
            self.pixel_std.copy_(std.view(1, 3, 1, 1) * 255)

    def forward(self, images: Tensor) -> Cells:
        """Run on (B, 3, H, W) RGB in 0..255; H and W are multiples of 32."""
        pixels = self.normalised(images)
        features = self.backbone(pixels)
        boxes, objectness = [], []
        for level, x in enumerate(self.pyramid(features[1:])):
            located = self.locate(self.finding[level](x)).float()
            boxes.append(self._boxes(located[:, :4], level))
            objectness.append(located[:, 4].flatten(1))
        maps = self.regions.maps(pixels, features)
        return Cells(torch.cat(boxes, 1), torch.cat(objectness, 1), maps)

    def normalised(self, images: Tensor) -> Tensor:
        """Pixels as ImageNet's networks take them, by whole rows: three channels are few."""
        count, channels, height, width = images.shape
        rows = images.permute(0, 2, 3, 1).flatten(2)
        mean, std = (value.flatten().repeat(width) for value in (self.pixel_mean, self.pixel_std))
        return ((rows - mean) / std).view(count, height, width, channels).permute(0, 3, 1, 2)

    def describe(self, maps: Sequence[Tensor], boxes: Tensor, used: Tensor) -> Tensor:
        """Embeddings (R, E), not normalised, of what boxes show; see `RegionHead.forward`.

        Args:
            maps: of the cells that `forward` gave.
        """
        embeddings: Tensor = self.regions(maps, boxes, used)
        return embeddings

    def _boxes(self, raw: Tensor, level: int) -> Tensor:
        """Distances to the four sides, from each cell's centre, as xyxy boxes (B, N, 4)."""
        stride = STRIDES[level]
        distances = functional.softplus(raw * self.box_scale[level]) * stride
        distances = distances.flatten(2).transpose(1, 2)
        centers = cell_centers(raw.shape[2], raw.shape[3], stride).to(raw.device)
        return torch.cat([centers - distances[..., :2], centers + distances[..., 2:]], -1)

    def project_text(self, text: Tensor) -> Tensor:
        """Bring text embeddings (P, text) into the space of regions: (P, E), of length 1."""
        return functional.normalize(self.text(text), dim=-1)

    def read(self, text: Tensor) -> Tensor:
        """Vectors (P, E) of phrases, of length 1, from their text embeddings (P, text).

        Beside its own projection a phrase has the vectors of the phrases of the lexicon, the ones
        that were trained with, that are most like it: attention over a memory of text. Theirs are
        learned apart from their words, since a linear layer can't part what MiniLM holds for
        nearly the same: a red mug and a blue one. The other names of a phrase share its vector.
        """
        own = self.project_text(text)
        if self.lexicon_shift is None:
            return own
        known, learned = self._memory or self._remembered(self.lexicon_shift)
        alike = (text @ known.T / _LEXICON_TEMPERATURE).softmax(-1)
        return functional.normalize(own + _LEXICON_WEIGHT * alike @ learned, dim=-1)

    def _remembered(self, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Text embeddings (M, text) of all that is known by name, and the vectors (M, E) of it."""
        known, learned = self.lexicon, self.project_text(self.lexicon) + shift
        if self.other_names is not None:
            known = torch.cat([known, self.other_names])
            learned = torch.cat([learned, learned[self.named_phrases]])
        return known, learned

    def set_lexicon(self, text: Tensor) -> None:
        """Take text embeddings (L, text) of phrases as the lexicon of `read`, nothing learned."""
        self.lexicon = text
        self.config = replace(self.config, lexicon=len(text))
        self.lexicon_shift = _shift(self.config)
        self.set_other_names(text[:0], torch.zeros(0, dtype=torch.int64))

    def set_other_names(self, text: Tensor, phrases: Tensor) -> None:
        """Take text embeddings (N, text) of names, each of a phrase (N,) int64 of the lexicon."""
        self._memory = None
        some = len(text) > 0
        self.other_names, self.named_phrases = (text, phrases) if some else (None, None)
        self.config = replace(self.config, other_names=len(text))

    def similarity_logits(self, embeddings: Tensor, prompts: Tensor) -> Tensor:
        """Scaled cosine of regions (..., E) with prompts (P, E) of length 1: (..., P) logits."""
        cosine = functional.normalize(embeddings, dim=-1) @ prompts.T
        return cosine * self.log_temperature.exp() + self.bias

    def cast(self, device: torch.device, dtype: torch.dtype) -> CompactNetwork:
        """Move to a device, in place; what looks at images takes `dtype`, for inference only.

        Naming stays in float32: it is a small matrix product, and its cosines need the digits.
        """
        self.requires_grad_(False).to(device)
        for part in (self.backbone, self.pyramid, self.finding, self.locate, self.regions):
            part.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.pixel_mean, self.pixel_std = self.pixel_mean.to(dtype), self.pixel_std.to(dtype)
        if self.lexicon_shift is not None:  # nothing is learned any more: once is enough
            self._memory = self._remembered(self.lexicon_shift)
        return self

    def fold(self) -> CompactNetwork:
        """Fold the batch norms into the convolutions, in place; for inference only."""
        self.eval()
        for module in self.modules():
            if isinstance(module, Pointwise):
                module.fold()
        self.config = replace(self.config, normalised=False)
        return self


def _shift(config: NetworkConfig) -> nn.Parameter | None:
    """How far each phrase of the lexicon lies from its projection: at first, not at all."""
    return nn.Parameter(torch.zeros(config.lexicon, config.embedding)) if config.lexicon else None


def cell_centers(height: int, width: int, stride: int) -> Tensor:
    """Centres (height * width, 2) of a level's cells, x and y in pixels of the input."""
    ys, xs = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([xs, ys], -1).reshape(-1, 2) + 0.5) * stride


def grid(width: int, height: int) -> tuple[Tensor, Tensor]:
    """Centres (N, 2) and strides (N,) of all cells for an input of `width` x `height` pixels."""
    levels = list(_levels(width, height))
    return torch.cat([c for c, _ in levels]), torch.cat([s for _, s in levels])


def _levels(width: int, height: int) -> Iterator[tuple[Tensor, Tensor]]:
    for stride in STRIDES:
        centers = cell_centers(height // stride, width // stride, stride)
        yield centers, torch.full((len(centers),), float(stride))


def combined_scores(objectness: Tensor, similarity: Tensor) -> Tensor:
    """Weighted geometric mean of 'something is here' and 'it is this', both given as logits."""
    found, named = objectness.sigmoid(), similarity.sigmoid()
    return found**OBJECTNESS_WEIGHT * named ** (1 - OBJECTNESS_WEIGHT)
