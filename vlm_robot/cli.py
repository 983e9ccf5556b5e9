"""`vlm-robot`: the commands that need no ROS graph."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "replay": ("vlm_robot.replay.command", "run every frame of a bag through the skills"),
    "evaluate": ("vlm_robot.evaluation.results.evaluate", "measure a replay against truth"),
    "evaluate robustness": (
        "vlm_robot.evaluation.robustness.command",
        "measure a replay's skills while image and words change",
    ),
    "evaluate dependence": (
        "vlm_robot.evaluation.dependence.command",
        "measure whether answers come from the picture",
    ),
    "compare": ("vlm_robot.evaluation.results.compare", "tell two replays of a bag apart"),
    "assemble": (
        "vlm_robot.answering.embedded.command",
        "put the embedded VLM together in the user's cache",
    ),
    "doctor": ("vlm_robot.replay.doctor", "look for what is missing on this machine or in a bag"),
}
"""Modules with `add_arguments` and `run`; imported when asked for, since models take seconds."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns its exit code."""
    words = _joined(sys.argv[1:] if argv is None else argv)
    arguments = _parser(words[0] if words else "").parse_args(words)
    return int(arguments.run(arguments))


def _joined(words: Sequence[str]) -> Sequence[str]:
    """The words with the name of a command of two words as one."""
    pair = " ".join(words[:2])
    return [pair, *words[2:]] if pair in COMMANDS else words


def replay() -> int:
    """`ros2 run vlm_robot replay …`."""
    return main(["replay", *sys.argv[1:]])


def _parser(asked: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vlm-robot", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (module_name, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text.capitalize()}.")
        if name == asked:
            module = import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
