import cv2
import numpy as np
import pytest

from vlm_robot.simulation.assets.bake import _cluster
from vlm_robot.simulation.assets.drawings import HEIGHT, bake_drawing, drawing_file
from vlm_robot.simulation.assets.fetch import COMMAND, default_folder, require_assets
from vlm_robot.simulation.assets.mesh import Paint, Part, load_parts, save_parts
from vlm_robot.simulation.vocabulary import load_vocabulary
from vlm_robot.types import InputError

needs_assets = pytest.mark.skipif(
    not (default_folder() / "baked" / "done").exists(),
    reason=f"needs the fetched assets: run `{COMMAND}`",
)


@pytest.fixture
def disc(tmp_path):
    """A red disc on a transparent ground, 100 of 128 pixels wide."""
    picture = np.zeros((128, 128, 4), np.uint8)
    cv2.circle(picture, (64, 64), 50, (0, 0, 255, 255), -1)
    file = tmp_path / "disc.png"
    cv2.imwrite(str(file), picture)
    return file


def test_assets_that_are_missing_are_told_with_the_command(tmp_path):
    with pytest.raises(InputError, match=r"run `python -m vlm_robot\.simulation\.assets\.fetch`"):
        require_assets(tmp_path)


def test_a_drawing_becomes_a_closed_solid_of_its_height(disc, tmp_path):
    bake_drawing("disc", disc, tmp_path)
    (part,) = load_parts(tmp_path / "disc.npz")
    size = np.ptp(part.vertices, axis=0)
    assert size[2] == pytest.approx(HEIGHT, rel=0.05)
    assert size[0] == pytest.approx(HEIGHT, rel=0.05)
    assert 0.05 * HEIGHT < size[1] < 0.6 * HEIGHT
    edges = np.sort(part.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    _, times = np.unique(edges, axis=0, return_counts=True)
    assert times.min() >= 2


def test_the_transparent_ground_takes_the_colour_beside_it(disc, tmp_path):
    bake_drawing("disc", disc, tmp_path)
    picture = cv2.imread(str(tmp_path / "disc.png"))
    # The border of a small picture is a little darker where it was enlarged.
    assert picture[:, :, 2].min() > 190
    assert picture[:, :, :2].max() == 0


def test_a_picture_without_transparency_is_refused(tmp_path):
    file = tmp_path / "plain.png"
    cv2.imwrite(str(file), np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ValueError, match="transparency"):
        bake_drawing("plain", file, tmp_path)


def test_parts_survive_their_file(tmp_path):
    part = Part(np.eye(3), np.array([[0, 1, 2]]), np.ones((3, 2)) * 0.25, Paint((1, 0.5, 0, 1)))
    save_parts(tmp_path / "a.npz", [part, part])
    (read, _) = load_parts(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.faces, part.faces)
    np.testing.assert_allclose(read.vertices, part.vertices)
    np.testing.assert_allclose(read.uv, part.uv)
    assert read.paint.rgba == part.paint.rgba


def test_merging_corners_keeps_seams_together():
    # Two triangles share an edge where the texture jumps: its corners must stay in one place.
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 0, 0], [1.01, 1.01, 0], [0, 1, 0]])
    uv = np.array([[0, 0], [0, 1], [0, 1], [0.9, 0.9], [0.5, 0.5], [0.9, 0]], float)
    positions, _, faces = _cluster(square, uv, resolution=10, uv_cells=8)
    assert len(faces) == 2
    ends = positions[faces[0]], positions[faces[1]]
    shared = [p for p in ends[0] if (np.abs(ends[1] - p).sum(axis=1) < 1e-9).any()]
    assert len(shared) == 2


@needs_assets
def test_everything_that_the_vocabulary_names_is_baked():
    baked = default_folder() / "baked"
    for instance in load_vocabulary().instances:
        if instance.source != "shape":
            folder = "meshes" if instance.source == "mesh" else "drawings"
            assert (baked / folder / f"{instance.model}.npz").exists(), instance.name


def test_a_style_without_a_drawing_has_no_file(tmp_path):
    assert drawing_file(tmp_path, "fluent", "🍎") is None
