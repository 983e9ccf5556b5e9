"""What is asked for in plain words: the descriptors' own vocabulary, with its direction.

A sentence encoder puts 'minimise the clearance' beside 'maximise the clearance', so such
clauses are read by words. What these patterns don't match is left to the trained head.
"""

# ruff: noqa: E501  (a pattern reads best on one line)

from __future__ import annotations

import re

from vlm_robot.planning.goals.clauses import Clause, is_statement
from vlm_robot.planning.goals.wants import OPPOSITE, WANTS

_UP = (
    r"(?:maximi[sz]\w*|high(?:er|est)?|large(?:r|st)?|big(?:ger|gest)?|great(?:er|est)?|long(?:er|est)?"
    r"|more|most|lots of|plenty of|many|much|a lot of|increas\w+|generous|wide(?:r|st)?|huge|ample|far"
    r"|maximum amount of|roomy|roomier|roomiest|extend\w*|sharp)"
)
_DOWN = (
    r"(?:minimi[sz]\w*|minimal|low(?:er|est)?|small(?:er|est)?|short(?:er|est)?|few(?:er|est)?|less"
    r"|least|little|reduc\w+|limit(?:ed)?|cut down|tiny|narrow|gentle|mild|rare(?:ly)?|close|slight)"
)
_SOLID = (
    r"(?:walls?|obstacles?|everything|anything|things?|objects?|sides?|edges?|borders?|furniture"
    r"|structures?|something|buildings?|any solid|solid|perimeter|boundar(?:y|ies)|surroundings|clutter)"
)
_THE = r"(?:\w+ ){0,2}?"
_TURN = r"(?:turn(?:s|ing)?|bends?|corners?|curves?|steering|changes? of (?:direction|heading))"
_SHARP = r"(?:(?:sharp|hard|tight|hairpin|acute)(?:est)? (?:turns|corners|bends)|hairpins?|u-turns?|sharp_turns)"
_LARGEST = (
    r"(?:largest|biggest|sharpest|maximum|maximal|max|hardest|greatest|single)"
    r" (?:single )?(?:turn(?:ing)?|bend|corner|angle|turn angle|change of (?:heading|direction))"
)
_SUM = (
    r"(?:(?:total|sum|overall|in all|altogether|cumulative)\b.{0,25}\b(?:turn\w*|heading|steering)"
    r"|turn\w*\b.{0,12}\b(?:overall|in all|altogether|in total))"
)
_LENGTH = (
    r"(?:(?:path|route|travel|trip|total|overall)[ _]?(?:length|distance)"
    r"|(?:distance|length)(?! (?:to|from|between))"
    r"|length of the (?:path|route|trip)|(?:distance|metres|meters|way) (?:travelled|covered|driven))"
)
_LEAST_ROOM = (
    r"(?:(?:minimum|min|minimal|least|smallest|closest|worst[- ]case|nearest|tightest|narrowest"
    r"|shortest)[ _](?:clearance|distance to|gap|approach|spot|point|place|passage|opening|squeeze))"
)
_MOST_ROOM = r"(?:(?:maximum|max|greatest|largest|widest)[ _](?:clearance|distance to|spot|place))"
_MEAN_ROOM = r"(?:(?:average|mean|overall|typical|usual)[ _](?:clearance|distance to|distance from|room|gap))"
_ROOM = (
    rf"(?:clearance|(?:distance|room|space|gap|margin)s? (?:to|from|between|around) {_THE}{_SOLID}"
    r"|safety margins?|elbow room|safety distance)"
)

_NOUNS: tuple[tuple[str, str], ...] = (
    (_LEAST_ROOM, "roomy_tightest"),
    (_MOST_ROOM, "widest"),
    (_MEAN_ROOM, "roomy_mean"),
    (_SUM, "more_turning"),
    (_LARGEST, "acute_largest"),
    (_SHARP, "many_sharp"),
    (_LENGTH, "longer"),
    (_ROOM, "clear"),
    (r"(?:turning|bend) (?:radius|radii)|radius", "wide_bends"),
    (r"curvature", "tight_bends"),
    (r"(?<!long )exposure(?! to)|exposed", "open"),
    (
        r"(?:area|ground|floor|terrain|region) (?:you )?cover\w*|area_covered|(?<=cover )(?:as )?\w+ "
        r"(?:area|ground|floor)",
        "cover",
    ),
    (r"(?:risk|danger|chance)s? of (?:a )?(?:collision|crash)\w*", "close"),
    (r"smoothness", "smooth"),
    (
        r"(?:travel|journey|trip|driving) (?:time|duration)|(?:little|less|much|more) time on|(?:kilo)?metres|distance",
        "longer",
    ),
    (r"revers\w+", "many_reversals"),
    (_TURN, "twisty"),
    (r"detours?", "longer"),
)
"""Things that can be more or less, the most special first, and what more of them is."""

_FIRST: tuple[tuple[str, str, str], ...] = (
    (rf"\b(?:far|stray|lose touch|out of reach) (?:away )?(?:from|of|with) {_THE}{_SOLID}", "clear",
     "widest"),
    (rf"\b(?:stay|keep|steer|stand|shy) (?:\w+ )?(?:clear of|away from|off) {_THE}(?:{_SHARP}|{_TURN})",
     "smooth", ""),
    (r"\bwide(?:r|st)? (?:bends|curves|turns|arcs)\b|\bswing out wide\b", "wide_bends", ""),
    (r"\btight(?:er|est)? (?:bends|curves)\b", "tight_bends", ""),
    (r"\bstraight (?:there|to|towards)\b", "shorter", ""),
    (r"\bout of the (?:middle|centre|center)\b|\b(?:to|at|by|along|near) the (?:side|edge)s?(?! of the (?:map|world))\b",
     "close", ""),
    (r"\b(?:leave|leaving|out of|break) (?:the |your )?cover\b", "open", ""),
    (r"\bout of the (?:wide )?open\b", "hidden", ""),
    (r"\bcover (?:as )?(?:much|more|a large|lots of|a lot of|the whole|all)\b", "cover", ""),
    (r"\bcover (?:as )?(?:little|less)\b", "cover_little", ""),
    (r"\bnarrow(?:est)? (?:point|spot|place) should be (?:very |really )?narrow", "tight_tightest", ""),
)  # fmt: skip
"""Patterns that are looked for before all others: what they ask for, and what they say where they
are denied, if not the opposite."""

_SAID: tuple[tuple[str, str], ...] = (
    # length
    (r"\bshort ?cuts?\b", "shorter"),
    (r"\b(?:scenic|roundabout|long|longer|longest|circuitous) (?:route|way|path|trip|road|drive|ride"
     r"|loop)\b|\blong way (?:round|around)\b|\bthe long way\b|\bthe longer the better\b", "longer"),
    (r"\bdetours?\b", "longer"),
    (r"\b(?:shortest|short|direct|straightest|quickest|fastest|speediest)(?: \w+)? (?:route|way|path"
     r"|trip|road|line)\b|\bshortest\b(?! distance)|\bas short as\b|\bthe shorter the better\b"
     r"|\bbeeline\b|\bmost direct\b|\bquick(?:ly|est)?\b|\bfast(?:est)?\b|\bhurry\b|\brapidly\b"
     r"|\bswiftly\b|\bas soon as\b|\basap\b|\bno further than\b|\bshort and\b|\band short\b"
     r"|^short\b", "shorter"),
    (r"\b(?:dawdle|loiter|linger|wander|drive further|go further|as far as|drag it out|waste (?:any )?time|los(?:e|ing) (?:any )?time|delay)\b", "longer"),
    # room
    (rf"\b(?:away|far|clear|apart|well off|distant|keep off|stay off) (?:from |of )?{_THE}{_SOLID}\b",
     "clear"),
    (rf"\b(?:distance|berth|room|space|gap|margin)\b.{{0,12}}\b(?:to|from|around|between|on) {_THE}"
     rf"{_SOLID}\b|\bwide berth\b|\byour distance\b|\belbow room\b|\b(?:lots of|plenty of|more) "
     r"(?:room|space)\b", "clear"),
    (rf"\b(?:hug|hugging|skim|graze|scrape(?: along)?|brush(?: past| against)?|touch|hit|bump into"
     rf"|bumping into|hitting|touching|clip|rub along|creep along|stick to|near|nearer|nearby|close to"
     rf"|closer to|closely|close by|next to|along|alongside|beside|follow) {_THE}{_SOLID}\b", "close"),
    (r"\b(?:tight|narrow|small) (?:gaps?|passages?|spots?|spaces?|places?|alleys?|openings?"
     r"|corridors?)\b|\bclose shaves?\b|\bcut (?:it|things) fine\b|\bsqueez\w+\b", "close"),
    (r"\b(?:middle|centre|center)(?: of the (?:corridor|room|hall|road|aisle|hallway|passage|way))?\s*$"
     r"|\bdown the (?:middle|centre|center)\b", "clear"),
    (r"\bsafe(?:ly|st|ty)?\b(?! limit)", "clear"),
    (r"\bcollisions?\b.{0,3}$|\b(?:clutter(?:ed)?|cramped)\b", "close"),
    (r"\bleave the walls?\b", "clear"),
    # open and hidden
    (r"\bout of the open\b|\bout of (?:sight|view)\b|\b(?:stay|keep|remain|be) hidden\b|\bhid(?:e|ing)\b"
     r"|\bunseen\b|\bunnoticed\b|\b(?:in|to|use|behind|leave) (?:the )?(?:cover|shadows?)\b|\bstealth"
     r"(?:y|ily)?\b|\bsneak\w*\b|\bcovert(?:ly)?\b|\bundetected\b|^cover$", "hidden"),
    (r"\b(?:be|being|get|getting) (?:seen|spotted|noticed|detected|discovered)\b"
     r"|\b(?:in|into|to|across|cross) (?:the )?(?:wide )?open\b|^(?:the )?open$"
     r"|\bopen (?:ground|spaces?|areas?|square|terrain)\b|\bvisible\b|\bin (?:plain )?(?:view|sight)\b"
     r"|\bexpos(?:ed|e yourself)\b|^(?:seen|spotted|noticed|detected|discovered|detection)\b"
     r"|\b(?:any|every|some)(?:body|one) (?:can |to )?(?:sees?|notic\w+|spot)\b|\bwidest (?:corridors?|roads?|paths?)\b|\bspacious\b", "open"),
    # turns
    (rf"\b(?:{_SHARP})|\bdouble back\b|\babout-face\b", "many_sharp"),
    (r"\b(?:zigzag\w*|weav(?:e|ing)|swerv\w+|winding|twist(?:y|s|ing)|curvy|jagged|jerk(?:y|s|ing)?"
     r"|jolts?|jolting|lurch\w*|abrupt(?:ly)?|sudden(?:ly)?|wobbl\w+|erratic|full of bends|turn often"
     r"|change (?:of )?direction)\b", "twisty"),
    (r"\b(?:smooth(?:ly|est)?|gentl[ey]|gentler|steady|steadily|straight (?:lines?|course|path|ahead)"
     r"|(?:go|going|drive|driving|as) straight|straights|^straight|straight stretches|comfortabl[ey]|comfort|calm(?:ly)?|fluid(?:ly)?"
     r"|flowing)\b", "smooth"),
    (r"\b(?:revers(?:e|ing)|backwards?|back up|backing up)\b", "many_reversals"),
    (rf"^(?:any )?{_TURN}\s*$", "twisty"),
)  # fmt: skip
"""Patterns of what is asked for as it stands, and what it is."""

_ELSEWHERE = rf"(?:{_UP}|{_DOWN}|and|with|over)\b"
"""What parts a noun from an amount that is another's: 'lots of space and few turns'."""
_QUANTITIES = tuple(
    (
        re.compile(
            rf"\b\w+est\W+(?:\w+\W+)?(?:{noun})\b(?:\W+(?!{_ELSEWHERE})\w+){{0,5}}?\W+(?P<extreme>{_UP}|{_DOWN})\b"
            rf"|\b(?P<before>{_UP}|{_DOWN})\b(?:\W+(?!clear|turn|bend|{_ELSEWHERE})\w+){{0,4}}?\W+(?:{noun})"
            rf"|\b(?:{noun})\b(?:\W+(?!{_ELSEWHERE})\w+){{0,5}}?\W+(?P<after>{_UP}|{_DOWN})\b",
            re.IGNORECASE,
        ),
        want,
        re.compile(noun, re.IGNORECASE),
    )
    for noun, want in _NOUNS
)
_MORE_OF = re.compile(_UP, re.IGNORECASE)
_LESS = re.compile(
    r"\b(?<!or )(?:less|(?<!at )least)\s+$|\bas (?:little|few|seldom|rarely)\b.*$", re.IGNORECASE
)
_SPECIAL = tuple((re.compile(p, re.IGNORECASE), want, denied) for p, want, denied in _FIRST)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), want) for pattern, want in _SAID)


_OF_THE_PATH = re.compile(
    r"\b(?:should|must|ought|needs? to|has to|path|route|way|ride|trip|drive|course|road|line|better"
    r"|distance|clearance|length|turns?|bends?|corners?|turning|approach|gap|margin|curvature|spot"
    r"|travel|cruise|berth)\b",
    re.IGNORECASE,
)


def only_tells(text: str) -> bool:
    """Whether a clause says how things are, and nothing of the path."""
    return is_statement(text) and not _OF_THE_PATH.search(text)


def read(clause: Clause) -> dict[str, int]:
    """Descriptors with the direction that the clause asks for in plain words; empty: none.

    A statement about the scene ('the dance floor is in the middle') asks for nothing plainly.
    """
    found: dict[str, int] = {}
    rest = clause.core
    if only_tells(clause.text):
        return found
    sign = -1 if clause.denied else 1
    for first, want, denied in _SPECIAL:
        match = first.search(rest)
        if match:
            _add(found, denied if denied and clause.denied else want)
            rest = rest.replace(match.group(), " . ")
    for pattern, want, noun in _QUANTITIES:
        match = pattern.search(rest)
        if match:
            more = _MORE_OF.fullmatch(match["extreme"] or match["before"] or match["after"])
            _add(found, want if more else OPPOSITE[want])
            rest = noun.sub(" ", rest.replace(match.group(), " "))
    for said, want in _PATTERNS:
        match = said.search(rest)
        if match:
            _add(found, OPPOSITE[want] if _LESS.search(rest[: match.start()]) else want)
            rest = rest[: match.start()] + " . " + rest[match.end() :]
    return {name: sign * direction for name, direction in found.items() if direction}


def _add(found: dict[str, int], want: str) -> None:
    for name, direction in WANTS[want].items():
        found[name] = direction if found.get(name, direction) == direction else 0
