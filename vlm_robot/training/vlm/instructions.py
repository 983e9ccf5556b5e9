"""Questions and answers about rendered scenes, to tune a model on, from their ground truth.

Every form is asked in several wordings, which `wordings.yaml` lists. Half of the yes-or-no
questions have the answer no, and what isn't there is chosen as POPE does (Li et al., EMNLP 2023).
What can't be seen is asked for, too, so that saying so is learned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from vlm_robot.answering.colours import COLOURS
from vlm_robot.answering.parsing import plural
from vlm_robot.answering.wording import a, inventory, place_in_image
from vlm_robot.training.shots import Namer, Pick, Shot, Thing, at_depths, beside

CANNOT_TELL = "I can't tell from this picture."
NOTHING = "Nothing that I recognise."
_MOST_LISTED = 8


class Pair(NamedTuple):
    """A question and its right answer; `form` is a key of `wordings.yaml`."""

    form: str
    question: str
    answer: str


@cache
def wordings() -> Mapping[str, tuple[str, ...]]:
    """Those of training, by form."""
    text = Path(__file__).with_name("wordings.yaml").read_text("utf-8")
    return {form: tuple(lines) for form, lines in yaml.safe_load(text).items()}


class Instructor:
    """Makes the pairs of each shot; the same for the same random numbers.

    Args:
        negatives: whether what isn't there and what can't be told is asked for, too.
    """

    def __init__(self, shots: Sequence[Shot], *, negatives: bool = True) -> None:
        self._namer = Namer(shots, taught=True)
        self._negatives = negatives

    def make(self, shot: Shot, pick: Pick) -> list[Pair]:
        """Pairs about a shot: what is there, then the others in random order."""
        sure = self._namer.sure(shot, pick)
        gone = self._gone(shot, pick) if self._negatives else []
        pairs = [
            *self._existence(sure, gone, pick),
            *_colours(sure, pick),
            *_places(sure, shot, pick),
            *_sides(sure, pick),
            *_depths(sure, pick),
            *_supports(sure, pick),
            *self._counts(shot, gone, pick),
            *_both(sure, gone, pick),
            *_boxes(sure, shot, pick),
            *_points(sure, shot, pick),
        ]
        if self._negatives:
            pairs += _unanswerable(sure, gone, pick)
        return [*_list(shot, pick), *(pairs[i] for i in pick.permutation(len(pairs)))]

    def make_blank(self, pick: Pick) -> list[Pair]:
        """Pairs about a picture of one colour."""
        names = [self._namer.any_name(pick) for _ in range(4)]
        return [
            *(_said("exists", "No", pick, x=name) for name in names[:2]),
            _said("count", "0", pick, x=names[2]),
            _said("describe", NOTHING, pick),
            _not_there(names[3], pick),
        ]

    def make_paths(
        self, shot: Shot, asked: Sequence[tuple[int, str, int]], pick: Pick
    ) -> list[Pair]:
        """Pairs about a picture with numbered paths.

        Args:
            asked: thing's index, form and right number, as `features.compute_paths` writes them.
        """
        names = {id(thing): name for name, thing in self._namer.sure(shot, pick)}
        pairs = [
            _said(form, str(number), pick, x=names[id(shot.things[index])])
            for index, form, number in asked
            if id(shot.things[index]) in names
        ]
        return [pairs[i] for i in pick.permutation(len(pairs))]

    def _gone(self, shot: Shot, pick: Pick) -> list[str]:
        """Six names of what isn't there, of POPE's three orders, mixed."""
        orders = self._namer.orders(shot, pick)
        few = [self._namer.absent(shot, orders[kind][:40])[:12] for kind in sorted(orders)]
        names = [
            name for some in few for name in (some[i] for i in pick.permutation(len(some))[:3])
        ]
        return list(dict.fromkeys(names[i] for i in pick.permutation(len(names))))[:6]

    def _existence(
        self, sure: Sequence[tuple[str, Thing]], gone: Sequence[str], pick: Pick
    ) -> Iterator[Pair]:
        for name, _ in sure[:3]:
            yield _said("exists", "Yes", pick, x=name)
        for name in gone[: min(3, max(1, len(sure)))]:
            yield _said("exists", "No", pick, x=name)
        for (name, _), other in zip(sure[3:4], gone[3:4], strict=False):
            first, second = (name, other) if pick.random() < 0.5 else (other, name)
            yield _said("which", a(name).capitalize(), pick, x=first, y=second)

    def _counts(self, shot: Shot, gone: Sequence[str], pick: Pick) -> Iterator[Pair]:
        counted = {}
        for thing in shot.things:
            for name in thing.taught[:1]:
                if not shot.disputed(name) and all(t.plain for t in shot.called(name)):
                    counted[name] = len(shot.called(name))
        names = sorted(counted, key=lambda n: (-counted[n], n))
        several = [name for name in names if counted[name] > 1]
        for name in several[:2] or (names[:1] if pick.random() < 0.5 else []):
            yield _said("count", str(counted[name]), pick, x=name)
        if gone and pick.random() < 0.2:
            yield _said("count", "0", pick, x=gone[-1])
        compared = list(pairwise(names[:4]))
        unequal = [p for p in compared if counted[p[0]] != counted[p[1]]]
        equal = [p for p in compared if counted[p[0]] == counted[p[1]]]
        for pair in unequal[:1] or (equal[:1] if pick.random() < 0.5 else []):
            first, second = pair if pick.random() < 0.5 else pair[::-1]
            more = counted[first] > counted[second]
            yield _said("more", "Yes" if more else "No", pick, x=first, y=second)


def _said(form: str, answer: str, pick: Pick, **words: str) -> Pair:
    """A pair in a random wording."""
    fill = {
        **words,
        **{short: a(words[of]) for short, of in (("a", "x"), ("b", "y")) if of in words},
        **{f"{name}s": plural(words[name]) for name in ("x", "y") if name in words},
    }
    text = str(pick.choice(wordings()[form])).format(**fill)
    text = text[0].upper() + text[1:] if text[-1] in "?." and pick.random() < 0.9 else text
    return Pair(form, text, answer)


def _colours(sure: Sequence[tuple[str, Thing]], pick: Pick) -> Iterator[Pair]:
    for name, thing in [(n, t) for n, t in sure if t.colour][:4]:
        other = str(pick.choice([c for c in COLOURS if c != thing.colour]))
        yield _said("colour", thing.colour.capitalize(), pick, x=name)
        first, second = (thing.colour, other) if pick.random() < 0.5 else (other, thing.colour)
        yield _said("colour_choice", thing.colour.capitalize(), pick, x=name, c=first, d=second)
        answer = "Yes" if first == thing.colour else "No"
        form = "is_colour" if pick.random() < 0.5 else "coloured"
        yield _said(form, answer, pick, x=name, c=first)


def _places(sure: Sequence[tuple[str, Thing]], shot: Shot, pick: Pick) -> Iterator[Pair]:
    size = shot.intrinsics.width, shot.intrinsics.height
    for name, thing in sure[:2]:
        place = _place(thing, size)
        yield _said("where", f"{place[0].upper()}{place[1:]} of the picture.", pick, x=name)
    for name, thing in sure[:4]:
        at = thing.middle[0] / size[0]
        if abs(at - 0.5) > 0.12:
            yield _said("half", "Left" if at < 0.5 else "Right", pick, x=name)
    places = [_place(t, size) for t in shot.things]
    alone = [(n, p) for n, p in ((n, _place(t, size)) for n, t in sure)
             if places.count(p) == 1]  # fmt: skip
    for name, place in alone[:1]:
        yield _said("at", a(name).capitalize(), pick, place=place)


def _place(thing: Thing, size: tuple[int, int]) -> str:
    return str(place_in_image(thing.box.astype(np.float64), size))


def _sides(sure: Sequence[tuple[str, Thing]], pick: Pick) -> Iterator[Pair]:
    for (name, _), (other_name, _), side in islice(beside(sure[:5]), 2):
        yield _said("side", side.capitalize(), pick, x=name, y=other_name)
        asked = str(pick.choice(["left", "right"]))
        answer = "Yes" if asked == side else "No"
        yield _said("is_side", answer, pick, x=name, y=other_name, side=asked)


def _depths(sure: Sequence[tuple[str, Thing]], pick: Pick) -> Iterator[Pair]:
    """What scenes with depth tell."""
    placed = [(n, t) for n, t in sure if np.isfinite(t.center).all()]
    for name, thing in placed[:2]:
        metres = float(np.linalg.norm(thing.center))
        yield _said("distance", f"About {metres:.1f} m", pick, x=name)
    for (name, _), (other_name, _), first_nearer in islice(at_depths(placed[:5]), 2):
        near, far = (name, other_name) if first_nearer else (other_name, name)
        first, second = (near, far) if pick.random() < 0.5 else (far, near)
        yield _said("nearer", f"The {near}", pick, x=first, y=second)
        form = str(pick.choice(["is_before", "is_behind"]))
        truth = (first == near) == (form == "is_before")
        yield _said(form, "Yes" if truth else "No", pick, x=first, y=second)


def _supports(sure: Sequence[tuple[str, Thing]], pick: Pick) -> Iterator[Pair]:
    named = {thing.instance: name for name, thing in sure}
    below: dict[str, list[str]] = {}
    for name, thing in sure:
        if thing.on in named:
            below.setdefault(str(thing.on), []).append(name)
    for instance, names in list(below.items())[:2]:
        support = named[instance]
        yield _said("is_on", "Yes", pick, x=names[0], y=support)
        yield _said("on", inventory(names).capitalize(), pick, y=support)
        off = [n for n, t in sure if t.on == "" and t.instance != instance]
        for name in off[:1]:
            yield _said("is_on", "No", pick, x=name, y=support)


def _both(sure: Sequence[tuple[str, Thing]], gone: Sequence[str], pick: Pick) -> Iterator[Pair]:
    if len(sure) < 2 or len(gone) < 2:
        return
    there, (first, second) = [name for name, _ in sure[-2:]], gone[-2:]
    kind = int(pick.integers(2))
    yield _said("both", "No" if kind else "Yes", pick, x=there[0], y=[there[1], first][kind])
    if pick.random() < 0.5:
        yield _said("either", "Yes", pick, x=there[0], y=first)
    else:
        yield _said("either", "No", pick, x=first, y=second)


def _shown(shot: Shot) -> list[Thing]:
    return [t for t in shot.things if t.plain and t.taught]


def _list(shot: Shot, pick: Pick) -> Iterator[Pair]:
    """The largest of what is plain, from left to right as the tower's tokens are."""
    largest = sorted(_shown(shot), key=lambda t: -t.area)[:_MOST_LISTED]
    names = [t.taught[0] for t in sorted(largest, key=lambda t: float(t.middle[0]))]
    if len(names) > 1 and pick.random() < 0.3:
        yield _said("in_order", f"{', '.join(map(a, names)).capitalize()}.", pick)
    elif names:
        yield _said("describe", f"{inventory(names).capitalize()}.", pick)


def _boxes(sure: Sequence[tuple[str, Thing]], shot: Shot, pick: Pick) -> Iterator[Pair]:
    """A box as the chat backend reads it: JSON, 0 to 1000."""
    if not sure or pick.random() > 0.15:
        return
    name, thing = sure[-1]
    size = np.array([shot.intrinsics.width, shot.intrinsics.height] * 2)
    box = [int(v) for v in (thing.box / size * 1000).round()]
    yield _said("box", json.dumps([{"label": name, "box": box}]), pick, x=name)


def _points(sure: Sequence[tuple[str, Thing]], shot: Shot, pick: Pick) -> Iterator[Pair]:
    """Points in percent of the picture's width and height."""
    for name, thing in sure[:1]:
        yield _said("point", _percent(thing, shot), pick, x=name)
    clear = [t for t in _shown(shot) if _is_at_its_middle(t, shot)]
    for thing in clear[: pick.integers(2)]:
        answer = a(thing.taught[0]).capitalize()
        yield _said("at_point", answer, pick, place=_percent(thing, shot))


def _percent(thing: Thing, shot: Shot) -> str:
    size = np.array([shot.intrinsics.width, shot.intrinsics.height])
    across, down = (100 * thing.middle / size).round().astype(int)
    return f"{across}, {down}"


def _is_at_its_middle(thing: Thing, shot: Shot) -> bool:
    """Whether no other thing's box lies over the middle of its own and is smaller."""
    x, y = thing.middle
    return not any(
        t.area < thing.area and t.box[0] < x < t.box[2] and t.box[1] < y < t.box[3]
        for t in shot.things
    )


def _unanswerable(
    sure: Sequence[tuple[str, Thing]], gone: Sequence[str], pick: Pick
) -> Iterator[Pair]:
    name = sure[0][0] if sure else "table"
    yield _said("cannot_tell", CANNOT_TELL, pick, x=name)
    for missing in gone[-1:]:
        yield _not_there(missing, pick)


def _not_there(name: str, pick: Pick) -> Pair:
    return _said("not_there", f"There is no {name} here.", pick, x=name)
