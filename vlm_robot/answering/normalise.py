"""Light normalisation of a question before the grammar reads it."""

from __future__ import annotations

import re
import unicodedata

_CONTRACTIONS = (
    (r"\b(is|are|was|were|do|does|did|could|would)n'?t\b", r"\1 not"),
    (r"\bcan(?:'t|not)\b", "can not"),
    (r"\b(what|where|who|how|that|there|it|which|when)'s\b", r"\1 is"),
    (r"\b(what|where|how|there)'re\b", r"\1 are"),
    (r"\b(whats|wheres|theres|hows|thats)\b", lambda m: f"{m[1][:-1]} is"),
    (r"\b(?:any|some)(?:body|one)\b(?! (?:can|could|may|might))", "a person"),
    (r"\b(i|you|we)'d\b", r"\1 would"),
    (r"\b(i|you|we)'ve\b", r"\1 have"),
)
_GREETING = re.compile(
    r"^(?:(?:hey|hello|hi|ok|okay|well|so|um|uh|robot|excuse me|good (?:morning|evening)|sorry)\b"
    r"[ ,!.]*)+"
)
_POLITE = re.compile(
    r"\b(?:(?:can|could|would) you (?:please )?(?:tell|show|say to) me|do you know|tell me|"
    r"i wonder|i(?: would|'d)? (?:want|like) to know|please|kindly|thanks|thank you)\b"
    r"(?: (?:if|whether)\b)?[ ,]*"
)


def normalise(question: str) -> str:
    """Lower case, plain quotes, no contractions, no greeting, one space between words.

    What the grammar has no use for (brackets, emoji, marks) becomes a space.
    """
    text = unicodedata.normalize("NFKC", question).lower()
    text = re.sub(r"[’‘`´]", "'", text)
    text = re.sub(r"[!;:\n\r]+", ".", text)
    for pattern, replacement in _CONTRACTIONS:
        text = re.sub(pattern, replacement, text)
    text = re.sub(r"'s\b", "", text)
    text = re.sub(r"[^\w?.,' -]|_", " ", text)
    text = re.sub(r"(?<!\w)['-]+|['-]+(?!\w)", " ", text)
    text = _POLITE.sub("", _GREETING.sub("", text.strip()))
    text = re.sub(r"\.(?=\d)", " ", text)
    text = re.sub(r"\s*([?.,])[?.,\s]*", r"\1 ", text)
    return " ".join(text.split()).strip(",. ")
