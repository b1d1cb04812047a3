"""Reading joint duties: the periods in which a unit has a seat, or that it opened, with what it may see.

All with a seat see who is at which. Data and requests are seen by those whom they concern, and by whoever
opened the period; what is `shared` by all. Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from schemas.fields import wire_instant
from server.domain.joint_moments import AFTER
from server.domain.units import UnitTree
from server.record.database import Database
from server.record.joint_tables import JOINT_DATA, JOINT_DUTY, JOINT_REQUEST, JOINT_SEAT

#: A period that was closed is shown for so long, and so many answered requests of each.
SHOWN_FOR = timedelta(days=3)
MOST_ANSWERED = 40


def joint_duties(
    database: Database, tree: UnitTree, viewer: str, now: datetime, manned: Container[str] | None
) -> list[dict[str, Any]]:
    """The periods that are open, or were until a few days ago, the latest first. `manned`: the units of which
    anybody looks at a screen now; None when nobody knows."""
    with database.reading() as connection:
        periods = _periods(connection, tree, viewer, now)
        found = [_whole(connection, one, viewer, tree, now) for one in periods]
    for seat in (seat for period in found for seat in period["seats"]):
        seat["present"] = None if manned is None else seat["seat"] in manned
    return found


def _periods(connection: Connection, tree: UnitTree, viewer: str, now: datetime) -> list[Mapping[Any, Any]]:
    query = (
        select(JOINT_DUTY)
        .where(
            _is_of(tree, viewer),
            or_(JOINT_DUTY.c.closed_at.is_(None), JOINT_DUTY.c.closed_at > now - SHOWN_FOR),
        )
        .order_by(JOINT_DUTY.c.closed_at.is_not(None), JOINT_DUTY.c.opened_at.desc(), JOINT_DUTY.c.period_id)
    )
    return list(connection.execute(query).mappings())


def has_open(database: Database, tree: UnitTree, viewer: str) -> bool:
    """Whether any period is open in which a unit has a seat, or that it or one below it opened."""
    is_its = _is_of(tree, viewer)
    with database.reading() as connection:
        query = select(JOINT_DUTY.c.period_id).where(is_its, JOINT_DUTY.c.closed_at.is_(None)).limit(1)
        return connection.execute(query).first() is not None


def _is_of(tree: UnitTree, viewer: str) -> ColumnElement[bool]:
    seated = select(JOINT_SEAT.c.seat).where(JOINT_SEAT.c.seat == viewer, _of_period(JOINT_SEAT)).exists()
    return or_(JOINT_DUTY.c.unit.in_(tree.subtree(viewer)), seated)


def _of_period(table: Table) -> ColumnElement[bool]:
    """Joins what lies in a period to it: ids are only good within a unit."""
    return and_(table.c.unit == JOINT_DUTY.c.unit, table.c.period_id == JOINT_DUTY.c.period_id)


def _whole(
    connection: Connection, period: Mapping[Any, Any], viewer: str, tree: UnitTree, now: datetime
) -> dict[str, Any]:
    sees_all = tree.covers(viewer, period["unit"])

    def inside(table: Table) -> ColumnElement[bool]:
        return and_(table.c.unit == period["unit"], table.c.period_id == period["period_id"])

    seats = connection.execute(
        select(JOINT_SEAT).where(inside(JOINT_SEAT)).order_by(JOINT_SEAT.c.required.desc(), JOINT_SEAT.c.seat)
    ).mappings()
    of_data = select(JOINT_DATA).where(inside(JOINT_DATA), JOINT_DATA.c.stopped_at.is_(None))
    of_requests = select(JOINT_REQUEST).where(inside(JOINT_REQUEST))
    if not sees_all:
        of_data = of_data.where(or_(JOINT_DATA.c.shared, JOINT_DATA.c.seat == viewer))
        mine = or_(JOINT_REQUEST.c.asked_by == viewer, JOINT_REQUEST.c.to_unit == viewer)
        of_requests = of_requests.where(mine)
    waiting = of_requests.where(JOINT_REQUEST.c.answered_at.is_(None)).order_by(JOINT_REQUEST.c.answer_by)
    answered = (
        of_requests.where(JOINT_REQUEST.c.answered_at.is_not(None))
        .order_by(JOINT_REQUEST.c.answered_at.desc())
        .limit(MOST_ANSWERED)
    )
    data = [
        _data(row, period, now)
        for row in connection.execute(of_data.order_by(JOINT_DATA.c.due_at, JOINT_DATA.c.data_id)).mappings()
    ]
    requests = [
        _request(row, now) for query in (waiting, answered) for row in connection.execute(query).mappings()
    ]
    shown = {
        **_wire(period, ("period_id", "unit", "kind", "title", "drill", "starts_at", "ends_at", "opened_at")),
        **_wire(period, ("opened_by", "closed_at", "closed_why")),
        "state": _state(period, now),
        "is_own": viewer == period["unit"],
        "sees_all": sees_all,
        "data": data,
        "requests": requests,
    }
    shown["seats"] = [_seat(row, period, data, requests, viewer, sees_all, now) for row in seats]
    return shown


def _state(period: Mapping[Any, Any], now: datetime) -> str:
    if period["closed_at"] is not None:
        return "closed"
    if now < period["starts_at"]:
        return "ahead"
    return "running" if now <= period["ends_at"] else "ran_out"


def _wire(row: Mapping[Any, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: wire_instant(row[name]) if isinstance(row[name], datetime) else row[name] for name in names}


def _seat(
    row: Mapping[Any, Any],
    period: Mapping[Any, Any],
    data: list[dict[str, Any]],
    requests: list[dict[str, Any]],
    viewer: str,
    sees_all: bool,
    now: datetime,
) -> dict[str, Any]:
    """What is asked of a seat, and late, is counted for itself and for who opened the period."""
    seat, own = row["seat"], row["seat"] == viewer
    shown = _wire(row, ("seat", "required", "name", "phone", "since", "empty_since", "noted_at", "last"))
    runs = _state(period, now) == "running"
    shown["state"] = "here" if row["name"] else "missing" if row["required"] and runs else "empty"
    shown["is_own"] = own
    if not own and not sees_all:
        return {**shown, "rest": None, "asked": None, "late": None}
    asked = [one for one in requests if one["to"] == seat and one["standing"] != "answered"]
    handing = [one for one in data if one["seat"] == seat]
    late = sum(one["standing"] in ("late_take", "late") for one in asked)
    late += sum(one["standing"] == "late" for one in handing)
    return {**shown, "rest": row["rest"], "asked": len(asked) + len(handing), "late": late}


def _data(row: Mapping[Any, Any], period: Mapping[Any, Any], now: datetime) -> dict[str, Any]:
    """`missed`: set times that have passed with nothing handed in, as of now."""
    shown = _wire(row, ("data_id", "seat", "text", "every_min", "shared", "due_at", "handed_at"))
    until = min(now, period["ends_at"], period["closed_at"] or now)
    is_late = row["due_at"] < until
    passed = until - AFTER - row["due_at"]
    missed = passed // timedelta(minutes=row["every_min"]) + 1 if is_late else 0
    return {
        **shown,
        **_wire(row, ("handed_by", "value")),
        "missed": missed,
        "standing": "late" if is_late else "due",
    }


def _request(row: Mapping[Any, Any], now: datetime) -> dict[str, Any]:
    names = ("request_id", "asked_by", "text", "asked_at", "take_by", "answer_by")
    return {
        **_wire(row, names),
        **_wire(row, ("taken_at", "taken_by", "answered_at", "answered_by", "answer")),
        **_wire(row, ("chased", "chased_text")),
        "by": row["by_name"],
        "to": row["to_unit"],
        "standing": _standing(row, now),
        "was_late": row["late_answer"],
    }


def _standing(row: Mapping[Any, Any], now: datetime) -> str:
    """answered · late (its answer) · late_take (nobody took it in time) · taken · asked."""
    if row["answered_at"] is not None:
        return "answered"
    if now > row["answer_by"]:
        return "late"
    if row["taken_at"] is not None:
        return "taken"
    return "late_take" if now > row["take_by"] else "asked"


def waiting_for(database: Database, unit: str) -> list[dict[str, Any]]:
    """What of open joint duties the log calls for at a unit: an empty seat, what is asked of it or late."""
    with database.reading() as connection:
        is_open = JOINT_DUTY.c.closed_at.is_(None)
        seats = select(JOINT_SEAT, JOINT_DUTY.c.title, JOINT_DUTY.c.drill).join(
            JOINT_DUTY, _of_period(JOINT_SEAT)
        )
        empty = seats.where(
            or_(JOINT_SEAT.c.seat == unit, JOINT_SEAT.c.unit == unit),
            JOINT_SEAT.c.noted_at.is_not(None),
            is_open,
        ).order_by(JOINT_SEAT.c.seat)
        requests = (
            select(JOINT_REQUEST, JOINT_DUTY.c.title, JOINT_DUTY.c.drill)
            .join(JOINT_DUTY, _of_period(JOINT_REQUEST))
            .where(
                JOINT_REQUEST.c.answered_at.is_(None),
                is_open,
                or_(JOINT_REQUEST.c.to_unit == unit, JOINT_REQUEST.c.asked_by == unit),
            )
            .order_by(JOINT_REQUEST.c.answer_by, JOINT_REQUEST.c.request_id)
        )
        data = (
            select(JOINT_DATA, JOINT_DUTY.c.drill)
            .join(JOINT_DUTY, _of_period(JOINT_DATA))
            .where(
                JOINT_DATA.c.missed > 0,
                JOINT_DATA.c.stopped_at.is_(None),
                is_open,
                or_(JOINT_DATA.c.seat == unit, JOINT_DATA.c.unit == unit),
            )
            .order_by(JOINT_DATA.c.due_at, JOINT_DATA.c.data_id)
        )
        return [
            *({"what": "seat", **row} for row in connection.execute(empty).mappings()),
            *({"what": "request", **row} for row in connection.execute(requests).mappings()),
            *({"what": "data", **row} for row in connection.execute(data).mappings()),
        ]
