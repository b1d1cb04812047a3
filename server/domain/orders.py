"""An order (指令) to a unit or a person, as the log tells of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class Order:
    """An order (指令) and what became of it."""

    order_id: str
    to: str
    text: str
    by: str
    issued_at: datetime
    acknowledge_by: datetime | None
    report_by: datetime | None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    reported_at: datetime | None = None
    reported_by: str | None = None
    report: str | None = None
    overdue: set[str] = field(default_factory=set)

    def came_in_time(self, what: str, due_at: datetime | None, at: datetime) -> None:
        """Said in time, and heard of late: by a tablet or an outpost that was cut off. The log keeps that it
        was missed; the order no longer is."""
        if due_at is not None and at <= due_at:
            self.overdue.discard(what)
