"""What an outpost is told by the desk above: its incidents as they stand there, orders that wait there."""

from __future__ import annotations

from typing import Literal

from schemas.bases import Shown
from schemas.fields import Instant
from schemas.terms import Level, Post


class OrderAbove(Shown):
    """An order that waits: whoever gave it, and until when it is to be taken and answered."""

    order_id: str
    to: str
    text: str
    by: str
    post: Post
    unit: str
    issued_at: Instant
    acknowledge_by: Instant | None
    report_by: Instant | None


class IncidentAbove(Shown):
    """An incident as the desk above has it."""

    id: str
    number: str
    title: str
    state: Literal["open", "closed", "merged"]
    level: Level | None
    changed_at: Instant
    orders: list[OrderAbove]


class SeenAbove(Shown):
    """`gone`: ids that there are none of above, or none that the outpost's unit may see."""

    time: Instant
    incidents: list[IncidentAbove]
    gone: list[str]
