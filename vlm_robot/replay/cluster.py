"""The parts of a bag on the machines of a Ray cluster, their results in the order of the bag.

Every machine must reach the bag, and a model's folder, under the same path. A part whose worker
dies is done again by another one. Each part reads the bag from its start, for transforms, maps and
what is remembered, but looks at its own frames only: so the results don't depend on the parts.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from vlm_robot.detection.detector import ModelInfo
from vlm_robot.perception import Perception
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.records import Record
from vlm_robot.replay.runner import Runner
from vlm_robot.replay.work import Work
from vlm_robot.settings import Settings
from vlm_robot.types import InputError

PARTS_A_WORKER = 3
"""More, and a killed worker costs less; fewer, and the bag is read less often."""
LEAST_STEPS = 8
RETRIES = 10
"""Workers that may die over one part."""
CONNECT_SECONDS = 5.0
POLL_SECONDS = 0.2


class PartDone(NamedTuple):
    """What came of a part.

    Attributes:
        results: records, and the steps of the bag that they complete.
        info, labels: of the detector, and what it looked for.
        warnings: what was wrong with the bag.
        irregular: as the event reader's, of all that was read.
        is_last: the bag ends with it.
    """

    results: list[tuple[list[Record], int]]
    info: ModelInfo
    labels: tuple[str, ...]
    warnings: list[str]
    irregular: Counter[str]
    is_last: bool


class _Gathered:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.results: list[tuple[list[Record], int]] = []

    def write(self, records: list[Record], steps: int) -> None:
        """Keep the records."""
        self.results.append((records, steps))


def do_part(work: Work, first: int, last: int | None) -> PartDone:
    """Do the steps from `first` to before `last` (None: to the end), on this machine."""
    perception = _loaded(work.settings).anew()
    gathered = _Gathered()
    with Bag(work.path) as bag:
        reader = work.reader(bag)
        runner = Runner(
            perception, gathered, agenda=work.agenda(bag), goals=work.goals, batch=work.batch
        )
        runner.run(iter(reader), first=first, last=last)
        return PartDone(
            gathered.results,
            perception.detector.info,
            perception.prompts.labels,
            list(bag.warnings),
            reader.irregular,
            last is None,
        )


@lru_cache(maxsize=1)
def _loaded(settings: Settings) -> Perception:
    """The models, once in each process."""
    perception = Perception.load(settings)
    perception.warm_up()
    return perception


class Cluster:
    """A Ray cluster to work on; a context manager.

    Args:
        address: as `ray.init` takes it: HOST:PORT, 'auto', or 'local' for this machine alone.

    Raises:
        InputError: Ray isn't installed, or no cluster is there.
    """

    def __init__(self, address: str) -> None:
        self._ray = _ray()
        try:
            _knock(address)
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"there is no Ray cluster at '{address}': {error}; `ray start --head` starts one,"
                " --ray local works on this machine"
            ) from error

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *error: object) -> None:
        self._ray.shutdown()

    def parts(
        self, work: Work, bag: Bag, *, first: int, stop: Callable[[], bool]
    ) -> Iterator[PartDone]:
        """Do all steps from `first` on; yields the parts in their order until `stop` says so.

        Raises:
            BagError, InputError, ModelError: as on one machine.
        """
        absolute = _absolute(work)
        task = self._ray.remote(do_part).options(max_retries=RETRIES, **self._resources(work))
        waiting = [task.remote(absolute, *part) for part in self._split(work, bag, first)]
        try:
            while waiting:
                ready, _ = self._ray.wait(waiting[:1], timeout=POLL_SECONDS)
                if stop():
                    return
                if ready:
                    yield self._result(waiting.pop(0))
        finally:
            for reference in waiting:
                self._ray.cancel(reference, force=True)

    def _result(self, reference: Any) -> PartDone:
        try:
            done: PartDone = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise error.cause from error
        except self._ray.exceptions.RayError as error:
            raise InputError(f"a part of the bag failed on the cluster: {error}") from error
        return done

    def _resources(self, work: Work) -> dict[str, float]:
        """A part takes a core, and a GPU where the cluster has one and it may be used."""
        gpus = self._ray.cluster_resources().get("GPU", 0)
        wanted = work.settings.device != "cpu" and gpus > 0
        return {"num_cpus": 1, "num_gpus": 1 if wanted else 0}

    def _split(self, work: Work, bag: Bag, first: int) -> list[tuple[int, int | None]]:
        resources = self._ray.cluster_resources()
        workers = max(1, int(resources.get("GPU") or resources.get("CPU", 1)))
        return split(first, work.steps(bag), PARTS_A_WORKER * workers)


def split(first: int, steps: int, most: int) -> list[tuple[int, int | None]]:
    """Parts of a bag of about `steps` steps, at most `most`; the last has what remains."""
    size = max(LEAST_STEPS, -(-(steps - first) // most))
    starts = list(range(first, max(steps, first + 1), size))
    return list(zip(starts, [*starts[1:], None], strict=True))


def _knock(address: str) -> None:
    """Fail at once where nothing listens: Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


def _absolute(work: Work) -> Work:
    """Paths that hold wherever the part is done."""
    settings = work.settings
    folders = {
        name: str(Path(value).resolve())
        for name in ("detector", "answerer")
        if Path(value := getattr(settings, name)).exists()
    }
    return replace(work, path=work.path.resolve(), settings=settings.changed(folders))


def _ray() -> ModuleType:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise InputError(f"--ray needs Ray: pip install 'vlm_robot[ray]' ({error})") from error
    module: ModuleType = ray
    return module
