"""Reading duties: who is on now and next, the roster, roll-calls and what they come to by desk.

A unit sees its own duty and those below it; of a roll-call an asked unit sees what concerns itself.
Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, and_, or_, select

from schemas.duties import SheetItem
from schemas.fields import wire_instant
from server.domain import handover
from server.domain.duty import Asked, Duty, Handover, Item
from server.record.database import Database
from server.record.duties import load_duty
from server.record.duty_rows import alarms_shown, silent_shown, subject_of
from server.record.duty_tables import DUTY, SHIFT
from server.record.store import load_incident
from server.record.tables import ENTRY, INCIDENT, INCIDENT_UNIT

#: A shift that begins later than this is not "next" for a screen that has no other.
AHEAD = timedelta(days=3)


def on_duty(database: Database, units: Sequence[str], now: datetime) -> dict[str, dict[str, Any]]:
    """For each unit with a roster: `{"on", "taken_over", "next"}`, in two looks however many units."""
    with database.reading() as connection:
        return on_duty_in(connection, units, now)


def calling(database: Database, unit: str) -> dict[str, list[dict[str, Any]]]:
    """The alarms of a unit that nobody has taken, and the channels by which nothing gets out."""
    with database.reading() as connection:
        query = select(DUTY.c.alarms, DUTY.c.silent).where(DUTY.c.unit == unit)
        row = connection.execute(query).one_or_none()
    if row is None:
        return {"alarms": [], "silent": []}
    return {"alarms": orjson.loads(row.alarms), "silent": orjson.loads(row.silent)}


def wall(database: Database, unit: str) -> dict[str, Any]:
    """The scenes of a unit's walls, and the one that stays; empty when none were arranged."""
    with database.reading() as connection:
        said = connection.execute(select(DUTY.c.wall).where(DUTY.c.unit == unit)).scalar()
    found: dict[str, Any] = orjson.loads(said or "{}")
    return found


def on_duty_in(connection: Connection, units: Sequence[str], now: datetime) -> dict[str, dict[str, Any]]:
    current = {
        row.unit: row.shift_id
        for start in range(0, len(units), 500)
        for row in connection.execute(
            select(DUTY).where(DUTY.c.unit.in_(units[start : start + 500]), DUTY.c.rostered)
        )
    }
    if not current:
        return {}
    near = and_(SHIFT.c.ends_at > now, SHIFT.c.starts_at < now + AHEAD, SHIFT.c.cancelled.is_(False))
    held = [shift for shift in current.values() if shift is not None]
    query = select(SHIFT).where(SHIFT.c.unit.in_(list(current)), or_(near, SHIFT.c.shift_id.in_(held)))
    shifts: dict[str, list[dict[str, Any]]] = {}
    for row in connection.execute(query.order_by(SHIFT.c.starts_at)).mappings():
        shifts.setdefault(row["unit"], []).append(dict(row))
    return {unit: _standing(shifts.get(unit, []), held, now) for unit, held in current.items()}


def _standing(shifts: list[dict[str, Any]], current: str | None, now: datetime) -> dict[str, Any]:
    """Who answers: the shift taken over last; without one, whoever the roster has, who has not come."""
    on = next((one for one in shifts if one["shift_id"] == current), None)
    taken = on is not None
    if on is None:
        on = next((one for one in shifts if one["starts_at"] <= now < one["ends_at"]), None)
    following = [
        one
        for one in shifts
        if one["taken_at"] is None and one is not on and (on is None or one["starts_at"] > on["starts_at"])
    ]
    return {
        "on": shift_shown(on) if on else None,
        "taken_over": taken,
        "next": shift_shown(following[0]) if following else None,
    }


def shift_shown(row: Any) -> dict[str, Any]:
    """A row of the roster as the wire has it."""
    return {
        "shift_id": row["shift_id"],
        "unit": row["unit"],
        "starts_at": wire_instant(row["starts_at"]),
        "ends_at": wire_instant(row["ends_at"]),
        "posts": orjson.loads(row["posts"]),
        "leader": orjson.loads(row["leader"]) if row["leader"] else None,
        "cancelled": row["cancelled"],
        "taken_at": _wire(row["taken_at"]),
        "taken_by": row["taken_by"],
        "ended_at": _wire(row["ended_at"]),
    }


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else wire_instant(moment)


def shifts(database: Database, unit: str, first: datetime, last: datetime) -> list[dict[str, Any]]:
    """The shifts of a unit that touch a span of time and stand, in their order."""
    query = (
        select(SHIFT)
        .where(
            SHIFT.c.unit == unit,
            SHIFT.c.starts_at < last,
            SHIFT.c.ends_at > first,
            SHIFT.c.cancelled.is_(False),
        )
        .order_by(SHIFT.c.starts_at)
    )
    with database.reading() as connection:
        return [shift_shown(row) for row in connection.execute(query).mappings()]


def duty(database: Database, unit: str, now: datetime) -> dict[str, Any]:
    """A unit's duty whole: who is on and next, the sheet, the open items, swaps to decide, who asks."""
    with database.reading() as connection:
        state = load_duty(connection, unit)
        standing = on_duty_in(connection, [unit], now).get(unit)
    shown = {"unit": unit, **(standing or {"on": None, "taken_over": False, "next": None}), **_shown(state)}
    return shown | {"alarms": alarms_shown(state), "silent": silent_shown(state)}


def _shown(state: Duty) -> dict[str, Any]:
    return {
        "since": _wire(state.since),
        "handover": _handover_shown(state.handover) if state.handover else None,
        "items": [_picked(one, _OF_AN_ITEM) for one in state.open_items()],
        "swaps": [_swap_shown(one) for one in reversed(state.swaps.values()) if one.approved is None],
        "asked": [_picked(one, _OF_AN_ASKING) for one in state.asked.values() if one.is_open],
    }


def _swap_shown(swap: Any) -> dict[str, Any]:
    return {
        "swap_id": swap.swap_id,
        "place": swap.place.model_dump(),
        "substitute": swap.substitute.model_dump(exclude_none=True),
        "in_return": swap.in_return.model_dump() if swap.in_return else None,
        "reason": swap.reason,
        "by": swap.by,
        "asked_at": wire_instant(swap.asked_at),
    }


def _handover_shown(sheet: Handover) -> dict[str, Any]:
    return {
        "handover_id": sheet.handover_id,
        "from_shift": sheet.from_shift,
        "to_shift": sheet.to_shift,
        "remarks": sheet.remarks,
        "by": sheet.by,
        "prepared_at": wire_instant(sheet.prepared_at),
        "is_done": sheet.is_done,
        "items": [one.model_dump(mode="json", exclude_none=True) for one in sheet.items.values()],
        "accepted": {item: {"by": by, "at": wire_instant(at)} for item, (by, at) in sheet.accepted.items()},
        "signed": {
            side: {"name": name, "at": wire_instant(at), "listed": listed}
            for side, (name, at, listed) in sheet.signed.items()
        },
    }


_OF_AN_ITEM = ("item_id", "kind", "text", "source", "due_at", "incident_id", "by", "added_at")
_OF_AN_ASKING = ("roll_id", "caller", "text", "drill", "asked_at", "answer_by")


def _picked(one: Item | Asked, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(one, name) for name in names}
    return {name: _wire(value) if isinstance(value, datetime) else value for name, value in values.items()}


def duty_entries(database: Database, unit: str, limit: int) -> list[bytes]:
    """The last entries of a unit's duty, the newest first."""
    query = (
        select(ENTRY.c.body)
        .where(ENTRY.c.subject == subject_of(unit))
        .order_by(ENTRY.c.seq.desc())
        .limit(limit)
    )
    with database.reading() as connection:
        return [bytes(body) for body in connection.execute(query.limit(limit)).scalars()]


def uncovered(
    shifts: Iterable[dict[str, Any]], first: datetime, last: datetime
) -> list[tuple[datetime, datetime]]:
    """Where the roster has nobody between two moments. `shifts` in order, as rows or as shown."""
    gaps: list[tuple[datetime, datetime]] = []
    at = first
    for one in shifts:
        begins, ends = (datetime.fromisoformat(one[name]) for name in ("starts_at", "ends_at"))
        if begins > at:
            gaps.append((at, min(begins, last)))
        at = max(at, ends)
        if at >= last:
            return gaps
    return [*gaps, (at, last)] if at < last else gaps


def newly_due(database: Database, unit: str, now: datetime) -> list[SheetItem]:
    """What is due within the half hour and came after the sheet was made that is open."""
    with database.reading() as connection:
        state = load_duty(connection, unit)
        sheet = state.handover
        if sheet is None or sheet.is_done:
            return []
        changed = (
            select(INCIDENT.c.id)
            .join(INCIDENT_UNIT, INCIDENT_UNIT.c.incident_id == INCIDENT.c.id)
            .where(
                INCIDENT_UNIT.c.unit == unit,
                INCIDENT.c.state == "open",
                INCIDENT.c.changed_at >= sheet.prepared_at,
            )
        )
        items = handover.of_duty(state, now, lambda other: load_duty(connection, other))
        for incident_id in connection.execute(changed).scalars().all():
            incident = load_incident(connection, incident_id)
            if incident is not None:
                items += handover.of_incident(incident, unit)
    return handover.unaccepted([one for one in items if one.item_id not in sheet.items], (), now)
