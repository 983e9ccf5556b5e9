"""The bag player: what was recorded goes into the graph, as it was recorded."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
import rclpy
from graph import TIMEOUT, wait_until
from nav_msgs.msg import Odometry
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from rosgraph_msgs.msg import Clock
from tf2_msgs.msg import TFMessage

from vlm_robot.replay.bag import Bag
from vlm_robot.ros.play_bag import BagPlayer

SAMPLE = Path(__file__).parents[2] / "sample" / "home_drive"


class Listener:
    """A node that keeps what comes on its topics."""

    def __init__(self):
        self.node = rclpy.create_node("listener")
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        threading.Thread(target=self.executor.spin, daemon=True).start()

    def listen(self, kind, topic, qos=1000):
        heard = []
        self.node.create_subscription(kind, topic, heard.append, qos)
        return heard

    def close(self):
        self.executor.shutdown()
        self.node.destroy_node()


@pytest.fixture
def listener(ros):
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def make_player(ros):
    """Players of the sample bag; they stay until the test ends, and so does what they sent."""
    node = rclpy.create_node("player")
    bags, players = [], []

    def make(*topics, **options):
        bags.append(Bag(SAMPLE))
        players.append(BagPlayer(node, bags[-1], topics=topics, **options))
        return players[-1]

    yield make
    for player in players:
        player.close()
    for bag in bags:
        bag.close()
    node.destroy_node()


def play(player, *, wait_for):
    stop = threading.Event()
    assert player.wait_for_subscriber(wait_for, TIMEOUT, stop)
    return player.play(stop)


def positions():
    with Bag(SAMPLE) as bag:
        messages = [bag.decode(message) for message in bag.messages(["/odom"])]
    return [message.pose.pose.position.x for message in messages]


def test_every_message_is_played_once_and_in_order(listener, make_player):
    heard = listener.listen(Odometry, "/odom")
    wanted = positions()
    assert play(make_player("/odom", rate=20.0), wait_for="/odom") == len(wanted)
    wait_until(lambda: len(heard) >= len(wanted), "odometry")
    assert [message.pose.pose.position.x for message in heard] == wanted


def test_the_rate_shortens_the_pauses(listener, make_player):
    listener.listen(Odometry, "/odom")
    player = make_player("/odom", rate=10.0)
    with Bag(SAMPLE) as bag:
        seconds = (bag.end - bag.start) / 1e9
    start = time.monotonic()
    play(player, wait_for="/odom")
    assert time.monotonic() - start >= 0.95 * seconds / 10


def test_the_qos_is_as_recorded_and_who_comes_late_hears_what_was_latched(listener, make_player):
    make_player("/tf_static", rate=1000.0).play(threading.Event())
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    heard = listener.listen(TFMessage, "/tf_static", latched)
    wait_until(lambda: heard, "a latched transform")
    (offered,) = listener.node.get_publishers_info_by_topic("/tf_static")
    assert offered.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL


def test_the_clock_goes_as_the_bag_did(listener, make_player):
    listener.listen(Odometry, "/odom")
    heard = listener.listen(Clock, "/clock")
    player = make_player("/odom", rate=20.0, clock=True)
    wait_until(lambda: listener.node.count_publishers("/clock"), "publisher of /clock")
    play(player, wait_for="/odom")
    wait_until(lambda: len(heard) > 100, "clock")
    times = [message.clock.sec + message.clock.nanosec / 1e9 for message in heard]
    assert times == sorted(times)
    with Bag(SAMPLE) as bag:
        assert bag.start / 1e9 - 1e-3 <= times[0]
        assert times[-1] <= bag.end / 1e9 + 1e-3


@pytest.fixture
def run_player():
    started = []

    def run(*words):
        command = [sys.executable, "-m", "vlm_robot.ros.play_bag", *words]
        started.append(subprocess.Popen(command, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()


def test_a_loop_goes_on_until_it_is_interrupted(listener, run_player):
    heard = listener.listen(Odometry, "/odom")
    words = ("--topics", "/odom", "--wait-for", "/odom", "--rate", "40", "--loop")
    process = run_player(str(SAMPLE), *words)
    wait_until(lambda: len(heard) > 1.5 * len(positions()), "odometry of a second round")
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT) == 0
    assert "Traceback" not in process.stderr.read()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(("/nowhere",), "play_bag: there is no bag at /nowhere", id="no bag"),
        pytest.param((str(SAMPLE), "--rate", "0"), "--rate must be positive", id="rate of zero"),
    ],
)
def test_what_cannot_be_played_is_told(run_player, words, told):
    process = run_player(*words)
    assert process.wait(TIMEOUT) == 2
    assert told in process.stderr.read()
