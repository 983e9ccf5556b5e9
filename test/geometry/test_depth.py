"""Boxes with depth become boxes in space, at the object and not at its background."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.geometry.depth import (
    NO_CAMERA_INFO,
    NO_DEPTH,
    NO_VALID_DEPTH,
    boxes_from_depth,
)
from vlm_robot.types import Frame, Intrinsics

WIDTH, HEIGHT, FOCAL = 640, 480, 600.0
K = np.array([[FOCAL, 0, 320], [0, FOCAL, 240], [0, 0, 1]])
CAMERA = Intrinsics(WIDTH, HEIGHT, K)
IMAGE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def frame(depth, intrinsics=CAMERA, missing=""):
    return Frame("front", 1, "front_optical", IMAGE, depth, intrinsics, missing)


def scene(background=4.0, *objects):
    """A wall with upright rectangles before it: (x1, y1, x2, y2, depth)."""
    depth = np.full((HEIGHT, WIDTH), background, np.float32)
    for x1, y1, x2, y2, z in objects:
        depth[y1:y2, x1:x2] = z
    return depth


def one(depth, box, **kwargs):
    found = boxes_from_depth(frame(depth, **kwargs), np.array([box], np.float32))
    return found.centers[0], found.sizes[0], found.reasons[0]


def test_an_object_that_fills_its_box_has_its_own_place_and_size():
    center, size, reason = one(scene(4.0, (300, 200, 420, 320, 2.0)), (300, 200, 420, 320))
    assert reason == ""
    np.testing.assert_allclose(center, [(359.5 - 320) * 2 / FOCAL, (259.5 - 240) * 2 / FOCAL, 2.0],
                               atol=0.01)  # fmt: skip
    np.testing.assert_allclose(size, [0.4, 0.4, 0.0], atol=0.025)


BOX = (200, 100, 400, 300)
COVER = [
    pytest.param([(245, 145, 355, 255)], id="30 % in the middle"),
    pytest.param([(200, 190, 400, 250)], id="30 %, a low wide bar"),
    pytest.param([(275, 100, 325, 300)], id="25 %, a pole"),
    pytest.param(
        [(200, 100, 400, 120), (200, 280, 400, 300), (200, 120, 220, 280), (380, 120, 400, 280)],
        id="a picture frame, empty in the middle",
    ),
    pytest.param([(200, 180, 290, 300)], id="a quarter, in a corner"),
]


@pytest.mark.parametrize("parts", COVER)
def test_depth_is_of_the_object_and_not_of_the_wall(parts):
    center, size, _ = one(scene(4.0, *[(*part, 2.0) for part in parts]), BOX)
    assert center[2] == pytest.approx(2.0)
    assert size[2] == pytest.approx(0.0, abs=1e-6)


def test_a_thin_pole_in_a_box_with_loose_sides():
    center, size, _ = one(scene(4.0, (292, 100, 308, 300, 2.0)), (270, 100, 330, 300))
    assert center[2] == pytest.approx(2.0)
    assert size[0] == pytest.approx(16 * 2 / FOCAL, abs=0.01)


@given(
    fill=st.floats(0.55, 1.0),
    near=st.floats(0.3, 5.0),
    gap=st.floats(1.2, 5.0),
    noise=st.floats(0, 0.01),
    left=st.integers(-60, 600),
    top=st.integers(-60, 440),
    holes=st.floats(0, 0.5),
)
@settings(deadline=None, max_examples=60)
def test_any_object_over_any_background(fill, near, gap, noise, left, top, holes):
    """`fill` of 0.55 a side is 30 % of the area; boxes reach over the image's border."""
    rng = np.random.default_rng(0)
    x2, y2 = left + 120, top + 120
    x1, y1 = max(left, 0), max(top, 0)
    box_width, box_height = min(x2, WIDTH) - x1, min(y2, HEIGHT) - y1
    inset_x, inset_y = int(box_width * (1 - fill) / 2), int(box_height * (1 - fill) / 2)
    depth = scene(near * gap)
    depth[y1 + inset_y : y1 + box_height - inset_y, x1 + inset_x : x1 + box_width - inset_x] = near
    depth *= 1 + noise * rng.standard_normal(depth.shape).astype(np.float32)
    depth[rng.random(depth.shape) < holes] = np.nan
    center, _, reason = one(depth, (left, top, x2, y2))
    assert reason == ""
    assert center[2] == pytest.approx(near, rel=0.04)


def test_a_bit_of_something_nearer_does_not_take_the_objects_place():
    depth = scene(4.0, (200, 100, 400, 300, 2.0), (200, 260, 260, 300, 0.5))
    assert one(depth, BOX)[0][2] == pytest.approx(2.0)


def test_an_object_on_the_floor_is_told_from_the_floor():
    rows = np.arange(HEIGHT)[:, None]
    floor = np.where(rows > 240, 600 * 1.2 / np.maximum(rows - 240, 1), 50)  # camera 1.2 m up
    depth = np.broadcast_to(floor, (HEIGHT, WIDTH)).astype(np.float32).copy()
    depth[250:450, 300:380] = 3.4
    center, size, _ = one(depth, (290, 240, 390, 460))
    assert center[2] == pytest.approx(3.4, rel=0.03)
    assert size[2] < 0.5
    assert size[0] == pytest.approx(80 * 3.4 / 600, rel=0.3)


def test_a_tilted_board_is_one_object():
    depth = scene(6.0)
    depth[100:300, 200:400] = np.linspace(1.5, 2.5, 200)
    center, size, _ = one(depth, BOX)
    assert center[2] == pytest.approx(2.0, abs=0.15)
    assert size[2] > 0.7


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf, -1.0])
def test_pixels_without_depth_are_left_out(bad):
    depth = scene(4.0, (200, 100, 400, 300, 2.0))
    depth[::2] = bad
    assert one(depth, BOX)[0][2] == pytest.approx(2.0)


NOTHING = np.full((HEIGHT, WIDTH), np.nan, np.float32)
ONE_PIXEL = NOTHING.copy()
ONE_PIXEL[200, 300] = 1.0


@pytest.mark.parametrize(
    ("depth", "intrinsics", "missing", "reason"),
    [
        pytest.param(None, CAMERA, "", NO_DEPTH, id="no depth"),
        pytest.param(None, CAMERA, "depth is 80 ms off", "depth is 80 ms off", id="told why"),
        pytest.param(scene(), None, "", NO_CAMERA_INFO, id="no camera_info"),
        pytest.param(NOTHING, CAMERA, "", NO_VALID_DEPTH, id="all NaN"),
        pytest.param(NOTHING * 0, CAMERA, "", NO_VALID_DEPTH, id="all NaN times zero"),
        pytest.param(scene(0.0), CAMERA, "", NO_VALID_DEPTH, id="all zero"),
        pytest.param(ONE_PIXEL, CAMERA, "", NO_VALID_DEPTH, id="one lonely pixel"),
        pytest.param(
            scene(),
            Intrinsics(320, 240, K),
            "",
            "camera_info is for 320x240 pixels, the image has 640x480",
            id="another resolution",
        ),
    ],
)
def test_where_there_is_no_3d_there_is_a_reason(depth, intrinsics, missing, reason):
    center, size, told = one(depth, BOX, intrinsics=intrinsics, missing=missing)
    assert told == reason
    assert np.isnan(center).all()
    assert np.isnan(size).all()


def test_one_box_without_depth_does_not_spoil_the_others():
    depth = scene(4.0)
    depth[:, :200] = np.nan
    boxes = np.array([(10, 10, 100, 100), (300, 10, 400, 100)], np.float32)
    found = boxes_from_depth(frame(depth), boxes)
    assert found.reasons == (NO_VALID_DEPTH, "")
    assert found.valid.tolist() == [False, True]


@pytest.mark.parametrize(
    "box", [(10, 10, 11, 11), (10.2, 10.2, 10.4, 10.4), (630, 470, 650, 490), (-5, -5, 1, 1)]
)
def test_a_tiny_box_has_the_depth_of_its_pixels(box):
    assert one(scene(3.0), box)[0][2] == pytest.approx(3.0)


def test_no_boxes_give_no_places():
    found = boxes_from_depth(frame(scene()), np.zeros((0, 4), np.float32))
    assert found.centers.shape == (0, 3)
    assert found.frame_id == "front_optical"


def test_distortion_moves_the_place():
    bent = Intrinsics(WIDTH, HEIGHT, K, (-0.28, 0.07, 0.0, 0.0))
    box = (0, 0, 40, 40)
    plain, _, _ = one(scene(2.0), box)
    undistorted, _, _ = one(scene(2.0), box, intrinsics=bent)
    assert undistorted[0] < plain[0] - 0.05
