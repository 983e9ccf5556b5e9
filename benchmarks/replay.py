"""What a replay costs over the bare model, and whether its memory grows with the bag.

Frames a second of the replay (reading, decoding, 3D, results on disk) against the model alone
looped over frames that were decoded before. Both take turns, part by part of the bag, so that
other load on the machine falls on both. Memory is the peak of a process that replays the bag, and
of one that replays a bag of many times its length, made by repeating it.

    python benchmarks/replay.py sample/home_drive --json out.json
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

REPOSITORY = Path(__file__).parents[1]
sys.path.append(str(REPOSITORY))
from rosbags.rosbag2 import StoragePlugin, Writer  # noqa: E402

from vlm_robot.detection.detector import DetectionOptions  # noqa: E402
from vlm_robot.perception import Perception  # noqa: E402
from vlm_robot.replay.agenda import SECOND, Agenda  # noqa: E402
from vlm_robot.replay.bag import Bag  # noqa: E402
from vlm_robot.replay.events import EventReader, FrameRead, Span, decoded  # noqa: E402
from vlm_robot.replay.interfaces import typestore  # noqa: E402
from vlm_robot.replay.output import Output  # noqa: E402
from vlm_robot.replay.runner import Runner  # noqa: E402
from vlm_robot.replay.topics import find_topics  # noqa: E402
from vlm_robot.settings import Settings  # noqa: E402

TARGET = 0.90
MEMORY_TARGET = 1.10
PARTS = 8


def speed(path: Path, detector: str, folder: Path, seconds: float) -> dict[str, Any]:
    """Ratio of the replay's frames a second to the bare model's; the median over parts."""
    settings = Settings(detector=detector)
    perception = Perception.load(settings)
    perception.warm_up()
    with Bag(path) as bag:
        topics = find_topics(bag)
        cameras = [name for name, _ in topics.cameras]
        step = (bag.end - bag.start) // PARTS
        bare, replayed = [], []
        for part in range(PARTS):
            start = bag.start + part * step
            span = Span(start, start + min(step, round(seconds * SECOND)))
            events = decoded(iter(EventReader(bag, topics, depth_slop=20.0, span=span)))
            images = [e.frame.image for e in events if isinstance(e, FrameRead)]
            prompts, options = (
                perception.encode(settings.prompts),
                DetectionOptions(settings.nms_iou),
            )
            begun = time.perf_counter()
            for at in range(0, len(images), len(cameras)):
                perception.detector.detect(images[at : at + len(cameras)], prompts, options)
            bare.append(len(images) / (time.perf_counter() - begun))
            output = Output(folder / str(part), run={}, overwrite=True, resume=False)
            output.open()
            runner = Runner(
                perception,
                output,
                agenda=Agenda([], start=bag.start, cameras=cameras),
                batch=len(cameras),
            )
            begun = time.perf_counter()
            runner.run(iter(EventReader(bag, topics, depth_slop=20.0, span=span)))
            replayed.append(runner.counts["frame"] / (time.perf_counter() - begun))
    ratios = [a / b for a, b in zip(replayed, bare, strict=True)]
    return {
        "model": perception.detector.info.name,
        "bare model, frames/s": round(median(bare), 2),
        "replay, frames/s": round(median(replayed), 2),
        "replay / bare model": round(median(ratios), 3),
        "of parts": [round(ratio, 3) for ratio in ratios],
    }


def repeat(path: Path, times: int, out: Path) -> None:
    """Write a bag that plays `path` again and again, log times and stamps moved on."""
    with Bag(path) as bag, Writer(out, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        store, connections = typestore(), {}
        length = bag.end - bag.start + SECOND // 10
        for turn in range(times):
            for message in bag.messages(list(bag.topics)):
                if message.topic not in connections:
                    connections[message.topic] = writer.add_connection(
                        message.topic, message.msgtype, typestore=store
                    )
                content = bag.decode(message)
                for part in (content, *getattr(content, "transforms", ())):
                    if hasattr(part, "header"):
                        part.header.stamp.sec += turn * length // SECOND
                data = store.serialize_cdr(content, message.msgtype)
                shifted = message.log_time + turn * length // SECOND * SECOND
                writer.write(connections[message.topic], shifted, bytes(data))


def peak_memory(path: Path, detector: str, every: int) -> float:
    """MB at the peak of a process that replays a bag."""
    code = "import resource, sys; from vlm_robot.cli import main; code = main(sys.argv[1:]);"
    code += "print(code, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
    with tempfile.TemporaryDirectory() as folder:
        words = ["replay", str(path), "-o", f"{folder}/out", "--detector", detector, "--quiet"]
        words += ["--every", str(every)]
        run = subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=True,
        )
    return float(run.stdout.split()[-1])


def main() -> int:
    """Print the figures; returns 1 where a target isn't reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path)
    parser.add_argument("--detector", default="compact")
    parser.add_argument("--part", type=float, default=1e9, help="seconds looked at in each part")
    parser.add_argument("--times", type=int, default=0, help="length of the long bag; 0: skip")
    parser.add_argument("--every", type=int, default=10, help="frames that the long bag looks at")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = speed(arguments.bag, arguments.detector, Path(folder), arguments.part)
        if arguments.times:
            long = Path(folder) / "long"
            repeat(arguments.bag, arguments.times, long)
            size = sum(file.stat().st_size for file in long.iterdir()) / 1e6
            one = peak_memory(arguments.bag, arguments.detector, arguments.every)
            many = peak_memory(long, arguments.detector, arguments.every)
            figures |= {
                "long bag, MB": round(size),
                "memory, MB": [round(one), round(many)],
                "memory, long bag / bag": round(many / one, 3),
            }
    figures |= {"machine": platform.processor() or platform.machine()}
    figures |= {"date": datetime.now(UTC).date().isoformat()}
    print(json.dumps(figures, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    reached = figures["replay / bare model"] >= TARGET
    reached &= figures.get("memory, long bag / bag", 1.0) <= MEMORY_TARGET
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
