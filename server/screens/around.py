"""Who can be rung about an incident, and which others belong to it. Pure.

A public informer is never among the callers: their name and number stand in the restricted stream alone, and
nothing of that stream is read here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.domain.duplicates import Alike
from server.screens.fact_table import source_in_words
from server.screens.wording import Wording

#: The shortest number that anybody answers: 110.
_LEAST_DIGITS = 3
_NOT_DIALLED = re.compile(r"[\s()（）\-–—.]+")
_NUMBER = re.compile(r"\+?[0-9*#]+")
MOST_SOURCES = 30


@dataclass(frozen=True, slots=True)
class Reached:
    """Somebody with a number. `dial`: what a telephone is given; empty when it is no number one can dial."""

    post: str
    name: str
    phone: str
    dial: str
    at: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """Who is on duty at one unit."""

    name: str
    manned: bool
    taken_over: bool
    people: tuple[Reached, ...]


@dataclass(frozen=True, slots=True)
class Related:
    """Another incident, and why it is shown."""

    id: str
    number: str
    title: str
    place: str
    known_at: Any
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Around:
    incident_id: str
    desks: tuple[Desk, ...]
    sources: tuple[Reached, ...]
    related: tuple[Related, ...]


def dial(phone: str) -> str:
    """The number as a telephone wants it; empty when words stand in it, or more than one number."""
    plain = _NOT_DIALLED.sub("", phone)
    return plain if _NUMBER.fullmatch(plain) and len(plain) >= _LEAST_DIGITS else ""


def desks(standing: Mapping[str, dict[str, Any]], units: Sequence[str], wording: Wording) -> list[Desk]:
    """The desks of these units that have a roster, in their order."""
    made = []
    for unit in units:
        if (duty := standing.get(unit)) is None:
            continue
        on = duty["on"]
        people = [_on_duty(wording.term("shift_post", one["post"]), one) for one in on["posts"]] if on else []
        if on and on["leader"]:
            people.append(_on_duty(wording.say("shift.leader"), on["leader"]))
        made.append(Desk(wording.unit(unit), on is not None, bool(duty["taken_over"]), tuple(people)))
    return made


def _on_duty(post: str, person: Mapping[str, Any]) -> Reached:
    phone = str(person.get("phone") or "")
    return Reached(post, str(person["name"]), phone, dial(phone))


def sources(history: Sequence[Mapping[str, Any]], wording: Wording) -> list[Reached]:
    """Who said something of it and left a number, the latest first, each once."""
    found: dict[tuple[str, str], Reached] = {}
    for statement in sorted(history, key=lambda one: str(one["known_at"]), reverse=True):
        source = statement["source"] or {}
        phone = str(source.get("phone") or "").strip()
        if not phone:
            continue
        name = source_in_words({**source, "channel": None}, wording)
        channel = wording.term("source", source["channel"]) if source.get("channel") else ""
        reached = Reached(channel, name, phone, dial(phone), statement["known_at"])
        found.setdefault((name, phone), reached)
    return list(found.values())[:MOST_SOURCES]


def absorbed_ids(shown: Mapping[str, Any]) -> list[str]:
    """The duplicates that were merged into the incident, as its log names them."""
    events = (one["event"] for one in shown["entries"])
    return [event["merged"] for event in events if event["type"] == "duplicate_absorbed"]


def related(
    absorbed: Sequence[Mapping[str, Any]],
    near: Sequence[Alike],
    rows: Mapping[str, Mapping[str, Any]],
    wording: Wording,
) -> list[Related]:
    made = [_related(row, wording.say("around.absorbed"), wording) for row in absorbed]
    for one in near:
        why = [
            wording.say(slug)
            for slug, holds in (("around.same_place", one.same_place), ("around.same_kind", one.same_kind))
            if holds
        ]
        why.append(wording.say("around.hours", span=wording.span(60 * one.minutes)))
        made.append(_related(rows[one.id], " · ".join(why), wording))
    return made


def _related(row: Mapping[str, Any], why: str, wording: Wording) -> Related:
    return Related(
        id=row["id"],
        number=row["number"],
        title=row["title"],
        place=wording.place_unit(row["unit"]),
        known_at=row["known_at"],
        state=row["state"],
        why=why,
    )
