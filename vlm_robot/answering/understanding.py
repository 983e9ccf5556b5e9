"""What a question means: the grammar first, then mended typos, then the nearest known form."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from py3langid.langid import MODEL_FILE, LanguageIdentifier
from rapidfuzz.distance import OSA
from spellchecker import SpellChecker

from vlm_robot.answering import queries as q
from vlm_robot.answering.answerer import TextEncoder
from vlm_robot.answering.normalise import normalise
from vlm_robot.answering.parsing import NotUnderstoodError, known_words, parse, singular
from vlm_robot.answering.queries import Noun

_FORMS: tuple[tuple[Callable[[Noun], q.Query], tuple[str, ...]], ...] = (
    (
        q.Exists,
        (
            "is there a thing",
            "could there be a thing around here",
            "could you check whether there might be a thing",
            "did anyone leave a thing lying around",
            "can you spot a thing anywhere",
            "does the room have a thing",
        ),
    ),
    (
        q.Count,
        (
            "how many things are there",
            "what quantity of things do you see",
            "give me the total of things",
            "how large is the number of things",
        ),
    ),
    (
        q.ColourOf,
        (
            "what colour is the thing",
            "what shade does the thing have",
            "how is the thing coloured",
            "which colour would you say the thing has",
        ),
    ),
    (
        q.Where,
        (
            "where is the thing",
            "where did i leave the thing",
            "at what place is the thing",
            "which spot is the thing in",
            "i can not find the thing",
            "i am looking for the thing",
            "on which side is the thing",
        ),
    ),
    (
        q.Distance,
        (
            "how far is the thing",
            "how many metres is it to the thing",
            "what distance must i travel to reach the thing",
            "how long is the way to the thing",
            "how near is the thing to us",
        ),
    ),
)
"""Wordings of the questions about one thing, for what the grammar doesn't read."""

_OTHERS = (
    "what time is it",
    "what is the thing made of",
    "who owns the thing",
    "why is the thing there",
    "how much does the thing cost",
    "how old is the thing",
    "what brand is the thing",
    "what is inside the thing",
    "what does the thing say",
    "what is written on the thing",
    "is the thing full or empty",
    "is the thing open",
    "is the thing happy",
    "what is the thing doing",
    "what will the thing do next",
    "when was the thing bought",
    "what does the thing weigh",
    "is the thing heavy",
    "is the thing clean",
    "does the thing work",
    "what is the name of the thing",
    "how do i use the thing",
    "what is the thing for",
    "what is the weather like",
    "bring me the thing",
    "drive to the thing",
    "turn the thing on",
    "do you like the thing",
    "is the thing dangerous",
    "tell me a story about a thing",
    "ignore the thing and say yes",
)
"""Questions and orders that boxes can't answer; the nearest form must not be one of these."""

_NO_SLIP = frozenset(("was", "from", "present", "lying", "room"))
"""Words of the grammar that others ('saw', 'form') aren't taken for."""
_LEAST_ALIKE = 0.6
_MARGIN = 0.05
_SERVES = (("{}", "something to {}"), ("you can use a {}", "something you can {}"))
"""What a label and a purpose are put into before they are compared."""
_SERVES_LEAST = 0.42
_SERVES_PART = 0.83
_ENGLISH = ("en", "pcm", "jam", "sco")
_DETERMINED = re.compile(
    r"\b(?:the|an?|my|your|any|some|this|that|our|his|her)((?: [a-z][a-z'-]*)+)"
)
_FUNCTION_WORDS = (
    "is are was were be been do does did to of from in on at by with for and or not than have has"
    " had can could may might will would should must i you we they he she it me us there here"
    " lying located left placed standing sitting now be that which what where who how"
)
_STOP = frozenset(_FUNCTION_WORDS.split())


class OtherLanguageError(NotUnderstoodError):
    """The question isn't in English."""


class Reading(NamedTuple):
    """How a question was understood.

    Attributes:
        queries: what it asks.
        loose: a guess at its meaning, by a mended typo or a similar wording.
        note: what was guessed, in words; empty where nothing was.
    """

    queries: tuple[q.Query, ...]
    loose: bool = False
    note: str = ""


class Understanding:
    """Reads questions; keeps the sentence embeddings of the known forms."""

    def __init__(self, encoder: TextEncoder, vocabulary: tuple[str, ...]) -> None:
        self._encoder = encoder
        self._vocabulary = vocabulary
        self._forms: NDArray[np.float32] | None = None
        self._labels: NDArray[np.float32] | None = None

    def read(self, question: str) -> Reading:
        """What `question` asks.

        Raises:
            OtherLanguageError: it isn't in English.
            NotUnderstoodError: no reading was found.
        """
        text, swapped = self._mend(normalise(question), swapped_only=True)
        try:
            return self._with_known_nouns(Reading(parse(text), bool(swapped)), swapped)
        except NotUnderstoodError as error:
            plain = error
        _refuse_other_language(question)
        mended, changes = self._mend(text)
        changes = swapped + changes
        if changes:
            try:
                return self._with_known_nouns(Reading(parse(mended), True), changes)
            except NotUnderstoodError:
                text = mended
        reading = self._nearest_form(text)
        if reading is None:
            raise plain
        return reading

    def warm_up(self) -> None:
        """Load what the first question would wait for."""
        parse("is there a thing?")
        self._encoded_forms()
        if self._vocabulary:
            self._encoded_labels()
        _identifier()
        _dictionary()

    def serves(self, purpose: str) -> tuple[str, ...]:
        """Labels of the vocabulary that serve `purpose` ('drink from'), best first."""
        if not self._vocabulary:
            return ()
        asked = self._encoder.encode([pattern.format(purpose) for _, pattern in _SERVES])
        likeness = np.einsum("pld,pd->l", self._encoded_labels(), asked) / len(asked)
        best = np.argsort(-likeness)
        least = max(_SERVES_LEAST, _SERVES_PART * likeness[best[0]])
        return tuple(self._vocabulary[i] for i in best if likeness[i] >= least)

    def _with_known_nouns(self, reading: Reading, changes: list[str]) -> Reading:
        """Mend nouns that are one slip away from a label; `changes` were made before."""

        def mend(noun: Noun) -> Noun:
            head = self._slip_of(noun.head)
            if head != noun.head:
                changes.append(f"'{noun.head}' as '{head}'")
            return replace(noun, head=head)

        queries = tuple(q.map_nouns(query, mend) for query in reading.queries)
        if not changes:
            return reading
        return Reading(queries, True, "I read " + ", ".join(dict.fromkeys(changes)) + ".")

    def _slip_of(self, head: str) -> str:
        if not head or head in self._vocabulary or len(head) < 3:
            return head
        slips = [label for label in self._vocabulary if _is_slip(head, label, shortest=5)]
        return slips[0] if len(slips) == 1 else head

    def _mend(self, text: str, *, swapped_only: bool = False) -> tuple[str, list[str]]:
        """Mend slips towards the grammar's words and the vocabulary's; the changes in words."""
        known = known_words() - _NO_SLIP
        labels = {word for label in self._vocabulary for word in label.split()}
        changes = []

        def mend(match: re.Match[str]) -> str:
            word = match[0]
            if len(word) < 3 or word in known or word in labels or singular(word) in labels:
                return word
            close = [k for k in sorted(known) if _is_slip(word, k, shortest=4)]
            close += [k for k in sorted(labels) if _is_slip(word, k, shortest=5)]
            if not close or (swapped_only and sorted(word) != sorted(close[0])):
                return word
            changes.append(f"'{word}' as '{close[0]}'")
            return close[0]

        return re.sub(r"[a-z]+", mend, text), changes

    def _nearest_form(self, text: str) -> Reading | None:
        things = [m[1].split() for m in _DETERMINED.finditer(text)]
        heads = [head for words in things if (head := self._head(words))]
        if len(heads) != 1:
            return None
        masked = re.sub(rf"\b{re.escape(heads[0])}\w*", "thing", text)
        makers = [maker for maker, group in _FORMS for _ in group]
        likeness = self._encoded_forms() @ self._encoder.encode([masked])[0]
        best = int(np.argmax(likeness[: len(makers)]))
        other = float(likeness[len(makers) :].max())
        if likeness[best] < max(_LEAST_ALIKE, other + _MARGIN):
            return None
        wording = _FORMS[[m for m, _ in _FORMS].index(makers[best])][1][0]
        note = f"I took this to ask '{wording.replace('thing', heads[0])}?'."
        return Reading((makers[best](Noun(heads[0])),), True, note)

    def _encoded_forms(self) -> NDArray[np.float32]:
        if self._forms is None:
            wordings = [w for _, group in _FORMS for w in group]
            self._forms = self._encoder.encode([*wordings, *_OTHERS])
        return self._forms

    def _encoded_labels(self) -> NDArray[np.float32]:
        """(P, L, D) every label of the vocabulary in each of the patterns of `_SERVES`."""
        if self._labels is None:
            groups = [[label.format(w) for w in self._vocabulary] for label, _ in _SERVES]
            self._labels = np.stack([self._encoder.encode(group) for group in groups])
        return self._labels

    def _head(self, words: list[str]) -> str:
        """The noun that `words` begin with: the longest label, else all up to a function word."""
        ends = [n for n, word in enumerate(words) if word in _STOP]
        words = words[: ends[0]] if ends else words
        for length in range(min(3, len(words)), 0, -1):
            label = singular(" ".join(words[:length]))
            if label in self._vocabulary:
                return label
        return singular(" ".join(words)) if 1 <= len(words) <= 2 else ""


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _refuse_other_language(question: str) -> None:
    ranked = _identifier().rank(question)
    english = sum(p for language, p in ranked if language in _ENGLISH)
    letters = [c for c in question if c.isalpha()]
    foreign_script = letters and sum(c.isascii() for c in letters) < 0.5 * len(letters)
    if foreign_script or (ranked[0][1] > 0.4 and english < 0.2):
        raise OtherLanguageError(f"this looks like language '{ranked[0][0]}'")


@cache
def _dictionary() -> SpellChecker:
    return SpellChecker(distance=1)


def _is_slip(word: str, meant: str, *, shortest: int) -> bool:
    """One slip of the fingers apart: letters swapped, or one too many, too few or wrong.

    In short words the last three more often make another word ('bug' and 'mug', 'hair' and
    'chair'): under `shortest` letters, or six for a wrong letter, only swaps are mended. So are
    words that are ones ('tablet' and 'table'): a detector looks for any.
    """
    if word == meant or abs(len(word) - len(meant)) > 1 or OSA.distance(word, meant) != 1:
        return False
    if sorted(word) == sorted(meant):
        return True
    if all(part in _dictionary() for part in word.split()):
        return False
    if len(word) == len(meant):
        return len(word) >= 6
    return min(len(word), len(meant)) >= shortest and word not in (meant + "s", meant + "d")
