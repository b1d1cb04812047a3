"""What every command, every event and every answer has."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from schemas.fields import Frozen, Id, Instant, OnBehalfOf, ShortMark, Text20000


class AnyCommand(Frozen):
    """What every body has. `command_id` is made when the person acts: a resent form is the same command."""

    name: ClassVar[str]

    command_id: Id
    device_at: Instant | None = None
    device_sent_at: Instant | None = None
    on_behalf_of: OnBehalfOf | None = None
    words: Text20000 | None = None


class Command(AnyCommand):
    """A command on an incident. `short_mark`: it was said as a short report (短报), which bore this mark."""

    incident_id: Id
    short_mark: ShortMark | None = None


class Event(Frozen):
    """Base of all events. `type` is the snake case of the class name."""

    type: str


class Shown(BaseModel):
    """Base of what is read. Clients ignore fields they do not know."""

    # Built when first used: of hundreds of shapes a process that only backs up or verifies uses none.
    model_config = ConfigDict(extra="allow", defer_build=True)
