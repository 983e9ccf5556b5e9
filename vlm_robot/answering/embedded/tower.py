"""The vision tower of the embedded VLM: the compact detector's network, as transformers has it.

An image becomes a few things ('bottom-up attention', Anderson et al., CVPR 2018) and a coarse grid
for the rest, means of the backbone's features. A thing is one of the boxes that the network is
surest of: its region's embedding with its place, size and colour. It has two tokens, as a word has
a neighbour. They differ by a mark, by which the projector makes one of what the thing is, and one
of where: a question's word leads to the former, and that to the latter. Things come from left to
right, as they are listed.

Importing this module registers the tower with transformers' Auto classes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from vlm_robot.detection.compact.detector import distinct
from vlm_robot.detection.compact.network import Cells, CompactNetwork, NetworkConfig
from vlm_robot.detection.compact.regions import COLOR_STRIDE

SAME_IOU = 0.5
"""Boxes that overlap more are one thing."""
_WAVES = (1.0, 2.0, 4.0)
"""Half waves over the image's width and height that a place is told by."""
_MARK = 4 + 2 + 3
_PLACE = _MARK + 2 + 4 * len(_WAVES)
"""Numbers of a token's place before its mark, and in all."""
_MARKS = slice(_MARK - _PLACE, _MARK - _PLACE + 2)
"""Where a token has its mark."""
_WHAT, _REST, _WHERE = (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)
"""Marks of a token that tells what a thing is, of the grid's, and of one that tells where."""


class RegionTowerConfig(PreTrainedConfig):  # type: ignore[misc]  # transformers is untyped here
    """Sizes of the tower.

    Args:
        network: the fields of `NetworkConfig`.
        width, height: of the input, pixels; multiples of `patch_size`.
        patch_size: side of a cell of the grid, pixels; a multiple of 32.
        regions: things, of two tokens each.
    """

    model_type = "vlm_robot_regions"

    def __init__(
        self,
        network: dict[str, Any] | None = None,
        width: int = 384,
        height: int = 288,
        patch_size: int = 96,
        regions: int = 20,
        **others: Any,
    ) -> None:
        self.network = network or asdict(NetworkConfig())
        self.width, self.height, self.patch_size = width, height, patch_size
        self.regions = regions
        self.map_channels = others.pop("map_channels", _map_channels(self.network))
        others["hidden_size"] = self.network["embedding"] + self.map_channels + _PLACE
        super().__init__(**others)

    @property
    def tokens(self) -> int:
        """Of an image."""
        grid = (self.width // self.patch_size) * (self.height // self.patch_size)
        return int(grid + 2 * self.regions)


def _map_channels(network: dict[str, Any]) -> int:
    head = CompactNetwork(NetworkConfig(**network)).regions
    return 3 + sum(len(layer.get_parameter("weight")) for layer in head.lateral)


class RegionTower(PreTrainedModel):  # type: ignore[misc]
    """Images in, features of tokens out."""

    config_class = RegionTowerConfig
    main_input_name = "pixel_values"
    _no_split_modules = ("CompactNetwork",)

    def __init__(self, config: RegionTowerConfig) -> None:
        super().__init__(config)
        self.network = CompactNetwork(NetworkConfig(**config.network))
        self.post_init()

    def _init_weights(self, module: Any) -> None:
        """What isn't in a checkpoint; torch's layers have made theirs."""
        if isinstance(module, CompactNetwork):
            module.set_pixel_statistics()

    @torch.no_grad()
    def forward(self, pixel_values: Tensor, **_: Any) -> BaseModelOutput:
        """Features (B, tokens, hidden_size) of images (B, 3, height, width), RGB in 0..255.

        Things come first, from left to right, each what and where, then the grid, row by row.
        """
        cells = self.network(pixel_values.to(self.dtype))
        things = [
            self._things(cells, image, box, sure)
            for image, (box, sure) in enumerate(zip(cells.boxes, cells.objectness, strict=True))
        ]
        features = torch.cat([torch.stack(things), self._grid(cells)], 1).to(self.dtype)
        return BaseModelOutput(last_hidden_state=features, hidden_states=(features,))

    def _things(self, cells: Cells, image: int, boxes: Tensor, objectness: Tensor) -> Tensor:
        """Features (2 * regions, hidden_size) of one image's things, filled up with zeros."""
        config = self.config
        rows = distinct(boxes, objectness, same_iou=SAME_IOU, most=config.regions)
        rows = rows[boxes[rows][:, [0, 2]].sum(1).argsort(stable=True)]
        chosen, sure = boxes[rows], objectness[rows].float().sigmoid()
        maps = tuple(one[image : image + 1] for one in cells.maps)
        used = torch.ones(1, len(rows), dtype=torch.bool, device=boxes.device)
        seen = functional.layer_norm(
            self.network.describe(maps, chosen[None], used), (config.network["embedding"],)
        )
        size = torch.tensor([config.width, config.height] * 2, device=boxes.device)
        colours = _colours(maps[0], chosen)
        none = torch.zeros(len(rows), config.map_channels, device=boxes.device)
        place = _place(chosen / size, sure, colours, _WHAT)
        features = torch.cat([seen, none, place], 1).repeat_interleave(2, 0)
        features[1::2, _MARKS] = features.new_tensor(_WHERE)
        return functional.pad(features, (0, 0, 0, 2 * (config.regions - len(rows))))

    def _grid(self, cells: Cells) -> Tensor:
        """Features (B, cells, hidden_size) of the coarse grid."""
        config = self.config
        down, across = config.height // config.patch_size, config.width // config.patch_size
        pooled = torch.cat(
            [functional.adaptive_avg_pool2d(one.float(), (down, across)) for one in cells.maps], 1
        )
        flat = functional.layer_norm(pooled.flatten(2).transpose(1, 2), (config.map_channels,))
        ys, xs = torch.meshgrid(torch.arange(down), torch.arange(across), indexing="ij")
        low = torch.stack([xs / across, ys / down], -1).reshape(-1, 2)
        boxes = torch.cat([low, low + torch.tensor([1 / across, 1 / down])], 1).to(flat.device)
        colours = pooled[:, :3].flatten(2).transpose(1, 2)
        places = torch.stack(
            [_place(boxes, torch.zeros_like(boxes[:, 0]), c, _REST) for c in colours]
        )
        seen = torch.zeros(*flat.shape[:2], config.network["embedding"], device=flat.device)
        return torch.cat([seen, flat, places], 2)


def _place(boxes: Tensor, sure: Tensor, colours: Tensor, mark: tuple[float, float]) -> Tensor:
    """Features (N, _PLACE) of where boxes (N, 4), in 0..1 of the image, are, and their colours."""
    low, high = boxes[:, :2].clamp(0, 1), boxes[:, 2:].clamp(0, 1)
    middle, size = (low + high) / 2, (high - low).clamp(min=1e-3)
    area = size.prod(1, keepdim=True).log() / 4
    angles = torch.cat([middle * (torch.pi * wave) for wave in _WAVES], 1)
    marks = boxes.new_tensor(mark, dtype=torch.float32).expand(len(boxes), 2)
    parts = [middle, size, area, sure[:, None], colours, marks, angles.sin(), angles.cos()]
    return torch.cat([part.float() for part in parts], 1)


def _colours(colours: Tensor, boxes: Tensor) -> Tensor:
    """Mean colours (N, 3) in the inner half of boxes (N, 4), xyxy pixels of the input.

    Args:
        colours: (1, 3, H, W), one for COLOR_STRIDE pixels.
    """
    steps = torch.linspace(0.3, 0.7, 3, device=boxes.device)
    low, size = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    xs = (low[:, :1] + size[:, :1] * steps)[:, None, :].expand(-1, 3, -1)
    ys = (low[:, 1:] + size[:, 1:] * steps)[:, :, None].expand(-1, -1, 3)
    across, down = colours.shape[3] * COLOR_STRIDE, colours.shape[2] * COLOR_STRIDE
    points = torch.stack([xs * (2 / across) - 1, ys * (2 / down) - 1], -1).flatten(1, 2)[None]
    sampled = functional.grid_sample(
        colours.float(), points.float(), padding_mode="border", align_corners=False
    )
    return sampled[0].mean(2).T


def boxes_of(features: Tensor) -> Tensor:
    """Boxes (..., 4) xyxy, in 0..1 of the image, that features (..., hidden_size) tell of."""
    place = features[..., -_PLACE:].float()
    middle, half = place[..., :2], place[..., 2:4] / 2
    return torch.cat([middle - half, middle + half], -1)


def things_of(features: Tensor) -> tuple[Tensor, Tensor]:
    """Of an image's features (tokens, hidden_size), the rows that tell what, and those of where."""
    marks = features[:, _MARKS]
    what, where = ((marks == marks.new_tensor(m)).all(1) for m in (_WHAT, _WHERE))
    return what.nonzero()[:, 0], where.nonzero()[:, 0]


AutoConfig.register(RegionTowerConfig.model_type, RegionTowerConfig, exist_ok=True)
AutoModel.register(RegionTowerConfig, RegionTower, exist_ok=True)
