import numpy as np
import pytest

from vlm_robot.training.vlm.numbered_paths import Drawing, _camera_from_floor, choices, find_floor
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
