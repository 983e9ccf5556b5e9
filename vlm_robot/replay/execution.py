"""Where the work on a bag is done: in this process, or on a cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple, Protocol

from vlm_robot.detection.detector import ModelInfo
from vlm_robot.perception import Perception
from vlm_robot.replay.bag import Bag
from vlm_robot.replay.cluster import Cluster
from vlm_robot.replay.output import Output
from vlm_robot.replay.runner import Done, Runner
from vlm_robot.replay.work import Work


class Outcome(NamedTuple):
    """What a run came to.

    Attributes:
        info: of the detector.
        labels: what it looked for.
        irregular: as the event reader's.
        frames: that this run looked at.
        seconds: that it took, without loading models where they are loaded here.
    """

    complete: bool
    info: ModelInfo
    labels: tuple[str, ...]
    irregular: Counter[str]
    frames: int
    seconds: float


class Do(Protocol):
    """Does the work on a bag, from where `output` begins, until it is done or `stop` says so."""

    def __call__(
        self,
        work: Work,
        bag: Bag,
        output: Output,
        *,
        stop: Callable[[], bool],
        on_done: Callable[[Done], None],
    ) -> Outcome:
        """`on_done` hears of each frame, or of each part's last."""
        ...


def do_here(
    work: Work,
    bag: Bag,
    output: Output,
    *,
    stop: Callable[[], bool],
    on_done: Callable[[Done], None],
) -> Outcome:
    """Do the work in this process."""
    perception = Perception.load(work.settings)
    perception.warm_up()
    output.open()
    begun = perf_counter()
    reader = work.reader(bag)
    runner = Runner(perception, output, agenda=work.agenda(bag), goals=work.goals, batch=work.batch)
    complete = runner.run(iter(reader), first=output.done, stop=stop, on_done=on_done)
    return Outcome(
        complete,
        perception.detector.info,
        perception.prompts.labels,
        reader.irregular,
        runner.counts["frame"],
        perf_counter() - begun,
    )


def do_on(cluster: Cluster) -> Do:
    """Do the work on a cluster."""

    def do(
        work: Work,
        bag: Bag,
        output: Output,
        *,
        stop: Callable[[], bool],
        on_done: Callable[[Done], None],
    ) -> Outcome:
        output.open()
        begun = perf_counter()
        outcome = None
        frames, irregular = 0, Counter[str]()
        for part in cluster.parts(work, bag, first=output.done, stop=stop):
            for records, steps in part.results:
                output.write(records, steps)
                times = [record["log_time"] for record in records if record["kind"] == "frame"]
                frames += len(times)
                if times:
                    on_done(Done(frames, times[-1]))
            irregular |= part.irregular  # each part reads from the bag's start: the last has all
            bag.warnings += [text for text in part.warnings if text not in bag.warnings]
            seconds = perf_counter() - begun
            outcome = Outcome(part.is_last, part.info, part.labels, irregular, frames, seconds)
        if outcome is None:
            raise KeyboardInterrupt  # before the first part: nothing can be said of the models
        return outcome

    return do
