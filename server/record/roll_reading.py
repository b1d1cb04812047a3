"""Reading roll-calls (点名): each with its answers, and what they come to by desk and month."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import or_, select

from schemas.fields import wire_instant
from server.record.database import Database
from server.record.duty_tables import ROLL_ANSWER

OUTCOMES = ("in_time", "late", "by_phone", "missed", "unanswered", "waiting")


def outcome(row: Any, now: datetime) -> str:
    """What became of one unit's answer, as of now."""
    if row["missed"]:
        return "missed"
    if row["answered_at"] is None:
        return "waiting" if now <= row["answer_by"] else "unanswered"
    if row["channel"] == "phone":
        return "by_phone"
    return "in_time" if row["answered_at"] <= row["answer_by"] else "late"


def roll_calls(database: Database, viewer: str, now: datetime, limit: int = 20) -> list[dict[str, Any]]:
    """The last roll-calls that a unit made or was asked in; of those it was asked in, its own answer only."""
    seen = or_(ROLL_ANSWER.c.caller == viewer, ROLL_ANSWER.c.unit == viewer)
    last = (
        select(ROLL_ANSWER.c.caller, ROLL_ANSWER.c.roll_id, ROLL_ANSWER.c.asked_at)
        .where(seen)
        .distinct()
        .order_by(ROLL_ANSWER.c.asked_at.desc(), ROLL_ANSWER.c.roll_id)
        .limit(limit)
    )
    with database.reading() as connection:
        ids = [(row.caller, row.roll_id) for row in connection.execute(last)]
        query = select(ROLL_ANSWER).where(ROLL_ANSWER.c.roll_id.in_([one for _caller, one in ids]), seen)
        rows = connection.execute(query.order_by(ROLL_ANSWER.c.unit)).mappings().all()
    found: dict[tuple[str, str], dict[str, Any]] = {one: {} for one in ids}
    for row in rows:
        roll = found.get((row["caller"], row["roll_id"]))
        if roll is None:
            continue
        if not roll:
            roll.update(
                roll_id=row["roll_id"],
                caller=row["caller"],
                text=row["text"],
                drill=row["drill"],
                asked_at=wire_instant(row["asked_at"]),
                answer_by=wire_instant(row["answer_by"]),
                answers=[],
            )
        roll["answers"].append(answer_shown(row, now))
    for roll in found.values():
        roll["is_open"] = any(one["outcome"] in ("waiting", "unanswered") for one in roll["answers"])
    return list(found.values())


def answer_shown(row: Any, now: datetime) -> dict[str, Any]:
    return {
        "unit": row["unit"],
        "outcome": outcome(row, now),
        "answered_at": wire_instant(row["answered_at"]) if row["answered_at"] else None,
        "answered_by": row["answered_by"],
        "delay_s": row["delay_s"],
        "channel": row["channel"],
        "unanswered_at": wire_instant(row["unanswered_at"]) if row["unanswered_at"] else None,
    }


def asked_of(database: Database, unit: str, since: datetime) -> list[dict[str, Any]]:
    """The roll-calls of some time that wait for this unit's answer, the oldest first."""
    query = (
        select(ROLL_ANSWER)
        .where(
            ROLL_ANSWER.c.unit == unit,
            ROLL_ANSWER.c.answered_at.is_(None),
            ROLL_ANSWER.c.missed.is_(False),
            ROLL_ANSWER.c.asked_at >= since,
        )
        .order_by(ROLL_ANSWER.c.asked_at)
    )
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
    return [
        {
            "roll_id": row["roll_id"],
            "caller": row["caller"],
            "text": row["text"],
            "drill": row["drill"],
            "asked_at": wire_instant(row["asked_at"]),
            "answer_by": wire_instant(row["answer_by"]),
        }
        for row in rows
    ]


def by_desk(
    database: Database, caller: str, first: datetime, last: datetime, now: datetime, *, drill: bool
) -> list[dict[str, Any]]:
    """What the roll-calls of a span (`first` included, `last` not) came to, for each desk that was asked.

    The delay is that of answers on the screen; a phone was picked up because somebody rang.
    """
    query = select(ROLL_ANSWER).where(
        ROLL_ANSWER.c.caller == caller,
        ROLL_ANSWER.c.drill.is_(drill),
        ROLL_ANSWER.c.asked_at >= first,
        ROLL_ANSWER.c.asked_at < last,
    )
    with database.reading() as connection:
        rows = connection.execute(query.order_by(ROLL_ANSWER.c.unit)).mappings().all()
    desks: dict[str, list[Any]] = {}
    for row in rows:
        desks.setdefault(row["unit"], []).append(row)
    return [{"unit": unit, **_summed(found, now)} for unit, found in desks.items()]


def _summed(rows: Sequence[Any], now: datetime) -> dict[str, Any]:
    outcomes = [outcome(row, now) for row in rows]
    delays = [row["delay_s"] for row in rows if row["answered_at"] is not None and row["channel"] == "screen"]
    return {
        "asked": len(rows),
        **{name: outcomes.count(name) for name in OUTCOMES},
        "median_delay_s": median(delays) if delays else None,
        "longest_delay_s": max(delays, default=None),
    }
