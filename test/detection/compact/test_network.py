"""Parts of the network that are written for speed give what the plain ones give."""

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


def test_pixels_are_normalised_as_by_the_plain_formula() -> None:
    network = CompactNetwork(NetworkConfig(backbone_width=0.25, neck_width=16, region_width=32))
    images = torch.randint(0, 256, (2, 3, 32, 64), generator=torch.Generator().manual_seed(0))
    plain = (images - network.pixel_mean) / network.pixel_std
    assert torch.equal(network._normalised(images), plain)
