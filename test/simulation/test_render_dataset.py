import json

import cv2
import numpy as np
import pytest

from vlm_robot.simulation import render_dataset as module
from vlm_robot.simulation.render_dataset import Job, choose_instances, render_shard
from vlm_robot.simulation.vocabulary import Split, load_vocabulary


@pytest.fixture
def primitives(monkeypatch, tmp_path):
    """Only shapes from parameters, in one home, and no fetched assets."""
    shapes = [i for i in load_vocabulary().shown_in("train") if i.source == "shape"]
    chosen = [i for i in shapes if i.colour in ("red", "wooden")][::6]
    monkeypatch.setattr(module, "choose_instances", lambda instances, rng, counts: chosen)
    monkeypatch.setattr(module, "HOMES_PER_SHARD", 1)
    monkeypatch.setattr(module, "require_assets", lambda: tmp_path)


def test_a_shard_is_coco_with_boxes_inside_its_images(primitives, tmp_path):
    job = Job(tmp_path, "train", 0, 4, seed=1)
    assert render_shard(job) == 4
    coco = json.loads((job.folder / "coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == [f"{n:06d}.jpg" for n in range(4)]
    names = {category["id"]: category["name"] for category in coco["categories"]}
    for image in coco["images"]:
        assert cv2.imread(str(job.folder / "images" / image["file_name"])).shape == (288, 384, 3)
        mine = [a for a in coco["annotations"] if a["image_id"] == image["id"]]
        assert sum(not a["ignore"] for a in mine) >= 1
        for a in mine:
            x, y, w, h = a["bbox"]
            assert x >= 0
            assert y >= 0
            assert w > 0
            assert h > 0
            assert x + w <= 384
            assert y + h <= 288
            assert a["iscrowd"] == a["ignore"]
            assert names[a["category_id"]] == a["kind"]
            assert 0 < a["area"] <= w * h


def test_the_same_seed_renders_the_same_images_and_another_doesnt(primitives, tmp_path):
    pictures = []
    for folder, seed in (("one", 1), ("two", 1), ("three", 2)):
        job = Job(tmp_path / folder, "train", 0, 1, seed=seed)
        render_shard(job)
        pictures.append((job.folder / "images" / "000000.jpg").read_bytes())
    assert pictures[0] == pictures[1] != pictures[2]


def test_a_complete_shard_is_kept(tmp_path):
    job = Job(tmp_path, "train", 3, 250, seed=1)
    job.folder.mkdir(parents=True)
    (job.folder / "coco.json").write_text("{}")
    assert render_shard(job) == 0
    assert (job.folder / "coco.json").read_text() == "{}"


def test_a_pool_of_the_test_split_holds_every_sort():
    pool = choose_instances(load_vocabulary().shown_in("test"), np.random.default_rng(0))
    assert {instance.split for instance in pool} == set(Split)
    assert {"table", "desk"} <= {instance.kind for instance in pool}


def test_a_pool_of_the_train_split_holds_known_things_alone():
    pool = choose_instances(load_vocabulary().shown_in("train"), np.random.default_rng(0))
    assert {instance.split for instance in pool} == {Split.KNOWN}
