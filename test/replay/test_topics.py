"""A bag's topics are found by what they are."""

import numpy as np
import pytest

from vlm_robot.replay.bag import Bag, BagError
from vlm_robot.replay.topics import find_topics
from vlm_robot.settings import CameraSettings, Settings


def bag_of(bags, path, *topics, compressed_depth="16UC1; jpeg compressed "):
    """A bag with one picture or depth image on each topic.

    Args:
        compressed_depth: format of depth that compressed_image_transport coded.
    """
    make = bags.Messages(ros1=False)
    picture = np.zeros((bags.HEIGHT, bags.WIDTH, 3), np.uint8)
    content = []
    for topic in topics:
        if "camera_info" in topic:
            message = make.camera_info(bags.START, "optical")
        elif "depth" in topic and topic.endswith("compressed"):
            message = make.jpeg(bags.START, "optical", picture)
            message.format = compressed_depth
        elif "depth" in topic:
            message = make.image(bags.START, "optical", picture[..., 0].astype("u2"), "16UC1")
        elif "map" in topic:
            message = make.grid(bags.START)
        elif topic.endswith("compressed"):
            message = make.jpeg(bags.START, "optical", picture)
        else:
            message = make.image(bags.START, "optical", picture)
        content.append((topic, bags.START, message))
    return bags.write(path, content)


def test_all_that_a_replay_reads_is_found(whole_bag):
    with Bag(whole_bag) as bag:
        topics = find_topics(bag)
    front = CameraSettings("/front/image_raw", "/front/camera_info", "/front/depth/image_raw")
    left = CameraSettings("/left/image_raw/compressed", "", "")
    assert dict(topics.cameras) == {"front": front, "left": left}
    assert topics.transforms == ("/tf", "/tf_static")
    assert topics.grid == "/map"
    assert topics.paths == ("/candidate_paths",)


@pytest.mark.parametrize(
    ("topics", "cameras"),
    [
        pytest.param(["/image"], ["camera"], id="no namespace"),
        pytest.param(["/cam/color/image_raw"], ["cam_color"], id="a RealSense"),
        pytest.param(["/0/image_raw"], ["camera_0"], id="a number"),
        pytest.param(["/a/image_raw", "/a/image_rect"], ["a", "a_image_rect"], id="two of one"),
        pytest.param(["/a/image_raw", "/a/image_raw/compressed"], ["a"], id="raw and compressed"),
    ],
)
def test_cameras_are_named_after_their_topics(tmp_path, bags, topics, cameras):
    with Bag(bag_of(bags, tmp_path / "bag", *topics)) as bag:
        assert [name for name, _ in find_topics(bag).cameras] == cameras


@pytest.mark.parametrize(
    ("topics", "depth"),
    [
        pytest.param(
            ["/cam/color/image_raw", "/cam/depth/image_raw", "/cam/aligned_depth/image_raw"],
            "/cam/aligned_depth/image_raw",
            id="the registered one",
        ),
        pytest.param(["/cam/image_raw", "/depth/image"], "/depth/image", id="the only one"),
        pytest.param(
            ["/a/image_raw", "/b/image_raw", "/b/depth/image_raw"], "", id="another camera's"
        ),
        pytest.param(["/a/image_raw", "/b/image_raw", "/depth/image"], "", id="nobody's"),
    ],
)
def test_depth_is_that_of_the_same_camera(tmp_path, bags, topics, depth):
    with Bag(bag_of(bags, tmp_path / "bag", *topics)) as bag:
        assert find_topics(bag).cameras[0][1].depth == depth


RAW_DEPTH = "/cam/depth/image_raw"
ALIGNED = "/cam/aligned_depth_to_color/image_raw"


@pytest.mark.parametrize(
    "compressed_depth",
    [
        pytest.param("16UC1; jpeg compressed ", id="16 bits as JPEG"),
        pytest.param("16UC1; png compressed ", id="16 bits as PNG"),
        pytest.param("32FC1; tiff compressed", id="metres as TIFF"),
        pytest.param("jpeg", id="a format that doesn't say what was coded"),
    ],
)
@pytest.mark.parametrize(
    ("depths", "found"),
    [
        pytest.param([RAW_DEPTH], RAW_DEPTH, id="depth"),
        pytest.param([ALIGNED, RAW_DEPTH], ALIGNED, id="aligned depth too"),
    ],
)
def test_compressed_depth_beside_the_raw_is_no_camera(
    tmp_path, bags, depths, found, compressed_depth
):
    raw = ["/cam/color/image_raw", *depths]
    both = [*raw, *(f"{topic}/compressed" for topic in raw)]
    path = bag_of(bags, tmp_path / "bag", *both, compressed_depth=compressed_depth)
    with Bag(path) as bag:
        assert find_topics(bag).cameras == (
            ("cam_color", CameraSettings("/cam/color/image_raw", "", found)),
        )


@pytest.mark.parametrize(
    ("form", "depth"),
    [
        pytest.param("16UC1; jpeg compressed ", "", id="JPEG keeps no measures"),
        pytest.param("32FC1; tiff compressed", "", id="TIFF can't be read"),
        pytest.param("16UC1; png compressed ", f"{RAW_DEPTH}/compressed", id="PNG can be read"),
    ],
)
def test_compressed_depth_without_the_raw_is_no_camera_either(tmp_path, bags, form, depth):
    topics = ["/cam/color/image_raw", f"{RAW_DEPTH}/compressed"]
    with Bag(bag_of(bags, tmp_path / "bag", *topics, compressed_depth=form)) as bag:
        assert [(n, topics.depth) for n, topics in find_topics(bag).cameras] == [
            ("cam_color", depth)
        ]


def test_the_costmap_comes_before_the_bare_map(tmp_path, bags):
    names = ["/a/image_raw", "/map", "/local_costmap/map", "/global_costmap/map"]
    with Bag(bag_of(bags, tmp_path / "bag", *names)) as bag:
        assert find_topics(bag).grid == "/global_costmap/map"


def test_only_what_is_asked_for_is_taken(whole_bag):
    with Bag(whole_bag) as bag:
        assert [n for n, _ in find_topics(bag, only=["left"]).cameras] == ["left"]
        assert [n for n, _ in find_topics(bag, only=["/front/image_raw"]).cameras] == ["front"]


def test_the_settings_name_the_cameras_that_they_have(whole_bag):
    settings = Settings.from_mapping(
        {"cameras": ["eye", "tail"], "eye.image": "/left/image_raw", "tail.image": "/tail"}
    )
    with Bag(whole_bag) as bag:
        cameras = dict(find_topics(bag, settings=settings).cameras)
        assert list(cameras) == ["eye"]
        assert cameras["eye"].image == "/left/image_raw/compressed"
        assert "'tail'" in bag.warnings[0]


@pytest.mark.parametrize(
    ("recorded", "found", "told"),
    [
        pytest.param("/cam/depth", "/cam/depth", [], id="raw"),
        pytest.param(
            "/cam/depth/compressedDepth", "/cam/depth/compressedDepth", [], id="compressed"
        ),
        pytest.param(
            "/other/depth",
            "",
            ["camera 'eye': its depth topic /cam/depth isn't in {bag}"],
            id="none",
        ),
    ],
)
def test_the_settings_depth_is_found_raw_and_compressed_as_the_node_does(
    tmp_path, bags, recorded, found, told
):
    settings = Settings.from_mapping(
        {"cameras": ["eye"], "eye.image": "/cam/image_raw", "eye.depth": "/cam/depth"}
    )
    with Bag(bag_of(bags, tmp_path / "bag", "/cam/image_raw", recorded)) as bag:
        cameras = dict(find_topics(bag, settings=settings).cameras)
        assert cameras["eye"].depth == found
        assert bag.warnings == [text.format(bag=bag.path) for text in told]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        pytest.param({"only": ["/nothing"]}, "has no topic /nothing; it has", id="no such topic"),
        pytest.param({"only": ["right"]}, "no images of right", id="no such camera"),
        pytest.param({"only": ["/tf"]}, "/tf is of type tf2_msgs", id="not an image"),
        pytest.param({"grid": "/tf"}, "/tf is of type tf2_msgs", id="not a map"),
        pytest.param({"paths": "/map"}, "not vlm_robot_msgs/msg/Cand", id="not paths"),
    ],
)
def test_what_cannot_be_is_refused(whole_bag, asked, told):
    with Bag(whole_bag) as bag, pytest.raises(BagError, match=told):
        find_topics(bag, **asked)


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        pytest.param(lambda topic: False, "no messages at all", id="an empty bag"),
        pytest.param(lambda topic: topic == "/tf", r"has /tf \(tf2_msgs", id="no images"),
    ],
)
def test_a_bag_without_images_is_refused_and_says_what_it_has(tmp_path, bags, keep, told):
    content = [entry for entry in bags.entries() if keep(entry[0])]
    with (
        Bag(bags.write(tmp_path / "bag", content)) as bag,
        pytest.raises(BagError, match=told),
    ):
        find_topics(bag)
