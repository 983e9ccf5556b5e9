import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vlm_robot.answering import queries as q
from vlm_robot.answering.parsing import (
    IT,
    NotUnderstoodError,
    known_words,
    parse,
    plural,
    singular,
)
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


RED_MUG, BLUE_MUG = Noun("mug", (RED,)), Noun("mug", (BLUE,))
ON_SHELF = Related(RelationKind.ON, (Noun("shelf"),))
MUG_ON_TABLE, MUG_ON_SHELF = Noun("mug", (ON_TABLE,)), Noun("mug", (ON_SHELF,))
THING_ON_TABLE = Noun("", (ON_TABLE,))


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Are all mugs red?", q.Holds(MUG, (RED,), every=True)),
        ("is every one of the mugs red", q.Holds(MUG, (RED,), every=True)),
        ("are the mugs all red", q.Holds(MUG, (RED,), every=True)),
        ("is everything on the table red", q.Holds(THING_ON_TABLE, (RED,), every=True)),
        ("is everybody on the table", q.Holds(Noun("person"), (ON_TABLE,), every=True)),
        ("Are any mugs blue?", q.Exists(BLUE_MUG)),
        ("are some of the mugs blue", q.Exists(BLUE_MUG)),
        ("is a mug blue", q.Exists(BLUE_MUG)),
        ("are any mugs not blue", q.Exists(Noun("mug", (IsColour("blue", negated=True),)))),
        ("is any mug red or blue", q.Either(q.Exists(RED_MUG), q.Exists(BLUE_MUG))),
        ("is something on the table", q.Exists(THING_ON_TABLE)),
        ("is anything red on the table", q.Exists(Noun("", (RED, ON_TABLE)))),
        ("is anybody on the table", q.Exists(Noun("person", (ON_TABLE,)))),
    ],
)
def test_all_and_any_are_heeded(question, asks):
    assert parse(question) == (asks,)


NEITHER = q.Not(q.Either(q.Exists(MUG), q.Exists(BOWL)))


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("Are there no mugs or bowls?", NEITHER),
        ("are there no mugs and bowls", NEITHER),
        ("are there no mugs and no bowls", NEITHER),
        ("are there not any mugs or bowls", NEITHER),
        (
            "are there no mugs or bowls on the table",
            q.Not(q.Either(q.Exists(MUG_ON_TABLE), q.Exists(Noun("bowl", (ON_TABLE,))))),
        ),
        ("is there no mug on the table or the shelf",
         q.Not(q.Either(q.Exists(MUG_ON_TABLE), q.Exists(MUG_ON_SHELF)))),
        ("is there a mug but no bowl", q.Both(q.Exists(MUG), q.Not(q.Exists(BOWL)))),
        ("is there nothing on the table", q.Not(q.Exists(THING_ON_TABLE))),
        ("is nothing on the table", q.Not(q.Exists(THING_ON_TABLE))),
        ("Is nobody there?", q.Not(q.Exists(Noun("person")))),
        ("is there no one in the room", q.Not(q.Exists(Noun("person")))),
        ("is no mug on the table", q.Not(q.Exists(MUG_ON_TABLE))),
        ("are none of the mugs on the table", q.Not(q.Exists(MUG_ON_TABLE))),
    ],
)  # fmt: skip
def test_no_denies_all_that_it_is_said_of(question, asks):
    assert parse(question) == (asks,)


def test_a_word_that_begins_like_nothing_is_a_thing():
    assert parse("are there notebooks") == (q.Exists(Noun("notebook")),)


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("where is the furthest left mug", q.Where(Noun("mug", quality=Quality.LEFTMOST))),
        (
            "which mug is furthest to the right",
            q.Which(Noun("mug", quality=Quality.RIGHTMOST)),
        ),
        (
            "what colour is the mug furthest to the left",
            q.ColourOf(Noun("mug", quality=Quality.LEFTMOST)),
        ),
        ("what is farthest to the left", q.Which(Noun("", quality=Quality.LEFTMOST))),
        (
            "is there a mug on the table or the shelf",
            q.Either(q.Exists(MUG_ON_TABLE), q.Exists(MUG_ON_SHELF)),
        ),
        (
            "is there a mug on the table or a bowl",
            q.Either(q.Exists(MUG_ON_TABLE), q.Exists(BOWL)),
        ),
        ("is the mug on the table or the shelf", q.Choice(MUG, (ON_TABLE, ON_SHELF))),
        ("is the mug left of the bowl or right", q.Choice(MUG, (LEFT_OF_BOWL, RIGHT_OF_BOWL))),
        ("how far is the mug from the robot", q.Distance(MUG)),
        ("what is the distance from the camera to the mug", q.Distance(MUG)),
        ("how far is the mug from the robot arm", q.Distance(MUG, Noun("robot arm"))),
    ],
)
def test_what_a_place_is_measured_from(question, asks):
    assert parse(question) == (asks,)


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("are all mugs not red", id="not all, or none"),
        pytest.param("are all mugs red or blue", id="each one of them, or all alike"),
        pytest.param("is every mug bigger than the bowl", id="all compared"),
        pytest.param("is the mug bigger than any bowl", id="compared with any"),
        pytest.param("is there a mug on every table", id="all as a place"),
        pytest.param("can you see all the mugs", id="how many there are is not known"),
        pytest.param("are there no mugs or no bowls", id="neither, or not both"),
        pytest.param("is there no mug but a bowl", id="but, or other than"),
        pytest.param("are there not any mugs and bowls", id="neither, or not both, of any"),
        pytest.param("Is there anything but a mug on the table?", id="anything but"),
        pytest.param("is there nothing on the table except a mug", id="nothing except"),
        pytest.param("is there anything other than a mug?", id="other than"),
        pytest.param("is there anything else on the table", id="else"),
        pytest.param("is there a mug on a table or a shelf", id="a shelf as a place or a thing"),
        pytest.param("is there a mug that is not on the table or the shelf", id="not and or"),
        pytest.param("is the mug left of the bowl or in the middle", id="two anchors"),
        pytest.param("how far apart are the chairs", id="apart"),
        pytest.param("what is the distance between the chairs", id="between"),
        pytest.param("how close are the chairs to each other", id="each other"),
    ],
)
def test_what_cannot_be_read_safely_is_not_answered(question):
    assert parse(question) == (q.Beyond(),)


def test_two_questions_are_two_queries():
    assert parse("Where is the mug? How far is the chair?") == (q.Where(MUG), q.Distance(CHAIR))
    assert parse("where is the mug and how far is the chair") == (q.Where(MUG), q.Distance(CHAIR))


def test_it_is_the_last_thing_spoken_of():
    assert parse("Where is the mug, and is it red or blue?") == (
        q.Where(MUG),
        q.Choice(MUG, (RED, BLUE)),
    )


@pytest.mark.parametrize(
    ("question", "last"),
    [
        ("is the mug on the table? is it red?", q.Holds(MUG, (RED,))),
        (
            "is there a mug? is there a bowl next to it?",
            q.Exists(Noun("bowl", (Related(RelationKind.NEXT_TO, (MUG,)),))),
        ),
        (
            "where is the bowl? is the mug on the table left of it?",
            q.Holds(MUG_ON_TABLE, (LEFT_OF_BOWL,)),
        ),
        ("is there a table? is the bowl on it? is the mug on it?", q.Holds(MUG, (ON_TABLE,))),
        (
            "where is the mug? is it left of the bowl or right of it?",
            q.Choice(MUG, (LEFT_OF_BOWL, RIGHT_OF_BOWL)),
        ),
        ("where is the red mug? where is the blue one?", q.Where(BLUE_MUG)),
        ("are there more red mugs than blue ones?", q.More(RED_MUG, BLUE_MUG, 1)),
    ],
)
def test_it_and_one_stand_for_what_was_spoken_of(question, last):
    assert parse(question)[-1] == last


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("is there a bowl next to it", id="nothing before"),
        pytest.param("is the bowl next to it", id="not its own subject"),
        pytest.param("is there a mug or a bowl? is it red?", id="either of two"),
        pytest.param("is the mug on the table left of the red one", id="a mug or a table"),
    ],
)
def test_it_stays_unknown_in_doubt(question):
    assert IT in {noun.head for noun in q.nouns_of(parse(question)[-1])}


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
