from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vlm_robot.simulation.camera import look, pinhole
from vlm_robot.simulation.catalog import make_solid
from vlm_robot.simulation.home import Home, Panel, Pose
from vlm_robot.simulation.labels import label_view

BALL, CUBE = 0, 1
CAMERA = look(pinhole(160, 120, 50), np.array([-1.2, 0.1, 0.5]), np.array([0.0, 0.0, 0.1]))


@pytest.fixture(scope="module")
def scene(home, room):
    poses = {BALL: Pose(0.1, 0.25), CUBE: Pose(0.0, -0.2, 0.0, 0.4)}
    home.arrange(room, poses)
    return poses, home.view(CAMERA, depth=True)


def test_the_same_seed_gives_the_same_picture(bank, room, solids):
    pictures = []
    for _ in range(2):
        rng = np.random.default_rng(2)
        solids = [make_solid(solid.instance, rng, bank.tints) for solid in solids[:2]]
        with Home(solids, bank, width=160, height=120) as home:
            home.arrange(room, {0: Pose(0.0, 0.0), 1: Pose(0.2, 0.3)})
            pictures.append(home.view(CAMERA).image)
    np.testing.assert_array_equal(*pictures)


def test_only_what_is_arranged_is_seen(scene):
    _, view = scene
    assert set(np.unique(view.owner)) == {-1, BALL, CUBE}


def test_a_box_is_the_exact_extent_of_its_mask(home, scene):
    poses, view = scene
    for label in label_view(view, CAMERA, home.solids, poses):
        x, y, w, h = label.box
        mask = view.owner == label.index
        assert mask.sum() == mask[y : y + h, x : x + w].sum() == label.area
        for edge in (mask[y], mask[y + h - 1], mask[:, x], mask[:, x + w - 1]):
            assert edge.any()


def test_a_known_point_is_seen_where_it_projects(home, scene):
    poses, view = scene
    solid = home.solids[BALL]
    centre = poses[BALL].place(np.array([[0, 0, solid.height / 2]]))
    pixels, depth = CAMERA.project(centre)
    column, row = pixels[0].astype(int)
    assert view.owner[row, column] == BALL
    # The ray through a ball's centre meets its surface one radius before.
    cosine = depth[0] / np.linalg.norm(CAMERA.to_optical(centre))
    assert view.depth[row, column] == pytest.approx(depth[0] - solid.height / 2 * cosine, abs=5e-3)


def test_depth_of_the_floor_agrees_with_the_intrinsics(scene):
    _, view = scene
    row, column = 115, 80
    assert view.owner[row, column] == -1
    k = CAMERA.intrinsics.matrix
    ray = np.array([(column + 0.5 - k[0, 2]) / k[0, 0], (row + 0.5 - k[1, 2]) / k[1, 1], 1.0])
    point = CAMERA.position + CAMERA.rotation @ (ray * view.depth[row, column])
    assert point[2] == pytest.approx(0, abs=5e-3)


def test_the_mask_fits_the_projected_outline(home, scene):
    poses, view = scene
    vertices = np.concatenate([part.vertices for part in home.solids[CUBE].parts])
    pixels, _ = CAMERA.project(poses[CUBE].place(vertices))
    (label,) = [
        label for label in label_view(view, CAMERA, home.solids, poses) if label.index == CUBE
    ]
    x, y, w, h = label.box
    outline = [*pixels.min(axis=0), *pixels.max(axis=0)]
    np.testing.assert_allclose([x, y, x + w, y + h], outline, atol=1.0)


def test_what_stands_behind_another_is_ignored(home, room):
    poses = {CUBE: Pose(0.0, 0.9), BALL: Pose(0.0, 0.7)}
    camera = look(pinhole(160, 120, 50), np.array([0.0, 1.4, 0.03]), np.array([0.0, 0.0, 0.03]))
    home.arrange(room, poses)
    labels = {x.index: x for x in label_view(home.view(camera), camera, home.solids, poses)}
    assert not labels[CUBE].ignore
    assert BALL not in labels or labels[BALL].ignore


def test_a_wall_is_where_it_was_put(home, room):
    home.arrange(room, {})
    ahead = look(pinhole(160, 120, 50), np.array([0.0, 0.0, 1.2]), np.array([1.0, 0.0, 1.2]))
    depth = home.view(ahead, depth=True).depth
    assert depth[60, 80] == pytest.approx(2.0, abs=5e-3)


@pytest.mark.parametrize(
    "normal", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, -1)], ids=str
)
def test_a_panel_faces_its_normal(normal):
    turn = Rotation.from_quat(Panel((0, 0, 0), normal).quaternion(), scalar_first=True)
    np.testing.assert_allclose(turn.apply([0, 0, 1]), normal, atol=1e-9)


def test_a_missing_texture_is_named(solids, bank, tmp_path):
    broken = replace(bank, walls=(str(tmp_path / "gone.png"),))
    with pytest.raises(FileNotFoundError, match=r"gone\.png is missing"):
        Home(solids, broken, width=16, height=16)
