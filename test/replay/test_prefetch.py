"""Working ahead changes nothing but the time."""

import threading
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.replay.prefetch import prefetched


@given(st.lists(st.one_of(st.none(), st.integers())), st.integers(1, 5))
@settings(deadline=None)
def test_everything_comes_once_and_in_order(items, ahead):
    assert list(prefetched(iter(items), ahead=ahead)) == items


def test_an_error_comes_after_what_came_before_it():
    def items():
        yield 1
        raise LookupError("gone")

    seen = []
    with pytest.raises(LookupError, match="gone"):
        seen.extend(prefetched(items(), ahead=3))
    work = prefetched(items(), ahead=3)
    assert next(work) == 1


def test_no_more_is_made_than_asked_for():
    made = []

    def items():
        for number in range(100):
            made.append(number)
            yield number

    with closing(prefetched(items(), ahead=2)) as work:
        next(work)
    assert len(made) <= 1 + 2 + 2


def test_closing_ends_the_thread():
    before = threading.active_count()
    work = prefetched(iter(range(1000)), ahead=2)
    next(work)
    work.close()
    assert threading.active_count() == before
