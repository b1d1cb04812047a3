"""Is it known already? Same place and kind within the hour, in other words. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.domain.units import Rank, UnitTree

HOUR = timedelta(hours=1)
#: Kinds that people call by each other's names in the first minutes.
_NEAR = (
    frozenset({"fire_accident", "hazmat", "work_safety", "forest_fire"}),
    frozenset({"work_safety", "coal_mine", "mine", "other"}),
    frozenset({"flood", "weather", "geological_disaster"}),
    frozenset({"road_traffic_accident", "hazmat", "other"}),
    frozenset({"public_health", "hazmat", "other"}),
)
_NO_WORDS = re.compile(r"[\s\W\d_]+|发生|事故|一起|群众|反映|报告|现场|附近|有人")
_LEAST, _LEAST_WORDS = 2.5, 0.3
MOST_SHOWN = 3
MOST_RELATED = 8
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of an incident, as far as it is known. `unit` is the code of its place."""

    id: str
    words: str
    unit: str | None
    category: str | None
    at: datetime
    guessed: bool = False  # the kind was read from the words: it speaks for, never against


@dataclass(frozen=True, slots=True)
class Alike:
    """A known incident that may be the same, and what speaks for it."""

    id: str
    score: float
    minutes: int
    same_place: bool
    same_kind: bool
    words: float  # how much of the shorter wording stands in the other, 0 to 1


def alike(new: Told, known: Iterable[Told], tree: UnitTree) -> list[Alike]:
    """The known incidents that this one may be, the likeliest first."""
    found = [one for other in known if other.id != new.id and (one := _compare(new, other, tree))]
    return sorted(found, key=lambda one: -one.score)[:MOST_SHOWN]


def _compare(new: Told, other: Told, tree: UnitTree) -> Alike | None:
    apart = abs(new.at - other.at)
    words = similarity(new.words, other.words)
    place = _place(new.unit, other.unit, tree)
    kind = _kind(new.category, other.category)
    kind = max(kind, 0.0) if new.guessed else kind
    if apart > HOUR and words < 0.6:
        return None
    if words < _LEAST_WORDS and not (place >= 1.5 and kind >= 1):
        return None
    score = place + kind + 3 * words + (1.0 if apart <= HOUR else 0.0)
    if score < _LEAST:
        return None
    return Alike(other.id, score, round(apart.total_seconds() / 60), place >= 1, kind >= 1, words)


def related(new: Told, known: Iterable[Told], tree: UnitTree) -> list[Alike]:
    """What may belong to this one, though it is another: near in place and time and of a near kind, at the
    very same place, or told in the same words. The likeliest first."""
    found = []
    for other in known:
        if other.id == new.id:
            continue
        apart = abs(new.at - other.at)
        place, kind = _place(new.unit, other.unit, tree), _kind(new.category, other.category)
        words = similarity(new.words, other.words)
        if apart > DAY or not (place >= 2 or (place > 0 and kind > 0) or (place >= 0 and words >= 0.6)):
            continue
        score = place + 2 * kind + 3 * words + 1 - apart / DAY
        found.append(Alike(other.id, score, round(apart.total_seconds() / 60), place >= 1, kind >= 1, words))
    return sorted(found, key=lambda one: -one.score)[:MOST_RELATED]


def similarity(one: str, other: str) -> float:
    """How many of the shorter wording's pairs of characters stand in the other, 0 to 1."""
    first, second = _pairs(one), _pairs(other)
    shorter = min(len(first), len(second))
    return len(first & second) / shorter if shorter >= 2 else 0.0


def _pairs(text: str) -> set[str]:
    found: set[str] = set()
    for run in _NO_WORDS.split(text):
        found |= {run[at : at + 2] for at in range(len(run) - 1)}
    return found


def _place(one: str | None, other: str | None, tree: UnitTree) -> float:
    """2 for the same township, 1.5 where of one only the county is known, 0.5 within it, -3 elsewhere."""
    if one is None or other is None or tree.root in (one, other):
        return 0.0
    if one == other:
        unit = tree.get(one)
        return 2.0 if unit is not None and unit.rank is Rank.TOWNSHIP else 1.5
    if tree.covers(one, other) or tree.covers(other, one):
        return 1.5
    return 0.5 if tree.county_of(one) == tree.county_of(other) else -3.0


def _kind(one: str | None, other: str | None) -> float:
    if one is None or other is None:
        return 0.0
    first, second = one.partition("/")[0], other.partition("/")[0]
    if first == second:
        return 1.0
    return 0.25 if any({first, second} <= near for near in _NEAR) else -1.5
