"""A narrow backbone starts from what a wide one makes of sample images."""

import pytest
import torch

from vlm_robot.detection.compact.network import Backbone
from vlm_robot.training.initial_weights import load_imagenet
from vlm_robot.training.narrowing import narrow


@pytest.fixture(scope="module")
def wide():
    made = Backbone()
    load_imagenet(made)
    return made


@pytest.fixture(scope="module")
def images():
    """Smooth noise: eight to fit on, two others."""
    torch.manual_seed(0)
    coarse = torch.randn(10, 3, 12, 16)
    return torch.nn.functional.interpolate(coarse, scale_factor=8.0, mode="bilinear")


@torch.no_grad()
def unexplained(wide, slim, images):
    """Of each level of the wide one: share of its variance that the narrow one's can't give."""
    shares = []
    for full, part in zip(wide(images), slim(images), strict=True):
        y, x = (one.transpose(0, 1).flatten(1).T.double() for one in (full, part))
        y, x = y - y.mean(0), x - x.mean(0)
        left = y - x @ torch.linalg.lstsq(x, y).solution
        shares.append(float(left.square().sum() / y.square().sum()))
    return shares


def test_all_channels_give_what_the_wide_one_does_on_the_samples(wide, images):
    same = Backbone()
    narrow(wide, same, images[:8])
    with torch.no_grad():
        for one, other in zip(wide(images[:8]), same(images[:8]), strict=True):
            assert float((one - other).norm() / one.norm()) < 0.05


def test_half_the_channels_tell_more_of_it_than_a_random_start(wide, images):
    torch.manual_seed(0)
    random, slim = Backbone(0.5), Backbone(0.5)
    narrow(wide, slim, images[:8])
    fitted = unexplained(wide, slim, images[8:])
    at_random = unexplained(wide, random, images[8:])
    assert fitted[0] < 0.5 * at_random[0]
    assert fitted[1] < 0.7 * at_random[1]


@pytest.mark.parametrize("width", [0.25, 0.75])
def test_activations_keep_their_size(wide, images, width):
    slim = Backbone(width)
    narrow(wide, slim, images[:8])
    with torch.no_grad():
        for full, part in zip(wide(images[8:]), slim(images[8:]), strict=True):
            assert 0.3 < float(part.std() / full.std()) < 3.0
