"""Other names of what was trained: which are used, and what they do."""

import copy

import pytest
import torch

from vlm_robot.detection.compact.checkpoint import CompactConfig, read_checkpoint, save_checkpoint
from vlm_robot.detection.compact.network import CompactNetwork, NetworkConfig
from vlm_robot.detection.compact.text_encoder import TextEncoder
from vlm_robot.training.other_names import add_other_names
from vlm_robot.training.vocabulary import Instance, Vocabulary
from vlm_robot.types import InputError

INSTANCES = {
    name: Instance(name, name, "known", (name,), held)
    for name, held in {"trash can": ("dustbin", "litter receptacle"), "teapot": ()}.items()
}
NAMES = {"trash can": ("rubbish bin", "waste basket"), "teapot": ("brewing pot",)}


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    return TextEncoder()


@pytest.fixture
def network(encoder: TextEncoder) -> CompactNetwork:
    torch.manual_seed(0)
    made = CompactNetwork(NetworkConfig(backbone_width=0.25, neck_width=16, region_width=32))
    made.set_lexicon(torch.from_numpy(encoder.encode(["teapot", "trash can"])))
    assert made.lexicon_shift is not None
    torch.nn.init.normal_(made.lexicon_shift, std=0.1)
    return made.requires_grad_(False)


def likeness(network: CompactNetwork, encoder: TextEncoder, first: str, second: str) -> float:
    one, other = network.read(torch.from_numpy(encoder.encode([first, second])))
    return float(one @ other)


def test_usable_names_come_with_their_phrases() -> None:
    assert Vocabulary(INSTANCES, (), NAMES).usable_names == (
        ("brewing pot", "teapot"),
        ("rubbish bin", "trash can"),
        ("waste basket", "trash can"),
    )


@pytest.mark.parametrize(
    ("of", "name"),
    [
        pytest.param("trash can", "litter box", id="holds a word that is kept for evaluation"),
        pytest.param("trash can", "dustbin", id="is a phrase that is kept for evaluation"),
        pytest.param("trash can", "teapot", id="is a phrase of another thing"),
        pytest.param("trash can", "brewing pot", id="is a name of another thing too"),
        pytest.param("trash can", "helicopter", id="is what is never there"),
        pytest.param("car", "coupe", id="is of a phrase that isn't trained with"),
    ],
)
def test_a_name_is_left_out_that(of: str, name: str) -> None:
    names = {**NAMES, of: (*NAMES.get(of, ()), name)}
    usable = Vocabulary(INSTANCES, ("helicopter",), names).usable_names
    assert name not in [one for one, _ in usable]


def test_a_name_is_read_as_its_phrase_whatever_its_words_are_like(
    network: CompactNetwork, encoder: TextEncoder
) -> None:
    names = {**NAMES, "trash can": ("tea leaves go in here",)}
    before = likeness(network, encoder, "tea leaves go in here", "trash can")
    assert add_other_names(network, Vocabulary(INSTANCES, (), names), encoder) == 2
    assert likeness(network, encoder, "tea leaves go in here", "trash can") > before + 0.1


def test_names_come_back_with_the_weights(
    network: CompactNetwork, encoder: TextEncoder, tmp_path
) -> None:
    add_other_names(network, Vocabulary(INSTANCES, (), NAMES), encoder)
    save_checkpoint(tmp_path, network, CompactConfig(network.config))
    read, _ = read_checkpoint(tmp_path)
    text = torch.from_numpy(encoder.encode(["waste basket", "brewing pot", "kettle"]))
    torch.testing.assert_close(read.read(text), network.read(text), atol=1e-2, rtol=1e-2)


def test_names_for_other_phrases_than_the_networks_are_refused(
    network: CompactNetwork, encoder: TextEncoder
) -> None:
    other = copy.deepcopy(network)
    other.set_lexicon(network.lexicon.flip(0))
    with pytest.raises(InputError, match="other phrases"):
        add_other_names(other, Vocabulary(INSTANCES, (), NAMES), encoder)
