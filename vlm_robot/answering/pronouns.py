"""What 'it' and 'one' stand for in a question, by what was spoken of before."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from vlm_robot.answering.queries import Both, Either, Exists, Not, Noun, map_nouns, nouns_of

IT = "it"
"""Head of a noun that stands for a thing, until that is found."""
ONE = "one"
"""Head of 'the blue one', until the name that it stands for is found."""


class Speech:
    """Puts the things that were spoken of before in the place of 'it' and 'one'."""

    def __init__(self) -> None:
        self._subject: Noun | None = None
        self._object: Noun | None = None
        self._said: list[Noun] = []

    def resolve(self, query: Any) -> Any:
        """The query with each pronoun resolved, claim by claim.

        After claims of several subjects nothing tells which of them 'it' is.
        """
        if isinstance(query, (Both, Either)):
            first = self.resolve(query.first)
            subject, second = self._subject, self.resolve(query.second)
            self._subject = subject if subject == self._subject else Noun(IT)
            return type(query)(first, second)
        if isinstance(query, Not):
            return Not(self.resolve(query.inner))
        self._said, spoken_of = [], self._object
        self._object = None
        resolved = map_nouns(query, lambda noun: self._noun(noun, spoken_of))
        self._subject = self._said[0] if self._said else self._subject
        return resolved

    def _noun(self, noun: Noun, spoken_of: Noun | None) -> Noun:
        """What a noun stands for.

        As a subject 'it' is the last claim's subject. As an object it is another thing that its
        own claim speaks of, or what 'it' was there before, or else the last subject too.
        """
        own = list(nouns_of(Exists(self._said[0]))) if self._said else []
        others = [said for said in self._said if said not in own]
        if noun.head == IT and others:
            noun = others[-1]
        elif noun.head == IT and self._said:
            noun = self._object = spoken_of or self._subject or noun
        elif noun.head == IT:
            noun = self._subject or noun
        elif noun.head == ONE:
            heads = {said.head for said in self._said or [self._subject or Noun("")]}
            noun = replace(noun, head=heads.pop() if len(heads) == 1 else IT)
        self._said.append(noun)
        return noun
