"""Which OpenAI-compatible server answers; apart, so that it needs no client to be imported."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_robot.types import InputError


class ServerError(ConnectionError):
    """The server gave no answer. The text says why, and never holds the key."""


@dataclass(frozen=True, kw_only=True)
class ServerOptions:
    """Which server, and how long to wait for it.

    Attributes:
        url: mostly ends in /v1; empty: OPENAI_BASE_URL of the environment.
        model: as the server calls it; empty: the first that it lists.
        key_file: a file that holds the key; empty: OPENAI_API_KEY of the environment, or none.
        timeout: seconds for a question, its calls and retries in all; then the local backend
            answers.
        retries: further attempts where the server is busy or breaks off.
    """

    url: str = ""
    model: str = ""
    key_file: str = ""
    timeout: float = 10.0
    retries: int = 2

    def __post_init__(self) -> None:
        if not self.timeout > 0.0 or self.retries < 0:
            raise InputError(
                f"timeout {self.timeout} s must be above 0, and retries {self.retries} at least 0"
            )
