"""A line of the log in the making: who wrote what down when, and the bytes that will stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from schemas import events as ev
from schemas.bases import AnyCommand
from schemas.commands import Command
from schemas.duties import DutyEvent
from schemas.events import Event, plain
from schemas.fields import OnBehalfOf, wire_instant
from server.domain.decide import Author
from server.domain.incident import Incident
from server.record.ledger import canonical

#: What the clock itself writes: prompts, breaches, obligations.
CLOCK = "fenghuo"
CLOCK_POST = "clock"
LATE_AFTER = timedelta(minutes=2)


@dataclass(slots=True)
class Line:
    """An entry on its way into the log, and the units whose streams will carry it.

    Its bytes are those of a `LogEntry`, which is what they are read as again; making one here and checking it
    once more would cost as much as deciding the command.
    """

    incident_id: str | None
    event: Event
    by: str
    unit: str
    recorded_at: datetime
    command_id: str | None
    body: bytes
    units: tuple[str, ...] = ()
    restricted: bool = False
    subject: str | None = None
    on_behalf_of: OnBehalfOf | None = None
    short_mark: str | None = None


def system_line(event: Event, root: str, now: datetime) -> Line:
    """An entry that belongs to no incident: the city's stream has it."""
    body = {"event": plain(event), "by": CLOCK, "post": CLOCK_POST, "unit": root}
    body["recorded_at"] = wire_instant(now)
    return Line(None, event, CLOCK, root, now, None, canonical(body), (root,))


def line_of(
    incident: Incident,
    event: Event,
    author: Author | None,
    command: Command | None,
    root: str,
    now: datetime,
    written_now: str,
) -> Line:
    """An entry of an incident; without an author it is the clock's. Its units are filled in after folding."""
    if author is None:
        unit = incident.place.unit if incident.place else root
        by, post = CLOCK, CLOCK_POST
    else:
        by, post, unit = author.name, str(author.post), author.unit
    body = {"incident_id": incident.id, **_body(event, author, command, (by, post, unit), now, written_now)}
    command_id = command.command_id if command is not None else None
    line = Line(incident.id, event, by, unit, now, command_id, canonical(body))
    if command is not None:
        line.on_behalf_of, line.short_mark = command.on_behalf_of, command.short_mark
    return line


def _body(
    event: Event,
    author: Author | None,
    command: AnyCommand | None,
    who: tuple[str, str, str],
    now: datetime,
    written_now: str,
) -> dict[str, Any]:
    """The entry as plain values, absent fields left out. `who`: by, post, unit."""
    by, post, unit = who
    body: dict[str, Any] = {
        "event": plain(event),
        "by": by,
        "post": post,
        "unit": unit,
        "recorded_at": written_now,
    }
    happened, in_occurred = _moments(event)
    if in_occurred is not None:
        body["occurred_at"] = body["event"][in_occurred]
    if author is not None and happened is not None and now - happened > LATE_AFTER:
        body["late_s"] = int((now - happened).total_seconds())
    if command is not None:
        _as_said(command, body, now)
        if author is not None and author.via is not None:
            body["via"] = author.via.model_dump(mode="json", exclude_none=True)
            body.pop("skew_ms", None)  # the device sent it to somebody else, and long ago
            if author.device_skew_ms is not None:
                body["skew_ms"] = author.device_skew_ms
    return body


def _as_said(command: AnyCommand, body: dict[str, Any], now: datetime) -> None:
    """What the command itself says of how it came; absent fields are left out."""
    body["command_id"] = command.command_id
    if command.device_at is not None:
        body["device_at"] = wire_instant(command.device_at)
    if command.device_sent_at is not None:
        body["device_sent_at"] = wire_instant(command.device_sent_at)
        body["skew_ms"] = int((now - command.device_sent_at).total_seconds() * 1000)
    if command.on_behalf_of is not None:
        body["on_behalf_of"] = command.on_behalf_of.model_dump(exclude_none=True)
    if command.words is not None:
        body["words"] = command.words
    if isinstance(command, Command) and command.short_mark is not None:
        body["short_mark"] = command.short_mark


def duty_line(event: DutyEvent, author: Author | None, command: AnyCommand | None, now: datetime) -> Line:
    """An entry of a unit's duty; without an author the clock's. The event says whose streams carry it."""
    by, post, unit = (CLOCK, CLOCK_POST, event.unit)
    if author is not None:
        by, post, unit = author.name, str(author.post), author.unit
    body = _body(event, author, command, (by, post, unit), now, wire_instant(now))
    command_id = command.command_id if command is not None else None
    units, subject = tuple(dict.fromkeys(event.units)), f"duty:{event.unit}"
    return Line(None, event, by, unit, now, command_id, canonical(body), units, subject=subject)


#: When the deed was done that the entry speaks of: what "entered late" is measured by.
_HAPPENED = ("happened_at", "known_at", "judged_at", "received_at", "sent_at", "declared_at", "at")
#: 事发时间 for an incident that says it; else when the deed was done, or fell due.
_OCCURRED = ("occurred_at", "met_at", "started_at", "due_at")


@cache
def _named(kind: type[Event]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Which of these moments events of a kind have: asking a model for what it has not is dear."""
    happened = tuple(name for name in _HAPPENED if name in kind.model_fields)
    if issubclass(kind, ev.DuplicateAbsorbed):
        happened = ()  # tells what the other incident knew; the merging is done now
    return happened, tuple(name for name in _OCCURRED if name in kind.model_fields)


def _moments(event: Event) -> tuple[datetime | None, str | None]:
    """When the deed was done, and the field that says when what it speaks of occurred."""
    in_happened, in_occurred = _named(type(event))
    happened = next((name for name in in_happened if getattr(event, name) is not None), None)
    occurred = next((name for name in in_occurred if getattr(event, name) is not None), happened)
    return None if happened is None else getattr(event, happened), occurred
