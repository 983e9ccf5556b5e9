"""Fixtures of the graph tests; they need rclpy and the built interfaces."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # for what these tests share: graph


@pytest.fixture(scope="session", autouse=True)
def ros():
    rclpy = pytest.importorskip("rclpy", reason="needs rclpy: run by `make test`")
    import graph  # noqa: F401 - sets the domain before the context is made

    rclpy.init()
    yield
    rclpy.try_shutdown()


@pytest.fixture
def make_graph(ros, tiny_checkpoint):
    """Makes graphs around a tiny OWLv2 with random weights: many boxes, real arithmetic."""
    from graph import Graph

    graphs = []

    def make(parameters=(), **options):
        defaults = {
            "detector": str(tiny_checkpoint("owlv2")),
            "prompts": ["chair", "red mug"],
            "threshold": 0.01,
            "max_detections": 5,
        }
        graphs.append(Graph(defaults | dict(parameters), **options))
        return graphs[-1]

    yield make
    for graph in graphs:
        graph.close()


@pytest.fixture
def run_node():
    from node_process import Process

    started = []

    def run(*parameters):
        started.append(Process(*parameters))
        return started[-1]

    yield run
    for node in started:
        node.process.kill()
