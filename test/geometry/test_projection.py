"""Pixels to points and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.geometry.projection import on_floor, project, rays, unproject
from vlm_robot.types import Intrinsics

K = np.array([[610.0, 0, 322.5], [0, 607.0, 241.0], [0, 0, 1]])
CAMERAS = [
    pytest.param(Intrinsics(640, 480, K, (), ""), id="no distortion model"),
    pytest.param(Intrinsics(640, 480, K, (0.0,) * 5), id="plumb_bob of zeros"),
    pytest.param(Intrinsics(640, 480, K, (-0.28, 0.07, 1e-3, -5e-4)), id="plumb_bob of four"),
    pytest.param(Intrinsics(640, 480, K, (0.12, -0.25, 1e-3, 5e-4, 0.05)), id="plumb_bob"),
    pytest.param(
        Intrinsics(
            640,
            480,
            K,
            (0.52, -2.68, 6e-4, -3e-4, 1.54, 0.40, -2.50, 1.47),
            "rational_polynomial",
        ),
        id="rational_polynomial",
    ),
]
pixel = st.tuples(st.floats(0, 639), st.floats(0, 479))


@pytest.mark.parametrize("camera", CAMERAS)
@given(pixels=st.lists(pixel, min_size=1, max_size=20), depth=st.floats(0.1, 50))
def test_a_point_projects_to_the_pixel_it_came_from(camera, pixels, depth):
    points = unproject(np.array(pixels), np.full(len(pixels), depth), camera)
    np.testing.assert_allclose(project(points, camera), pixels, atol=1e-3)


@pytest.mark.parametrize("camera", CAMERAS)
@given(pixel=pixel, depth=st.floats(0.1, 50))
def test_depth_is_measured_along_z(camera, pixel, depth):
    assert unproject(np.array([pixel]), np.array([depth]), camera)[0, 2] == depth


@pytest.mark.parametrize("camera", CAMERAS)
def test_the_principal_point_looks_straight_ahead(camera):
    np.testing.assert_allclose(rays(np.array([[322.5, 241.0]]), camera), [[0, 0]], atol=1e-3)


def test_a_pixel_one_focal_length_to_the_right_looks_at_45_degrees():
    camera = Intrinsics(640, 480, K)
    np.testing.assert_allclose(rays(np.array([[322.5 + 610, 241.0]]), camera), [[1, 0]])


def test_barrel_distortion_draws_points_towards_the_centre():
    plain, barrel = Intrinsics(640, 480, K), Intrinsics(640, 480, K, (-0.28, 0.07, 0, 0))
    point = np.array([[0.4, 0.3, 1.0]])
    centre = K[:2, 2]
    assert np.linalg.norm(project(point, barrel) - centre) < np.linalg.norm(
        project(point, plain) - centre
    )


@pytest.mark.parametrize("camera", CAMERAS)
@pytest.mark.parametrize(
    "point",
    [
        pytest.param((0.1, 0.1, -1.0), id="behind the camera"),
        pytest.param((0.1, 0.1, 0.0), id="in the plane of the camera"),
        pytest.param((np.nan, 0.1, 1.0), id="not a point"),
    ],
)
def test_a_point_that_is_not_in_front_has_no_pixel(camera, point):
    pixels = project(np.array([point, (0.0, 0.0, 1.0)]), camera)
    assert np.isnan(pixels[0]).all()
    assert np.isfinite(pixels[1]).all()


def test_a_point_far_outside_the_view_does_not_fold_back_into_the_image():
    camera = Intrinsics(640, 480, K, (-0.28, 0.07, 0, 0))
    angles = np.linspace(0, 1.5, 300)
    pixels = project(np.stack([np.tan(angles), 0 * angles, 1 + 0 * angles], 1), camera)
    inside = (pixels[:, 0] >= 0) & (pixels[:, 0] < 640)
    first_outside = int(np.argmin(inside))
    assert 0 < first_outside < 300
    assert not inside[first_outside:].any()


@pytest.mark.parametrize("camera", CAMERAS)
def test_no_points_give_no_pixels(camera):
    assert project(np.zeros((0, 3)), camera).shape == (0, 2)
    assert unproject(np.zeros((0, 2)), np.zeros(0), camera).shape == (0, 3)


def test_unmeasured_depth_gives_an_unknown_point():
    points = unproject(np.array([[1, 1]]), np.array([np.nan]), Intrinsics(640, 480, K))
    assert np.isnan(points).all()


ABOVE = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0.5], [0, 0, 0, 1.0]])
"""A camera half a metre above the floor that looks along x."""


@pytest.mark.parametrize("camera", CAMERAS)
@given(x=st.floats(2, 14), y=st.floats(-0.5, 0.5))
def test_a_pixel_shows_the_place_on_the_floor_that_projects_to_it(camera, x, y):
    place = np.array([[x, y, 0.0]])
    pixels = project((place - ABOVE[:3, 3]) @ ABOVE[:3, :3], camera)
    found, depth = on_floor(pixels, camera, ABOVE)
    np.testing.assert_allclose(found, place, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(depth, x, rtol=1e-3)


@pytest.mark.parametrize("row", [100.0, 241.0, 250.0], ids=["sky", "horizon", "too far"])
def test_a_pixel_that_shows_no_floor_has_no_place_on_it(row):
    found, depth = on_floor(np.array([[320.0, row]]), Intrinsics(640, 480, K), ABOVE)
    assert np.isnan(found).all()
    assert np.isnan(depth).all()
