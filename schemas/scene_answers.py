"""What is read of command on the spot (现场指挥), for the documents."""

from __future__ import annotations

from typing import Literal

from schemas.bases import Shown
from schemas.fields import Instant
from schemas.scene import Commander, ScenePlace, Side


class TermShown(Shown):
    """Who commanded a post, from when until when; the last `until` is null while they command."""

    commander: Commander
    since: Instant
    until: Instant | None
    transfer_id: str | None


class SignatureShown(Shown):
    """A signature. `channel`: by what it was said to the desk; null: by their own account."""

    side: Side
    name: str
    at: Instant
    by: str
    channel: str | None
    recorded_at: Instant


class TransferShown(Shown):
    """A transfer of command. `missing`: who has not signed."""

    transfer_id: str
    outgoing: str
    to: Commander
    at: Instant
    reason: str | None
    by: str
    state: Literal["open", "done", "declined", "void"]
    signed: list[SignatureShown]
    declined: SignatureShown | None
    declined_reason: str | None
    missing: list[Side]
    taken_at: Instant | None


class PostShown(Shown):
    """A post on the spot; `commander` is null once it is closed."""

    post_id: str
    title: str
    place: ScenePlace
    since: Instant
    commander: Commander | None
    terms: list[TermShown]
    transfers: list[TransferShown]
    closed_at: Instant | None


class GroupShown(Shown):
    """A group as it is; without a leader it was stood down."""

    group: str
    leader: str | None
    unit: str | None
    phone: str | None
    forces: str | None
    since: Instant


class ObjectiveShown(Shown):
    """An objective, and what became of it."""

    objective_id: str
    text: str
    priority: int
    who: str | None
    due: Instant | None
    set_at: Instant
    by: str
    outcome: Literal["met", "dropped"] | None
    why: str | None
    ended_at: Instant | None


class PeriodShown(Shown):
    """An operational period."""

    period_id: str
    since: Instant
    until: Instant
    emphasis: str | None


class SitrepShown(Shown):
    """The clock of the reports of the situation; `due_at` is null when it does not run."""

    every_min: int | None
    since: Instant
    last_at: Instant | None
    due_at: Instant | None
    overdue: bool


class SceneShown(Shown):
    """Command on the spot as it now is."""

    posts: list[PostShown]
    groups: list[GroupShown]
    objectives: list[ObjectiveShown]
    periods: list[PeriodShown]
    sitrep: SitrepShown | None
