"""The small BLIP's training."""

import numpy as np
import pytest
import torch
from transformers import BlipVisionConfig, BlipVisionModel

from vlm_robot.training.train_vqa import Trainer, TrainSettings, VqaSet, room_to_move
from vlm_robot.training.vqa_tower import CLASSES, teach, told


def test_a_run_goes_on_where_it_stopped(tmp_path):
    images = np.full((4, 64, 64, 3), 255, np.uint8)
    for i, image in enumerate(images):
        image[20:30, 20:30] = (0, 0, 255) if i % 2 else (255, 0, 0)
    colours = ["red", "blue", "red", "blue"]
    data = VqaSet(images, [[("what color is the shape?", colour)] for colour in colours])
    settings = TrainSettings(steps=4, images=4, tower_steps=0)
    whole = Trainer(data, tmp_path / "whole", settings)
    whole.run()
    half = Trainer(data, tmp_path / "parts", settings)
    half.step()
    half.step()
    half.save()
    rest = Trainer(data, tmp_path / "parts", settings)
    assert rest.steps == 2
    rest.run()
    for one, other in zip(whole.model.parameters(), rest.model.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("box", "room"),
    [((10, 20, 30, 40), (20, 23, 10, 33)), ((0, 20, 30, 40), (0, 0, 0, 0))],
)
def test_a_shape_moves_within_the_image_only(box, room):
    image = np.full((64, 64, 3), 240, np.uint8)
    x1, y1, x2, y2 = box
    image[y1 : y2 + 1, x1 : x2 + 1] = (200, 0, 0)
    assert room_to_move(image) == room


@pytest.mark.parametrize(
    ("asked", "known"),
    [
        ([("what shape is in the image?", "circle"), ("what is the color?", "red")], [0, 5]),
        ([("what is the color of the triangle?", "teal")], [2, 6]),
        ([("is there a circle?", "no"), ("is there a red shape?", "yes")], [-100, -100]),
    ],
    ids=["both answers", "one answer, one in the question", "yes and no only"],
)
def test_a_towers_lessons_are_what_open_questions_tell(asked, known):
    assert told(asked) == known


def test_a_tower_learns_its_lessons():
    torch.manual_seed(0)
    tower = tiny_tower()
    images = torch.randn(3, 3, 16, 16)
    asked = [[("what shape is it?", shape)] for shape in CLASSES[0]]
    seen = {"images": 6, "rate": 1e-2, "seed": 0}
    losses = [
        teach(tower, lambda chosen, _: images[chosen], asked, steps=steps, **seen)
        for steps in (2, 60)
    ]
    assert losses[1] < 0.2 * losses[0]


def tiny_tower():
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = BlipVisionConfig(**sizes, num_attention_heads=2, image_size=16, patch_size=8)
    return BlipVisionModel(config)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_it_learns_to_answer_easy_vqa(tmp_path):
    from vlm_robot.evaluation.easy_vqa_answers import ask_all, load
    from vlm_robot.training.train_vqa import main, read_split

    main(["--out", str(tmp_path)])
    asked = ask_all(load(tmp_path), read_split("test"))
    assert np.mean([a.right for a in asked]) >= 0.95
