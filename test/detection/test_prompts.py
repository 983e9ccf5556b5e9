from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_robot.detection.prompts import (
    MAX_PHRASE_LENGTH,
    MAX_PROMPTS,
    Exemplar,
    prompt_set,
)
from vlm_robot.types import InputError

IMAGE = np.zeros((48, 64, 3), np.uint8)
words = st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40)
phrases = words.filter(lambda text: text.split())


def exemplar(name="my mug", boxes=((10, 10, 20, 20),), image=IMAGE):
    return Exemplar(name, image, np.array(boxes, np.float32))


@given(st.lists(phrases, max_size=30), st.floats(0, 1))
def test_any_phrases_become_a_set_with_one_threshold_each(asked, threshold):
    prompts = prompt_set(asked, threshold=threshold)
    assert list(prompts.labels) == list(dict.fromkeys(" ".join(p.split()) for p in asked))
    assert prompts.thresholds == (threshold,) * len(prompts.labels)


@given(st.lists(phrases, min_size=1, max_size=10), st.data())
def test_gathering_a_gathered_set_changes_nothing(asked, data):
    least = data.draw(st.lists(st.floats(0, 1), min_size=len(asked), max_size=len(asked)))
    once = prompt_set(asked, threshold=0.5, thresholds=least)
    assert prompt_set(once.phrases, threshold=0.9, thresholds=once.thresholds) == once


@given(st.text(max_size=2000))
def test_any_text_is_a_prompt_or_refused_as_input(text):
    with suppress(InputError):
        (label,) = prompt_set([text], threshold=0.3).labels
        assert 0 < len(label) <= MAX_PHRASE_LENGTH


@pytest.mark.parametrize(
    "phrase",
    [
        pytest.param("🦆", id="emoji"),
        pytest.param("👩‍🚒", id="emoji joined by a zero-width joiner"),
        pytest.param("红色的椅子", id="Chinese"),
        pytest.param("كرسي", id="Arabic, right to left"),
        pytest.param("chaise à côté de l'évier", id="accents"),
    ],
)
def test_phrases_in_any_script_are_kept_as_they_were_asked(phrase):
    assert prompt_set([phrase], threshold=0.3).labels == (phrase,)


@pytest.mark.parametrize(
    ("asked", "wrong"),
    [
        pytest.param([""], "is empty", id="empty"),
        pytest.param(["chair", " \t\n"], "is empty", id="only white space"),
        pytest.param(["x" * 10_240], "has 10240 characters", id="10 kB"),
        pytest.param(["x" * (MAX_PHRASE_LENGTH + 1)], "1000 are the most", id="one too long"),
        pytest.param([str(i) for i in range(MAX_PROMPTS + 1)], "1001 prompts", id="too many"),
        pytest.param(["chair\0"], r"U\+0000", id="NUL"),
        pytest.param(["chair\udc80"], r"U\+DC80", id="broken UTF-8"),
        pytest.param("chair", r"use \['chair'\]", id="a text instead of a list"),
        pytest.param([12], "must be text, got 12", id="a number from YAML"),
    ],
)
def test_a_phrase_that_cannot_be_looked_for_is_refused(asked, wrong):
    with pytest.raises(InputError, match=wrong):
        prompt_set(asked, threshold=0.3)


def test_a_thousand_prompts_are_not_too_many():
    assert len(prompt_set([f"thing {i}" for i in range(1000)], threshold=0.3).labels) == 1000


@pytest.mark.parametrize(
    "value", [pytest.param(v, id=str(v)) for v in (-0.1, 1.1, float("nan"), float("inf"))]
)
def test_a_threshold_outside_0_to_1_is_refused(value):
    with pytest.raises(InputError, match=r"of prompt 'chair' must be in 0\.\.1"):
        prompt_set(["chair"], threshold=value)
    with pytest.raises(InputError, match=r"of prompt 'chair' must be in 0\.\.1"):
        prompt_set(["chair"], threshold=0.3, thresholds=[value])
    with pytest.raises(InputError, match=r"of prompt 'my mug' must be in 0\.\.1"):
        prompt_set([], threshold=value, exemplars=[exemplar()])


def test_thresholds_must_be_as_many_as_prompts():
    with pytest.raises(InputError, match="1 thresholds for 2 prompts"):
        prompt_set(["chair", "table"], threshold=0.3, thresholds=[0.1])


def test_thresholds_may_come_as_a_message_brings_them():
    prompts = prompt_set(["a", "b"], threshold=0.3, thresholds=np.array([0.5, 0.25]))
    assert prompts.thresholds == (0.5, 0.25)


def test_a_repeated_phrase_counts_once_with_its_first_threshold():
    prompts = prompt_set(["chair", " chair ", "table"], threshold=0, thresholds=[0.1, 0.2, 0.3])
    assert (prompts.labels, prompts.thresholds) == (("chair", "table"), (0.1, 0.3))


def test_exemplars_of_one_name_are_one_prompt_after_the_phrases():
    prompts = prompt_set(
        ["chair"], threshold=0.3, exemplars=[exemplar(), exemplar(" my  mug "), exemplar("bowl")]
    )
    assert prompts.labels == ("chair", "my mug", "bowl")
    assert [e.name for e in prompts.exemplars] == ["my mug", "my mug", "bowl"]
    assert prompts.thresholds == (0.3,) * 3


def test_an_exemplar_cannot_have_the_name_of_a_phrase():
    with pytest.raises(InputError, match="exemplar 'red chair' has the name of a phrase"):
        prompt_set([" red  chair"], threshold=0.3, exemplars=[exemplar("red chair ")])


@pytest.mark.parametrize(
    "boxes",
    [
        pytest.param([], id="no box"),
        pytest.param([[20, 10, 10, 20]], id="x2 before x1"),
        pytest.param([[10, 10, 10, 20]], id="no width"),
        pytest.param([[70, 10, 80, 20]], id="right of the image"),
        pytest.param([[-9, 10, -1, 20]], id="left of the image"),
        pytest.param([[float("nan"), 10, 20, 20]], id="NaN"),
        pytest.param([[1, 1, 9, 9, 5]], id="five numbers"),
        pytest.param([[1, 1, 9, 9], [70, 1, 80, 9]], id="only the first is good"),
    ],
)
def test_an_exemplar_needs_boxes_inside_its_image(boxes):
    with pytest.raises(InputError, match="exemplar 'my mug' needs at least one box"):
        exemplar(boxes=boxes)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(np.zeros((0, 0, 3), np.uint8), id="empty"),
        pytest.param(np.zeros((48, 64), np.uint8), id="grey"),
        pytest.param(np.zeros((48, 64, 3), np.float32), id="float"),
    ],
)
def test_an_exemplar_needs_an_rgb_image(image):
    with pytest.raises(InputError, match="exemplar 'my mug': its image must be"):
        exemplar(image=image)


def test_a_new_version_keeps_the_rest():
    prompts = prompt_set(["chair"], threshold=0.3, version=1)
    later = prompts.with_version(2)
    assert (later.version, later.labels, later.thresholds) == (2, ("chair",), (0.3,))
