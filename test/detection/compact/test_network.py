"""Parts of the network that are written for speed give what the plain ones give."""

import pytest
import torch
from torch.nn import functional

from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig, _ReLU6


def test_relu6_of_every_bfloat16_is_the_plain_one() -> None:
    every = torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(torch.bfloat16)
    numbers = every[~every.isnan()]
    plain = functional.relu6(numbers.float()).bfloat16()
    assert torch.equal(_ReLU6()(numbers.clone()), plain)


def test_relu6_has_a_gradient() -> None:
    x = torch.tensor([-1.0, 3.0, 7.0], dtype=torch.bfloat16, requires_grad=True)
    _ReLU6()(x * 1).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_pixels_are_normalised_as_by_the_plain_formula(dtype: torch.dtype) -> None:
    network = CompactNetwork(NetworkConfig(backbone_width=0.25, neck_width=16, region_width=32))
    network.cast(torch.device("cpu"), dtype)
    images = torch.randint(0, 256, (2, 32, 64, 3), generator=torch.Generator().manual_seed(0))
    images = images.to(dtype).permute(0, 3, 1, 2)
    plain = (images - network.pixel_mean) / network.pixel_std
    for layout in (torch.channels_last, torch.contiguous_format):
        assert torch.equal(network.normalised(images.contiguous(memory_format=layout)), plain)
