import json

import cv2
import numpy as np
import pytest
from rendered_scenes import write_scenes
from tiny_embedded_vlm import tiny_tower

from vlm_robot.training.shots import load_shots
from vlm_robot.training.vlm.features import (
    BLANKS,
    blanks,
    compute_paths,
    compute_shard,
    features_of,
)
from vlm_robot.training.vlm.material import Material
from vlm_robot.training.vlm.numbered_paths import (
    Drawing,
    _camera_from_floor,
    all_seen,
    choices,
    find_floor,
)
from vlm_robot.types import Frame, Intrinsics

TILT, HEIGHT = 0.4, 1.0
DOWN = np.array([0.0, np.cos(TILT), np.sin(TILT)])
FLOOR = _camera_from_floor(DOWN, HEIGHT)
CAMERA = Intrinsics(384, 288, np.array([[300.0, 0, 192], [0, 300, 144], [0, 0, 1]]))


def straight(y):
    return np.column_stack([np.linspace(0, 4, 60), np.full(60, float(y)), np.zeros(60)])


DRAWING = Drawing((straight(1.2), straight(-1.2)), FLOOR)


def optical(x, y, z=0.3):
    return (FLOOR @ [x, y, z, 1.0])[:3]


def asked(x, y):
    return {c.form: c.number for c in choices(DRAWING, optical(x, y))}


def test_a_path_to_the_left_is_left_in_the_picture():
    left = optical(2.0, 0.5)
    assert left[0] < 0 < left[2]


def floor_frame():
    ys, xs = np.mgrid[:288, :384]
    rays = np.stack([(xs - 192) / 300, (ys - 144) / 300, np.ones_like(xs)], -1)
    slope = rays @ DOWN
    depth = np.where(slope > 0.1, HEIGHT / np.maximum(slope, 0.1), np.nan).astype(np.float32)
    return Frame("c", 0, "o", np.zeros((288, 384, 3), np.uint8), depth, CAMERA)


def test_the_floor_is_found_from_depth_and_height():
    found = find_floor(floor_frame(), HEIGHT, np.random.default_rng(0))
    assert found == pytest.approx(FLOOR, abs=0.02)


def test_a_table_top_is_no_floor():
    assert find_floor(floor_frame(), HEIGHT + 0.7, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ((2.0, 1.3), {"path_passes": 1, "path_farthest": 2}),
        ((4.0, -1.1), {"path_leads": 2, "path_farthest": 1}),
        ((2.0, 0.0), {"path_left": 1}),
    ],
    ids=["beside the first", "at the second's end", "midway between"],
)
def test_only_what_is_beyond_dispute_is_asked(place, expected):
    assert asked(*place) == expected


def test_the_paths_are_drawn_in_the_picture():
    plain = np.full((288, 384, 3), 90, np.uint8)
    drawn = DRAWING.on(plain, CAMERA)
    assert (drawn != plain).any(axis=2)[:, :192].any()
    assert (drawn != plain).any(axis=2)[:, 192:].any()


def test_a_path_beside_the_picture_is_told():
    assert all_seen(DRAWING, CAMERA)
    assert not all_seen(Drawing((straight(0), straight(-6)), FLOOR), CAMERA)


def write_floor(folder):
    """Scenes whose depth shows a floor, from a camera of known height."""
    scenes = write_scenes(folder)
    shard = scenes / "shard-00000"
    depth = np.nan_to_num(floor_frame().depth * 1000).clip(0, 60000).astype(np.uint16)
    for file in (shard / "depth").glob("*.png"):
        cv2.imwrite(str(file), depth)
    coco = json.loads((shard / "coco.json").read_text())
    for image in coco["images"]:
        image["camera"]["height_m"] = HEIGHT
    (shard / "coco.json").write_text(json.dumps(coco))
    return scenes


def test_training_draws_pictures_with_paths_where_they_were_computed(tmp_path):
    scenes = write_floor(tmp_path / "scenes")
    tower = tiny_tower()
    compute_shard(tower, scenes / "shard-00000", tmp_path, seed=0)
    np.save(tmp_path / BLANKS, features_of(tower, blanks(0, 3)))

    def forms():
        material = Material(scenes, tmp_path, placed=scenes, placed_features=tmp_path)
        drawn = [material.draw(0, np.random.default_rng(seed), 16) for seed in range(150)]
        return {pair.form: pair for one in drawn for pair in one.pairs}

    assert not any(form.startswith("path_") for form in forms())
    compute_paths(tower, load_shots(scenes), tmp_path, 6, seed=0)
    asked = [pair for form, pair in forms().items() if form.startswith("path_")]
    assert asked
    assert all(pair.answer in ("1", "2", "3") for pair in asked)
