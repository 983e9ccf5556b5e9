import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.simulation.assets.mesh import Paint
from vlm_robot.simulation.catalog import make_solid
from vlm_robot.simulation.shapes import SHAPES, Builder
from vlm_robot.simulation.shapes.builder import rotation
from vlm_robot.simulation.vocabulary import load_vocabulary

FORMS = {(i.model, i.form): i for i in load_vocabulary().instances if i.source == "shape"}
PAINT = Paint()


def volume(part):
    """Signed volume of a closed mesh: positive where the triangles face outwards."""
    a, b, c = np.moveaxis(part.vertices[part.faces], 1, 0)
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def test_every_shape_is_in_the_vocabulary():
    assert {model for model, _ in FORMS} == set(SHAPES)


@pytest.mark.parametrize("key", FORMS, ids="/".join)
def test_a_shape_stands_centred_on_the_floor(key, bank):
    solid = make_solid(FORMS[key], np.random.default_rng(1), bank.tints)
    points = np.concatenate([part.vertices for part in solid.parts])
    assert np.isfinite(points).all()
    np.testing.assert_allclose(points[:, 2].min(), 0, atol=1e-9)
    np.testing.assert_allclose(points[:, :2].min(axis=0), -points[:, :2].max(axis=0), atol=1e-9)
    assert 0.01 < solid.height < 2.4
    assert all(part.faces.max() < len(part.vertices) for part in solid.parts)


def test_the_same_seed_builds_the_same_shape(bank):
    chair = FORMS["chair", "slat"]
    one, two = (make_solid(chair, np.random.default_rng(7), bank.tints) for _ in range(2))
    np.testing.assert_array_equal(one.parts[0].vertices, two.parts[0].vertices)


@settings(deadline=None)
@given(
    size=st.tuples(*[st.floats(0.01, 3)] * 3),
    at=st.tuples(*[st.floats(-2, 2)] * 3),
    degrees=st.floats(-180, 180),
)
def test_a_box_has_its_volume_and_faces_outwards(size, at, degrees):
    builder = Builder()
    builder.box(PAINT, size, at, rotation("z", degrees))
    assert volume(builder.parts()[0]) == pytest.approx(np.prod(size), rel=1e-6)


@settings(deadline=None)
@given(radius=st.floats(0.05, 1), height=st.floats(0.05, 2))
def test_a_rod_has_nearly_its_volume_and_faces_outwards(radius, height):
    builder = Builder()
    builder.rod(PAINT, radius, height, sides=40)
    assert volume(builder.parts()[0]) == pytest.approx(np.pi * radius**2 * height, rel=0.01)


@settings(deadline=None)
@given(radii=st.tuples(*[st.floats(0.05, 1)] * 3))
def test_an_ellipsoid_has_nearly_its_volume(radii):
    builder = Builder()
    builder.ellipsoid(PAINT, radii, (0, 0, 0))
    assert volume(builder.parts()[0]) == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.05)


def test_parts_of_one_paint_are_merged():
    builder = Builder()
    builder.box(PAINT, (1, 1, 1), (0, 0, 0))
    builder.box(PAINT, (1, 1, 1), (3, 0, 0))
    builder.box(Paint((1, 0, 0, 1)), (1, 1, 1), (0, 3, 0))
    assert [len(part.faces) for part in builder.parts()] == [24, 12]
