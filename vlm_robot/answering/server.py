"""Free questions to an OpenAI-compatible server: vLLM, `transformers serve`, llama.cpp, Ollama.

Where the server gives no answer in time, the local backend answers, and its answer says so.
"""

from __future__ import annotations

import base64
import logging
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import cv2
import numpy as np
import openai

from vlm_robot.answering.answerer import Answerer, CancelToken
from vlm_robot.answering.chat.boxes import answer_part, written_boxes
from vlm_robot.answering.chat.generation import within
from vlm_robot.answering.proposal import (
    FreeOptions,
    Proposal,
    answer_options,
    closed_prompt,
    entropy,
    family_scale,
    free_prompt,
)
from vlm_robot.answering.server_options import ServerError, ServerOptions
from vlm_robot.models.checkpoint import ModelError
from vlm_robot.types import Answer, Frame, Image

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_POLL = 0.02
"""Seconds between looks at the cancel flag while the server is silent."""
_RESERVE = 1.0
"""Seconds of the caller's deadline that are left for the local backend."""
_FIRST_WAIT = 0.25
_AGAIN = {408, 409, 425, 429}
_TOP = 20
"""Of the likeliest tokens that are asked for; what OpenAI's interface allows at most."""
_JPEG = 90
_MENDS = {
    401: "it refused the key: set OPENAI_API_KEY or `server_key_file`",
    403: "it doesn't let this key do that: use another key",
    404: "it knows no such address or model: check `server_url`, which mostly ends in /v1, and"
    " `server_model`",
    429: "it is asked too much",
}


class Said(NamedTuple):
    """A reply as it came: its text, and of each token the likeliest with their log-probability."""

    text: str
    tokens: tuple[tuple[float, Mapping[str, float]], ...]


class ServerProposer:
    """Asks the server; a cancel or the deadline takes effect while it is silent, too."""

    def __init__(self, server: ServerOptions, options: FreeOptions | None = None) -> None:
        """Raises:
        ModelError: there is no address, or the key's file can't be read.
        """
        self._server = server
        self._options = options or FreeOptions()
        url = server.url or os.environ.get("OPENAI_BASE_URL", "")
        if not url.startswith(("http://", "https://")):
            raise ModelError(
                f"'server' has the address '{url}': set `server_url`, or OPENAI_BASE_URL"
                " in the environment, such as http://localhost:8000/v1"
            )
        self._url = url
        self._key = _key(server.key_file)
        # The retries are ours: those of the client can't be cancelled while they wait.
        self._client = openai.OpenAI(base_url=url, api_key=self._key or "none", max_retries=0)
        self._model = server.model
        self._tells_chances = True
        self._asked: tuple[str, CancelToken, float] | None = None

    @property
    def name(self) -> str:
        """The model and its server's address."""
        return f"{self._model or 'server'} at {self._url}"

    def propose(
        self,
        question: str,
        frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Proposal:
        """Answer by the likeliest words; see `Proposer`.

        Raises:
            ServerError: the server gave no answer within its time.
        """
        cancel.check()
        until = self._end_of(question, cancel)
        self._find_model(until, cancel)
        scale = family_scale(self._model)
        image = within(frame.image, self._options.most_pixels)
        options = answer_options(question)
        prompt = closed_prompt(question, options) if options else free_prompt(question, scale)
        said = self._reply(_content(prompt, image), until, cancel, _Words(on_text))
        text = answer_part(said.text)
        if chances := option_chances(said, options):
            return Proposal(text, max(chances), entropy(chances))
        seen = (image.shape[1], image.shape[0])
        boxes = written_boxes(said.text, scale=scale, image_size=frame.size, seen_size=seen)
        return Proposal(text, *_sureness(said), boxes)

    def sample(
        self, question: str, frame: Frame, *, count: int, cancel: CancelToken
    ) -> tuple[str, ...]:
        """`count` answers drawn at random; see `Proposer`.

        Raises:
            ServerError: the server gave no answer within its time.
        """
        until = self._end_of(question, cancel)
        self._find_model(until, cancel)
        options = answer_options(question)
        scale = family_scale(self._model)
        image = within(frame.image, self._options.most_pixels)
        prompt = closed_prompt(question, options) if options else free_prompt(question, scale)
        content = _content(prompt, image)
        drawn = [
            self._reply(content, until, cancel, _Words(None), temperature=1.0) for _ in range(count)
        ]
        return tuple(answer_part(said.text) for said in drawn)

    def complete(self, prompt: str, *, most_tokens: int) -> str:
        """The reply to a prompt without an image, by the likeliest words.

        Raises:
            ServerError: the server gave no answer within its time.
        """
        until, cancel = time.monotonic() + self._server.timeout, CancelToken()
        self._find_model(until, cancel)
        content = [{"type": "text", "text": prompt}]
        return self._reply(content, until, cancel, _Words(None), most_tokens=most_tokens).text

    def _end_of(self, question: str, cancel: CancelToken) -> float:
        """time.monotonic() at which all calls for a question must be done.

        The same question with the same token is the one asked before.
        """
        if self._asked is None or self._asked[0] != question or self._asked[1] is not cancel:
            left = min(self._server.timeout, cancel.seconds_left - _RESERVE)
            self._asked = question, cancel, time.monotonic() + left
        return self._asked[2]

    def _find_model(self, until: float, cancel: CancelToken) -> None:
        if self._model:
            return
        listed = self._attempts(lambda left: self._first_model(left, cancel), until, cancel)
        if not listed:
            raise ServerError(f"{self._url} lists no model: set `server_model`")
        self._model = listed

    def _first_model(self, left: float, cancel: CancelToken) -> str:
        work = lambda put: put(next(iter(self._client.models.list(timeout=left)), None))  # noqa: E731
        (first,) = _cancellable(work, left, cancel)
        return str(first.id) if first is not None else ""

    def _reply(
        self,
        content: list[dict[str, Any]],
        until: float,
        cancel: CancelToken,
        words: _Words,
        *,
        temperature: float = 0.0,
        most_tokens: int = 0,
    ) -> Said:
        request: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            "max_tokens": most_tokens or self._options.most_tokens,
            "temperature": temperature,
        }

        def once(left: float) -> Said:
            more = {"logprobs": True, "top_logprobs": _TOP} if self._tells_chances else {}
            try:
                return self._stream({**request, **more}, left, cancel, words)
            except openai.APIStatusError as error:
                if not more or error.status_code not in (400, 422):
                    raise
            said = self._stream(request, left, cancel, words)
            self._tells_chances = False  # `transformers serve` refuses to be asked for them
            return said

        return self._attempts(once, until, cancel, words)

    def _attempts(
        self,
        once: Callable[[float], T],
        until: float,
        cancel: CancelToken,
        words: _Words | None = None,
    ) -> T:
        """What one of the attempts gives; the waits between them double, with some chance."""
        for attempt in range(self._server.retries + 1):
            left = until - time.monotonic()
            if left <= 0.0:
                break
            try:
                return once(left)
            except (openai.OpenAIError, OSError, ValueError) as error:
                problem = self._problem(error)
                _LOG.info("attempt %d at the server failed: %s", attempt + 1, problem)
                started = words is not None and words.sent
                if not _worth_another(error) or started or attempt == self._server.retries:
                    raise ServerError(problem) from None  # the cause may quote the key
            wait = _FIRST_WAIT * 2**attempt * random.uniform(1.0, 1.5)
            if time.monotonic() + wait >= until:
                raise ServerError(problem)
            cancel.wait(wait)
        raise ServerError(f"{self._url} gave no answer in {self._server.timeout:g} s")

    def _stream(
        self, request: dict[str, Any], left: float, cancel: CancelToken, words: _Words
    ) -> Said:
        text, tokens, finished = "", list[tuple[float, Mapping[str, float]]](), False

        def work(put: Callable[[Any], bool]) -> None:
            with self._client.chat.completions.create(
                stream=True, timeout=left, **request
            ) as stream:
                for chunk in stream:
                    if not put(chunk):
                        return

        for chunk in _cancellable(work, left, cancel):
            for choice in chunk.choices[:1]:
                text += choice.delta.content or ""
                tokens += _token_chances(choice)
                finished |= choice.finish_reason is not None
            words.show(text)
        if not finished:
            raise BrokenOffError("the server broke off, or it isn't an OpenAI-compatible one")
        return Said(text, tuple(tokens))

    def _problem(self, error: Exception) -> str:
        """What went wrong, and the mend, without the key."""
        if isinstance(error, openai.APIStatusError):
            why = _MENDS.get(error.status_code, "it failed")
            text = f"{self._url} answered with status {error.status_code}: {why}"
        elif isinstance(error, openai.APITimeoutError):
            text = f"{self._url} gave no answer in {self._server.timeout:g} s"
        elif isinstance(error, openai.APIConnectionError):
            cause = error.__cause__ or error
            text = f"{self._url} can't be reached or broke off ({cause}): is the server running?"
        elif isinstance(error, BrokenOffError):
            text = f"{self._url}: {error}"
        else:
            what = " ".join(str(error).split())[:120]
            text = f"{self._url} gave no usable answer ({what}): check `server_url`"
        return text.replace(self._key, "…") if self._key else text


class BrokenOffError(openai.OpenAIError):
    """The answer came without its end."""


class ServerAnswerer:
    """The server's answers, checked; while it gives none, those of the local backend."""

    def __init__(self, checked: Answerer, local: Answerer) -> None:
        self._checked = checked
        self._local = local

    @property
    def name(self) -> str:
        """The server's model."""
        return self._checked.name

    def answer(
        self,
        question: str,
        observation_frame: Frame,
        *,
        cancel: CancelToken,
        on_text: Callable[[str], None] | None = None,
    ) -> Answer:
        """Answer `question` from the frame; see `Answerer`."""
        try:
            return self._checked.answer(question, observation_frame, cancel=cancel, on_text=on_text)
        except ServerError as error:
            _LOG.warning("%s; '%s' answers instead", error, self._local.name)
            reason = f" (Answered on board: {error}.)"
        found = self._local.answer(question, observation_frame, cancel=cancel, on_text=on_text)
        if on_text is not None:
            on_text(reason)
        return replace(found, text=found.text + reason)


class _Words:
    """Hands on what of a growing reply is words."""

    def __init__(self, on_text: Callable[[str], None] | None) -> None:
        self._on_text = on_text
        self.sent = ""

    def show(self, text: str) -> None:
        words = answer_part(text).rstrip(" [{<`")  # perhaps the beginning of a box
        if self._on_text is not None and words.startswith(self.sent) and words != self.sent:
            self._on_text(words[len(self.sent) :])
            self.sent = words


def option_chances(said: Said, options: tuple[str, ...]) -> list[float]:
    """Probabilities of `options` by the reply's first token; empty where it doesn't tell them."""
    if not options or not said.tokens:
        return []
    weights = np.zeros(len(options))
    for token, log in said.tokens[0][1].items():
        plain = token.strip().lower()
        hits = [i for i, option in enumerate(options) if plain and option.startswith(plain)]
        if len(hits) == 1:
            weights[hits[0]] += np.exp(log)
    chosen = answer_part(said.text).lower()
    first = int(weights.argmax())
    if not weights.any() or not chosen.startswith(options[first]):
        return []
    return [float(w) for w in weights / weights.sum()]


def _sureness(said: Said) -> tuple[float | None, float | None]:
    """Geometric mean of the tokens' probabilities, and the mean entropy of what is told, nats."""
    if not said.tokens:
        return None, None
    entropies = []
    for _, top in said.tokens:
        p = np.exp(list(top.values()))
        rest = max(1.0 - float(p.sum()), 0.0)
        entropies.append(entropy([*p, rest]))
    return float(np.exp(np.mean([log for log, _ in said.tokens]))), float(np.mean(entropies))


def _token_chances(choice: Any) -> list[tuple[float, Mapping[str, float]]]:
    told = choice.logprobs.content if choice.logprobs is not None else None
    return [
        (t.logprob, {top.token: top.logprob for top in t.top_logprobs} or {t.token: t.logprob})
        for t in told or ()
    ]


def _content(prompt: str, image: Image) -> list[dict[str, Any]]:
    _, jpeg = cv2.imencode(".jpg", image[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG])
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode('ascii')}"
    return [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": prompt},
    ]


def _worth_another(error: Exception) -> bool:
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _AGAIN or error.status_code >= 500
    return isinstance(error, (openai.APIConnectionError, BrokenOffError))


def _cancellable(
    work: Callable[[Callable[[Any], bool]], object], left: float, cancel: CancelToken
) -> Iterator[Any]:
    """What `work` puts, from a thread of its own, until it ends; an error of it is raised here.

    A silent server can't be interrupted: on a cancel the thread is left to end by its time-out.

    Raises:
        openai.APITimeoutError: it took longer than `left` seconds.
    """
    pieces: queue.Queue[tuple[str, Any]] = queue.Queue()
    gone = threading.Event()
    end = time.monotonic() + left

    def put(piece: Any) -> bool:
        pieces.put(("piece", piece))
        return not gone.is_set()

    def run() -> None:
        try:
            work(put)
            pieces.put(("end", None))
        except Exception as error:  # noqa: BLE001  raised again by the thread that waits
            pieces.put(("error", error))

    threading.Thread(target=run, name="server request", daemon=True).start()
    try:
        while True:
            cancel.check()
            try:
                kind, value = pieces.get(timeout=_POLL)
            except queue.Empty:
                if time.monotonic() > end:
                    raise openai.APITimeoutError(request=None) from None  # type: ignore[arg-type]
                continue
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        gone.set()


def _key(file: str) -> str:
    if not file:
        return os.environ.get("OPENAI_API_KEY", "")
    try:
        return Path(file).expanduser().read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"`server_key_file` {file} can't be read: {error}") from error
