"""Numbers that contradict each other: what different sources say of one fact, until an officer chooses. Pure.

The latest word counts, whoever said it. A word that comes with an explanation settles what had been said by
then: so an officer chooses, and so a source corrects itself. Nothing here changes a figure or a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.terms import FACTS
from server.domain.incident import Statement
from server.domain.validity import is_said

Number = int | float | None


@dataclass(frozen=True, slots=True)
class Word:
    """What one source said of one fact. `settles`: it came with an explanation."""

    source: tuple[str | None, ...]
    value: Number
    known_at: datetime
    settles: bool


@dataclass(frozen=True, slots=True)
class Contradiction:
    """The latest word on a fact and what other sources stand by, newest first: places among the words."""

    latest: int
    others: tuple[int, ...]


def source_of(known_by: str, source: Mapping[str, Any] | None) -> tuple[str | None, ...]:
    """Who speaks: the unit that knew, and the way by which it was told."""
    said = source or {}
    return (known_by, said.get("channel"), said.get("unit"), said.get("name"))


def contradiction(words: Sequence[Word]) -> Contradiction | None:
    """What stands against the latest of these words, in the order in which they were written down; None when
    nothing does. A source's own later word takes the place of its earlier one; an unknown contradicts nobody.

    Who chooses a number speaks for the sources that had said it: when these say more, they are not in
    contradiction with their own former word.
    """
    stands: list[tuple[frozenset[tuple[str | None, ...]], int]] = []
    for at, word in enumerate(words):
        speakers = frozenset({word.source})
        if word.settles:
            settled = [one for one in stands if words[one[1]].known_at <= word.known_at]
            stands = [one for one in stands if one not in settled]
            agreed = [sources for sources, other in settled if words[other].value == word.value]
            speakers = frozenset().union(*agreed) or speakers
        for sources, other in stands:
            if words[other].known_at > word.known_at:
                speakers -= sources  # entered late: they have said something newer already
        stands = [(sources - speakers, other) for sources, other in stands]
        stands = [one for one in [*stands, (speakers, at)] if one[0]]
    if not words:
        return None
    latest = max(range(len(words)), key=lambda at: (words[at].known_at, at))
    others = [
        at for _sources, at in stands if at != latest and words[at].value not in (None, words[latest].value)
    ]
    others.sort(key=lambda at: (words[at].known_at, at), reverse=True)
    return Contradiction(latest, tuple(others)) if others else None


def contradicted(statements: Sequence[Statement]) -> dict[str, tuple[Statement, tuple[Statement, ...]]]:
    """The facts on which sources differ: who has the latest word, and who says otherwise."""
    found = {}
    for name in _said_twice(statements):
        said = [one for one in statements if name in one.facts]
        words = [
            Word(source_of(one.known_by, one.source), one.facts[name], one.known_at, is_said(one.explanation))
            for one in said
        ]
        differ = contradiction(words)
        if differ is not None:
            found[name] = (said[differ.latest], tuple(said[at] for at in differ.others))
    return found


def _said_twice(statements: Iterable[Statement]) -> list[str]:
    """Facts of which there is more than one number, in their order."""
    numbers: dict[str, set[Number]] = {}
    for one in statements:
        for name, value in one.facts.items():
            numbers.setdefault(name, set()).add(value)
    return [name for name in FACTS if len(numbers.get(name, ())) > 1]
