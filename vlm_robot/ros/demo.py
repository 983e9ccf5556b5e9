"""`make demo`: the sample bag into a real ROS graph, the node beside it, and what came back.

The node is a process of its own, on a DDS domain of its own. Everything shown went over DDS.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.node import Node
from rich.console import Console
from rich.table import Table
from sensor_msgs.msg import CompressedImage
from vision_msgs.msg import Detection2DArray, Detection3DArray
from vlm_robot_msgs.msg import GroundedAnswer
from vlm_robot_msgs.msg import PlanEvaluation as PlanEvaluationMsg
from vlm_robot_msgs.srv import Ask

from vlm_robot.answering.answerer import EMBEDDED_VLM
from vlm_robot.answering.embedded.assembly import assemble
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.replay.bag import Bag
from vlm_robot.ros.play_bag import BagPlayer
from vlm_robot.ros.steady_executor import SteadyExecutor
from vlm_robot.types import Verdict

ROOT = Path(__file__).parents[2]
CAMERAS = ("front", "rear")
QUESTIONS = {
    "Is there a person?": "person",
    "What colour is the couch?": "couch",
    "How far is the nearest table?": "table",
    "Is there an elephant?": "",
    "What is the meaning of life?": "",
}
"""With what must be in view when they are asked, if it ever is."""
FREE_QUESTION = "What can you see in front of you?"
"""For the embedded VLM."""
FREE_TIMEOUT = 60.0
"""Seconds: a core that is shared may take a while over a sentence."""
START_TIMEOUT = 120.0
"""Seconds. The first start of a machine reads torch from a cold disk."""


class Listener(Node):
    """Collects what the node publishes."""

    def __init__(self) -> None:
        super().__init__("demo")
        self.frames: Counter[str] = Counter()
        self.scores: dict[str, list[float]] = defaultdict(list)
        self.placed: Counter[str] = Counter()
        self.pictures: dict[str, list[CompressedImage]] = defaultdict(list)
        self.plans: list[PlanEvaluationMsg] = []
        self.in_view: set[str] = set()
        for camera in CAMERAS:
            self._listen(Detection2DArray, f"{camera}/detections", self._on_detections, camera)
            self._listen(Detection3DArray, f"{camera}/detections_3d", self._on_placed, camera)
            self._listen(CompressedImage, f"{camera}/annotated/compressed", self._on_image, camera)
        self._listen(PlanEvaluationMsg, "plan_evaluation", self._on_plan, "")
        self.ask = self.create_client(Ask, "/vlm_robot/ask")

    def _listen(self, kind: Any, name: str, keep: Callable[[str, Any], None], camera: str) -> None:
        def callback(message: Any) -> None:
            keep(camera, message)

        self.create_subscription(kind, f"/vlm_robot/{name}", callback, 10)

    def _on_detections(self, camera: str, message: Detection2DArray) -> None:
        self.frames[camera] += 1
        hypotheses = [detection.results[0].hypothesis for detection in message.detections]
        for hypothesis in hypotheses:
            self.scores[hypothesis.class_id].append(hypothesis.score)
        if camera == CAMERAS[0]:
            self.in_view = {h.class_id for h in hypotheses if h.score > 0.5}

    def _on_placed(self, camera: str, message: Detection3DArray) -> None:
        self.placed.update(d.results[0].hypothesis.class_id for d in message.detections)

    def _on_image(self, camera: str, message: CompressedImage) -> None:
        self.pictures[camera].append(message)

    def _on_plan(self, camera: str, message: PlanEvaluationMsg) -> None:
        self.plans.append(message)

    def answer(self, question: str, timeout: float = 20.0) -> GroundedAnswer | str:
        """Ask by the service; a text is what went wrong."""
        done = threading.Event()
        future = self.ask.call_async(Ask.Request(question=question, camera=CAMERAS[0]))
        future.add_done_callback(lambda _: done.set())
        if not done.wait(timeout):
            return f"no answer within {timeout:g} s"
        response = future.result()
        return response.error_msg if response.error_code else response.answer


@contextmanager
def node_process(config: Path, *parameters: str) -> Iterator[subprocess.Popen[bytes]]:
    """The node as a process of its own; stopped by SIGINT as by a user.

    Args:
        parameters: 'name:=value', beside those of the file.
    """
    command = [
        *(sys.executable, "-m", "vlm_robot.ros.main", "--ros-args"),
        *("--params-file", str(config), "--log-level", "warn"),
        *(word for parameter in parameters for word in ("-p", parameter)),
        *("-r", "~/costmap:=/map", "-r", "~/candidate_paths:=/candidate_paths"),
    ]
    process = subprocess.Popen(command)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


@contextmanager
def spinning(node: Node) -> Iterator[None]:
    """Serve the node's callbacks on a thread, and take the node out of the graph at the end."""
    executor = SteadyExecutor(num_threads=4)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    try:
        yield
    finally:
        executor.shutdown()
        thread.join(5)
        node.destroy_node()


class Drive(NamedTuple):
    """A bag being played to a node."""

    listener: Listener
    playing: threading.Thread


@contextmanager
def drive(
    bag_path: Path, config: Path, console: Console, *parameters: str
) -> Iterator[Drive | None]:
    """A node and a bag played to it, until the block is left; None where the node won't start."""
    listener = Listener()
    start = time.monotonic()
    with (
        node_process(config, *parameters) as process,
        spinning(listener),
        Bag(bag_path) as bag,
    ):
        player = BagPlayer(listener, bag)
        # The node subscribes only when it is configured and has found the topic.
        ready = player.wait_for_subscriber(
            f"/{CAMERAS[0]}/image_raw/compressed", START_TIMEOUT, _ended(process)
        )
        if not ready:
            console.print("The node did not start; its messages above say why.")
            yield None
            return
        console.print(f"node ready after {time.monotonic() - start:.1f} s, playing {bag_path.name}")
        stop = threading.Event()
        playing = threading.Thread(target=player.play, args=(stop,), daemon=True)
        playing.start()
        try:
            yield Drive(listener, playing)
        finally:
            stop.set()
            playing.join()
            player.close()


def run(bag_path: Path, config: Path, out: Path, console: Console) -> bool:
    """Play, ask, print, write pictures. Returns whether every part of the node answered."""
    with drive(bag_path, config, console) as under_way:
        if under_way is None:
            return False
        listener, playing = under_way
        answers = _ask_while(playing, listener)
        playing.join()
        _settle(listener)
    free = answers[FREE_QUESTION] = ask_freely(bag_path, config, console)
    print_tables(listener, answers, console)
    written = write_pictures(listener, out)
    console.print(f"{len(written)} annotated pictures in {out}")
    answered = [answer for answer in answers.values() if not isinstance(answer, str)]
    whole = listener.frames and answered and listener.plans and written
    return bool(whole) and not isinstance(free, str)


def ask_freely(bag_path: Path, config: Path, console: Console) -> GroundedAnswer | str:
    """What a node with the embedded VLM answers; a text is what went wrong."""
    try:
        assemble(tell=console.print)
    except ModelError as error:
        return str(error)
    patient = f"request_deadline:={FREE_TIMEOUT}"
    with drive(bag_path, config, console, f"answerer:={EMBEDDED_VLM}", patient) as under_way:
        if under_way is None:
            return "the node did not start"
        listener, playing = under_way
        while playing.is_alive() and not listener.frames[CAMERAS[0]]:
            playing.join(0.05)
        return listener.answer(FREE_QUESTION, FREE_TIMEOUT)


def _ended(process: subprocess.Popen[bytes]) -> threading.Event:
    """An event that is set when the process ends."""
    ended = threading.Event()

    def watch() -> None:
        process.wait()
        ended.set()

    threading.Thread(target=watch, daemon=True).start()
    return ended


def _ask_while(playing: threading.Thread, listener: Listener) -> dict[str, GroundedAnswer | str]:
    """Ask each question once what it is about is in view; the rest when the drive is over."""
    answers: dict[str, GroundedAnswer | str] = {}
    while len(answers) < len(QUESTIONS):
        playing.join(0.05)
        for question, thing in QUESTIONS.items():
            asked_now = thing in listener.in_view or not playing.is_alive()
            if question not in answers and asked_now:
                answers[question] = listener.answer(question)
    return {question: answers[question] for question in QUESTIONS}


def _settle(listener: Listener) -> None:
    """Wait until no more results come: what was sent last is still on its way."""
    seen = -1
    while seen != (seen := sum(listener.frames.values()) + len(listener.plans)):
        time.sleep(0.5)


def print_tables(
    listener: Listener, answers: dict[str, GroundedAnswer | str], console: Console
) -> None:
    """What came back: detections, answers, plans."""
    frames = ", ".join(f"{count} of {camera}" for camera, count in listener.frames.items())
    table = Table("phrase", "seen", "best score", "placed in 3D", title=f"Frames: {frames}")
    for phrase, scores in sorted(listener.scores.items(), key=lambda item: -len(item[1])):
        table.add_row(phrase, str(len(scores)), f"{max(scores):.2f}", str(listener.placed[phrase]))
    console.print(table)
    table = Table("question", "answer", "verdict", "confidence", "boxes", title="Answers")
    for question, answer in answers.items():
        if isinstance(answer, str):
            table.add_row(question, answer, "failed", "", "")
        else:
            verdict = Verdict(answer.verdict).name
            boxes = str(len(answer.evidence))
            table.add_row(question, answer.answer, verdict, f"{answer.confidence:.2f}", boxes)
    console.print(table)
    console.print("Paths", justify="center", style="italic")
    for plan in listener.plans:
        totals = ", ".join(f"{p.total:.2f}" if p.feasible else "not feasible" for p in plan.paths)
        console.print(f"[bold]{plan.goal}[/bold] Path {plan.best_index} of those with {totals}.")
        console.print(plan.explanation, style="dim")


def write_pictures(listener: Listener, out: Path, count: int = 4) -> list[Path]:
    """Write annotated pictures of each camera, spread over the drive, and a sheet of them all."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for camera, pictures in listener.pictures.items():
        for number in range(min(count, len(pictures))):
            picture = pictures[number * len(pictures) // count]
            path = out / f"{camera}_{number}.jpg"
            path.write_bytes(bytes(picture.data))
            written.append(path)
    if written:
        rows = [np.hstack(_small(out, camera)) for camera in listener.pictures]
        wide = min(row.shape[1] for row in rows)
        cv2.imwrite(str(out / "sheet.jpg"), np.vstack([row[:, :wide] for row in rows]))
    return written


def _small(out: Path, camera: str) -> list[NDArray[np.uint8]]:
    paths = sorted(out.glob(f"{camera}_*.jpg"))
    return [cv2.resize(cv2.imread(str(path)), (320, 240)) for path in paths]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo. Returns 0 when detections, answers and plans all came back."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--bag", type=Path, default=ROOT / "sample" / "home_drive")
    parser.add_argument("--config", type=Path, default=ROOT / "config" / "demo.yaml")
    parser.add_argument("--out", type=Path, default=Path("out/demo"))
    options = parser.parse_args(arguments)
    # Not to be heard by other nodes of this machine or network, nor to hear them.
    os.environ.setdefault("ROS_DOMAIN_ID", "87")
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    rclpy.init()
    try:
        return 0 if run(options.bag, options.config, options.out, Console()) else 1
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
