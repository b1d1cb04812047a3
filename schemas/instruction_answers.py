"""Leaders' instructions, as they are read: a part of what the server says of an incident."""

from __future__ import annotations

from schemas.bases import Shown
from schemas.fields import Instant
from schemas.instructions import Medium, Step


class FeedbackShown(Shown):
    """What an addressee said of it."""

    at: Instant
    text: str
    done: bool
    by: str
    unit: str


class PressShown(Shown):
    """It was asked for again (督办)."""

    at: Instant
    text: str
    by: str
    feedback_by: Instant


class AddresseeShown(Shown):
    """One addressee: `step` is what comes next, owed by the unit `owner` by `due_at`, since `since`."""

    addressee_id: str
    unit: str
    post: str | None
    step: Step
    owner: str
    since: Instant
    due_at: Instant | None
    receive_by: Instant
    feedback_by: Instant
    check_by: Instant | None
    conveyed_at: Instant | None
    conveyed_by: str | None
    conveyed_medium: Medium | None
    told: str | None
    signed_at: Instant | None
    received_by: str | None
    feedback: list[FeedbackShown]
    presses: list[PressShown]
    finished_at: Instant | None
    finished_by: str | None
    finding: str | None
    times_overdue: int


class InstructionShown(Shown):
    """An instruction, to the letter, and where each addressee stands. `unit` recorded it."""

    instruction_id: str
    leader: str
    leader_post: str | None
    given_at: Instant
    medium: Medium
    text: str
    by: str
    unit: str
    recorded_at: Instant
    addressees: list[AddresseeShown]
