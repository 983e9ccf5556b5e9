"""What the evidence makes of free answers, by what is asked."""

import pytest
from kitchen import KITCHEN, VOCABULARY, draw

from vlm_robot.answering import CancelToken
from vlm_robot.answering.comparison import says_the_same
from vlm_robot.answering.parsing import only_query
from vlm_robot.answering.scene import Rule
from vlm_robot.answering.verification import UNSEEN, verify

RED = (200, 20, 20)
TWO_MUGS = (*KITCHEN, ("mug", (150, 240, 190, 290), 1.9, RED, 0.85))


@pytest.fixture
def check(make_answerer):
    def check(question, text, things=KITCHEN, **options):
        answerer = make_answerer(things, **options)
        return verify(question, text, draw(things), answerer, cancel=CancelToken())

    return check


@pytest.mark.parametrize(
    ("question", "text", "things"),
    [
        pytest.param(
            "How many red mugs are there?", "There are five red mugs.", TWO_MUGS, id="number"
        ),
        pytest.param("Where is the plant?", "The plant is on the right.", KITCHEN, id="side"),
        pytest.param(
            "Where is the blue chair?", "The blue chair is at the top.", KITCHEN, id="height"
        ),
        pytest.param(
            "Is the mug left or right of the bowl?", "right of the bowl", KITCHEN, id="option"
        ),
        pytest.param("Which is nearer, the mug or the plant?", "The plant", KITCHEN, id="foremost"),
        pytest.param(
            "Which is nearer, the mug or the plant?",
            "The plant is closer than the mug.",
            KITCHEN,
            id="foremost, with the other named behind it",
        ),
        pytest.param("Is it a mug or a dog?", "dog", KITCHEN, id="kind"),
        pytest.param("Are there more chairs or mugs?", "There are more mugs.", KITCHEN, id="most"),
        pytest.param("Are there more chairs or mugs?", "As many.", KITCHEN, id="as many"),
        pytest.param("How far is the mug?", "It is 5.97 m away.", KITCHEN, id="metres"),
        pytest.param(
            "What colour is the mug next to the blue bowl?",
            "The mug next to the blue bowl is green.",
            KITCHEN,
            id="colour, with another's repeated",
        ),
    ],
)
def test_an_answer_is_contradicted_in_what_is_asked(check, question, text, things):
    found = check(question, text, things)
    assert found.rule is Rule.DISAGREES
    assert found.agreement < 0.5
    assert len(found.evidence)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("Where is the plant?", "The plant is in the upper left corner of the picture."),
        ("Where is the plant?", "left"),
        ("Is the mug left or right of the bowl?", "It is to the left of the bowl."),
        ("Which is nearer, the mug or the plant?", "The mug is closer than the plant."),
        ("Is it a mug or a dog?", "a mug"),
        ("Are there more chairs or mugs?", "There are more chairs than mugs."),
        ("How far is the mug?", "about 2 metres"),
    ],
)
def test_an_answer_is_supported_in_what_is_asked(check, question, text):
    assert check(question, text).rule is Rule.AGREES


@pytest.mark.parametrize(
    ("question", "text"),
    [
        pytest.param("Where is the mug?", "On the table.", id="a place among things"),
        pytest.param("Where is the plant?", "On the right side of the table.", id="another's side"),
        pytest.param("What colour is the mug?", "The mug.", id="no colour"),
        pytest.param(
            "Which is nearer, the mug or the plant?", "The mug is farther.", id="other end"
        ),
        pytest.param("Which chair is nearest?", "The chair by the table.", id="which of them"),
        pytest.param("What is on the table?", "A plant.", id="there, but elsewhere"),
    ],
)
def test_what_is_seen_but_not_what_was_asked_supports_nothing(check, question, text):
    found = check(question, text)
    assert (found.rule, found.agreement) == (Rule.UNCHECKED, None)


@pytest.mark.parametrize(
    ("question", "text", "rule"),
    [
        ("What is on the table?", "A mug and a bowl.", Rule.MENTIONS_SEEN),
        ("What is on the table?", "A mug and a chair.", Rule.UNCHECKED),
        ("What is the nearest thing?", "The chair.", Rule.MENTIONS_SEEN),
        ("What is the nearest thing?", "The bowl.", Rule.UNCHECKED),
    ],
)
def test_where_things_are_asked_for_those_count_that_reasoning_finds(check, question, text, rule):
    assert check(question, text).rule is rule


@pytest.mark.parametrize(
    ("question", "text", "rule"),
    [
        ("Where is the green mug?", "The green mug is on the table.", Rule.DISAGREES),
        ("Where is the green mug?", "There is no green mug.", Rule.UNCHECKED),
        ("Where is the green mug?", "The mug is red.", Rule.UNCHECKED),
        ("Where is the green mug?", "I can't tell.", Rule.UNCHECKED),
        ("Is the bowl red or green?", "red", Rule.DISAGREES),
        ("Is the bowl red or green?", "It is blue.", Rule.UNCHECKED),
    ],
)
def test_going_along_with_a_false_premise_contradicts_an_answer(check, question, text, rule):
    found = check(question, text)
    assert found.rule is rule
    assert rule is Rule.UNCHECKED or found.agreement <= UNSEEN


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        pytest.param("0.85 m", "3.85 m", False, id="the same last digits"),
        pytest.param("1 metre", "1.02 m", True, id="rounded"),
        pytest.param("one meter", "1.02 m", True, id="in words"),
        pytest.param("85cm", "0.85 m", True, id="another unit"),
        pytest.param("1.3 m", "1.02 m", False, id="too far off"),
        pytest.param("half a metre", "1.00 m", None, id="a fraction in words"),
        pytest.param("3", "3.00 m", None, id="no unit"),
    ],
)
def test_distances_are_compared_in_metres(first, second, same):
    query = only_query("How far is the mug?")
    assert says_the_same(first, second, query) is same


def test_counts_are_compared_by_the_first_number():
    query = only_query("How many mugs are there?")
    assert says_the_same("Three, and two of them are red.", "I see two mugs.", query) is False
    assert says_the_same("None.", "I see no mugs.", query) is True


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("I can see a mug.", ("mug",), id="can, the verb"),
        pytest.param("It can hold a mug.", ("mug",), id="it can"),
        pytest.param("The picture shows a mug.", ("mug",), id="the picture itself"),
        pytest.param("In the picture, there is a mug.", ("mug",), id="in the picture"),
        pytest.param("This is a picture of a mug.", ("mug",), id="a picture of"),
        pytest.param("An orange mug.", ("mug",), id="orange, the colour"),
        pytest.param("The mug is orange.", ("mug",), id="orange, said of a thing"),
        pytest.param("A glass table.", ("table",), id="glass, the material"),
        pytest.param("A can, an orange and a red glass.", ("can", "glass", "orange"), id="things"),
        pytest.param("two cans next to the glasses", ("can", "glass"), id="several"),
        pytest.param("A picture on the wall.", ("picture",), id="a picture that hangs there"),
    ],
)
def test_words_that_are_mostly_no_things(make_answerer, text, named):
    vocabulary = (*VOCABULARY, "can", "glass", "orange", "picture")
    assert make_answerer(vocabulary=vocabulary).named_in(text) == named
