"""Things that a goal names, with where the path shall be to them."""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import re
from typing import NamedTuple

from vlm_robot.planning.goals.clauses import is_statement

_STOP = (
    r"and|or|but|while|with|when|whenever|on|at|if|because|so|then|for|that|which|who|without|even"
    r"|until|from|please|where|as|by|in|to|is|are|was|may|might|can|has|have|since|unless|during"
    r"|before|after|than|always|again|too|very|closely|well|much|instead|rather|above all|all the time"
    r"|under|behind|along|past|between|near|over|via|into|a|an|the|plenty|lots|some|more|it|them|you|me|us|get|go|keep|pass|stay|drive|off|her|him|whatever|wherever|half|back|far|away|means|no|they|we|he|she|i"
)
_DETERMINER = (
    r"(?:the|a|an|any|all|all of the|those|that|this|these|my|your|our|his|her|their|its|every|each"
    r"|both|some|other|any of the|no|two|three|any other|all other|people's)"
)
_WORD = r"[a-z][\w'’-]*"
_THING = rf"(?:{_DETERMINER}\s+)*(?P<{{name}}>(?!(?:{_STOP})\b){_WORD}(?:\s+(?:of\s+)?(?!(?:{_STOP})\b){_WORD}){{{{0,4}}}})"


def _thing(name: str = "thing") -> str:
    return _THING.format(name=name).replace("{{", "{").replace("}}", "}")


_GENERIC = frozenset(
    [
        "obstacle",
        "obstacles",
        "wall",
        "walls",
        "thing",
        "things",
        "anything",
        "everything",
        "something",
        "nothing",
        "object",
        "objects",
        "clutter",
        "corner",
        "corners",
        "turn",
        "turns",
        "bend",
        "bends",
        "curve",
        "curves",
        "edge",
        "edges",
        "cover",
        "shadow",
        "shadows",
        "open",
        "middle",
        "centre",
        "center",
        "route",
        "path",
        "paths",
        "way",
        "ways",
        "side",
        "sides",
        "border",
        "borders",
        "boundary",
        "boundaries",
        "surroundings",
        "hazard",
        "hazards",
        "danger",
        "trouble",
        "it",
        "them",
        "you",
        "us",
        "me",
        "ground",
        "floor",
        "space",
        "spaces",
        "area",
        "areas",
        "gap",
        "gaps",
        "passage",
        "passages",
        "place",
        "places",
        "spot",
        "spots",
        "structure",
        "structures",
        "furniture",
        "room",
        "rooms",
        "distance",
        "speed",
        "time",
        "detour",
        "detours",
        "shortcut",
        "shortcuts",
        "cost",
        "line",
        "lines",
        "straight",
        "left",
        "right",
        "collision",
        "collisions",
        "perimeter",
        "corridor",
        "corridors",
        "view",
        "sight",
        "zigzag",
        "zigzags",
        "swerves",
        "stop",
        "stops",
        "movement",
        "movements",
        "jerk",
        "jerks",
        "jolts",
        "delay",
        "delays",
        "noise",
        "risk",
        "risks",
        "one",
        "other",
        "others",
        "another",
        "all",
        "building",
        "buildings",
        "possible",
        "means",
        "hand",
        "hair",
        "dozen",
        "margin",
        "necessary",
        "need",
        "goal",
        "target",
        "destination",
        "start",
        "end",
        "finish",
        "direction",
        "directions",
        "heading",
        "exposure",
        "hiding",
        "solid",
        "world",
        "environment",
        "hurry",
        "centimetre",
        "metre",
        "metres",
        "reversing",
        "reversals",
        "course",
        "angle",
        "angles",
        "smoothness",
        "clearance",
        "length",
        "being",
        "getting",
        "driving",
        "going",
        "making",
        "alley",
        "alleys",
        "opening",
        "openings",
        "hall",
        "square",
        "street",
        "road",
        "roads",
        "steering",
        "motion",
        "sky",
        "rest",
        "nook",
        "nooks",
        "crannies",
        "ground",
        "stretches",
        "changes",
        "bottlenecks",
        "bottleneck",
        "hall",
    ]
)
"""Head words that are no landmark: descriptors measure them, or nothing does."""

_SPECIFIC = frozenset(
    [
        "wet",
        "red",
        "green",
        "blue",
        "yellow",
        "white",
        "black",
        "brown",
        "grey",
        "gray",
        "orange",
        "pink",
        "purple",
        "glass",
        "brick",
        "wooden",
        "metal",
        "slippery",
        "broken",
        "icy",
        "muddy",
        "dirty",
        "hot",
        "burning",
        "stone",
        "concrete",
        "swimming",
        "dining",
        "bathroom",
        "dance",
        "steep",
        "painted",
        "taped",
        "marked",
    ]
)
"""Words that make a landmark even of a wall or a floor."""

_LEFT_RIGHT = r"(?P<side>left|right)(?:[- ]hand)?(?: side)?"
_GO = r"(?:pass(?:es|ing)?|go(?:es|ing)?|keep(?:s|ing)?|stay(?:s|ing)?|driv(?:e|es|ing)|steer(?:ing)?|get|walk|roll|mov(?:e|ing)|head|travel|swing|circle|take)"


class Mention(NamedTuple):
    """A thing that a clause names.

    Attributes:
        relation: as in `types.LandmarkWish`.
        phrase: what to look for.
        other: the second thing of `between`.
    """

    relation: str
    phrase: str
    other: str = ""


_PATTERNS: tuple[tuple[str, str], ...] = (
    ("between", rf"\b(?:between|through the gap between|in between)\s+{_thing()}\s+and\s+{_thing('other')}"),
    ("between", rf"\bbetween\s+(?:the\s+)?(?:two\s+|both\s+)(?P<thing>{_WORD}(?:\s+(?!(?:{_STOP})\b){_WORD})?)"),
    ("hand", rf"\b(?:keep|leave|have|hold|with|keeping|leaving|having)\s+{_thing()}\s+(?:on|to|at)\s+(?:the|your|my|our|its|the robot's)\s+{_LEFT_RIGHT}"),
    ("side", rf"\b(?:pass|go past|go by|go round|go around|get round|get past|round|skirt|take|drive past|drive round|drive around|passing|move past|circle)\s+{_thing()}\s+(?:on|to|at|by|from)\s+(?:the|its|his|her|their)\s+{_LEFT_RIGHT}"),
    ("side", rf"\b(?:to|on|at|along|past|down)?\s*(?:the|its)\s+{_LEFT_RIGHT}(?:\s+(?:of|from))\s+{_thing()}"),
    ("side", rf"\b{_LEFT_RIGHT}\s+of\s+{_thing()}"),
    ("never_cross", rf"\b(?:cross(?:es|ing)?|enter(?:s|ing)?|tread(?:ing)? on|step(?:s|ping)? (?:on|over|in)|(?:driv(?:e|es|ing)|go(?:es|ing)?|roll(?:s|ing)?|run(?:s|ning)?|pass(?:es|ing)?|walk(?:ing)?|cut(?:ting)?|mov(?:e|ing)) (?:over|across|through|on|onto|into))\s+{_thing()}"),
    ("avoid", rf"\b(?:avoid(?:s|ing)?|shun|dodge|evade|circumvent|beware of|watch out for|mind|look out for|(?:stay|keep|steer|remain|drive|go|get|be|pass|keeping|staying|steering)s?\s+(?:well\s+|far\s+|safely\s+)?(?:away|clear|off|far|out)(?:\s+(?:of|from))?|(?:stay|keep|steer|remain|keeping|staying|steering|well|far|distance|room|berth|space|clear|away|off|metres?|cm|m)\s+from|(?:distance|room|berth|space)\s+to|away from|clear of|far from|off)\s+{_thing()}"),
    ("avoid", rf"\b(?:give|leave|grant|giving)\s+{_thing()}\s+(?:a\s+)?(?:wide berth|(?:plenty|lots) of (?:room|space)|(?:some|more|enough|much)?\s*(?:room|space)|a wide berth)"),
    ("avoid", rf"\bdistance\s+(?:to|from)\s+{_thing()}"),
    ("towards", rf"\b(?:towards?|in the direction of|head(?:ing)? for|mak(?:e|ing) for|aim(?:ing)? (?:for|at)|approach(?:ing)?|up to)\s+{_thing()}"),
    ("near", rf"\b(?:near(?:er)?(?: to)?|close(?:r)?(?: to| by)?|next to|beside|by|along|alongside|past|via|stick(?:ing)? to|hug(?:ging)?|follow(?:ing)?|visit(?:ing)?|swing by|call at)\s+{_thing()}"),
    ("near", rf"^(?:pass)\s+{_thing()}$"),
)  # fmt: skip
_COMPILED = tuple((relation, re.compile(p, re.IGNORECASE)) for relation, p in _PATTERNS)
_MORE = re.compile(rf"^\s*(?:,\s*)?(?:and|or|nor)\s+(?:from\s+|to\s+)?{_thing()}", re.IGNORECASE)
_MORE_ON_SIDES = re.compile(
    rf"^\s*(?:and|or|nor)\s+{_thing()}\s+(?:on|to|at|by|from)\s+(?:the|its|his|her|their|your|my|our)\s+{_LEFT_RIGHT}",
    re.IGNORECASE,
)
_PARTED = re.compile(r",|\b(?:and|or|but|then)\b", re.IGNORECASE)
"""What stands before a thing of its own; without it, 'near the door' only says which table."""
_DENY = re.compile(
    r"\b(?:not|never|don['’]?t|mustn['’]?t|without|no|cannot|can['’]?t|avoid|nowhere|shouldn['’]?t"
    r"|nor|stop|keep from)\b[^,;]{0,25}$",
    re.IGNORECASE,
)


def find(text: str) -> list[Mention]:
    """Read the things that a clause names, and their relation.

    A statement about the scene ('the shop is near the station') asks for nothing.
    """
    return [mention for mentions, _ in _found(text) for mention in mentions]


def spans(text: str) -> list[tuple[int, int]]:
    """Where the things that a clause names stand, with the words of their relation."""
    return [span for _, span in _found(text)]


def _found(text: str) -> list[tuple[list[Mention], tuple[int, int]]]:
    found: list[tuple[list[Mention], tuple[int, int]]] = []
    if is_statement(text):
        return found
    rest = text
    for relation, pattern in _COMPILED:
        for match in pattern.finditer(rest):
            mentions, (start, end) = _read(relation, match)
            apart = all(
                _PARTED.search(text[min(last, end) : max(first, match.start())])
                for _, (first, last) in found
            )
            if mentions and apart:
                found.append((mentions, (start, end)))
                rest = rest[:start] + "." * (end - start) + rest[end:]
    return found


def _read(relation: str, match: re.Match[str]) -> tuple[list[Mention], tuple[int, int]]:
    """The things of a match and of what goes on with it, and where they stand."""
    text, groups = match.string, match.groupdict()
    denial = _DENY.search(text[: match.start()])
    start, end = denial.start() if denial else match.start(), match.end()
    thing = _clean(groups["thing"])
    if relation == "between":
        other = _clean(groups.get("other") or thing)
        return ([Mention("between", thing, other)] if thing and other else []), (start, end)
    things = [(thing, groups.get("side") or "")]
    on_sides = relation in ("side", "hand")
    place = end if on_sides else match.end("thing")
    while more := (_MORE_ON_SIDES if on_sides else _MORE).match(text[place:]):
        things.append((_clean(more["thing"]), more["side"] if on_sides else ""))
        place += more.end()
    told = [(_told(relation, side.lower(), bool(denial)), thing) for thing, side in things]
    mentions = [Mention(words, thing) for words, thing in dict.fromkeys(told) if words and thing]
    return mentions, (start, max(place, end))


def listed(text: str) -> list[str]:
    """The things that a clause is, if it is nothing but that ('the table and pets')."""
    one = rf"(?:{_DETERMINER}\s+)*(?!(?:{_STOP})\b){_WORD}(?:\s(?!(?:{_STOP})\b){_WORD}){{0,2}}"
    if not re.fullmatch(rf"(?:(?:and|or|nor)\s+)?{one}(?:\s+(?:and|or)\s+{one})*", text, re.I):
        return []
    things = re.split(r"\b(?:and|or|nor)\b", text)
    determiners = rf"^(?:{_DETERMINER}\s+)*"
    return [
        t for t in (_clean(re.sub(determiners, "", x.strip(), flags=re.I)) for x in things) if t
    ]


def thing_in(words: str) -> str:
    """The landmark in the words after 'from'; empty where they mean any obstacle."""
    match = re.match(_thing(), words.strip(), re.IGNORECASE)
    return _clean(match["thing"]) if match else ""


def _told(relation: str, side: str, denied: bool) -> str:
    """The relation as LandmarkWish has it; empty where the words don't ask for one."""
    if relation in ("side", "hand"):
        # A thing kept on the left hand is passed on its right.
        left = (side == "left") ^ (relation == "hand") ^ denied
        return "left_of" if left else "right_of"
    if relation == "never_cross":
        return "never_cross" if denied else ""
    if relation == "near" and denied:
        return "avoid"
    return "" if denied and relation in ("avoid", "towards") else relation


def _clean(thing: str) -> str:
    words = thing.lower().replace("’", "'").split()
    while words and words[-1] in ("always", "ever", "possible", "too", "please", "of"):
        words.pop()
    if (
        not words
        or (words[-1] in _GENERIC and not _SPECIFIC & set(words[:-1]))
        or words[0] in ("being", "coming", "getting", "going", "making")
    ):
        return ""
    if words[-1].endswith("ing") and words[-1] not in ("painting", "railing", "clothing", "ring"):
        return ""
    return " ".join(words)
