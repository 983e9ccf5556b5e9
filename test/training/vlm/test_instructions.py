import json
import re
from collections import Counter

import numpy as np
import pytest
from rendered_scenes import write_scenes

from vlm_robot.answering.chat.boxes import BoxScale, written_boxes
from vlm_robot.evaluation.questions import make_questions
from vlm_robot.training.shots import load_shots
from vlm_robot.training.vlm.instructions import CANNOT_TELL, NOTHING, Instructor, wordings


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    return load_shots(write_scenes(tmp_path_factory.mktemp("scenes")))


def pairs_of(shots, number=0, times=40, **options):
    instructor = Instructor(shots, **options)
    return [p for seed in range(times)
            for p in instructor.make(shots[number], np.random.default_rng(seed))]  # fmt: skip


def answers(pairs, form):
    return [(p.question, p.answer) for p in pairs if p.form == form]


def test_the_same_seed_gives_the_same_pairs(shots):
    assert pairs_of(shots, times=3) == pairs_of(shots, times=3)


def test_existence_is_that_of_the_scene(shots):
    for question, answer in answers(pairs_of(shots, 2), "exists"):
        there = any(kind in question.lower() for kind in ("table", "mug"))
        assert answer == ("Yes" if there else "No")


def test_colours_are_those_of_the_scene(shots):
    true = {"table": "Brown", "mug": "Red", "bowl": "Blue", "chair": "Green"}
    for question, answer in answers(pairs_of(shots), "colour"):
        (kind,) = [k for k in true if k in question]
        assert answer == true[kind]


def test_sides_are_those_of_the_scene(shots):
    order = ["table", "mug", "bowl", "chair"]
    middles = dict(zip(order, [180, 115, 255, 340], strict=True))
    found = answers(pairs_of(shots), "is_side")
    assert found
    for question, answer in found:
        names = sorted((k for k in order if k in question), key=question.index)
        left = middles[names[0]] < middles[names[1]]
        assert answer == ("Yes" if left == ("left" in question) else "No")


def test_what_stands_on_what_and_how_far_it_is_come_from_placed_scenes(shots):
    pairs = pairs_of(shots)
    assert {a for _, a in answers(pairs, "on")} == {"A bowl and a mug", "A mug and a bowl"}
    assert "About 2.0 m" in {a for q, a in answers(pairs, "distance") if "table" in q}


def test_scenes_without_places_ask_for_none(tmp_path):
    shots = load_shots(write_scenes(tmp_path, placed=False), placed=False)
    forms = {p.form for p in pairs_of(shots)}
    assert "exists" in forms
    assert not forms & {"on", "is_on", "distance", "nearer", "is_before", "is_behind"}


def test_boxes_are_written_as_the_chat_backend_reads_them(shots):
    found = answers(pairs_of(shots), "box")
    assert found
    for _, answer in found:
        (box,) = written_boxes(answer, scale=BoxScale.THOUSAND, image_size=(384, 288))
        (thing,) = [t for t in shots[0].things if t.kind == box.label]
        assert np.abs(box.box - thing.box).max() < 0.5


def test_a_description_names_every_plain_thing_from_left_to_right(shots):
    assert {a for _, a in answers(pairs_of(shots), "describe")} == {
        "A mug, a table, a bowl and a chair."
    }


def test_a_list_is_one_from_left_to_right_too(shots):
    found = {a for _, a in answers(pairs_of(shots), "in_order")}
    assert found == {"A mug, a table, a bowl, a chair."}


def test_what_is_there_is_listed_first(shots):
    instructor = Instructor(shots)
    for seed in range(20):
        pairs = instructor.make(shots[0], np.random.default_rng(seed))
        assert pairs[0].form in {"describe", "in_order"}


def test_as_many_of_one_as_of_the_other_are_not_more(shots):
    found = answers(pairs_of(shots), "more")
    assert found
    assert {a for _, a in found} == {"No"}


def test_the_nearer_thing_is_asked_for_first_or_last(shots):
    found = answers(pairs_of(shots), "nearer")
    first = {question.index(answer.split()[-1]) < len(question) / 2 for question, answer in found}
    assert first == {True, False}


def test_points_are_those_of_the_scene(shots):
    true = {"table": "47, 69", "mug": "30, 45", "bowl": "66, 47", "chair": "89, 61"}
    pairs = pairs_of(shots)
    for question, answer in answers(pairs, "point"):
        (kind,) = [k for k in true if k in question]
        assert answer == true[kind]
    for question, answer in answers(pairs, "at_point"):
        (kind,) = [k for k in true if k in answer]
        assert true[kind] in question


def test_nobody_asks_what_is_at_the_middle_of_a_hidden_thing(tmp_path):
    folder = write_scenes(tmp_path)
    file = folder / "shard-00000" / "coco.json"
    coco = json.loads(file.read_text())
    for mug in [e for e in coco["annotations"] if e["kind"] == "mug"]:
        mug["bbox"] = (170, 180, 30, 40)
    file.write_text(json.dumps(coco))
    named = {a for _, a in answers(pairs_of(load_shots(folder)), "at_point")}
    assert "A mug" in named
    assert "A table" not in named


def test_yes_and_no_come_about_equally_often(shots):
    said = Counter(p.answer for p in pairs_of(shots, 1, 200))
    assert 0.4 < said["Yes"] / (said["Yes"] + said["No"]) < 0.75  # few kinds are there to miss


def test_what_cant_be_told_or_isnt_there_is_said_so(shots):
    pairs = pairs_of(shots, 2)
    assert {a for _, a in answers(pairs, "cannot_tell")} == {CANNOT_TELL}
    assert {a for _, a in answers(pairs, "not_there")} <= {
        "There is no bowl here.", "There is no chair here.",
    }  # fmt: skip


def test_without_negatives_nothing_absent_is_asked_for(shots):
    pairs = pairs_of(shots, 2, negatives=False)
    assert not {p.form for p in pairs} & {"cannot_tell", "not_there"}
    assert {a for _, a in answers(pairs, "exists")} == {"Yes"}


def test_a_blank_picture_shows_nothing(shots):
    pairs = Instructor(shots).make_blank(np.random.default_rng(0))
    assert {a for _, a in answers(pairs, "describe")} == {NOTHING}
    assert {a for _, a in answers(pairs, "exists")} == {"No"}


def test_no_wording_of_training_is_one_of_the_evaluation(shots):
    names = "|".join(sorted({n for s in shots for t in s.things for n in t.phrases}))

    def form(text):
        return re.sub(rf"\b(an? )?({names})s?\b", "*", text.lower().strip("?. "))

    asked = {form(q.text) for seed in range(30)
             for q in make_questions(shots, seed=seed, at_most=500)}  # fmt: skip
    taught = {form(p.question) for n in range(3) for p in pairs_of(shots, n, 100)}
    assert not asked & taught


def test_an_instance_that_mustnt_be_learned_is_never_named(tmp_path):
    folder = write_scenes(tmp_path)
    words = json.loads((folder / "vocabulary.json").read_text())
    words["instances"]["mug/plain/red"]["split"] = "unseen_instance"
    (folder / "vocabulary.json").write_text(json.dumps(words))
    pairs = pairs_of(load_shots(folder))
    assert pairs
    assert not [p for p in pairs if "mug" in p.question or "mug" in p.answer]


def test_every_form_has_several_wordings():
    assert min(map(len, wordings().values())) >= 2
