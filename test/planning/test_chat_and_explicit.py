# ruff: noqa: E501  (a case reads best on one line)

import json

import pytest

from vlm_robot.planning.goals import interpreter
from vlm_robot.planning.goals.chat import ChatError, ChatInterpreter
from vlm_robot.planning.goals.explicit import ExplicitInterpreter
from vlm_robot.planning.goals.interpreter import RETRY, Interpretation, Remembering
from vlm_robot.planning.goals.loading import load_interpreter
from vlm_robot.types import InputError, Wish


class Scripted:
    """A chat model that gives prepared replies: no such model can run in this test."""

    def __init__(self, *replies):
        self.replies = list(replies)
        self.prompts = []

    def __call__(self, prompt):
        self.prompts.append(prompt)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


FALLBACK = ExplicitInterpreter(
    Interpretation(wishes=(Wish("smoothness", -1, 1.0, ""),), interpreter="fallback")
)
GOOD = json.dumps({"wishes": [{"name": "path_length", "direction": -1, "weight": 0.5}]})


def test_a_good_reply_is_taken():
    got = ChatInterpreter(Scripted(GOOD), fallback=FALLBACK).interpret("short")
    assert got.wishes == (Wish("path_length", -1, 0.5, "short"),)
    assert got.interpreter == "chat"


def test_json_in_a_fence_is_taken():
    reply = f"Sure!\n```json\n{GOOD}\n```"
    assert ChatInterpreter(Scripted(reply), fallback=FALLBACK).interpret("short").wishes


def test_a_refused_reply_is_sent_back_once_with_the_reason():
    model = Scripted('{"wishes": [{"name": "charm", "direction": 1, "weight": 1}]}', GOOD)
    got = ChatInterpreter(model, fallback=FALLBACK).interpret("short")
    assert got.interpreter == "chat"
    assert "'charm' isn't measured" in model.prompts[1]


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param("I would go left.", id="no JSON"),
        pytest.param('{"wishes": [', id="cut off"),
        pytest.param('{"feasible": [0]}', id="a field of its own"),
        pytest.param('{"wishes": [{"name": "path_length", "direction": -1, "weight": 7}]}', id="weight 7"),
        pytest.param('{"wishes": [{"name": "path_length", "direction": 0, "weight": 1}]}', id="direction 0"),
        pytest.param('{"limits": [{"name": "path_length", "relation": "<=", "value": 3, "unit": "km"}]}', id="unit"),
        pytest.param('{"landmarks": [{"phrase": "cat", "relation": "between", "weight": 1}]}', id="one of two"),
        pytest.param(ChatError("the server is down"), id="no server"),
        pytest.param(TimeoutError("5 s"), id="too slow"),
    ],
)  # fmt: skip
def test_a_bad_reply_falls_back_and_says_so(reply):
    got = ChatInterpreter(Scripted(reply, reply), fallback=FALLBACK).interpret("short")
    assert got.interpreter == "fallback"
    assert got.wishes == (Wish("smoothness", -1, 1.0, ""),)
    assert "was not used" in got.notes[0]


def test_the_goal_reaches_the_model_as_quoted_data():
    model = Scripted(GOOD)
    ChatInterpreter(model, fallback=FALLBACK).interpret('say "hi"')
    assert json.dumps('say "hi"') in model.prompts[0]


def test_weights_come_from_a_file(tmp_path):
    file = tmp_path / "weights.yaml"
    file.write_text(
        "wishes: {path_length: -1.0, mean_clearance: 0.5}\n"
        "limits: [{name: min_clearance, relation: '>=', value: 0.3}]\n"
        "landmarks: [{phrase: red couch, relation: left_of}]\n"
    )
    got = ExplicitInterpreter.from_yaml(file).interpret("whatever")
    assert [(w.name, w.direction, w.weight) for w in got.wishes] == [
        ("path_length", -1, 1.0),
        ("mean_clearance", 1, 0.5),
    ]
    assert got.limits[0].unit == "m"
    assert got.phrases() == ("red couch",)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("wishes: {charm: 1}", "'charm' isn't measured", id="unknown wish"),
        pytest.param("wishes: {path_length: .nan}", "must be finite", id="NaN weight"),
        pytest.param("wish: {path_length: 1}", "sections", id="unknown section"),
        pytest.param("limits: [{name: path_length}]", "isn't of the form", id="half a limit"),
        pytest.param("wishes: [", "can't be read", id="no YAML"),
        pytest.param("landmarks: [{phrase: cat, relation: on}]", "use one of near", id="relation"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(tmp_path, text, says):
    file = tmp_path / "weights.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=says):
        ExplicitInterpreter.from_yaml(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"weights\.yaml"):
        ExplicitInterpreter.from_yaml(tmp_path / "weights.yaml")


def test_the_settings_file_of_wishes_is_read(tmp_path):
    path = tmp_path / "wishes.yaml"
    path.write_text("wishes: {path_length: -1.0}")
    read = load_interpreter(str(path), connect=Scripted).interpret("whatever")
    assert [(wish.name, wish.direction) for wish in read.wishes] == [("path_length", -1)]


def test_another_interpreter_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="give embedded, server, or a YAML file"):
        load_interpreter("oracle", connect=Scripted)


class Counting:
    name = "counting"

    def __init__(self, *, lasting):
        self.lasting, self.count = lasting, 0

    def interpret(self, goal):
        self.count += 1
        return Interpretation(interpreter=goal, lasting=self.lasting)


@pytest.mark.parametrize(
    ("lasting", "later", "count"),
    [(True, 3600.0, 1), (False, 1.0, 1), (False, RETRY + 1, 2)],
    ids=["read once", "the stand-in's for a while", "then anew"],
)
def test_a_goal_is_read_once_unless_another_stood_in(monkeypatch, lasting, later, count):
    inner = Counting(lasting=lasting)
    remembering = Remembering(inner)
    for now in (0.0, later):
        monkeypatch.setattr(interpreter, "monotonic", lambda now=now: now)
        assert remembering.interpret("go").interpreter == "go"
    assert inner.count == count


def test_only_so_many_goals_are_remembered():
    inner = Counting(lasting=True)
    remembering = Remembering(inner)
    for number in range(100):
        remembering.interpret(str(number))
    remembering.interpret("99")
    assert inner.count == 100
    remembering.interpret("0")
    assert inner.count == 101


def test_the_goal_that_is_asked_for_all_along_is_not_forgotten():
    inner = Counting(lasting=True)
    remembering = Remembering(inner)
    for number in range(100):
        remembering.interpret("the way home")
        remembering.interpret(str(number))
    assert inner.count == 101
