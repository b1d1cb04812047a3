"""Reading duties over HTTP: who is on, the roster, roll-calls and what they come to."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.fields import wire_instant
from server.api.rest import BASE, asked_only, day, flag, json, not_found, parts_of, whole
from server.domain.periods import BEIJING
from server.gate.auth import principal_of
from server.record import duty_reading, joint_reading, roll_reading

MOST_ROLLS = 100


def _unit(request: Request, asked: dict[str, str]) -> str | None:
    """The caller's own unit, or one below it; None when it is neither."""
    mine = principal_of(request.scope).unit
    unit = asked.get("unit", mine)
    return unit if unit == mine or parts_of(request).tree.covers(mine, unit) else None


def _days(asked: dict[str, str], first: date, last: date) -> tuple[datetime, datetime]:
    """The moments between which the days asked for lie, both days included."""
    first, last = day(asked, "from") or first, day(asked, "to") or last
    return begins(first), begins(last + timedelta(days=1))


def begins(of: date) -> datetime:
    """A Beijing day's first moment."""
    return datetime(of.year, of.month, of.day, tzinfo=BEIJING).astimezone(UTC)


async def duty(request: Request) -> Response:
    parts = parts_of(request)
    unit = _unit(request, asked_only(request, {"unit"}))
    now = parts.now()
    if unit is None:
        return not_found(request, principal_of(request.scope))
    found = await asyncio.to_thread(duty_reading.duty, parts.database, unit, now)
    return json({**found, "as_of": wire_instant(now)})


async def shifts(request: Request) -> Response:
    """The roster of some days (Beijing days, both included); this month and six weeks more."""
    parts = parts_of(request)
    asked = asked_only(request, {"unit", "from", "to"})
    unit = _unit(request, asked)
    today = parts.now().astimezone(BEIJING).date()
    first, last = _days(asked, today.replace(day=1), today + timedelta(days=45))
    if unit is None:
        return not_found(request, principal_of(request.scope))
    found = await asyncio.to_thread(duty_reading.shifts, parts.database, unit, first, last)
    return json({"unit": unit, "shifts": found})


async def roll_calls(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"limit"})
    limit = whole(asked, "limit", 20, 1, MOST_ROLLS)
    found = await asyncio.to_thread(
        roll_reading.roll_calls, parts.database, principal.unit, parts.now(), limit
    )
    return json({"roll_calls": found})


async def roll_statistics(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"from", "to", "drill"})
    now = parts.now()
    today = now.astimezone(BEIJING).date()
    first, last = _days(asked, today.replace(day=1), today)
    drill = flag(asked, "drill") or False
    found: list[dict[str, Any]] = await asyncio.to_thread(
        roll_reading.by_desk,
        parts.database,
        principal.unit,
        first,
        last,
        now,
        drill=drill,
    )
    return json({"by_unit": found, "drill": drill, "as_of": wire_instant(now)})


async def joint_duties(request: Request) -> Response:
    """GET /joint-duties: those in which the caller's unit has a seat, or that it opened."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked_only(request, set())
    manned, now = await parts.presence.manned(), parts.now()
    found = await asyncio.to_thread(
        joint_reading.joint_duties, parts.database, parts.tree, principal.unit, now, manned
    )
    return json({"joint_duties": found, "as_of": wire_instant(now)})


def routes() -> list[Route]:
    return [
        Route(f"{BASE}/joint-duties", joint_duties),
        Route(f"{BASE}/duty", duty),
        Route(f"{BASE}/shifts", shifts),
        Route(f"{BASE}/roll-calls", roll_calls),
        Route(f"{BASE}/statistics/roll-calls", roll_statistics),
    ]
