"""A bag's parts on a real Ray cluster of two workers on this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from vlm_robot.cli import main
from vlm_robot.replay import cluster
from vlm_robot.replay.agenda import Item
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.cluster import LEAST_STEPS, do_part, split
from vlm_robot.replay.events import Span
from vlm_robot.replay.records import read_records
from vlm_robot.replay.topics import find_topics
from vlm_robot.replay.work import Work
from vlm_robot.settings import Settings

SECONDS = 120


@pytest.mark.parametrize(
    ("first", "steps", "most"), [(0, 1, 6), (0, 300, 6), (40, 300, 6), (299, 300, 6), (300, 300, 6)]
)
def test_parts_follow_on_each_other_and_the_last_has_what_remains(first, steps, most):
    parts = split(first, steps, most)
    assert parts[0][0] == first
    assert [end for _, end in parts] == [start for start, _ in parts[1:]] + [None]
    assert len(parts) <= most
    assert all(end - start >= LEAST_STEPS for start, end in parts[:-1])


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([(0, 5), (5, None)], id="the bag ends in the last part"),
        pytest.param([(0, 5), (5, 40), (40, None)], id="the bag ends before the last part"),
        pytest.param([(0, 11), (11, None)], id="the bag ends where a part does"),
    ],
)
def test_what_was_never_asked_is_told_by_one_part(tiny_checkpoint, whole_bag, parts):
    settings = Settings(detector=str(tiny_checkpoint("owlvit")), threshold=0.3)
    with Bag(whole_bag) as bag:
        topics = find_topics(bag)
    settings = replace(settings, cameras=("front", "left"), topics=topics.cameras)
    items = [Item("is it late?", at=5.0)]
    work = Work(whole_bag, topics, settings, Span(), items, ["go"], batch=2)

    def told(parts):
        done = [do_part(work, *part) for part in parts]
        records = [record for part in done for some, _ in part.results for record in some]
        return [record | {"inference_ms": None} for record in records]

    found = told(parts)
    assert [record["topic"] for record in found if record["kind"] == "failure"] == ["front"]
    assert found == told([(0, None)])


@pytest.fixture(scope="module")
def address():
    """A cluster of two workers, in processes of its own."""
    pytest.importorskip("ray", reason="needs Ray: pip install 'vlm_robot[ray]'")
    from ray.cluster_utils import Cluster

    machines = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
    )
    yield machines.address
    machines.shutdown()


@pytest.fixture
def replay(tiny_checkpoint, tmp_path, whole_bag):
    """Replay with questions and goals; returns the exit code and the records but for timing."""
    detector = str(tiny_checkpoint("owlvit"))

    def run(out, *arguments):
        words = ["replay", str(whole_bag), "-o", str(tmp_path / out), "--quiet", "--no-report"]
        words += ["--detector", detector, "--threshold", "0.3", "--prompts", "red mug", "chair"]
        words += ["--ask", "is there a mug?", "--ask-every", "0.3", "--goal", "go to the chair"]
        code = main([*words, *arguments])
        lines = read_records(tmp_path / out / "results.jsonl")
        return code, [record | {"inference_ms": None} for record in lines]

    return run


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(cluster, "LEAST_STEPS", 2)


def kill_a_worker(done):
    """Kill the first worker that is found at work on a part."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (folder / "cmdline").read_bytes().startswith(b"ray::do_part"):
                    os.kill(int(folder.name), signal.SIGKILL)
                    done.append(folder.name)
                    return
        time.sleep(0.01)


def test_a_cluster_gives_what_one_process_gives_though_a_worker_is_killed(
    address, replay, small_parts
):
    wanted = replay("here")
    killed = []
    killer = threading.Thread(target=kill_a_worker, args=(killed,))
    killer.start()
    found = replay("there", "--ray", address)
    killer.join()
    assert killed
    assert found == wanted
    assert wanted[0] == 0


def test_what_is_wrong_on_a_worker_is_told_as_here(address, whole_bag, tmp_path, capsys):
    words = ["replay", str(whole_bag), "-o", str(tmp_path / "out"), "--quiet", "--ray", address]
    assert main([*words, "--detector", "/nowhere/model"]) == 2
    assert "/nowhere/model" in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_told(whole_bag, capsys):
    pytest.importorskip("ray", reason="needs Ray: pip install 'vlm_robot[ray]'")
    assert main(["replay", str(whole_bag), "--ray", "127.0.0.1:1", "--quiet"]) == 2
    assert "there is no Ray cluster at '127.0.0.1:1'" in capsys.readouterr().err
