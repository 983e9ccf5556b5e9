import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.answering.queries import Quality, RelationKind
from vlm_robot.answering.relations import (
    Places,
    between,
    comes_before,
    in_image,
    overlap,
    quality_values,
    related,
)

SIZE = (640, 480)


def places(*boxes, centers=None):
    boxes = np.array(boxes, np.float64).reshape(-1, 4)
    unknown = np.full((len(boxes), 3), np.nan)
    centers = unknown if centers is None else np.array(centers, np.float64)
    sizes = np.where(np.isfinite(centers), 0.1, np.nan)
    return Places(boxes, centers, sizes, SIZE)


LEFT, RIGHT = (100, 200, 140, 240), (300, 200, 340, 240)


@pytest.mark.parametrize(
    ("kind", "thing", "other", "likely"),
    [
        (RelationKind.LEFT_OF, LEFT, RIGHT, True),
        (RelationKind.LEFT_OF, RIGHT, LEFT, False),
        (RelationKind.RIGHT_OF, RIGHT, LEFT, True),
        (RelationKind.ABOVE, (300, 50, 340, 90), RIGHT, True),
        (RelationKind.BELOW, (300, 50, 340, 90), RIGHT, False),
        (RelationKind.ON, (320, 170, 350, 230), (200, 200, 500, 400), True),
        (RelationKind.ON, (320, 300, 350, 460), (200, 200, 500, 400), False),
        (RelationKind.ON, (20, 170, 50, 230), (200, 200, 500, 400), False),
        (RelationKind.IN, (320, 220, 340, 240), (300, 200, 400, 300), True),
        (RelationKind.IN, (100, 220, 140, 240), (300, 200, 400, 300), False),
        (RelationKind.NEXT_TO, (350, 200, 390, 240), RIGHT, True),
        (RelationKind.NEXT_TO, (10, 10, 30, 30), RIGHT, False),
    ],
)
def test_relations_in_the_image(kind, thing, other, likely):
    probability = related(kind, places(thing), places(other))[0, 0]
    assert probability > 0.8 if likely else probability < 0.2


def test_in_front_of_needs_depth():
    flat = related(RelationKind.IN_FRONT_OF, places(LEFT), places(RIGHT))
    assert np.isnan(flat).all()
    deep = related(
        RelationKind.IN_FRONT_OF,
        places(LEFT, centers=[(0, 0, 1.0)]),
        places(RIGHT, centers=[(1, 0, 2.0)]),
    )
    assert deep[0, 0] > 0.9


def test_far_apart_in_depth_is_not_on_nor_next_to():
    cup, table = (320, 170, 350, 230), (200, 200, 500, 400)
    for kind in (RelationKind.ON, RelationKind.NEXT_TO):
        near = related(kind, places(cup, centers=[(0, 0, 2)]), places(table, centers=[(0, 0, 2)]))
        far = related(kind, places(cup, centers=[(0, 0, 5)]), places(table, centers=[(0, 0, 2)]))
        assert far[0, 0] < 0.1 < near[0, 0]


def test_a_thing_has_no_place_to_itself():
    for kind in (RelationKind.ON, RelationKind.IN, RelationKind.NEXT_TO):
        assert related(kind, places(LEFT), places(LEFT))[0, 0] == 0.0


def test_between_in_the_image_and_in_space():
    middle = (200, 200, 240, 240)
    assert between(places(middle), places(LEFT), places(RIGHT))[0, 0, 0] > 0.8
    assert between(places(LEFT), places(middle), places(RIGHT))[0, 0, 0] < 0.2
    behind = between(
        places(middle, centers=[(0, 0, 6)]),
        places(LEFT, centers=[(-1, 0, 2)]),
        places(RIGHT, centers=[(1, 0, 2)]),
    )
    assert behind[0, 0, 0] < 0.2


@pytest.mark.parametrize(
    ("kind", "box"),
    [
        (RelationKind.LEFT, (0, 200, 60, 260)),
        (RelationKind.RIGHT, (580, 200, 640, 260)),
        (RelationKind.TOP, (300, 0, 340, 40)),
        (RelationKind.BOTTOM, (300, 440, 340, 480)),
        (RelationKind.MIDDLE, (310, 230, 330, 250)),
        (RelationKind.TOP_LEFT, (0, 0, 40, 40)),
        (RelationKind.BOTTOM_RIGHT, (600, 440, 640, 480)),
    ],
)
def test_places_in_the_image(kind, box):
    assert in_image(kind, places(box))[0] > 0.9


def test_a_far_thing_may_be_larger_than_a_near_one_of_the_same_box():
    things = places(LEFT, RIGHT, centers=[(0, 0, 1), (0, 0, 4)])
    values, scale = quality_values(Quality.LARGEST, things)
    assert comes_before(values, scale)[1, 0] > 0.99


boxes = st.lists(
    st.tuples(*[st.floats(0, 500)] * 2, *[st.floats(1, 140)] * 2).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    min_size=1,
    max_size=4,
)


@given(boxes, boxes)
@settings(max_examples=60, deadline=None)
def test_relations_are_probabilities_and_their_opposites_add_up(first, second):
    things, others = places(*first), places(*second)
    for kind in RelationKind:
        if kind.value.startswith(("in front", "behind")) or kind is RelationKind.BETWEEN:
            continue
        if " of" not in kind.value and kind.value.startswith(("on the", "at the", "in the")):
            values = in_image(kind, things)
        else:
            values = related(kind, things, others)
        assert ((values >= 0) & (values <= 1)).all()
    left = related(RelationKind.LEFT_OF, things, others)
    right = related(RelationKind.RIGHT_OF, things, others)
    apart = overlap(things.boxes, others.boxes) <= 0.8
    np.testing.assert_allclose((left + right)[apart], 1.0)
