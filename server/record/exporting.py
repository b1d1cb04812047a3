"""Reading for exports: long lists piece by piece, as far as a unit may see them. Synchronous."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from server.record.database import Database
from server.record.duty_tables import ROLL_ANSWER
from server.record.reading import first_since
from server.record.roll_reading import answer_shown
from server.record.tables import ENTRY, INCIDENT, LEDGER, STREAM_ENTRY

AT_ONCE = 500


def chain_head(database: Database) -> tuple[int, str]:
    """How many entries the log has, and the chain's head: what an export can be held against later."""
    with database.reading() as connection:
        row = connection.execute(select(LEDGER.c.seq, LEDGER.c.chain_sha256)).one()
    return int(row.seq), bytes(row.chain_sha256).hex()


def recorded_between(
    database: Database, stream: str, first: datetime, last: datetime
) -> Iterator[tuple[int, str | None, bytes]]:
    """Offset, incident and stored bytes of what a stream got in a span (`last` not included), in order."""
    with database.reading() as connection:
        at, until = first_since(connection, first), first_since(connection, last)
    while True:
        query = (
            select(STREAM_ENTRY.c.position, STREAM_ENTRY.c.seq, ENTRY.c.incident_id, ENTRY.c.body)
            .join(ENTRY, ENTRY.c.seq == STREAM_ENTRY.c.seq)
            .where(STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.seq >= at, STREAM_ENTRY.c.seq < until)
            .order_by(STREAM_ENTRY.c.seq)
            .limit(AT_ONCE)
        )
        with database.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield row.position, row.incident_id, bytes(row.body)
        if len(rows) < AT_ONCE:
            return
        at = rows[-1].seq + 1


def roll_answers(
    database: Database, caller: str, first: datetime, last: datetime, now: datetime, most: int
) -> Iterator[dict[str, Any]]:
    """Every answer to the roll-calls that a unit made in a span, in their order."""
    query = (
        select(ROLL_ANSWER)
        .where(ROLL_ANSWER.c.caller == caller, ROLL_ANSWER.c.asked_at >= first, ROLL_ANSWER.c.asked_at < last)
        .order_by(ROLL_ANSWER.c.asked_at, ROLL_ANSWER.c.roll_id, ROLL_ANSWER.c.unit)
        .limit(most)
    )
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
    for row in rows:
        told = {name: row[name] for name in ("text", "drill", "asked_at", "answer_by")}
        yield {**answer_shown(row, now), **told}


def passed(database: Database, ids: Sequence[str]) -> dict[str, bool]:
    """Which of some incidents kept the hour; the caller has asked which of them may be seen."""
    with database.reading() as connection:
        rows = connection.execute(select(INCIDENT.c.id, INCIDENT.c.passed).where(INCIDENT.c.id.in_(ids)))
        return {row.id: bool(row.passed) for row in rows}
