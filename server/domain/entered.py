"""An entry as the fold sees it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from schemas.events import Event
from schemas.fields import OnBehalfOf


class Entered(Protocol):
    """What the fold needs to know of an entry: a `LogEntry` read from the log, or a line in the making."""

    @property
    def event(self) -> Event: ...
    @property
    def by(self) -> str: ...
    @property
    def unit(self) -> str: ...
    @property
    def recorded_at(self) -> datetime: ...
    @property
    def command_id(self) -> str | None: ...
    @property
    def on_behalf_of(self) -> OnBehalfOf | None: ...
    @property
    def short_mark(self) -> str | None: ...
    @property
    def incident_id(self) -> str | None: ...
