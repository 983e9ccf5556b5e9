import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vlm_robot.simulation.camera import look, pinhole

COORDINATE = st.floats(-5, 5)
POINT = st.tuples(COORDINATE, COORDINATE, COORDINATE).map(np.array)


@settings(deadline=None)
@given(position=POINT, target=POINT, roll=st.floats(-0.5, 0.5))
def test_the_target_is_in_the_middle_ahead(position, target, roll):
    way = target - position
    assume(np.linalg.norm(way[:2]) > 0.05)
    camera = look(pinhole(320, 240, 55), position, target, roll)
    pixels, depth = camera.project(target[None])
    np.testing.assert_allclose(pixels[0], [160, 120], atol=1e-6)
    assert depth[0] == pytest.approx(np.linalg.norm(way))
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(camera.rotation) == pytest.approx(1)


def test_up_in_the_world_is_up_in_the_picture():
    camera = look(pinhole(320, 240, 55), np.zeros(3), np.array([1.0, 0, 0]))
    pixels, _ = camera.project(np.array([[2.0, 0, 0.1], [2.0, 0.1, 0]]))
    assert pixels[0, 1] < 120  # higher: a smaller row
    assert pixels[1, 0] < 160  # to the left: a smaller column


@settings(deadline=None)
@given(fovy=st.floats(20, 110))
def test_the_field_of_view_survives(fovy):
    camera = look(pinhole(320, 240, fovy), np.zeros(3), np.array([1.0, 0, 0]))
    assert camera.fovy == pytest.approx(fovy)
