import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.answering import queries as q
from vlm_robot.answering.parsing import NotUnderstoodError, known_words, parse, plural, singular
from vlm_robot.answering.queries import IsColour, Noun, Quality, Related, RelationKind

MUG, BOWL, CHAIR, TABLE = (Noun(head) for head in ("mug", "bowl", "chair", "table"))
RED, BLUE = IsColour("red"), IsColour("blue")
ON_TABLE = Related(RelationKind.ON, (TABLE,))
LEFT_OF_BOWL = Related(RelationKind.LEFT_OF, (BOWL,))
RIGHT_OF_BOWL = Related(RelationKind.RIGHT_OF, (BOWL,))


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Is there a mug?", q.Exists(MUG)),
        ("is there a mug", q.Exists(MUG)),
        ("Isn't there a mug?", q.Exists(MUG)),
        ("Can you see any mugs?", q.Exists(MUG)),
        ("do you see my mug in the picture", q.Exists(MUG)),
        ("mug?", q.Exists(MUG)),
        ("is there a red mug on the table?", q.Exists(Noun("mug", (RED, ON_TABLE)))),
        ("is there no mug", q.Not(q.Exists(MUG))),
        ("is there a mug and a bowl?", q.Both(q.Exists(MUG), q.Exists(BOWL))),
        ("is there a mug or a bowl?", q.Either(q.Exists(MUG), q.Exists(BOWL))),
        ("is there neither a mug nor a bowl", q.Not(q.Either(q.Exists(MUG), q.Exists(BOWL)))),
        (
            "is there a mug and is the chair red?",
            q.Both(q.Exists(MUG), q.Holds(CHAIR, (RED,))),
        ),
        (
            "Is there anything on the table I could drink from?",
            q.Exists(Noun("", (ON_TABLE,), purpose="drink from")),
        ),
        (
            "is there something i can drink from on the table",
            q.Exists(Noun("", (ON_TABLE,), purpose="drink from")),
        ),
        (
            "are there mugs that are not on the table",
            q.Exists(Noun("mug", (Related(RelationKind.ON, (TABLE,), negated=True),))),
        ),
    ],
)
def test_questions_of_existence(question, asks):
    assert parse(question) == (asks,)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("How many chairs are there?", q.Count(CHAIR)),
        ("count the chairs", q.Count(CHAIR)),
        ("what is the number of chairs", q.Count(CHAIR)),
        ("how many mugs are on the table", q.Count(Noun("mug", (ON_TABLE,)))),
        ("how many mugs do you see on the table", q.Count(Noun("mug", (ON_TABLE,)))),
        ("are there two chairs?", q.CountIs(CHAIR, ">=", 2)),
        ("are there exactly 2 chairs?", q.CountIs(CHAIR, "=", 2)),
        ("are there at most three chairs?", q.CountIs(CHAIR, "<=", 3)),
        ("Are there more mugs than bowls?", q.More(MUG, BOWL, 1)),
        ("are there fewer mugs than bowls", q.More(MUG, BOWL, -1)),
        ("are there as many mugs as bowls", q.More(MUG, BOWL, 0)),
        ("are there more mugs or bowls?", q.Most(MUG, BOWL, 1)),
    ],
)
def test_questions_of_number(question, asks):
    assert parse(question) == (asks,)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("What color is the mug?", q.ColourOf(MUG)),
        ("what's the colour of the mug", q.ColourOf(MUG)),
        ("is the mug red", q.Holds(MUG, (RED,))),
        ("is the mug not red", q.Not(q.Holds(MUG, (RED,)))),
        ("is the mug red or blue?", q.Choice(MUG, (RED, BLUE))),
        ("is the mug on the table", q.Holds(MUG, (ON_TABLE,))),
        ("is the mug red and on the table", q.Holds(MUG, (RED, ON_TABLE))),
        ("is the mug to the left of the bowl", q.Holds(MUG, (LEFT_OF_BOWL,))),
        (
            "is the mug left or right of the bowl",
            q.Choice(MUG, (LEFT_OF_BOWL, RIGHT_OF_BOWL)),
        ),
        (
            "is the mug in front of or behind the bowl",
            q.Choice(
                MUG,
                (
                    Related(RelationKind.IN_FRONT_OF, (BOWL,)),
                    Related(RelationKind.BEHIND, (BOWL,)),
                ),
            ),
        ),
        (
            "is the chair between the mug and the bowl",
            q.Holds(CHAIR, (Related(RelationKind.BETWEEN, (MUG, BOWL)),)),
        ),
        (
            "is the left chair red",
            q.Holds(Noun("chair", (Related(RelationKind.LEFT),)), (RED,)),
        ),
        ("is the mug bigger than the bowl", q.Order(MUG, BOWL, Quality.LARGEST)),
        ("which is closer, the mug or the bowl?", q.Foremost(MUG, BOWL, Quality.NEAREST)),
        ("is this a mug or a bowl", q.Kind((MUG, BOWL))),
    ],
)
def test_questions_of_attributes_and_relations(question, asks):
    assert parse(question) == (asks,)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Where's my red mug?", q.Where(Noun("mug", (RED,)))),
        ("in which direction is the mug", q.Where(MUG)),
        ("how far is the nearest chair", q.Distance(Noun("chair", quality=Quality.NEAREST))),
        ("how far is the mug from the bowl", q.Distance(MUG, BOWL)),
        ("what is the distance between the mug and the bowl", q.Distance(MUG, BOWL)),
        ("which chair is closest?", q.Which(Noun("chair", quality=Quality.NEAREST))),
        ("what is the largest thing", q.Which(Noun("", quality=Quality.LARGEST))),
        ("which mug is on the table", q.Which(Noun("mug", (ON_TABLE,)))),
        ("What is on the table?", q.Everything(Noun("", (ON_TABLE,)))),
        ("what objects are on the table?", q.Everything(Noun("", (ON_TABLE,)))),
        ("what can you see?", q.Everything(Noun(""))),
    ],
)
def test_questions_of_place(question, asks):
    assert parse(question) == (asks,)


def test_two_questions_are_two_queries():
    assert parse("Where is the mug? How far is the chair?") == (q.Where(MUG), q.Distance(CHAIR))
    assert parse("where is the mug and how far is the chair") == (q.Where(MUG), q.Distance(CHAIR))


def test_it_is_the_last_thing_spoken_of():
    assert parse("Where is the mug, and is it red or blue?") == (
        q.Where(MUG),
        q.Choice(MUG, (RED, BLUE)),
    )


def test_politeness_changes_nothing():
    assert parse("Hey robot, could you please tell me where the mug is?") == parse(
        "where is the mug"
    )


@pytest.mark.parametrize("question", ["is the mug full?", "how heavy is the box", "is the man sad"])
def test_what_boxes_cannot_answer_is_known_to_be_so(question):
    assert parse(question) == (q.Beyond(),)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("", id="empty"),
        pytest.param("???", id="no words"),
        pytest.param("what time is it", id="not about things"),
        pytest.param("the quick brown fox jumps", id="no question"),
        pytest.param("wo ist die Tasse", id="another language"),
        pytest.param("is there a " + "red " * 200 + "mug", id="too many words"),
    ],
)
def test_no_reading_is_an_error_of_its_own(question):
    with pytest.raises(NotUnderstoodError):
        parse(question)


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_or_refused(text):
    _read_or_refuse(text)


WORDS = sorted({*known_words(), "mug", "bowl", "?", ",", "'s", "3", "not", "a", "or", "of", "in"})


@given(st.lists(st.sampled_from(WORDS), max_size=12))
@settings(max_examples=150, deadline=None)
def test_any_row_of_the_grammars_own_words_is_read_or_refused(words):
    _read_or_refuse(" ".join(words))


def _read_or_refuse(text):
    try:
        queries = parse(text)
    except NotUnderstoodError:
        return
    assert queries


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("mugs", "mug"),
        ("wine glasses", "wine glass"),
        ("boxes", "box"),
        ("knives", "knife"),
        ("people", "person"),
        ("shelves", "shelf"),
        ("scissors", "scissors"),
    ],
)
def test_plural_and_singular(several, one):
    assert singular(several) == one
    assert singular(one) == one
    assert plural(one) == several
