"""A box is described by what lies inside it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.detection.compact.regions import GRID, sample_points

WIDTH, HEIGHT = 128, 96
SMALL = NetworkConfig(backbone_width=0.25, neck_width=16, region_width=32, embedding=16)


@pytest.fixture(scope="module")
def network() -> CompactNetwork:
    torch.manual_seed(0)
    return CompactNetwork(SMALL).eval()


def describe(network: CompactNetwork, images: torch.Tensor, *boxes: list[float]) -> torch.Tensor:
    """Embeddings of the same boxes in each image, image after image."""
    some = torch.tensor([boxes]).expand(len(images), -1, -1)
    with torch.no_grad():
        return network.describe(network(images).maps, some, torch.ones(some.shape[:2]).bool())


@given(
    left=st.floats(0, WIDTH - 2),
    top=st.floats(0, HEIGHT - 2),
    width=st.floats(1, WIDTH),
    height=st.floats(1, HEIGHT),
)
def test_samples_lie_evenly_inside_their_box(left, top, width, height) -> None:
    box = torch.tensor([[[left, top, left + width, top + height]]])
    points = sample_points(box, WIDTH, HEIGHT)[0].view(GRID, GRID, 2)
    pixels = (points + 1) / 2 * torch.tensor([WIDTH, HEIGHT])
    for axis, (low, size) in enumerate(((left, width), (top, height))):
        along = pixels[0, :, 0] if axis == 0 else pixels[:, 0, 1]
        expected = low + (torch.arange(GRID) + 0.5) / GRID * size
        torch.testing.assert_close(along, expected, atol=1e-2, rtol=1e-4)


def test_a_box_is_described_alone_as_among_others(network: CompactNetwork) -> None:
    images = torch.rand(2, 3, HEIGHT, WIDTH) * 255
    one, other = [10.0, 10, 60, 70], [50.0, 5, 120, 90]
    together = describe(network, images, one, other)
    torch.testing.assert_close(
        describe(network, images[1:], other)[0], together[3], atol=1e-4, rtol=1e-4
    )


def test_padding_is_left_out(network: CompactNetwork) -> None:
    images = torch.rand(2, 3, HEIGHT, WIDTH) * 255
    boxes = torch.tensor([[[10.0, 10, 60, 70], [0, 0, 0, 0]], [[5.0, 5, 50, 50], [9, 9, 90, 90]]])
    used = torch.tensor([[True, False], [True, True]])
    with torch.no_grad():
        assert network.describe(network(images).maps, boxes, used).shape == (3, SMALL.embedding)


def test_another_color_in_the_box_gives_another_vector(network: CompactNetwork) -> None:
    images = torch.full((2, 3, HEIGHT, WIDTH), 114.0)
    images[0, 0, 20:60, 20:60] = 255.0
    images[1, 2, 20:60, 20:60] = 255.0
    red, blue = describe(network, images, [20.0, 20, 60, 60])
    assert not torch.allclose(red, blue, atol=1e-3)
