"""Images paired with depth by stamp."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.stamp_pairing import PATIENCE, StampPairing

SLOP = 10
SECOND = 1_000_000_000


def run(*events):
    """Feed ('i' or 'd', stamp) events; return released (image stamp, depth stamp)."""
    pairing = StampPairing(SLOP)
    out = []
    for kind, stamp in events:
        out += pairing.add_image(stamp, stamp) if kind == "i" else pairing.add_depth(stamp, stamp)
    return [(pair.image, pair.depth) for pair in out]


def test_depth_first_pairs_at_once():
    assert run(("d", 100), ("i", 105)) == [(105, 100)]


def test_image_first_waits_for_its_depth():
    assert run(("i", 100), ("d", 109)) == [(100, 109)]


def test_depth_beyond_the_slop_is_not_taken():
    assert run(("d", 100), ("i", 111), ("i", 120)) == [(111, None)]


def test_the_nearest_depth_is_taken():
    assert run(("d", 95), ("d", 101), ("i", 100)) == [(100, 101)]


def test_a_later_depth_releases_an_image_whose_depth_was_lost():
    assert run(("i", 100), ("d", 150)) == [(100, None)]


def images(seconds):
    """Image events of so many seconds, ten a second."""
    return [("i", stamp) for stamp in range(0, seconds * SECOND + 1, SECOND // 10)]


def test_after_misses_no_image_waits_for_a_dead_depth_camera():
    events = images(PATIENCE // SECOND + 1)
    assert run(*events)[-1] == (events[-1][1], None)


def test_after_the_clock_was_set_back_no_image_waits_for_a_dead_depth_camera():
    events = [("d", 1000 * SECOND), *images(1)]
    assert run(*events)[-1] == (SECOND, None)


@given(
    ratio=st.integers(1, 8),
    period=st.integers(SECOND // 60, SECOND // 3),
    delay=st.floats(0.01, 0.9),
)
def test_each_image_with_a_depth_of_its_own_is_paired_whatever_the_depths_rate(
    ratio, period, delay
):
    with_depth = range(0, 40 * period, ratio * period)
    events = [(stamp, "i", stamp) for stamp in range(0, 40 * period, period)]
    events += [(stamp + delay * period, "d", stamp) for stamp in with_depth]
    pairs = run(*[(kind, stamp) for _, kind, stamp in sorted(events)])
    assert [pair for pair in pairs if pair[1] is not None] == [(s, s) for s in with_depth]


def test_pairs_again_when_depth_comes_back():
    now = (PATIENCE // SECOND + 2) * SECOND
    events = images(PATIENCE // SECOND + 1)
    assert run(*events, ("d", now), ("i", now))[-1] == (now, now)


def test_a_missing_depth_has_its_reason():
    pairing = StampPairing(SLOP)
    pairing.add_image(100, "image")
    assert pairing.flush()[0].missing == "no depth received yet"


@given(st.lists(st.tuples(st.sampled_from("id"), st.integers(0, 300))))
def test_each_image_comes_out_once_in_order_and_pairs_are_within_the_slop(events):
    pairing = StampPairing(SLOP)
    out = []
    for number, (kind, stamp) in enumerate(events):
        if kind == "i":
            out += pairing.add_image(stamp, (number, stamp))
        else:
            out += pairing.add_depth(stamp, stamp)
    out += pairing.flush()
    assert [p.image[0] for p in out] == [n for n, (kind, _) in enumerate(events) if kind == "i"]
    assert all(abs(p.image[1] - p.depth) <= SLOP for p in out if p.depth is not None)
