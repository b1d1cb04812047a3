"""What people on the spot (现场) said, as it is read: the `field` of an incident."""

from __future__ import annotations

from schemas.bases import Shown
from schemas.field_work import Direction, FieldStatus, HelpKind
from schemas.fields import Instant


class PositionShown(Shown):
    """Where somebody was last, and how long ago that was when this was read."""

    lon: float
    lat: float
    accuracy_m: float | None
    at: Instant
    age_s: int
    recorded_at: Instant


class PersonInField(Shown):
    """Somebody on the spot. `status` is the latest by `at`, whenever it came; null: none was said."""

    person: str
    unit: str | None
    status: FieldStatus | None
    status_at: Instant | None
    status_text: str | None
    status_recorded_at: Instant | None
    position: PositionShown | None


class InsideShown(Shown):
    """People inside (在内人数). `discrepancy`: so many more out than in, at the worst moment."""

    team: str | None
    inside: int
    went_in: int
    came_out: int
    discrepancy: int
    last_at: Instant | None


class HeadCountShown(Shown):
    """One count."""

    count_id: str
    at: Instant
    direction: Direction
    people: int
    team: str | None
    text: str | None
    person: str
    unit: str | None
    by: str
    recorded_at: Instant


class HelpAnswerShown(Shown):
    """An answer to a request for help."""

    at: Instant
    accepted: bool
    text: str | None
    person: str
    unit: str | None
    by: str
    recorded_at: Instant


class HelpShown(Shown):
    """A request for help. It is `open` until it is answered; `accepted` is what was said last."""

    request_id: str
    kind: HelpKind
    quantity: int | None
    text: str | None
    at: Instant
    person: str
    unit: str | None
    by: str
    recorded_at: Instant
    answer_by: Instant
    overdue: bool
    open: bool
    accepted: bool | None
    answers: list[HelpAnswerShown]


class FieldShown(Shown):
    """People on the spot, who of them is inside (all, and by team), counts and requests, the newest first."""

    people: list[PersonInField]
    inside: InsideShown
    teams: list[InsideShown]
    counts: list[HeadCountShown]
    requests: list[HelpShown]
