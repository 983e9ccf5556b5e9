"""The interpreter of goals that the settings name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vlm_robot.planning.goals.chat import ChatInterpreter
from vlm_robot.planning.goals.embedded import EmbeddedInterpreter
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import GoalInterpreter
from vlm_robot.types import InputError

_MOST_TOKENS = 800
"""Of a reply: a goal of many wishes takes about half of them."""


class TextModel(Protocol):
    """Continues text."""

    @property
    def name(self) -> str:
        """Of the model, for the record."""
        ...

    def complete(self, prompt: str, *, most_tokens: int) -> str:
        """The reply to a prompt.

        Raises:
            ConnectionError: there is none; the text says why.
        """
        ...


def load_interpreter(name: str, *, connect: Callable[[], TextModel]) -> GoalInterpreter:
    """The interpreter called `embedded` or `server`, or the wishes in a YAML file.

    Args:
        connect: gives the server's model; called for `server` only.

    Raises:
        InputError: it is none of these, or the file can't be used.
        ModelError: through `connect`.
    """
    if name == "embedded":
        return EmbeddedInterpreter()
    if name == "server":
        model = connect()
        return ChatInterpreter(
            lambda prompt: model.complete(prompt, most_tokens=_MOST_TOKENS),
            fallback=EmbeddedInterpreter(),
            name=model.name,
        )
    if Path(name).suffix in (".yaml", ".yml"):
        return ExplicitInterpreter.from_yaml(Path(name))
    raise InputError(
        f"`goal_interpreter` is '{name}': give embedded, server, or a YAML file of wishes"
    )
