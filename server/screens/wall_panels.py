"""What the wall's panels print: who commands where, what forces are out, which warnings stand. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.events import LogEntry, OrderAcknowledged, OrderIssued, OrderReported
from schemas.field_work import FieldStatus, FieldStatusSet
from schemas.fields import wire_instant
from schemas.scene import SceneEvent
from schemas.terms import Post
from server.domain import scene
from server.screens.board import Card
from server.screens.wording import Wording, instant

#: Whoever is out, in the order of the way there and back.
OUT = (FieldStatus.EN_ROUTE, FieldStatus.ARRIVED, FieldStatus.ENGAGED)
MOST_NAMED = 3
#: A warning whose time has passed stands on the wall for so long, marked.
OVER_STAYS = timedelta(hours=1)
#: The colour that a warning says of itself, with how far up it stands.
COLOURS = {"红": "especially_major", "橙": "major", "黄": "larger", "蓝": "ordinary"}
_COLOUR = re.compile(r"([红橙黄蓝])色")


@dataclass(frozen=True, slots=True)
class Somebody:
    """A person on the spot or on the way."""

    name: str
    unit: str
    status: str
    at: str


@dataclass(frozen=True, slots=True)
class Commanded:
    """An incident: who leads its desk, who commands on the spot. Empty is nobody known, never nobody."""

    card: Card
    desk: str
    leader: str
    on_the_spot: tuple[Somebody, ...]
    more: int


@dataclass(slots=True)
class Forces:
    """What is out for one incident, or for all: orders, people by how they stand, heads inside."""

    card: Card | None = None
    orders: int = 0
    unread: int = 0
    answered: int = 0
    people: Counter[str] = field(default_factory=Counter)
    withdrawn: int = 0
    inside: int = 0
    as_of: str | None = None

    @property
    def out(self) -> int:
        return sum(self.people.values())

    @property
    def is_any(self) -> bool:
        return bool(self.orders or self.people or self.withdrawn or self.inside)


@dataclass(frozen=True, slots=True)
class InForce:
    """A warning or a response that the desk has noted and not settled."""

    kind: str
    text: str
    colour: str
    since: str
    until: str | None
    is_over: bool
    by: str  # who issued it; where nobody said so, who noted it


def commands(
    cards: Iterable[Card],
    said: Mapping[str, Sequence[LogEntry]],
    leader_of: Callable[[str], str],
    wording: Wording,
) -> list[Commanded]:
    """`leader_of`: the leader on duty at a unit, empty when that is not known or not this unit's to know."""
    made = []
    for card in cards:
        there = [
            Somebody(
                entry.event.person,
                _short(entry.event.unit, wording),
                wording.term("field_status", entry.event.status),
                wire_instant(entry.event.at),
            )
            for entry in _standing(said.get(card.id, ()))
            if entry.post == Post.FIELD_COMMANDER and entry.event.status is not FieldStatus.WITHDRAWN
        ]
        spot = _commanding(said.get(card.id, ()), wording)
        there = [*spot, *(one for one in there if one.name not in {each.name for each in spot})]
        named, more = tuple(there[:MOST_NAMED]), len(there[MOST_NAMED:])
        made.append(Commanded(card, card.county, leader_of(card.unit), named, more))
    return made


def _commanding(said: Iterable[LogEntry], wording: Wording) -> list[Somebody]:
    """Who commands each post on the spot that is open."""
    state = scene.Scene()
    for entry in said:
        if isinstance(entry.event, SceneEvent):
            scene.apply(state, entry.event, entry)
    word = wording.say("wall.commands")
    return [
        Somebody(post.term.commander.name, post.title, word, wire_instant(post.term.since))
        for post in state.open_posts()
    ]


def forces(cards: Sequence[Card], said: Mapping[str, Sequence[LogEntry]]) -> tuple[Forces, list[Forces]]:
    """Of all together, and of each incident for which anything is out."""
    each = [_forces(card, said.get(card.id, ())) for card in cards]
    whole = Forces()
    for one in each:
        whole.orders += one.orders
        whole.unread += one.unread
        whole.answered += one.answered
        whole.people += one.people
        whole.withdrawn += one.withdrawn
        whole.inside += one.inside
        whole.as_of = max(filter(None, (whole.as_of, one.as_of)), default=None)
    return whole, [one for one in each if one.is_any]


def in_force(items: Iterable[Mapping[str, Any]], now: datetime, wording: Wording) -> list[InForce]:
    """The newest first. What should be over by now says so for an hour, for it may have been prolonged and
    nobody has said so yet; then it is no longer in force here, and the desk still has it to settle."""
    made = []
    for one in items:
        until = instant(one["due_at"])
        if until is not None and now >= until + OVER_STAYS:
            continue
        colour = _COLOUR.search(one["text"])
        made.append(
            InForce(
                kind=wording.say(f"wall.kind_{one['kind']}"),
                text=one["text"],
                colour=COLOURS[colour[1]] if colour else "",
                since=one["added_at"],
                until=one["due_at"],
                is_over=until is not None and until < now,
                by=one["source"] or one["by"],
            )
        )
    return sorted(made, key=lambda one: one.since, reverse=True)


def _forces(card: Card, said: Sequence[LogEntry]) -> Forces:
    made = Forces(card, inside=max(0, card.inside))
    unread: set[str] = set()
    moments = []
    for entry in said:
        match entry.event:
            case OrderIssued(order_id=order_id):
                made.orders += 1
                unread.add(order_id)
            case OrderAcknowledged(order_id=order_id):
                unread.discard(order_id)
            case OrderReported(order_id=order_id):
                made.answered += 1
                unread.discard(order_id)
            case FieldStatusSet(at=at):
                moments.append(at)
                continue
            case _:
                continue
        moments.append(entry.recorded_at)
    made.unread = len(unread)
    for entry in _standing(said):
        if entry.event.status is FieldStatus.WITHDRAWN:
            made.withdrawn += 1
        else:
            made.people[str(entry.event.status)] += 1
    made.as_of = wire_instant(max(moments)) if moments else None
    return made


def _standing(said: Iterable[LogEntry]) -> list[Any]:
    """How everybody stands by their own latest word, whoever was heard of last first."""
    latest: dict[tuple[str, str | None], Any] = {}
    for entry in said:
        event = entry.event
        if not isinstance(event, FieldStatusSet):
            continue
        known = latest.get((event.person, event.unit))
        if known is None or event.at >= known.event.at:
            latest[(event.person, event.unit)] = entry
    return sorted(latest.values(), key=lambda one: one.event.at, reverse=True)


def _short(unit: str | None, wording: Wording) -> str:
    return wording.short(unit) if unit is not None and unit in wording.tree else unit or ""
