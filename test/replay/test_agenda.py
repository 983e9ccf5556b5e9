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
