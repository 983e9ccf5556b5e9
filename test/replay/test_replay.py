"""`vlm-robot replay`, with a real (tiny, random) OWL-ViT behind it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from vlm_robot.cli import main
from vlm_robot.perception import Perception
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.output import OutputError
from vlm_robot.replay.records import read_records

FRAMES = 20


@pytest.fixture(scope="module")
def detector(tiny_checkpoint):
    return str(tiny_checkpoint("owlvit"))


@pytest.fixture(scope="module", autouse=True)
def load_once(detector):
    """Loading takes seconds: all runs with the same settings share their models."""
    loaded = {}
    load = Perception.load

    def cached(settings):
        key = (settings.detector, settings.answerer)
        if key not in loaded:
            loaded[key] = load(settings)
        first = loaded[key]
        return Perception(
            settings,
            detector=first.detector,
            answerer=first._answerer,
            evaluator=first._evaluator,
        )

    patch = pytest.MonkeyPatch()
    patch.setattr(Perception, "load", staticmethod(cached))
    yield
    patch.undo()


@pytest.fixture
def replay(detector, tmp_path):
    """Run the command; returns its exit code and the folder of results."""

    def run(bag, *arguments, out="out"):
        words = ["replay", str(bag), "-o", str(tmp_path / out), "--quiet"]
        words += ["--detector", detector, "--threshold", "0.3", *arguments]
        return main(words), tmp_path / out

    return run


def records(folder, kind=None):
    return [r for r in read_records(folder / "results.jsonl") if kind in (None, r["kind"])]


def without_timing(folder):
    return [r | {"inference_ms": None} for r in records(folder)]


PROMPTS = ("--prompts", "red mug", "chair")


def test_every_frame_is_looked_at_once_and_in_order(replay, whole_bag):
    code, out = replay(whole_bag, *PROMPTS)
    assert code == 0
    stamps = [record["stamp"] for record in records(out, "frame")]
    assert len(stamps) == FRAMES
    assert stamps == sorted(set(stamps))
    found = {entry["phrase"] for r in records(out, "frame") for entry in r["detections"]}
    assert found == {"red mug", "chair"}
    assert not list(out.parent.glob("*.partial"))


def test_the_summary_says_what_was_done(replay, whole_bag):
    _, out = replay(whole_bag, *PROMPTS)
    run = json.loads((out / "run.json").read_text())
    assert run["complete"]
    assert run["frames"] == {"front": 10, "left": 10}
    assert run["cameras"]["front"]["depth"] == "/front/depth/image_raw"
    assert run["settings"]["prompts"] == ["red mug", "chair"]
    assert run["timing"]["frames_per_s"] > 0


def test_the_same_bag_gives_the_same_bytes_but_for_timing(replay, whole_bag):
    asked = (*PROMPTS, "--ask", "is there a mug?", "--goal", "stay away from the chair")
    _, first = replay(whole_bag, *asked, out="first")
    _, second = replay(whole_bag, *asked, out="second")
    lines = [(f / "results.jsonl").read_text().splitlines() for f in (first, second)]
    cut = [[line.rpartition(',"inference_ms":')[0] or line for line in some] for some in lines]
    assert cut[0] == cut[1]
    assert len(cut[0]) > FRAMES


def test_the_results_are_those_of_the_skills_on_the_same_frames(replay, whole_bag, detector):
    from vlm_robot.settings import Settings
    from vlm_robot.types import Frame

    _, out = replay(whole_bag, *PROMPTS, "--topic", "front")
    settings = Settings(detector=detector, prompts=PROMPTS[1:], threshold=0.3)
    perception = Perception.load(settings)
    with Bag(whole_bag) as bag:
        messages = [bag.decode(m) for m in bag.messages(["/front/image_raw"])]
    for record, message in zip(records(out, "frame"), messages, strict=True):
        image = message.data.reshape(48, 64, 3)
        seen = perception.detect([Frame("front", 1, "f", image)])[0].detections
        boxes = np.array([e["box"] for e in record["detections"]], np.float32).reshape(-1, 4)
        np.testing.assert_array_equal(boxes, seen.boxes)
        scores = np.array([e["score"] for e in record["detections"]], np.float32)
        np.testing.assert_array_equal(scores, seen.scores)


def test_places_are_in_the_target_frame_at_the_images_stamp(replay, whole_bag, tmp_path):
    config = tmp_path / "node.yaml"
    config.write_text("vlm_robot:\n  ros__parameters:\n    target_frame: odom\n")
    _, out = replay(whole_bag, *PROMPTS, "--config", str(config), "--topic", "front")
    placed = 0
    for step, record in enumerate(records(out, "frame")):
        assert record["places"]["frame_id"] == "odom"
        centers = [c for c in record["places"]["centers"] if c]
        placed += len(centers)
        for center in centers:  # a wall 2 m ahead; the robot drives 0.1 m a frame along x
            assert center[2] == pytest.approx((2000 + step) / 1000, rel=1e-4)
            assert abs(center[0] - 0.1 * step) < 1.2
    assert placed


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(1, id="a batch is longer than transforms are remembered"),
        pytest.param(15, id="images are further apart than that"),
    ],
)
def test_few_frames_a_second_are_placed_though_they_are_batched(replay, bags, tmp_path, seconds):
    config = tmp_path / "node.yaml"
    config.write_text("vlm_robot:\n  ros__parameters:\n    target_frame: odom\n")
    content = [
        entry
        for entry in bags.entries(frames=40, period=seconds * bags.SECOND)
        if not entry[0].startswith(("/left", "/candidate"))
    ]
    bag = bags.write(tmp_path / "bag", content)
    _, out = replay(bag, *PROMPTS, "--config", str(config), "--batch", "32")
    frames = records(out, "frame")
    assert len(frames) == 40
    assert {r for record in frames for r in record["places"]["reasons"]} <= {""}


def test_the_mcap_holds_what_the_node_would_have_published(replay, whole_bag):
    _, out = replay(whole_bag, *PROMPTS, "--ask", "is there a chair?")
    with Bag(out / "results.mcap") as bag:
        topics = {name: (topic.msgtype, topic.messages) for name, topic in bag.topics.items()}
        assert bag.warnings == []
        for message in bag.messages(["/vlm_robot/front/detections"]):
            content = bag.decode(message)
            record = next(
                r
                for r in records(out, "frame")
                if r["camera"] == "front" and r["log_time"] == message.log_time
            )
            assert content.header.frame_id == "front_optical"
            assert (
                content.header.stamp.sec * 10**9 + content.header.stamp.nanosec == record["stamp"]
            )
            assert [d.results[0].hypothesis.class_id for d in content.detections] == [
                entry["phrase"] for entry in record["detections"]
            ]
    assert topics == {
        "/vlm_robot/front/detections": ("vision_msgs/msg/Detection2DArray", 10),
        "/vlm_robot/front/detections_3d": ("vision_msgs/msg/Detection3DArray", 10),
        "/vlm_robot/left/detections": ("vision_msgs/msg/Detection2DArray", 10),
        "/vlm_robot/answer": ("vlm_robot_msgs/msg/GroundedAnswer", 1),
        "/vlm_robot/plan_evaluation": ("vlm_robot_msgs/msg/PlanEvaluation", 1),
    }


def test_questions_are_asked_at_their_times(replay, whole_bag, tmp_path):
    agenda = tmp_path / "agenda.yaml"
    agenda.write_text('questions: [{ask: "is there a chair?", at: 0.45, camera: left}]')
    _, out = replay(whole_bag, "--ask", "is there a mug?", "--ask-every", "0.4",
                    "--agenda", str(agenda))  # fmt: skip
    answers = [(r["question"], r["camera"], r["stamp"] % 10**9 // 10**8)
               for r in records(out, "answer")]  # fmt: skip
    assert answers == [
        ("is there a mug?", "front", 0),
        ("is there a mug?", "front", 4),
        ("is there a chair?", "left", 5),
        ("is there a mug?", "front", 8),
    ]


def test_what_was_never_asked_is_told_once_though_the_run_was_killed(
    replay, whole_bag, tmp_path, monkeypatch
):
    agenda = tmp_path / "agenda.yaml"
    agenda.write_text('questions: [{ask: "is it late?", at: 5}]\ngoals: [{goal: go, at: 6}]')
    asked = ("--agenda", str(agenda))
    with monkeypatch.context() as patch:
        stop_after(patch, 8, kill)
        with pytest.raises(KilledError):
            replay(whole_bag, *asked)
    code, out = replay(whole_bag, *asked, "--resume")
    assert code == 1
    late, goal = records(out, "failure")
    assert "'is it late?' was never asked" in late["reason"]
    assert "5.00 s, when it was due" in late["reason"]
    assert "'go' was never asked" in goal["reason"]


def test_what_was_due_before_the_start_is_not_asked_but_told(replay, whole_bag, tmp_path):
    agenda = tmp_path / "agenda.yaml"
    agenda.write_text('questions: [{ask: "is it early?", at: 0.2}, {ask: "is it late?", at: 0.7}]')
    code, out = replay(whole_bag, "--agenda", str(agenda), "--start", "0.5")
    assert code == 1
    assert [record["question"] for record in records(out, "answer")] == ["is it late?"]
    assert json.loads((out / "run.json").read_text())["warnings"] == [
        "'is it early?' is left out: it was due at 0.20 s, before what is replayed"
    ]


def test_paths_are_scored_for_the_goal_that_came_with_them_or_for_the_one_given(replay, whole_bag):
    _, own = replay(whole_bag, out="own")
    _, given = replay(
        whole_bag, "--goal", "take the shortest path", "--goal", "go left", out="given"
    )
    assert [r["goal"] for r in records(own, "plan")] == ["go"]
    plans = records(given, "plan")
    assert [r["goal"] for r in plans] == ["take the shortest path", "go left"]
    assert plans[0]["best_index"] == 0
    assert [path["feasible"] for path in plans[0]["paths"]] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "frames"),
    [
        pytest.param(["--every", "5"], 4, id="every fifth"),
        pytest.param(["--start", "0.5"], 10, id="from the middle"),
        pytest.param(["--start", "0.2", "--duration", "0.3"], 6, id="a part"),
        pytest.param(["--topic", "left"], 10, id="one camera"),
        pytest.param(["--batch", "7"], 20, id="an odd batch"),
    ],
)
def test_a_part_may_be_asked_for(replay, whole_bag, arguments, frames):
    code, out = replay(whole_bag, *arguments)
    assert code == 0
    assert len(records(out, "frame")) == frames


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--every", "0"], "--every must be 1 or more", id="every zero"),
        pytest.param(["--batch", "0"], "--batch must be 1 or more", id="batch of zero"),
        pytest.param(["--start", "-1"], "--start must be 0 or more", id="before the start"),
        pytest.param(["--start", "99"], "after the bag's end, at 0.9 s", id="after the end"),
        pytest.param(["--ask-every", "0"], "--ask-every must be", id="ask all the time"),
        pytest.param(["--threshold", "2"], "threshold must be in 0 to 1", id="threshold"),
        pytest.param(["--config", "/nowhere.yaml"], "can't read settings", id="no config"),
        pytest.param(["--topic", "/nowhere"], "has no topic /nowhere", id="no topic"),
        pytest.param(["--detector", "/nowhere/model"], "/nowhere/model", id="no model"),
    ],
)
def test_a_wrong_argument_is_told_and_leaves_nothing(replay, whole_bag, capsys, arguments, told):
    code, out = replay(whole_bag, *arguments)
    assert code == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda p, b: None, "there is no bag", id="no such file"),
        pytest.param(lambda p, b: p.write_text("hello"), "isn't a bag", id="not a bag"),
        pytest.param(lambda p, b: b.write(p, []), "no messages at all", id="an empty bag"),
        pytest.param(
            lambda p, b: b.write(p, [e for e in b.entries() if e[0] == "/tf"]),
            "has no images that can be read",
            id="no images",
        ),
    ],
)
def test_what_cannot_be_replayed_is_told(replay, bags, tmp_path, capsys, make, told):
    make(tmp_path / "bag", bags)
    code, out = replay(tmp_path / "bag")
    assert code == 2
    assert told in capsys.readouterr().err
    assert not out.exists()


def test_a_frame_that_cannot_be_used_is_listed_and_the_rest_is_done(replay, bags, tmp_path):
    content = bags.entries()
    for topic, _, message in content:
        if topic == "/left/image_raw/compressed" and message.header.stamp.nanosec > 5 * 10**8:
            message.data = message.data[:200]
    code, out = replay(bags.write(tmp_path / "bag", content))
    assert code == 1
    failures = records(out, "failure")
    assert {r["topic"] for r in failures} == {"left"}
    assert "cut short" in failures[0]["reason"]
    assert len(failures) + len(records(out, "frame")) == FRAMES


def test_a_cut_bag_is_replayed_as_far_as_it_goes_and_says_so(replay, bags, tmp_path):
    bag = bags.write(tmp_path / "bag", bags.entries(frames=300))
    file = next(bag.glob("*.mcap"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    code, out = replay(bag, "--every", "5")
    assert code == 1
    assert 20 < len(records(out, "frame")) < 100
    assert any("stopped hard" in w for w in json.loads((out / "run.json").read_text())["warnings"])


def test_results_that_are_there_are_kept_unless_told_otherwise(replay, whole_bag, capsys):
    _, out = replay(whole_bag, *PROMPTS)
    before = (out / "results.jsonl").read_bytes()
    code, _ = replay(whole_bag, "--every", "5")
    assert code == 2
    assert "exists: give another --output, or --overwrite" in capsys.readouterr().err
    assert (out / "results.jsonl").read_bytes() == before
    code, _ = replay(whole_bag, "--every", "5", "--overwrite")
    assert code == 0
    assert len(records(out, "frame")) == 4
    assert sorted(p.name for p in out.parent.glob("out*")) == ["out"]


class KilledError(Exception):
    """Stands for a kill."""


def stop_after(monkeypatch, frames, how):
    """Call `how` when the detector has seen `frames` frames."""
    seen = []
    detect = Perception.detect

    def counting(self, some, prompts=None):
        seen.extend(some)
        if len(seen) > frames:
            how()
        return detect(self, some, prompts)

    monkeypatch.setattr(Perception, "detect", counting)


def kill():
    raise KilledError


ASKED = (*PROMPTS, "--ask", "is there a mug?", "--ask-every", "0.3", "--goal", "go to the chair")


@pytest.mark.parametrize("after", [1, 8, 13, 19])
def test_a_run_that_was_killed_goes_on_and_nothing_is_lost_or_doubled(
    replay, whole_bag, monkeypatch, after
):
    _, whole = replay(whole_bag, *ASKED, out="whole")
    with monkeypatch.context() as patch:
        stop_after(patch, after, kill)
        with pytest.raises(KilledError):
            replay(whole_bag, *ASKED)
    code, out = replay(whole_bag, *ASKED, "--resume")
    assert code == 0
    assert without_timing(out) == without_timing(whole)
    assert not list(out.parent.glob("*.partial"))


def test_an_unfinished_run_is_not_overwritten_by_accident(replay, whole_bag, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_after(patch, 8, kill)
        with pytest.raises(KilledError):
            replay(whole_bag)
    assert replay(whole_bag)[0] == 2
    assert "--resume goes on with it" in capsys.readouterr().err
    assert replay(whole_bag, "--resume", "--every", "3")[0] == 2
    assert "another span" in capsys.readouterr().err
    assert replay(whole_bag, "--overwrite")[0] == 0


def test_ctrl_c_leaves_valid_results_that_can_be_gone_on_with(replay, whole_bag, monkeypatch):
    _, whole = replay(whole_bag, *ASKED, out="whole")
    with monkeypatch.context() as patch:
        stop_after(patch, 8, lambda: os.kill(os.getpid(), signal.SIGINT))
        code, out = replay(whole_bag, *ASKED)
    assert code == 130
    so_far = records(out, "frame")
    assert 8 <= len(so_far) < FRAMES
    assert not json.loads((out / "run.json").read_text())["complete"]
    with Bag(out / "results.mcap") as bag:
        assert sum(t.messages for n, t in bag.topics.items() if n.endswith("detections")) == len(
            so_far
        )
    code, _ = replay(whole_bag, *ASKED, "--resume")
    assert code == 0
    assert without_timing(out) == without_timing(whole)
    assert replay(whole_bag, *ASKED, "--resume")[0] == 0  # nothing is left to do


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param([*PROMPTS, "lamp"], "another settings", id="other prompts"),
        pytest.param([*PROMPTS, "--every", "3"], "another span", id="other frames"),
        pytest.param([*PROMPTS, "--ask", "is it?"], "another questions", id="another question"),
    ],
)
def test_a_finished_run_isnt_taken_for_one_of_other_arguments(
    replay, whole_bag, capsys, arguments, told
):
    _, out = replay(whole_bag, *PROMPTS)
    before = (out / "results.jsonl").read_bytes()
    assert replay(whole_bag, *arguments, "--resume")[0] == 2
    assert f"{told}: --resume needs the same" in capsys.readouterr().err
    assert (out / "results.jsonl").read_bytes() == before


def test_a_finished_run_isnt_taken_for_one_of_another_bag(replay, whole_bag, tmp_path, capsys):
    replay(whole_bag)
    other = shutil.copytree(whole_bag, tmp_path / "other")
    assert replay(other, "--resume")[0] == 2
    assert "another bag: --resume needs the same" in capsys.readouterr().err


def test_a_finished_run_with_failures_has_its_exit_code_again(replay, bags, tmp_path):
    content = bags.entries()
    for topic, _, message in content:
        if topic == "/left/image_raw/compressed":
            message.data = message.data[:200]
    bag = bags.write(tmp_path / "bag", content)
    assert replay(bag)[0] == 1
    assert replay(bag, "--resume")[0] == 1


def test_the_command_ends_by_sigint_with_its_exit_code(detector, bags, tmp_path):
    bag = bags.write(tmp_path / "bag", bags.entries(frames=600))
    out = tmp_path / "out"
    words = [sys.executable, "-m", "vlm_robot.cli", "replay", str(bag), "-o", str(out)]
    words += ["--detector", detector]
    process = subprocess.Popen(words, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE)
    results = tmp_path / "out.partial" / "results.jsonl"
    deadline = time.monotonic() + 120
    while not (results.exists() and results.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert b"Traceback" not in error
    assert records(out, "frame")


def test_a_full_disk_is_told_and_the_run_goes_on_when_there_is_room(
    replay, whole_bag, monkeypatch, capsys, tmp_path
):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("no right to mount a tmpfs")
    try:
        code, out = replay(whole_bag, out="small/out")
        assert code == 3
        assert "No space left on device" in capsys.readouterr().err
        assert not out.exists()
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        assert replay(whole_bag, "--resume", out="small/out")[0] == 0
        assert len(records(out, "frame")) == FRAMES
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_ros1_gives_the_same_detections(replay, bags, whole_bag, tmp_path):
    old = bags.write_ros1(tmp_path / "old.bag", bags.entries(ros1=True))
    _, first = replay(old, *PROMPTS, out="first")
    _, second = replay(whole_bag, *PROMPTS, out="second")
    assert without_timing(first) == [r for r in without_timing(second) if r["kind"] == "frame"]


def test_a_path_with_spaces_and_other_letters(replay, whole_bag, tmp_path):
    path = shutil.copytree(whole_bag, tmp_path / "мой робот 机器人")
    (path / "whole.mcap").rename(path / "запись 1.mcap")
    (path / "metadata.yaml").unlink()
    code, out = replay(path, out="ответ 1")
    assert code == 1  # it says that metadata.yaml is missing
    assert len(records(out, "frame")) == FRAMES


def test_several_bags_are_replayed_in_order(detector, whole_bag, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = shutil.copytree(whole_bag, tmp_path / "other")
    code = main(["replay", str(whole_bag), str(other), "--quiet", "--detector", detector])
    assert code == 0
    assert len(records(tmp_path / "whole_results", "frame")) == FRAMES
    assert len(records(tmp_path / "other_results", "frame")) == FRAMES


def test_an_output_that_cannot_be_made_is_told(replay, whole_bag, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    code, _ = replay(whole_bag, out="file/out")
    assert code == 3
    assert "can't write to" in capsys.readouterr().err
    assert OutputError.__doc__
