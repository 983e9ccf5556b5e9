"""The convolutions that the compact network is built of, beside its backbone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Pointwise(nn.Module):
    """1x1 convolution and ReLU; the batch norm between them is folded in for inference."""

    def __init__(self, inputs: int, outputs: int, *, normalised: bool) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(inputs, outputs, 1)
        self.norm: nn.Module = nn.BatchNorm2d(outputs) if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        return functional.relu(self.norm(self.pointwise(x)))

    def fold(self) -> None:
        """Fold the batch norm into the convolution; for inference only."""
        if isinstance(self.norm, nn.BatchNorm2d):
            self.pointwise = fuse_conv_bn_eval(self.pointwise, self.norm)
            self.norm = nn.Identity()


class Separable(Pointwise):
    """A depthwise convolution before the pointwise one; the number of channels stays."""

    def __init__(self, width: int, kernel: int, *, normalised: bool) -> None:
        super().__init__(width, width, normalised=normalised)
        self.depthwise = nn.Conv2d(width, width, kernel, 1, kernel // 2, groups=width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, H, W) to the same shape."""
        return super().forward(self.depthwise(x))
