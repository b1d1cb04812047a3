"""Reading a short report (短报): what is asked and what is answered. It changes nothing."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from schemas.bases import Shown
from schemas.fields import Frozen, Id, Said2000


class ReadShortReport(Frozen):
    """The messages of a short report as they were pasted or typed, one below the other.

    `incident_id`: which incident is meant, where its mark fits several.
    """

    text: Said2000
    incident_id: Id | None = None


class IncidentMeant(Shown):
    """An incident whose mark the report bears."""

    incident_id: str
    number: str
    title: str


class ShortReportLine(Shown):
    """A field of what was understood, in words."""

    label: str
    text: str


class ShortReportRead(Shown):
    """What a short report says.

    `ready`: `body` can be sent as the command `name`, with a `command_id` and new ids for what it `makes`.
    Otherwise `wrong` says why in words; `code` is `form`, `length`, `check`, `field`, `parts` (which are
    `missing`), `incident` (which of `incidents`), `order` or `more`; `at` is near which character of which
    `message`, both from 1, where that can be known.
    """

    ready: bool
    name: str | None = None
    body: dict[str, Any] | None = None
    makes: list[str] = Field(default_factory=list)
    lines: list[ShortReportLine] = Field(default_factory=list)
    incidents: list[IncidentMeant] = Field(default_factory=list)
    parts: int = 1
    missing: list[int] = Field(default_factory=list)
    code: Literal["form", "length", "check", "field", "parts", "incident", "order"] | None = None
    wrong: str | None = None
    at: int | None = None
    message: int | None = None
