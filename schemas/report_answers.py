"""Reports in writing, as they are read: a part of what the server says of an incident."""

from __future__ import annotations

from typing import Literal

from schemas.bases import Shown
from schemas.fields import Facts, Instant
from schemas.reports import Issue, Means, Way
from schemas.terms import Level, Stage


class SendShown(Shown):
    """A send mark. `counts`: a report under `send_id` is recorded with it."""

    send_id: str
    recipient: str
    means: Means
    sent_at: Instant
    person: str | None
    note: str | None
    counts: bool
    by: str
    recorded_at: Instant


class OtherShown(Shown):
    """Another version of one field, kept until somebody settles which one stands."""

    version_id: str
    field: str
    text: str
    by: str
    at: Instant


class ReturnShown(Shown):
    """It was given back."""

    at: Instant
    by: str
    reason: str


class DraftShown(Shown):
    """A report that is being written, or was, whole: its fields, and where it stands."""

    report_id: str
    unit: str
    stage: Stage
    form: str
    form_name: str
    masthead: str
    issuer: str
    ordinal: int
    previous: str | None
    recipients: list[str]
    content: dict[str, str]
    figures: Facts
    level: Level | None
    began_at: Instant | None
    drafted_at: Instant
    drafted_by: str
    state: Literal["draft", "review", "approved", "signed", "discarded"]
    version: int
    edited_at: Instant | None
    edited_by: str | None
    others: list[OtherShown]
    submitted_at: Instant | None
    submitted_by: str | None
    returns: list[ReturnShown]
    approved_by: str | None
    approved_at: Instant | None
    approved_way: Way | None
    signed_by: str | None
    signed_at: Instant | None
    issue: Issue | None
    sends: list[SendShown]
    entered_at: Instant | None
    entered_by: str | None
    reference: str | None
    discarded: str | None
