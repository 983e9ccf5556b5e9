"""An iterator that works ahead on a thread of its own."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_POLL = 0.1
"""Seconds after which a full queue is looked at again, in case nobody reads it any more."""


def prefetched(items: Iterator[T], *, ahead: int) -> Iterator[T]:
    """Yield `items` in their order while up to `ahead` more are made on a thread.

    What `items` raises is raised here, after what came before it. Closing this generator ends
    the thread.
    """
    queue: Queue[tuple[bool, T | None, BaseException | None]] = Queue(maxsize=ahead)
    stop = Event()
    thread = Thread(target=_fill, args=(items, queue, stop), name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            more, item, error = queue.get()
            if error is not None:
                raise error
            if not more:
                return
            yield item  # type: ignore[misc]
    finally:
        stop.set()
        _drain(queue)
        thread.join()


def _fill(
    items: Iterator[T], queue: Queue[tuple[bool, T | None, BaseException | None]], stop: Event
) -> None:
    try:
        for item in items:
            if not _put(queue, (True, item, None), stop):
                return
        _put(queue, (False, None, None), stop)
    except BaseException as error:  # noqa: BLE001  it is raised again where the items are used
        _put(queue, (False, None, error), stop)


def _put(queue: Queue[T], item: T, stop: Event) -> bool:
    while not stop.is_set():
        try:
            queue.put(item, timeout=_POLL)
        except Full:
            continue
        return True
    return False


def _drain(queue: Queue[T]) -> None:
    try:
        while True:
            queue.get_nowait()
    except Empty:
        return
