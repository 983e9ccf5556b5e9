import numpy as np
import pytest

from vlm_robot.planning.landmark_memory import LandmarkMemory
from vlm_robot.planning.landmarks import SeenLandmark, checked, measure_relation
from vlm_robot.planning.paths import join, resample
from vlm_robot.types import InputError, LandmarkWish, PathCandidate

SECOND = 1_000_000_000


def measured(relation, points, *things, others=(), radius=0.0):
    candidate = PathCandidate("map", [(x, y, 0.0) for x, y in points])
    wish = LandmarkWish("thing", relation, 1.0, "", "other" if others else "")
    paths = resample(join([candidate]), 0.05)
    return float(measure_relation(paths, wish, things, others, radius=radius)[0])


def thing(x, y, across=0.0, along=0.0, phrase="thing"):
    return SeenLandmark(phrase, (x, y, 0.5), (across, along, 1.0))


ALONG = [(0, 0), (10, 0)]


@pytest.mark.parametrize(
    ("relation", "landmark", "value"),
    [
        pytest.param("near", thing(5, 2), 2.0, id="distance to a point"),
        pytest.param("near", thing(5, 2, 2, 2), 1.0, id="distance to a box"),
        pytest.param("avoid", thing(5, 9), 3.0, id="far enough is far enough"),
        pytest.param("towards", thing(10, 4), 4.0, id="from the path's end"),
        pytest.param("never_cross", thing(5, 9), 0.0, id="not crossed"),
        pytest.param("never_cross", thing(5, 0, 2, 1), 2.0, id="crossed for two metres"),
    ],
)
def test_a_relation_has_the_value_of_its_definition(relation, landmark, value):
    assert measured(relation, ALONG, landmark) == pytest.approx(value, abs=0.06)


def test_the_robot_s_radius_is_taken_off():
    assert measured("near", ALONG, thing(5, 2), radius=0.5) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("points", "y", "sign"),
    [
        pytest.param(ALONG, -1, 1, id="on the right hand"),
        pytest.param(ALONG, 1, -1, id="on the left hand"),
        pytest.param(ALONG[::-1], -1, -1, id="the other way along"),
        pytest.param([(0, 0), (5, -3), (10, 0)], -1, -1, id="round behind it"),
    ],
)
def test_left_of_leaves_the_landmark_on_the_right_hand(points, y, sign):
    assert np.sign(measured("left_of", points, thing(5, y))) == sign


def test_between_is_zero_only_through_the_gap():
    gate = thing(5, 1), (thing(5, -1, phrase="other"),)
    assert measured("between", ALONG, gate[0], others=gate[1]) == 0.0
    around = [(0, 0), (5, 3), (10, 0)]
    assert measured("between", around, gate[0], others=gate[1]) > 2.0


def test_between_two_of_a_kind_is_not_at_either_of_them():
    couches = thing(5, 0), thing(5, 6)
    assert measured("between", ALONG, *couches, others=couches) == pytest.approx(3.0, abs=0.06)


@pytest.mark.parametrize(
    ("landmark", "says"),
    [
        (SeenLandmark("cat", (float("nan"), 0, 0)), "leave out what has no 3D"),
        (SeenLandmark("cat", (0, 0, 0), (-1, 0, 0)), "has the size"),
    ],
)
def test_a_landmark_that_cannot_be_is_refused(landmark, says):
    with pytest.raises(InputError, match=says):
        checked([landmark])


def test_memory_forgets_what_is_old():
    memory = LandmarkMemory(seconds=5.0)
    memory.add(thing(1, 1), stamp=0)
    assert memory.recall(stamp=4 * SECOND, robot=(0, 0))[0].age_s == pytest.approx(4.0)
    assert memory.recall(stamp=6 * SECOND, robot=(0, 0)) == ()


def test_memory_forgets_what_is_far():
    memory = LandmarkMemory(metres=5.0)
    memory.add(thing(1, 1), stamp=0)
    assert memory.recall(stamp=0, robot=(9, 9)) == ()


def test_memory_forgets_nothing_as_far_where_the_robot_is_unknown():
    memory = LandmarkMemory(metres=5.0)
    memory.add(thing(50, 50), stamp=0)
    assert len(memory.recall(stamp=0, robot=None)) == 1


def test_a_newer_sighting_takes_the_place_of_an_older_one():
    memory = LandmarkMemory(same_place=0.5)
    memory.add(thing(1.0, 1), stamp=0)
    memory.add(thing(1.2, 1), stamp=SECOND)
    memory.add(thing(1.1, 1), stamp=0)
    (known,) = memory.recall(stamp=SECOND, robot=(0, 0))
    assert known.position[0] == 1.2


def test_memory_is_bounded():
    memory = LandmarkMemory(capacity=3)
    for place in range(10):
        memory.add(thing(place, 0), stamp=place)
    assert len(memory) == 3
