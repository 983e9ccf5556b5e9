"""A camera's messages become frames whose calibration and depth are those of the picture."""

from types import SimpleNamespace

import numpy as np
import pytest

from vlm_robot.messages import frame_from, intrinsics_from, is_rectified
from vlm_robot.types import InputError

K = (60.0, 0, 4, 0, 60.0, 3, 0, 0, 1)
P = (50.0, 0, 3.5, -5.0, 0, 52.0, 2.5, 0, 0, 0, 1, 0)
BENT = (-0.2, 0.05, 0, 0, 0)


def header(frame_id):
    return SimpleNamespace(stamp=SimpleNamespace(sec=1, nanosec=0), frame_id=frame_id)


def image(frame_id, encoding, pixel_bytes):
    data = np.ones(8 * 6 * pixel_bytes, np.uint8)
    return SimpleNamespace(
        header=header(frame_id), width=8, height=6, step=8 * pixel_bytes, encoding=encoding,
        is_bigendian=0, data=data,
    )  # fmt: skip


def camera_info(d=BENT, p=P, model="plumb_bob"):
    return SimpleNamespace(width=8, height=6, k=K, d=d, p=p, distortion_model=model)


def seen(of_image, of_depth):
    depth = image(of_depth, "16UC1", 2)
    return frame_from("eye", image(of_image, "rgb8", 3), info=camera_info(), depth=depth)


@pytest.mark.parametrize(
    ("of_image", "of_depth"),
    [
        pytest.param("color_optical", "color_optical", id="the same"),
        pytest.param("color_optical", "/color_optical", id="the same, as ROS 1 writes it"),
        pytest.param("color_optical", "", id="depth names none"),
        pytest.param("", "depth_optical", id="the image names none"),
    ],
)
def test_depth_is_taken_where_no_other_frame_is_named(of_image, of_depth):
    frame = seen(of_image, of_depth)
    assert frame.depth is not None
    assert not frame.depth_missing


def test_depth_in_another_frame_is_not_taken_though_its_size_fits():
    frame = seen("color_optical", "depth_optical")
    assert frame.depth is None
    assert frame.intrinsics is not None
    assert frame.depth_missing == (
        "depth is in frame 'depth_optical', the image in 'color_optical':"
        " publish depth registered to the image"
    )


@pytest.mark.parametrize(
    ("topic", "rectified"),
    [
        pytest.param("/cam/image_rect", True, id="image_proc, grey"),
        pytest.param("/cam/image_rect_color", True, id="image_proc, colour"),
        pytest.param("/cam/image_rect/compressed", True, id="compressed"),
        pytest.param("/cam/rectified", True, id="in full"),
        pytest.param("/cam/image_raw", False, id="raw"),
        pytest.param("/rect/image_raw", False, id="another name than the last"),
        pytest.param("/cam/image_direct", False, id="within a word"),
    ],
)
def test_a_rectified_image_is_known_by_its_topic(topic, rectified):
    assert is_rectified(topic) == rectified


@pytest.mark.parametrize("model", ["plumb_bob", "equidistant"])
def test_a_rectified_image_has_the_projection_and_no_distortion(model):
    found = intrinsics_from(camera_info(model=model), rectified=True)
    np.testing.assert_array_equal(found.matrix, [[50, 0, 3.5], [0, 52, 2.5], [0, 0, 1]])
    assert (found.distortion, found.model) == ((), "")


def test_ros1_writes_the_projection_in_capitals():
    message = SimpleNamespace(width=8, height=6, K=K, D=BENT, P=P, distortion_model="plumb_bob")
    assert intrinsics_from(message, rectified=True).matrix[0, 0] == 50


def test_a_raw_image_has_the_camera_matrix_and_the_distortion():
    found = intrinsics_from(camera_info())
    assert found.matrix[0, 0] == 60
    assert found.distortion == BENT


def test_without_a_projection_an_image_that_was_straight_keeps_the_camera_matrix():
    found = intrinsics_from(camera_info(d=(0.0,) * 5, p=(0.0,) * 12), rectified=True)
    assert found.matrix[0, 0] == 60
    assert found.distortion == ()


def test_without_a_projection_a_rectified_image_of_a_bent_one_is_refused():
    with pytest.raises(InputError, match="no P for the rectified image: publish the whole"):
        intrinsics_from(camera_info(p=(0.0,) * 12), rectified=True)


def test_a_frame_of_a_rectified_image_has_the_rectified_calibration():
    frame = frame_from("eye", image("lens", "rgb8", 3), info=camera_info(), rectified=True)
    assert frame.intrinsics.matrix[0, 0] == 50


def test_a_fisheye_is_told_which_topic_to_use():
    with pytest.raises(InputError, match="'equidistant' isn't supported: use the topic of the rec"):
        intrinsics_from(camera_info(model="equidistant"))
