"""`vlm-robot`: the commands that need no ROS graph."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. Returns its exit code."""
    arguments = _parser(argv).parse_args(argv)
    return int(arguments.run(arguments))


def replay() -> int:
    """`ros2 run vlm_robot replay …`."""
    return main(["replay", *sys.argv[1:]])


def _parser(argv: Sequence[str] | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vlm-robot", description=__doc__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    text = "run every frame of a bag through the skills"
    command = commands.add_parser("replay", help=text, description=text.capitalize() + ".")
    words = sys.argv[1:] if argv is None else argv
    if "replay" in words[:1]:  # it brings the models' libraries, seconds that --help needn't wait
        from vlm_robot.replay import command as replay_command

        replay_command.add_arguments(command)
        command.set_defaults(run=replay_command.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
