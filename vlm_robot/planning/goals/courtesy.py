"""What people put around a goal out of politeness or habit, taken off before it is read."""

from __future__ import annotations

import re

_BEFORE = re.compile(
    r"^(?:"
    r"(?:would|could|can|will) you (?:please )?(?:be so (?:kind|good)(?: as to)?|do me a favou?r"
    r"|please)\s*[:,]?"
    r"|as (?:agreed|discussed|ordered|promised|said|usual)\b[^:.,]{0,25}[:,]"
    r"|(?:my|our|the|today['’]s) (?:wish|request|orders?|instructions?|plan|idea|job|task|mission)"
    r"(?: (?:is|are))?(?: this| as follows)?\s*:"
    r"|(?:\w+ ){1,2}to (?:unit|robot|team|base)(?: \w+)?\s*[:,]"
    r"|(?:dear|good (?:morning|afternoon|evening|day))(?: \w+){0,2}\s*[,.:!]"
    r"|(?:might|may|could|can) i (?:trouble|ask|bother) you(?: (?:to|for)[^:]{0,12})?\s*:"
    r"|if it(?: is not|['’]s not| isn['’]t) too much[^:,]{0,15}[:,]"
    r"|(?:right|alright|now)(?: then| now)?\s*[,:]|over to you\s*[.:,]"
    r"|(?:please|kindly|hello|hi|hey|well|okay|ok|so|listen|er|um|note|remember|today's job"
    r"|mission)"
    r"(?: (?:there|robot))?\s*[,:]"
    r"|please(?! (?:note|be (?:quick|seen))\b)|kindly"
    r"|(?:please )?(?:do not|don['’]?t) forget(?: to\b|\s*[:,])"
    r"|(?:please )?remember to\b|be (?:sure|certain) to\b|i['’]d like you to\b"
    r"|(?:be|if you['’]d be) (?:so kind|a dear)(?: as to\b)?\s*[:,]?"
    r"|if you (?:would|don['’]t mind|please)\s*[,:]"
    r")\s*",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"[\s,;.!]*\b(?:please|thanks(?: a lot)?|thank you(?: very much)?|if you please"
    r"|if you don['’]t mind|got it|will you|would you|much obliged|over and out|good luck|cheers"
    r"|bye|that would be (?:lovely|great|nice|kind|good))\b\s*[.!?]*$",
    re.IGNORECASE,
)


def bare(goal: str) -> str:
    """The goal without courtesies at its ends; unchanged where nothing else would be left."""
    text = goal.strip()
    while True:
        shorter = _AFTER.sub("", _BEFORE.sub("", text, count=1), count=1)
        if shorter == text or not re.search(r"\w", shorter):
            break
        text = shorter
    if text == goal.strip():
        return goal
    return text[:1].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")
