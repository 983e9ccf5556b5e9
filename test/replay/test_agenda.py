"""When questions and goals are due."""

import pytest

from vlm_robot.replay.agenda import SECOND, Agenda, Item, read_agenda
from vlm_robot.types import InputError

START = 100 * SECOND


def times(item, camera="front", hz=10, seconds=5):
    """Seconds at which an item is due, in a camera's frames."""
    agenda = Agenda([item], start=START, cameras=["front", "left"])
    steps = range(seconds * hz)
    return [s / hz for s in steps if agenda.due(camera, START + s * SECOND // hz)]


@pytest.mark.parametrize(
    ("item", "due"),
    [
        pytest.param(Item("?", every=1.0), [0, 1, 2, 3, 4], id="every second"),
        pytest.param(Item("?", every=1.25), [0, 1.3, 2.5, 3.8], id="at the next frame"),
        pytest.param(Item("?", at=2.5), [2.5], id="once"),
        pytest.param(Item("?", at=2.51), [2.6], id="once, at the next frame"),
        pytest.param(Item("?", at=2.0, every=1.5), [2.0, 3.5], id="from a time on"),
        pytest.param(Item("?", at=99.0), [], id="after the end"),
        pytest.param(Item("?", every=0.01), [s / 10 for s in range(50)], id="more than frames"),
        pytest.param(Item("?", camera="left"), [], id="another camera's"),
    ],
)
def test_what_is_due_when(item, due):
    assert times(item) == due


@pytest.mark.parametrize(
    ("item", "due"),
    [
        pytest.param(Item("?"), [2.2], id="without a time: at the first frame"),
        pytest.param(Item("?", at=2.2), [2.2], id="at the start"),
        pytest.param(Item("?", at=3.0), [3.0], id="after the start"),
        pytest.param(Item("?", at=1.0), [], id="before the start"),
        pytest.param(Item("?", every=1.0), [3.0, 4.0], id="again and again"),
        pytest.param(Item("?", at=0.7, every=1.5), [2.2, 3.7], id="from a time before the start"),
    ],
)
def test_what_is_due_when_a_part_is_replayed(item, due):
    begin = START + round(2.2 * SECOND)
    agenda = Agenda([item], start=START, cameras=["front"], begin=begin)
    steps = range(22, 50)
    assert [s / 10 for s in steps if agenda.due("front", START + s * SECOND // 10)] == due


def test_what_was_due_before_a_part_is_left_out_and_told():
    items = [Item("is it open?", at=1.25), Item("later?", at=3.0), Item("often?", every=1.0)]
    agenda = Agenda(items, start=START, cameras=["front"], begin=START + 2 * SECOND)
    assert agenda.left_out == [
        "'is it open?' is left out: it was due at 1.25 s, before what is replayed"
    ]


def test_what_was_never_asked_is_a_failure_that_says_when_it_was_due():
    items = [Item("now?"), Item("late?", at=9.5), Item("left?", every=1.0, camera="left")]
    agenda = Agenda(items, start=START, cameras=["front", "left"])
    agenda.due("front", START)
    late, left = agenda.never_asked()
    assert late.reason == (
        "'late?' was never asked: no image of camera 'front' that can be used came at 9.50 s,"
        " when it was due, or later"
    )
    assert (late.topic, late.log_time) == ("front", START + round(9.5 * SECOND))
    assert left.topic == "left"


def test_a_question_without_a_camera_is_for_the_first():
    agenda = Agenda([Item("?")], start=START, cameras=["front", "left"])
    assert not agenda.due("left", START)
    assert agenda.due("front", START)


def test_a_question_for_a_camera_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="'rear', which isn't replayed; there are front"):
        Agenda([Item("?", camera="rear")], start=0, cameras=["front"])


def test_a_file_gives_questions_and_goals(tmp_path):
    path = tmp_path / "agenda.yaml"
    path.write_text(
        "questions:\n  - ask: is it open?\n    at: 2.5\n    camera: left\n"
        "goals:\n  - goal: be safe\n"
    )
    assert read_agenda(path) == [
        Item("is it open?", 2.5, 0.0, "left"),
        Item("be safe", is_goal=True),
    ]


def test_a_time_of_zero_is_the_start_of_the_bag_and_no_time_that_of_the_replay(tmp_path):
    path = tmp_path / "agenda.yaml"
    path.write_text("questions: [{ask: a, at: 0}, {ask: b}]")
    assert [item.at for item in read_agenda(path)] == [0.0, None]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("questions: [", "can't read questions", id="not YAML"),
        pytest.param("- is it open?", "must hold 'questions'", id="a list"),
        pytest.param("asks: []", "must hold 'questions'", id="another key"),
        pytest.param("questions: [open]", "must have 'ask'", id="a bare question"),
        pytest.param("questions: [{at: 1}]", "must have 'ask'", id="no text"),
        pytest.param("questions: [{ask: a, when: 1}]", "must have 'ask'", id="an unknown word"),
        pytest.param("goals: [{ask: a}]", "must have 'goal'", id="a question as a goal"),
        pytest.param("goals: [{goal: a, at: -1}]", "seconds, 0 or more", id="before the start"),
        pytest.param("goals: [{goal: a, at: soon}]", "seconds, 0 or more", id="no number"),
        pytest.param("goals: [{goal: a, every: .nan}]", "seconds, 0 or more", id="not a number"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, text, told):
    path = tmp_path / "agenda.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_agenda(path)


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InputError, match="can't read questions"):
        read_agenda(tmp_path / "none.yaml")
