"""What is owed, page by page: obligations of the incidents that a unit may see."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal_column, or_, select

from schemas.terms import Standing
from server.record.cursors import pack, read_moment, unpack
from server.record.database import Database
from server.record.reading import obligation_shown, seen_by
from server.record.tables import INCIDENT, INCIDENT_UNIT, OBLIGATION, OUTCOME

#: Who sees no more incidents has their obligations sorted; for others the sorted ones are looked through.
FEW_SEEN = 20_000
Part = ColumnElement[bool] | None
_OUTCOME: ColumnElement[int] = literal_column(OUTCOME.text)
_KIND = {
    Standing.RUNNING: 0,
    Standing.DUE_SOON: 0,
    Standing.OVERDUE: 0,
    Standing.MET: 1,
    Standing.MET_LATE: 2,
    Standing.EXCUSED: 3,
}


def obligations(
    database: Database,
    viewer: str,
    wanted: Standing | None,
    now: datetime,
    *,
    after: str | None = None,
    limit: int = 1_000,
) -> dict[str, Any]:
    """A page of what is owed for incidents the unit may see, those due first, "at once" last; all standings
    or one: `{"obligations": […], "next": cursor or null}`."""
    found: list[Any] = []
    with database.reading() as connection:
        query, due = _seen_by(connection, viewer, wanted)
        parts = [_dated(wanted, now, due), _undated(wanted, now)]
        if after is not None:
            due_text, last = unpack(after)
            if due_text:
                parts[0] = _both(parts[0], _after(due, read_moment(after, due_text), last))
            else:
                parts = [None, _both(parts[1], OBLIGATION.c.obligation_id > last)]
        for part in parts:
            if part is not None and len(found) <= limit:
                found += connection.execute(query.where(part).limit(limit + 1 - len(found))).mappings()
    shown = [
        {**obligation_shown(row, now), **{name: row[name] for name in ("number", "title", "drill")}}
        for row in found[:limit]
    ]
    more = len(found) > limit
    return {"obligations": shown, "next": pack(shown[-1]["due_at"] or "", shown[-1]["id"]) if more else None}


def _dated(wanted: Standing | None, now: datetime, due: ColumnElement[datetime]) -> Part:
    """What has a deadline and stands so: `server.domain.reporting.standing` as a condition."""
    warn = OBLIGATION.c.warn_at
    match wanted:
        case Standing.OVERDUE:
            return due < now
        case Standing.RUNNING:
            return and_(due >= now, or_(warn.is_(None), warn > now))
        case Standing.DUE_SOON:
            return and_(due >= now, warn <= now)
    return due.is_not(None)


def _undated(wanted: Standing | None, now: datetime) -> Part:
    """What is owed "at once" and stands so: never overdue."""
    at_once, warn = OBLIGATION.c.due_at.is_(None), OBLIGATION.c.warn_at
    match wanted:
        case Standing.OVERDUE:
            return None
        case Standing.RUNNING:
            return and_(at_once, or_(warn.is_(None), warn > now))
        case Standing.DUE_SOON:
            return and_(at_once, warn <= now)
    return at_once


def _both(part: Part, condition: ColumnElement[bool]) -> Part:
    return None if part is None else and_(part, condition)


def _after(due: ColumnElement[datetime], due_at: datetime, last: str) -> ColumnElement[bool]:
    return and_(due >= due_at, or_(due > due_at, OBLIGATION.c.obligation_id > last))


def _seen_by(
    connection: Connection, viewer: str, wanted: Standing | None
) -> tuple[Select[Any], ColumnElement[datetime]]:
    """What the unit may see and came out so, by deadline; and the deadline as the rest is to name it.

    Which way to go is for us to say, since planners know nothing of who sees what: a name that no index has
    (`coalesce`, `+ 0`) leaves them the way by incident only.
    """
    seen = select(INCIDENT_UNIT.c.incident_id).where(INCIDENT_UNIT.c.unit == viewer)
    some = seen.limit(FEW_SEEN + 1).subquery()
    due: ColumnElement[datetime] = OBLIGATION.c.due_at
    outcome, sight = _OUTCOME, seen_by(viewer, OBLIGATION.c.incident_id)
    if connection.execute(select(func.count()).select_from(some)).scalar_one() <= FEW_SEEN:
        due, outcome, sight = func.coalesce(due, due), _OUTCOME + 0, OBLIGATION.c.incident_id.in_(seen)
    query = (
        select(OBLIGATION, INCIDENT.c.number, INCIDENT.c.title, INCIDENT.c.drill)
        .join(INCIDENT, INCIDENT.c.id == OBLIGATION.c.incident_id)
        .where(sight)
        .order_by(due, OBLIGATION.c.obligation_id)
    )
    return query if wanted is None else query.where(outcome == _KIND[wanted]), due
