"""What every command and every event has."""

from __future__ import annotations

from typing import ClassVar

from schemas.fields import Frozen, Id, Instant, OnBehalfOf, Text20000


class Command(Frozen):
    """What every body has. `command_id` is made when the person acts: a resent form is the same command."""

    name: ClassVar[str]

    command_id: Id
    incident_id: Id
    device_at: Instant | None = None
    device_sent_at: Instant | None = None
    on_behalf_of: OnBehalfOf | None = None
    words: Text20000 | None = None


class Event(Frozen):
    """Base of all events. `type` is the snake case of the class name."""

    type: str
