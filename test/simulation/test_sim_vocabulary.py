import json
from collections import Counter

import pytest

from vlm_robot.simulation.vocabulary import STYLES, Split, drawing_symbols, load_vocabulary

VOCABULARY = load_vocabulary()
SPLITS = ("train", "val", "calibration", "test")


def kinds(split, shown=None):
    """Kinds that have an instance of a split, shown in a data set split."""
    return {
        i.kind
        for i in VOCABULARY.instances
        if i.split is split and (shown is None or shown in i.shown)
    }


def taught():
    """Every phrase that training may use."""
    return {phrase for i in VOCABULARY.instances for phrase in i.train_phrases}


def test_there_are_at_least_a_hundred_kinds():
    assert len(VOCABULARY.kinds) >= 100


def test_most_kinds_have_several_instances():
    count = Counter(i.kind for i in VOCABULARY.instances)
    assert sum(number >= 2 for number in count.values()) > 0.9 * len(count)


def test_names_of_instances_are_unique():
    names = [i.name for i in VOCABULARY.instances]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("shown", ["test", "val"])
def test_training_shows_known_instances_alone(shown):
    assert all(i.split is Split.KNOWN for i in VOCABULARY.shown_in("train"))
    assert {i.split for i in VOCABULARY.shown_in(shown)} == set(Split)


def test_twenty_five_kinds_have_an_unseen_instance_and_known_ones():
    both = kinds(Split.UNSEEN_INSTANCE, "test") & kinds(Split.KNOWN)
    assert len(both) >= 25


def test_fifteen_kinds_are_never_trained_on():
    unseen = kinds(Split.UNSEEN_KIND, "test")
    assert len(unseen) >= 15
    assert not unseen & kinds(Split.KNOWN)


def test_other_names_are_of_kinds_that_training_knows():
    assert set(VOCABULARY.other_names) == kinds(Split.KNOWN)


def test_other_names_are_given_once():
    names = [name for some in VOCABULARY.other_names.values() for name in some]
    assert len(names) == len(set(names))


def test_val_and_test_share_nothing_that_is_held_out():
    held = [i for i in VOCABULARY.instances if i.split is not Split.KNOWN]
    assert all(len(i.shown) == 1 for i in held)
    assert not kinds(Split.UNSEEN_KIND, "test") & kinds(Split.UNSEEN_KIND, "val")


def test_held_out_shapes_are_held_out_in_every_colour():
    held = {
        (i.kind, i.form)
        for i in VOCABULARY.instances
        if i.split is Split.UNSEEN_INSTANCE and i.form
    }
    split_of = {
        i.split for i in VOCABULARY.instances if (i.kind, i.form) in held and i.source == "shape"
    }
    assert split_of == {Split.UNSEEN_INSTANCE}


def test_phrases_of_unseen_kinds_are_never_taught():
    for i in VOCABULARY.instances:
        if i.split is Split.UNSEEN_KIND:
            assert not i.train_phrases
            assert not taught() & set(i.heldout_phrases), i.name


def test_phrases_held_out_are_never_taught():
    held = {phrase for i in VOCABULARY.instances for phrase in i.heldout_phrases}
    assert not taught() & held


def test_every_instance_can_be_asked_for():
    for i in VOCABULARY.instances:
        own = i.heldout_phrases if i.split is Split.UNSEEN_KIND else i.train_phrases
        assert len(own) >= 2, i.name


def test_half_of_the_phrasings_held_out_have_new_words():
    words = {word for phrase in taught() for word in phrase.split()}
    held = {p for i in VOCABULARY.instances if i.train_phrases for p in i.heldout_phrases}
    new = [
        phrase for phrase in held if set(phrase.split()) - words - {"of", "a", "color", "figure"}
    ]
    assert len(new) >= len(held) / 2


def test_absent_phrases_name_nothing_that_is_there():
    true = {phrase for i in VOCABULARY.instances for phrase in i.phrases}
    assert len(VOCABULARY.absent_phrases) >= 30
    assert not true & set(VOCABULARY.absent_phrases)


def test_the_grid_of_colour_and_shape_is_full():
    for kind in ("ball", "cube", "cylinder", "cone", "pyramid"):
        members = [i for i in VOCABULARY.instances if i.kind == kind]
        forms, colours = {i.form for i in members}, {i.colour for i in members}
        assert len(members) == len(forms) * len(colours)
        assert len(colours) >= 10


def test_every_drawn_kind_has_every_style():
    names = {i.model for i in VOCABULARY.instances if i.source == "drawing"}
    assert len(names) == len(drawing_symbols()) * len(STYLES)


def test_it_survives_json():
    data = json.loads(json.dumps(VOCABULARY.as_json()))
    assert set(data["instances"]) == {i.name for i in VOCABULARY.instances}
    first = VOCABULARY.instances[0]
    assert data["instances"][first.name]["split"] == first.split.value
