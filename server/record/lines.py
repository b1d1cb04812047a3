"""A line of the log in the making: who wrote what down when, and the bytes that will stand for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from schemas import events as ev
from schemas.commands import Command
from schemas.events import Event, LogEntry, plain
from schemas.fields import wire_instant
from server.domain.decide import Author
from server.domain.incident import Incident
from server.record.ledger import canonical

#: What the clock itself writes: prompts, breaches, obligations.
CLOCK = "fenghuo"
CLOCK_POST = "clock"
LATE_AFTER = timedelta(minutes=2)


@dataclass(slots=True)
class Line:
    """An entry on its way into the log, and the units whose streams will carry it."""

    entry: LogEntry
    body: bytes
    units: tuple[str, ...]
    restricted: bool = False


def system_line(event: Event, root: str, now: datetime) -> Line:
    """An entry that belongs to no incident: the city's stream has it."""
    entry = LogEntry(event=cast(Any, event), by=CLOCK, post=CLOCK_POST, unit=root, recorded_at=now)
    return Line(entry, canonical(_body(entry)), (root,))


def line_of(
    incident: Incident,
    event: Event,
    author: Author | None,
    command: Command | None,
    root: str,
    now: datetime,
) -> Line:
    """An entry of an incident; without an author it is the clock's. Its units are filled in after folding."""
    if author is None:
        unit = incident.place.unit if incident.place else root
        by, post = CLOCK, CLOCK_POST
    else:
        by, post, unit = author.name, str(author.post), author.unit
    happened = _happened_at(event)
    late = None
    if author is not None and happened is not None and now - happened > LATE_AFTER:
        late = int((now - happened).total_seconds())
    said: dict[str, Any] = {}
    if command is not None:
        said = {
            "command_id": command.command_id,
            "device_at": command.device_at,
            "device_sent_at": command.device_sent_at,
            "on_behalf_of": command.on_behalf_of,
            "words": command.words,
        }
        if command.device_sent_at is not None:
            said["skew_ms"] = int((now - command.device_sent_at).total_seconds() * 1000)
    entry = LogEntry(
        incident_id=incident.id,
        event=cast(Any, event),
        by=by,
        post=post,
        unit=unit,
        recorded_at=now,
        occurred_at=_occurred_at(event),
        late_s=late,
        **said,
    )
    return Line(entry, canonical(_body(entry)), ())


def _body(entry: LogEntry) -> dict[str, Any]:
    """The entry as plain values, absent fields left out."""
    body: dict[str, Any] = {
        "event": plain(entry.event),
        "by": entry.by,
        "post": entry.post,
        "unit": entry.unit,
        "recorded_at": wire_instant(entry.recorded_at),
    }
    for name in ("incident_id", "command_id", "late_s", "skew_ms", "words"):
        value = getattr(entry, name)
        if value is not None:
            body[name] = value
    for name in ("occurred_at", "device_at", "device_sent_at"):
        moment = getattr(entry, name)
        if moment is not None:
            body[name] = wire_instant(moment)
    if entry.on_behalf_of is not None:
        body["on_behalf_of"] = entry.on_behalf_of.model_dump(exclude_none=True)
    return body


def _happened_at(event: Event) -> datetime | None:
    """When the deed was done that the entry speaks of: what "entered late" is measured by."""
    if isinstance(event, ev.DuplicateAbsorbed):
        return None  # tells what the other incident knew; the merging is done now
    for name in ("happened_at", "known_at", "judged_at", "received_at", "sent_at", "declared_at", "at"):
        moment = getattr(event, name, None)
        if isinstance(moment, datetime):
            return moment
    return None


def _occurred_at(event: Event) -> datetime | None:
    """事发时间 for an incident that says it; else when the deed was done, or fell due."""
    for name in ("occurred_at", "met_at", "started_at", "due_at"):
        moment = getattr(event, name, None)
        if isinstance(moment, datetime):
            return moment
    return _happened_at(event)
