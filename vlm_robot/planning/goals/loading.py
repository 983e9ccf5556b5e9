"""The interpreter of goals that the settings name."""

from __future__ import annotations

from pathlib import Path

from vlm_robot.answering.answerer import CancelToken
from vlm_robot.answering.server_options import ServerOptions
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.planning.goals.chat import ChatError, ChatInterpreter
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import GoalInterpreter
from vlm_robot.types import InputError

_MOST_TOKENS = 800
"""Of a reply: a goal of many wishes takes about half of them."""


def load_interpreter(name: str, *, server: ServerOptions) -> GoalInterpreter:
    """The interpreter called `embedded` or `server`, or the wishes in a YAML file.

    Raises:
        InputError: it is none of these, or the file can't be used.
        ModelError: the server has no address, or its package isn't installed.
    """
    if name == "embedded":
        return EmbeddedInterpreter()
    if name == "server":
        return _of_server(server)
    if Path(name).suffix in (".yaml", ".yml"):
        return ExplicitInterpreter.from_yaml(Path(name))
    raise InputError(
        f"`goal_interpreter` is '{name}': give embedded, server, or a YAML file of wishes"
    )


def _of_server(options: ServerOptions) -> ChatInterpreter:
    try:
        from vlm_robot.answering.server import ServerError, ServerProposer
    except ImportError as error:
        raise ModelError(
            "goal_interpreter 'server' needs the package openai: pip install 'vlm_robot[server]'"
        ) from error
    server = ServerProposer(options)

    def generate(prompt: str) -> str:
        try:
            return server.complete(prompt, most_tokens=_MOST_TOKENS, cancel=CancelToken())
        except ServerError as error:
            raise ChatError(str(error)) from error

    return ChatInterpreter(generate, fallback=EmbeddedInterpreter(), name=server.name)
