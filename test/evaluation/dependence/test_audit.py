"""Whether answers come from the picture: models that look, that guess, and that remember."""

import json

import cv2
import numpy as np
import pytest
import torch
from tiny_vqa_model import MARKS_AND_WORDS, save_blip

from vlm_robot.cli import main
from vlm_robot.evaluation.dependence.answerers import load_answering
from vlm_robot.evaluation.dependence.audit import Reply, audit, figures
from vlm_robot.evaluation.dependence.cases import Case, read_cases
from vlm_robot.evaluation.dependence.masking import GREY, blanked, elsewhere, without
from vlm_robot.types import Frame, InputError

BOX = np.array([[10, 10, 30, 30]], np.float32)
NOTHING = np.zeros((0, 4), np.float32)


def frame(*, red):
    image = np.full((60, 80, 3), 90, np.uint8)
    if red:
        image[10:30, 10:30] = (220, 20, 20)
    return Frame("front", 0, "", image, np.ones((60, 80), np.float32))


CASES = [
    Case(frame(red=True), "Is it red?", ("yes",), BOX),
    Case(frame(red=False), "Is it red?", ("no",), NOTHING),
] * 4


class Looks:
    """Answers from the pixels."""

    name = "looks"

    def reply(self, picture, question):
        red = picture.image[..., 0].astype(int) - picture.image[..., 1]
        return Reply("yes", 0.9, BOX) if (red > 100).any() else Reply("no", 0.8, NOTHING)

    def probability(self, picture, question, reply):
        now = self.reply(picture, question)
        return now.probability if now.text == reply.text else 1 - now.probability


class Guesses:
    """Answers yes, whatever is shown."""

    name = "guesses"

    def reply(self, picture, question):
        return Reply("yes", 0.7, BOX)

    def probability(self, picture, question, reply):
        return 0.7


def test_a_model_that_looks_loses_its_answer_with_the_evidence_alone():
    found = figures(audit(Looks(), CASES, seed=0))["yes or no"]
    assert found["right"] == 1.0
    assert found["right with a blank picture"] == 0.5 == found["chance"]
    drops = found["probability drop of right answers"]
    assert drops["evidence masked"] == pytest.approx(0.7)
    assert drops["equal area masked"] == pytest.approx(0.0)
    assert drops["blank"] == pytest.approx(0.35)  # "no" stays as likely


def test_a_model_that_guesses_keeps_all_its_right_answers():
    found = figures(audit(Guesses(), CASES, seed=0))["yes or no"]
    assert found["right"] == 0.5
    assert found["right answers that survive a blank picture"] == 1.0
    assert set(found["probability drop of right answers"].values()) == {0.0}


def test_forms_are_told_apart():
    more = [Case(frame(red=True), "How many?", ("2",), NOTHING)]
    found = figures(audit(Guesses(), CASES + more, seed=0))
    assert list(found) == ["number", "yes or no", "all"]
    assert found["number"]["chance"] == 1.0


def test_a_blank_picture_shows_nothing_and_measures_nothing():
    blank = blanked(frame(red=True))
    assert (blank.image == GREY).all()
    assert np.isnan(blank.depth).all()


def test_what_is_masked_is_the_box_alone():
    masked = without(frame(red=True), BOX)
    changed = (masked.image != frame(red=True).image).any(axis=2)
    assert changed[10:30, 10:30].all()
    assert changed.sum() == 400
    assert np.isnan(masked.depth).sum() == 400


def test_the_other_area_is_as_large_inside_the_picture_and_not_on_the_box():
    rng = np.random.default_rng(0)
    for _ in range(20):
        (x1, y1, x2, y2) = elsewhere(BOX, (80, 60), rng)[0]
        assert (x2 - x1, y2 - y1) == pytest.approx((20, 20))
        assert min(x1, y1) >= 0
        assert x2 <= 80
        assert y2 <= 60
        assert x1 >= 30 or y1 >= 30


@pytest.fixture
def cases_file(tmp_path):
    folder = tmp_path / "cases"
    folder.mkdir()
    cv2.imwrite(str(folder / "one.png"), frame(red=True).image[..., ::-1])
    asked = [
        {"image": "one.png", "ask": "is there a red square ?", "answer": word, "box": [1, 2, 9, 9]}
        for word in (True, "no", "red", "circle", "blue", "a", "the")
    ]
    (folder / "cases.json").write_text(json.dumps(asked))
    return folder / "cases.json"


def test_cases_are_read(cases_file):
    first = read_cases(cases_file)[0]
    assert first.accepted == ("yes",)
    assert first.boxes.tolist() == [[1, 2, 9, 9]]
    assert np.array_equal(first.frame.image, frame(red=True).image)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("[]", "must be a list", id="empty"),
        pytest.param("- {ask: a}", "must have 'image'", id="no image"),
        pytest.param("- {image: no.png, ask: a, answer: b}", "can't be read", id="missing image"),
        pytest.param("- {image: ../one.png, ask: a, answer: b}", "outside", id="outside"),
        pytest.param("[", "can't read", id="no YAML"),
    ],
)
def test_wrong_cases_are_refused_with_the_mend(cases_file, content, text):
    cases_file.write_text(content)
    with pytest.raises(InputError, match=text):
        read_cases(cases_file)


def test_the_command_audits_and_traces_a_vqa_model(cases_file, tmp_path, capsys):
    folder = tmp_path / "blip"
    folder.mkdir()
    save_blip(folder)
    talkative = load_answering(str(folder))
    with torch.no_grad():
        talkative.model.text_decoder.cls.predictions.bias[MARKS_AND_WORDS.index("red")] += 50
    talkative.model.save_pretrained(folder)
    cases_file.write_text('[{image: one.png, ask: "what colour is it ?", answer: red}]')
    words = ["evaluate", "dependence", str(cases_file), "--model", str(folder), "--trace", "1"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    content = json.loads((tmp_path / "out" / "dependence.json").read_text())
    assert content["answers"]["open"]["right"] == 1.0
    assert content["traces"]["answers"] == 1
    assert (tmp_path / "out" / "traces.png").exists()
    assert "probability drop" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "text"),
    [
        pytest.param([], "name one with --model", id="no model"),
        pytest.param(["--trace", "2"], "--trace looks into", id="nothing to trace"),
        pytest.param(["--model", "nowhere/at-all"], "nowhere/at-all", id="unknown model"),
    ],
)
def test_the_command_says_what_is_missing(cases_file, capsys, more, text):
    assert main(["evaluate", "dependence", str(cases_file), *more]) == 2
    assert text in capsys.readouterr().err
