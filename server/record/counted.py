"""Which incidents count under the one-hour rule, for the page of statistics and for sealing a month.

Both kinds of counting at once, without drills; `server.record.statistics.rate` is what the API answers with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, RowMapping, func, or_, select

from schemas.duties import SealedIncident
from schemas.terms import Level
from server.domain.periods import BEIJING
from server.domain.units import UnitTree
from server.record.tables import INCIDENT, INCIDENT_UNIT

NOT_COUNTED = ("false_alarm", "outside_jurisdiction")
COLUMNS = [
    INCIDENT.c[name]
    for name in (
        "id", "number", "title", "unit", "category", "reporting_level", "final_level", "initial_major",
        "known_at", "start_at", "passed", "state", "outcome", "drill", "version",
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Period:
    """What is counted: the area of `unit` as `viewer` sees it, over whole Beijing days, both included."""

    tree: UnitTree
    viewer: str
    unit: str
    first: date
    last: date
    area: frozenset[str] = field(init=False)
    begin: datetime = field(init=False)
    end: datetime = field(init=False)

    def __post_init__(self) -> None:
        after = datetime.combine(self.last, time(0), BEIJING) + timedelta(days=1)
        begin = datetime.combine(self.first, time(0), BEIJING)
        object.__setattr__(self, "area", frozenset(self.tree.subtree(self.unit)))
        object.__setattr__(self, "begin", begin.astimezone(UTC))
        object.__setattr__(self, "end", after.astimezone(UTC))

    def has(self, row: Mapping[str, Any]) -> bool:
        """The same as the conditions of the query, for an incident whose row is not written yet."""
        return (
            row["start_at"] is not None
            and self.begin <= row["start_at"] < self.end
            and row["unit"] in self.area
            and row["state"] != "merged"
            and row["outcome"] not in NOT_COUNTED
            and not row["drill"]
            and (row["initial_major"] or is_final(row))
        )

    def conditions(self) -> list[Any]:
        return [
            # both values are named: the index begins with them
            INCIDENT.c.initial_major.in_([True, False]),
            INCIDENT.c.start_at >= self.begin,
            INCIDENT.c.start_at < self.end,
            INCIDENT.c.unit.in_(self.area),
            INCIDENT.c.state != "merged",
            func.coalesce(INCIDENT.c.outcome, "").not_in(NOT_COUNTED),
            INCIDENT.c.drill.is_(False),
            or_(INCIDENT.c.initial_major.is_(True), INCIDENT.c.final_level >= Level.MAJOR.rank),
        ]


def stored_rows(connection: Connection, period: Period) -> Sequence[RowMapping]:
    """The incidents that count, the earliest first."""
    query = (
        select(*COLUMNS)
        .join(INCIDENT_UNIT, INCIDENT_UNIT.c.incident_id == INCIDENT.c.id)
        .where(INCIDENT_UNIT.c.unit == period.viewer, *period.conditions())
        .order_by(INCIDENT.c.start_at, INCIDENT.c.id)
    )
    return connection.execute(query).mappings().all()


def is_final(row: Mapping[Any, Any]) -> bool:
    """By its final level (核定口径)."""
    return bool(row["final_level"] >= Level.MAJOR.rank)


def sealed_incidents(rows: Iterable[Mapping[Any, Any]]) -> list[SealedIncident]:
    return [
        SealedIncident(
            incident_id=row["id"],
            number=row["number"],
            final=is_final(row),
            initial=bool(row["initial_major"]),
            passed=bool(row["passed"]),
        )
        for row in sorted(rows, key=lambda row: (row["start_at"], row["id"]))
    ]


def digest_of(rules: str | None) -> str | None:
    """What stands for the rules in a sealed month: the digest of their dump, as `rules_accepted` has it."""
    return None if rules is None else sha256(rules.encode()).hexdigest()
