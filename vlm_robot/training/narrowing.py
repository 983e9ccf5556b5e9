"""Start a narrow backbone from a wide one, so that it computes nearly the same on sample images.

Channel pruning by reconstruction (He, Zhang and Sun, ICCV 2017, section 3.1): block by block the
channels are kept that vary most, and the pointwise convolutions are solved anew by least squares,
from what the narrow network sees there to what the wide one gives. They were chosen by LASSO there;
by their variance they can be had at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu6

from vlm_robot.detection.compact.network import Backbone

_RIDGE = 1e-3
"""Of the least squares, times the mean variance of the inputs."""


@torch.no_grad()
def narrow(wide: Backbone, slim: Backbone, images: Tensor) -> None:
    """Fill `slim`, which has the same blocks as `wide` and at most its widths.

    Args:
        images: (B, 3, H, W) normalised, samples of what it will see.
    """
    given = known = images
    stream = torch.arange(images.shape[1])
    for whole, part in zip(wide.blocks, slim.blocks, strict=True):
        result = whole(given)
        layers, targets = _convolutions(whole), _convolutions(part)
        adds = getattr(whole, "adds_input", False)
        out = stream if adds else _liveliest(result, targets[-1].out_channels)
        if len(layers) == 1:  # sees the image itself
            _take(layers[0], targets[0], out)
        else:
            inside = _fill_inside(layers, targets, given, known, stream)
            _solve(targets[-1], inside, result[:, out] - (known if adds else 0.0))
        given, known, stream = result, part(known), out


def _fill_inside(
    layers: list[nn.Conv2d], targets: list[nn.Conv2d], given: Tensor, known: Tensor, kept: Tensor
) -> Tensor:
    """All but a block's last convolution; returns what the narrow one's last sees."""
    *expand, deep = layers[:-1]
    wide = given
    if expand:
        made = expand[0](given)
        wide = relu6(made)
        weight = layers[-1].weight.flatten(1).norm(dim=0)
        kept = _liveliest(relu6(deep(wide)), targets[-1].in_channels, weight)
        _solve(targets[0], known, made[:, kept])
        known = relu6(targets[0](known))
    _take(deep, targets[-2], kept)
    return relu6(targets[-2](known))


def _convolutions(block: nn.Module) -> list[nn.Conv2d]:
    return [module for module in block.modules() if isinstance(module, nn.Conv2d)]


def _liveliest(activations: Tensor, count: int, weight: Tensor | float = 1.0) -> Tensor:
    """Indices of the channels that vary most, in their order."""
    spread: Tensor = activations.std((0, 2, 3)) * weight
    return spread.topk(count).indices.sort().values


def _take(layer: nn.Conv2d, target: nn.Conv2d, filters: Tensor) -> None:
    target.weight.copy_(layer.weight[filters])
    if layer.bias is not None and target.bias is not None:
        target.bias.copy_(layer.bias[filters])


def _solve(target: nn.Conv2d, inputs: Tensor, outputs: Tensor) -> None:
    """The pointwise convolution from inputs to outputs (B, C, H, W) of least squares."""
    x, y = (one.transpose(0, 1).flatten(1).T.double() for one in (inputs, outputs))
    x_mean, y_mean = x.mean(0), y.mean(0)
    x, y = x - x_mean, y - y_mean
    square = x.T @ x
    square += torch.eye(len(square)) * (_RIDGE * square.diagonal().mean())
    weight = torch.linalg.solve(square, x.T @ y).T
    target.weight.copy_(weight[:, :, None, None])
    if target.bias is not None:
        target.bias.copy_(y_mean - weight @ x_mean)
