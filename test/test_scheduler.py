"""The scheduler: newest frames, requests between them, nothing lost without being counted."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.scheduler import (
    Batch,
    Request,
    RequestDeadlineError,
    Scheduler,
    SchedulerBusyError,
    SchedulerClosedError,
)

SECOND = 1_000_000_000


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def active(*cameras, clock, **options):
    scheduler = Scheduler(cameras or ("front",), clock=clock, **options)
    scheduler.activate(True)
    return scheduler


def frames(job):
    assert isinstance(job, Batch)
    return [ticket.frame for ticket in job.tickets]


def test_only_the_newest_frame_of_a_camera_waits(clock):
    scheduler = active(clock=clock)
    for number in range(200):
        scheduler.offer("front", number)
    assert frames(scheduler.take(block=False)) == [199]
    assert scheduler.take(block=False) is None
    assert scheduler.counts()["front"].dropped == 199


def test_ready_frames_of_all_cameras_come_as_one_batch_oldest_first(clock):
    scheduler = active("front", "rear", "left", clock=clock)
    for camera in ("rear", "left", "front"):
        clock.now += 1
        scheduler.offer(camera, camera)
    assert frames(scheduler.take(block=False)) == ["rear", "left", "front"]


def test_a_request_goes_before_waiting_frames(clock):
    scheduler = active(clock=clock)
    scheduler.offer("front", "frame")
    scheduler.request(lambda: None, timeout=1)
    assert isinstance(scheduler.take(block=False), Request)


def test_frames_have_their_turn_between_requests(clock):
    scheduler = active(clock=clock)
    for _ in range(3):
        scheduler.request(lambda: None, timeout=1)
    scheduler.offer("front", "frame")
    kinds = [type(scheduler.take(block=False)) for _ in range(4)]
    assert kinds == [Request, Batch, Request, Request]


def test_a_full_queue_refuses_and_says_how_many_wait(clock):
    scheduler = active(clock=clock, request_queue=2)
    scheduler.request(lambda: None, timeout=1)
    scheduler.request(lambda: None, timeout=1)
    with pytest.raises(SchedulerBusyError, match="2 requests wait"):
        scheduler.request(lambda: None, timeout=1)


def test_a_job_of_the_node_itself_is_never_refused_nor_late(clock):
    scheduler = active(clock=clock, request_queue=1)
    scheduler.request(lambda: None, timeout=1)
    future = scheduler.request(lambda: "done", own=True)
    clock.now = 1_000_000 * SECOND
    scheduler.take(block=False).run()
    assert future.result(0) == "done"


def test_a_cancelled_request_makes_room_and_is_not_run(clock):
    scheduler = active(clock=clock, request_queue=1)
    ran = []
    scheduler.request(lambda: ran.append(1), timeout=1).cancel()
    future = scheduler.request(lambda: ran.append(2), timeout=1)
    scheduler.take(block=False).run()
    assert future.result(0) is None
    assert ran == [2]


def test_a_request_past_its_deadline_fails_without_being_run(clock):
    scheduler = active(clock=clock)
    future = scheduler.request(lambda: None, timeout=0.5)
    clock.now = SECOND
    assert scheduler.take(block=False) is None
    with pytest.raises(RequestDeadlineError):
        future.result(0)


def test_what_a_request_raises_reaches_the_asker(clock):
    scheduler = active(clock=clock)
    future = scheduler.request(lambda: 1 // 0, timeout=1)
    scheduler.take(block=False).run()
    with pytest.raises(ZeroDivisionError):
        future.result(0)


def test_inactive_frames_are_dropped_and_counted_but_requests_are_served(clock):
    scheduler = active(clock=clock)
    scheduler.offer("front", 1)
    scheduler.activate(False)
    scheduler.offer("front", 2)
    scheduler.request(lambda: None, timeout=1)
    assert isinstance(scheduler.take(block=False), Request)
    assert scheduler.take(block=False) is None
    assert scheduler.counts()["front"].dropped == 2


def test_a_batch_has_what_waits_elsewhere_when_it_is_made(clock):
    waiting = ["new"]

    def pull():
        while waiting:
            scheduler.offer("front", waiting.pop())

    scheduler = active(clock=clock, pull=pull)
    scheduler.offer("front", "old")
    assert frames(scheduler.take(block=False)) == ["new"]


def test_frames_are_wanted_while_the_taking_thread_waits_for_one():
    told = threading.Event()
    scheduler = Scheduler(("front", "rear"), on_idle=told.set, max_rate=0.001)
    scheduler.activate(True)
    scheduler.offer("front", 0)
    scheduler.take()  # the next frame of front isn't due for long
    assert not scheduler.wants("front")
    thread = threading.Thread(target=scheduler.take)
    thread.start()
    assert told.wait(10)
    assert scheduler.wants("front")
    scheduler.offer("front", 1)
    assert not scheduler.wants("front")
    assert scheduler.wants("rear")
    scheduler.close()
    thread.join(10)


def test_frames_that_were_overtaken_elsewhere_are_counted_as_dropped(clock):
    scheduler = active(clock=clock)
    scheduler.miss("front", 3)
    assert scheduler.counts()["front"][:3] == (3, 0, 3)


def test_age_is_from_arrival_to_publication(clock):
    scheduler = active(clock=clock)
    scheduler.offer("front", 1)
    ticket = scheduler.take(block=False).tickets[0]
    clock.now += SECOND // 4
    scheduler.finish(ticket)
    assert scheduler.counts()["front"].age_p50 == pytest.approx(0.25)


def test_age_counts_what_a_frame_waited_before_it_was_offered(clock):
    scheduler = active(clock=clock)
    clock.now = SECOND
    scheduler.offer("front", 1, received=SECOND // 2)
    scheduler.finish(scheduler.take(block=False).tickets[0])
    assert scheduler.counts()["front"].age_p50 == pytest.approx(0.5)


def test_a_rate_limit_keeps_the_newest_frame_until_it_is_due(clock):
    scheduler = active(clock=clock, max_rate=2.0)
    scheduler.offer("front", 1)
    assert frames(scheduler.take(block=False)) == [1]
    clock.now = SECOND // 4
    scheduler.offer("front", 2)
    assert scheduler.take(block=False) is None
    scheduler.offer("front", 3)
    clock.now = SECOND // 2
    assert frames(scheduler.take(block=False)) == [3]


@given(st.integers(1, 60), st.lists(st.integers(0, SECOND // 20), min_size=50, max_size=200))
def test_a_rate_limit_holds_on_average(rate, gaps):
    clock = Clock()
    scheduler = active(clock=clock, max_rate=float(rate))
    taken = 0
    for gap in gaps:
        clock.now += gap
        scheduler.offer("front", 0)
        taken += scheduler.take(block=False) is not None
    # One at the start, and one more that an idle time before may have saved up.
    assert taken <= clock.now * rate / SECOND + 2


def test_close_ends_a_waiting_thread_and_fails_waiting_requests():
    scheduler = Scheduler(("front",))
    jobs = []
    thread = threading.Thread(target=lambda: jobs.append(scheduler.take()))
    thread.start()
    scheduler.close()
    thread.join(10)
    assert jobs == [None]
    with pytest.raises(SchedulerClosedError):
        scheduler.request(lambda: None, timeout=1)


def test_a_waiting_thread_wakes_for_a_frame():
    scheduler = Scheduler(("front",))
    scheduler.activate(True)
    jobs = []
    thread = threading.Thread(target=lambda: jobs.append(scheduler.take()))
    thread.start()
    scheduler.offer("front", "frame")
    thread.join(10)
    assert frames(jobs[0]) == ["frame"]


STEPS = st.lists(
    st.sampled_from(
        ["offer a", "offer b", "refuse a", "miss b", "take", "finish", "fail", "stop", "start"]
    )
)


@given(STEPS)
def test_every_frame_is_accounted_for(steps):
    scheduler = active("a", "b", clock=Clock())
    under_way = []
    for step in steps:
        match step.split():
            case ["offer", camera]:
                scheduler.offer(camera, 0)
            case ["refuse", camera]:
                scheduler.refuse(camera)
            case ["miss", camera]:
                scheduler.miss(camera, 2)
            case ["take"] if job := scheduler.take(block=False):
                under_way += job.tickets
            case ["finish"] if under_way:
                scheduler.finish(under_way.pop())
            case ["fail"] if under_way:
                scheduler.finish(under_way.pop(), failed=True)
            case [("stop" | "start") as word]:
                scheduler.activate(word == "start")
    scheduler.close()
    for camera, counts in scheduler.counts().items():
        pending = sum(ticket.camera == camera for ticket in under_way)
        assert counts.received == counts.processed + counts.dropped + counts.failed + pending
