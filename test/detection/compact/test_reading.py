"""A phrase is read with the help of those that were trained with."""

import pytest
import torch

from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig

CONFIG = NetworkConfig(backbone_width=0.25, neck_width=16, region_width=32, embedding=16)


@pytest.fixture
def network() -> CompactNetwork:
    torch.manual_seed(0)
    return CompactNetwork(CONFIG).eval()


def phrases(count: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.nn.functional.normalize(
        torch.randn(count, CONFIG.text, generator=generator), dim=-1
    )


def test_without_a_lexicon_it_is_its_own_projection(network: CompactNetwork) -> None:
    torch.testing.assert_close(network.read(phrases(3)), network.project_text(phrases(3)))


def test_a_trained_phrase_stays_itself(network: CompactNetwork) -> None:
    network.set_lexicon(phrases(40))
    own = network.project_text(phrases(40))
    assert torch.cosine_similarity(network.read(phrases(40)), own).min() > 0.999


def test_a_new_phrase_moves_to_its_neighbour(network: CompactNetwork) -> None:
    network.set_lexicon(phrases(40))
    neighbour = phrases(40)[:1]
    new = torch.nn.functional.normalize(neighbour + 0.7 * phrases(41)[40:], dim=-1)
    target = network.project_text(neighbour)
    before = torch.cosine_similarity(network.project_text(new), target)
    assert torch.cosine_similarity(network.read(new), target) > before


def test_vectors_have_length_one(network: CompactNetwork) -> None:
    network.set_lexicon(phrases(40))
    torch.testing.assert_close(network.read(phrases(60)).norm(dim=-1), torch.ones(60))


def test_what_was_learnt_of_a_phrase_tells_it_from_one_of_nearly_the_same_words(
    network: CompactNetwork,
) -> None:
    alike = torch.nn.functional.normalize(phrases(1) + 0.4 * phrases(3)[1:], dim=-1)
    network.set_lexicon(alike)
    before = torch.cosine_similarity(*network.read(alike), dim=0)
    assert network.lexicon_shift is not None
    with torch.no_grad():
        network.lexicon_shift[0, 0] += 3.0
        network.lexicon_shift[1, 0] -= 3.0
    assert torch.cosine_similarity(*network.read(alike), dim=0) < before - 0.1
