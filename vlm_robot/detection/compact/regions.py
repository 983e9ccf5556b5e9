"""What a box shows, as a vector: features of every stride, sampled on a grid in the box.

After RoIAlign (He et al., Mask R-CNN, ICCV 2017, section 3), with one bilinear sample a grid point
and all strides beside one another, so that a small thing is seen by the fine features and a
large one by the coarse. Colours come from the image itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from vlm_robot.detection.compact.separable import Pointwise, Separable

GRID = 6
"""Samples along each side of a box."""
COLOR_STRIDE = 4
"""Pixels of the input that one colour is the mean of."""
_LATERAL = (24, 64, 128, 160)
"""Channels that each stride of the backbone gives; scaled with the neck."""


class RegionHead(nn.Module):
    """Embeds boxes.

    Args:
        channels: of the backbone's outputs, fine to coarse.
        width: of the layers behind the samples.
        embedding: length of a region's vector.
    """

    def __init__(
        self, channels: Sequence[int], width: int, embedding: int, *, normalised: bool
    ) -> None:
        super().__init__()
        scaled = [max(8, count * width // 192) for count in _LATERAL]
        self.lateral = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1) for inputs, outputs in zip(channels, scaled, strict=True)
        )
        self.mix = nn.Sequential(
            Pointwise(sum(scaled) + 3, width, normalised=normalised),
            Separable(width, 3, normalised=normalised),
        )
        self.embed = nn.Linear(width * (GRID // 2) ** 2, embedding)

    def maps(self, images: Tensor, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """What `forward` samples: colours and features (B, C, H, W), fine to coarse.

        Args:
            images: (B, 3, H, W), normalised as the backbone takes them.
        """
        colors = functional.avg_pool2d(images, COLOR_STRIDE)
        seen = (layer(x) for layer, x in zip(self.lateral, features, strict=True))
        return (colors, *seen)

    def forward(self, maps: Sequence[Tensor], boxes: Tensor, used: Tensor) -> Tensor:
        """Embeddings (R, E), not normalised, of the boxes that are used, image after image.

        Args:
            boxes: (B, K, 4) xyxy pixels of the network's input, padded.
            used: (B, K) bool, R of them true.
        """
        points = sample_points(
            boxes, maps[0].shape[3] * COLOR_STRIDE, maps[0].shape[2] * COLOR_STRIDE
        )
        # In float32: a coordinate in half precision is off by whole cells.
        sampled = [
            functional.grid_sample(
                one.float(), points, mode="bilinear", padding_mode="border", align_corners=False
            )
            for one in maps
        ]
        stacked = torch.cat(sampled, 1)
        by_box = stacked.view(*stacked.shape[:2], -1, GRID, GRID).transpose(1, 2)
        mixed = self.mix(by_box[used].to(self.embed.weight.dtype))
        embeddings: Tensor = self.embed(functional.avg_pool2d(mixed, 2).flatten(1))
        return embeddings.float()


def sample_points(boxes: Tensor, width: int, height: int) -> Tensor:
    """Sample points (B, K * GRID, GRID, 2) of boxes, -1..1 over the input."""
    steps = (torch.arange(GRID, device=boxes.device, dtype=torch.float32) + 0.5) / GRID
    low, high = boxes[..., :2].float(), boxes[..., 2:].float()
    xs = low[..., :1] + (high - low)[..., :1] * steps
    ys = low[..., 1:] + (high - low)[..., 1:] * steps
    xs = xs[:, :, None, :].expand(-1, -1, GRID, -1) * (2 / width) - 1
    ys = ys[:, :, :, None].expand(-1, -1, -1, GRID) * (2 / height) - 1
    return torch.stack([xs, ys], -1).flatten(1, 2)
