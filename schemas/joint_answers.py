"""What is read of joint duties (联合值守), for the documents."""

from __future__ import annotations

from typing import Literal

from schemas.bases import Shown
from schemas.fields import Instant
from schemas.joint import JointKind


class JointSeatShown(Shown):
    """A seat. `missing`: it must be manned and nobody is there. `asked` and `late` count what is asked of it,
    null to other departments. `present`: whether a screen of that unit listens now, null when unknown."""

    seat: str
    required: bool
    state: Literal["here", "missing", "empty"]
    name: str | None
    phone: str | None
    since: Instant | None
    empty_since: Instant | None
    noted_at: Instant | None
    last: str | None
    rest: str | None
    is_own: bool
    asked: int | None
    late: int | None
    present: bool | None


class JointDataShown(Shown):
    """Something to be handed in at set times. `missed`: times that have passed since the last one."""

    data_id: str
    seat: str
    text: str
    every_min: int
    shared: bool
    due_at: Instant
    standing: Literal["due", "late"]
    missed: int
    handed_at: Instant | None
    handed_by: str | None
    value: str | None


class JointRequestShown(Shown):
    """What one seat, or the desk, asked another. `late_take`: nobody took it in time."""

    request_id: str
    asked_by: str
    by: str
    to: str
    text: str
    asked_at: Instant
    take_by: Instant
    answer_by: Instant
    standing: Literal["asked", "late_take", "taken", "late", "answered"]
    was_late: bool
    taken_at: Instant | None
    taken_by: str | None
    answered_at: Instant | None
    answered_by: str | None
    answer: str | None
    chased: int
    chased_text: str | None


class JointDutyShown(Shown):
    """A period of joint duty. `sees_all`: the caller opened it or is above; else only what concerns it."""

    period_id: str
    unit: str
    kind: JointKind
    title: str
    drill: bool
    starts_at: Instant
    ends_at: Instant
    opened_at: Instant
    opened_by: str
    closed_at: Instant | None
    closed_why: str | None
    state: Literal["ahead", "running", "ran_out", "closed"]
    is_own: bool
    sees_all: bool
    seats: list[JointSeatShown]
    data: list[JointDataShown]
    requests: list[JointRequestShown]


class JointDuties(Shown):
    """The joint duties in which the caller's unit has a seat, or that it opened; the latest first."""

    joint_duties: list[JointDutyShown]
    as_of: Instant
