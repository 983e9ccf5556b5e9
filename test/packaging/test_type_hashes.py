"""compat/ must be what a robot's own tools speak: DDS connects only equal type hashes."""

import json
import os
from pathlib import Path

import pytest

index = pytest.importorskip("ament_index_python.packages", reason="needs ROS: run `make test`")

VISION_MSGS = """
    BoundingBox2D            008eacbb0cf8f26e83795547bed013eec3675485ef386ec056d80eaaf1c1ce2f
    BoundingBox3D            bbb73a65c163d7f9bb29009c7bde9f7faa576bd2d23299c4511d19230dab4698
    Detection2D              0d12b69df5c593b3455b7346fac8205437a7d4bcb09b9e0e0b2dde787ded38ea
    Detection2DArray         214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968
    Detection3D              ddd703be132ab0b69d33121f1bb034132bfbb3b0ac5f9fb1516005ba1c8a265b
    Detection3DArray         793f5eab9595ac1c0da07873cc859db42eae51f0ee76056db8562515d830e018
    LabelInfo                3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783
    ObjectHypothesis         51da43cec11c01957a64d1e05a24acd18aae7745ec30b74348ad5f6d634f7f90
    ObjectHypothesisWithPose 41c12344c0396c48b81df12467c192d99b2a0eb1463c5c37194e4223251c80bc
    Point2D                  eab0e83f44ab4de92ceaf76dd7d0e7638f2bdd1d16ffbe16c7a136c48e407247
    Pose2D                   b0b5d1d7b4c20dd4fcde3ed1d4b289a919290572007d67a97043814db25d3648
    VisionClass              1e4a11f0fed50b5623cb8ff26ca0e37952a48a9c074d16f804b44e9164c2037a
"""
"""Type and hash, vision_msgs 4.1.1; `ros2 topic info --verbose` shows them, after RIHS01_."""

TF_MESSAGE = "e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"
"""tf2_msgs 0.36."""

ROWS = [row.split() for row in VISION_MSGS.strip().splitlines()]
UPSTREAM = {f"vision_msgs/msg/{message}": type_hash for message, type_hash in ROWS}
UPSTREAM["tf2_msgs/msg/TFMessage"] = TF_MESSAGE


def built_by_us(package: str) -> Path:
    """Share folder of the package that compat/ built."""
    share = Path(index.get_package_share_directory(package))
    if share.is_relative_to(os.environ.get("SYSTEM_ROS") or "/opt/ros"):
        pytest.skip(f"the distribution has its own {package}, in {share}")
    return share


@pytest.mark.ros
@pytest.mark.parametrize("name", UPSTREAM)
def test_a_compat_type_has_upstreams_hash(name: str) -> None:
    package, kind, message = name.split("/")
    description = json.loads((built_by_us(package) / kind / f"{message}.json").read_text())
    hashes = {row["type_name"]: row["hash_string"] for row in description["type_hashes"]}
    assert hashes[name] == f"RIHS01_{UPSTREAM[name]}"


def test_every_compat_type_is_compared() -> None:
    compat = Path(__file__).parents[2] / "compat"
    types = {f"{f.parts[-3]}/msg/{f.stem}" for f in compat.glob("*/msg/*.msg")}
    assert types == set(UPSTREAM)
