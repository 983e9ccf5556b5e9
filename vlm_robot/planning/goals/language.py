"""Whether a goal is in English, which is all that the sentence encoder was trained on."""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import re

_ENGLISH = frozenset(
    [
        "the",
        "a",
        "an",
        "and",
        "or",
        "but",
        "not",
        "no",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "from",
        "as",
        "is",
        "are",
        "was",
        "be",
        "been",
        "it",
        "its",
        "you",
        "your",
        "we",
        "our",
        "i",
        "my",
        "me",
        "they",
        "them",
        "their",
        "he",
        "she",
        "his",
        "her",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "do",
        "does",
        "don't",
        "must",
        "should",
        "can",
        "could",
        "will",
        "would",
        "may",
        "might",
        "have",
        "has",
        "had",
        "if",
        "when",
        "while",
        "so",
        "than",
        "then",
        "too",
        "very",
        "please",
        "keep",
        "stay",
        "take",
        "go",
        "drive",
        "avoid",
        "pass",
        "path",
        "way",
        "route",
        "walls",
        "obstacles",
        "turn",
        "turns",
        "short",
        "long",
        "fast",
        "safe",
        "near",
        "away",
        "quickly",
        "over",
        "under",
        "around",
        "between",
        "through",
        "don",
        "make",
        "get",
        "bring",
        "any",
        "all",
        "as",
        "few",
        "many",
        "much",
        "more",
        "less",
        "most",
        "least",
        "never",
        "always",
        "without",
        "who",
        "what",
        "which",
        "where",
        "up",
        "out",
        "into",
        "off",
        "along",
        "clear",
        "close",
        "distance",
        "room",
        "smooth",
    ]
)
_FOREIGN = {
    "German": "der die das und nicht ein eine einen dem den des ist auf mit von zu für kürzesten weg"
    " bitte halte fahr fahre weit wand wänden schnell langsam kein keine ohne bei nimm zum zur vom"
    " im so wie möglich an",
    "French": "le la les un une des du et est pas ne de en dans avec pour sur sans par vers plus aux"
    " prends chemin court évite loin murs vite au ce cette il faut que qui",
    "Spanish": "el la los las un una unos y no de en con para por sin que del al más se lo camino"
    " corto evita lejos paredes rápido toma ve mantente cerca",
    "Italian": "il lo la gli le un una e non di in con per su senza che del della dei al più percorso"
    " breve evita lontano dai muri veloce prendi vai",
    "Portuguese": "o a os as um uma e não de em com para por sem que do da dos das ao mais caminho"
    " curto evite longe paredes rápido",
    "Dutch": "de het een en niet van op met voor naar zonder door is dat die kortste weg blijf muur"
    " muren snel neem ver uit",
}
_LISTS = {name: frozenset(words.split()) for name, words in _FOREIGN.items()}


def why_not_english(text: str) -> str:
    """Why a goal can't be read; empty where it looks like English."""
    letters = [character for character in text if character.isalpha()]
    if not letters:
        return "The goal has no words."
    if sum(character > "\u024f" for character in letters) > len(letters) / 2:
        return "The goal isn't in the Latin alphabet: the embedded interpreter reads English."
    words = re.findall(r"[^\W\d_]+(?:'\w+)?", text.lower())
    english = sum(word in _ENGLISH for word in words)
    name, known = max(
        ((name, sum(word in listed for word in words)) for name, listed in _LISTS.items()),
        key=lambda pair: pair[1],
    )
    if known >= 2 and known > english and known / len(words) >= 0.3:
        return f"The goal looks like {name}: the embedded interpreter reads English."
    return ""
