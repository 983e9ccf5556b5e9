import numpy as np
import pytest
import torch
from tiny_embedded_vlm import tiny_tower
from transformers import AutoModel

from vlm_robot.answering.embedded.tower import boxes_of, things_of


@pytest.fixture(scope="module")
def tower():
    return tiny_tower()


@pytest.fixture
def images():
    noise = np.random.default_rng(0).integers(0, 256, (2, 3, 96, 128))
    return torch.from_numpy(noise).float()


def test_an_image_becomes_tokens_for_things_and_a_grid(tower, images):
    features = tower(images).last_hidden_state
    assert features.shape == (2, 2 * 4 + 3 * 4, tower.config.hidden_size)
    assert tower.config.tokens == 20
    assert torch.isfinite(features).all()


def test_an_image_has_the_same_features_alone_and_in_a_batch(tower, images):
    both, alone = tower(images).last_hidden_state, tower(images[1:]).last_hidden_state
    assert torch.allclose(both[1:], alone, atol=1e-4)


def test_a_thing_is_told_by_what_it_is_and_by_where(tower, images):
    features = tower(images).last_hidden_state[0]
    what, where = things_of(features)
    assert torch.equal(where, what + 1)
    assert torch.equal(boxes_of(features[what]), boxes_of(features[where]))
    assert ((features[what] != features[where]).sum(1) == 1).all()  # told apart by a mark


def test_things_come_from_left_to_right(tower, images):
    for features in tower(images).last_hidden_state:
        boxes = boxes_of(features[things_of(features)[0]])
        middles = boxes[:, 0] + boxes[:, 2]
        assert (middles.diff() >= -1e-6).all()


def test_the_grid_covers_the_image_and_things_lie_in_it(tower, images):
    boxes = boxes_of(tower(images).last_hidden_state)
    assert boxes.min() >= -1e-3
    assert boxes.max() <= 1 + 1e-3
    cells = boxes[0, 8:]
    assert torch.allclose(cells[0], torch.tensor([0, 0, 0.25, 1 / 3]), atol=1e-4)
    assert torch.allclose(cells[-1], torch.tensor([0.75, 2 / 3, 1, 1]), atol=1e-4)


def test_it_is_saved_and_loaded_by_the_auto_classes(tower, images, tmp_path):
    tower.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path).eval()
    assert torch.equal(again(images).last_hidden_state, tower(images).last_hidden_state)


def test_more_tokens_come_by_setting(images):
    tower = tiny_tower()
    tower.config.regions = 9
    assert tower(images).last_hidden_state.shape[1] == 2 * 9 + 12
