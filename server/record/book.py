"""One day of a unit's duty log, to be bound: what its stream holds of it, and the chain's heads around it.

Nothing restricted is in it: that is another stream. An incident that was shared later stands on the day on
which it was recorded. Synchronous: call in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from server.record.database import Database
from server.record.ledger import Chains
from server.record.reading import first_since, obligation_shown
from server.record.tables import ENTRY, INCIDENT, LEDGER, OBLIGATION, STREAM_ENTRY

MOST_ENTRIES = 20_000


class TooLong(Exception):
    """More was written on that day than a book is made of."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry at its place in the unit's stream, and the incident that it belongs to, if any."""

    position: int
    body: bytes
    number: str
    title: str
    drill: bool


@dataclass(frozen=True, slots=True)
class Day:
    """`before` and `head`: the chain when the day began and when it ended (or now, while it lasts).

    For the root, which has the whole log, after whichever entry was the last; for any other unit after the
    last of its own stream: a head that moves with every entry would tell it that others write.
    """

    entries: tuple[Kept, ...]
    owed: dict[str, dict[str, Any]]
    before: Chains
    head: Chains


def day_of(
    database: Database, unit: str, begins: datetime, ends: datetime, now: datetime, *, is_root: bool
) -> Day:
    """Raises `TooLong`."""
    stream = None if is_root else unit
    with database.reading() as connection:
        first, after = first_since(connection, begins), first_since(connection, ends)
        query = (
            select(
                STREAM_ENTRY.c.position,
                ENTRY.c.body,
                ENTRY.c.incident_id,
                INCIDENT.c.number,
                INCIDENT.c.title,
                INCIDENT.c.drill,
            )
            .join(ENTRY, ENTRY.c.seq == STREAM_ENTRY.c.seq)
            .outerjoin(INCIDENT, INCIDENT.c.id == ENTRY.c.incident_id)
            .where(STREAM_ENTRY.c.stream == unit, STREAM_ENTRY.c.seq >= first, STREAM_ENTRY.c.seq < after)
            .order_by(STREAM_ENTRY.c.position)
            .limit(MOST_ENTRIES + 1)
        )
        rows = connection.execute(query).all()
        if len(rows) > MOST_ENTRIES:
            raise TooLong
        ids = list(dict.fromkeys(row.incident_id for row in rows if row.incident_id))
        owed = {}
        for start in range(0, len(ids), 500):
            chunk = select(OBLIGATION).where(OBLIGATION.c.incident_id.in_(ids[start : start + 500]))
            for one in connection.execute(chunk).mappings():
                owed[one["obligation_id"]] = obligation_shown(one, now)
        return Day(
            entries=tuple(
                Kept(row.position, bytes(row.body), row.number or "", row.title or "", bool(row.drill))
                for row in rows
            ),
            owed=owed,
            before=_head(connection, first, stream),
            head=_head(connection, after, stream),
        )


def _head(connection: Connection, before: int, stream: str | None) -> Chains:
    """The chain after the last entry before this one: of a stream, or of all."""
    query = select(ENTRY.c.chain_sha256, ENTRY.c.chain_sm3).where(ENTRY.c.seq < before)
    if stream is not None:
        query = query.join(STREAM_ENTRY, STREAM_ENTRY.c.seq == ENTRY.c.seq)
        query = query.where(STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.seq < before)
        query = query.order_by(STREAM_ENTRY.c.seq.desc())
    else:
        query = query.order_by(ENTRY.c.seq.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    if row is not None:
        return Chains(bytes(row.chain_sha256), bytes(row.chain_sm3))
    return Chains.of_nothing(str(connection.execute(select(LEDGER.c.deployment_id)).scalar_one()))


def entry_of_head(database: Database, head: str) -> tuple[int, datetime] | None:
    """The entry after which the chain stood at this head, by either sum; None when it never did."""
    try:
        wanted = bytes.fromhex(head.strip())
    except ValueError:
        return None
    query = select(ENTRY.c.seq, ENTRY.c.recorded_at).where(
        (ENTRY.c.chain_sha256 == wanted) | (ENTRY.c.chain_sm3 == wanted)
    )
    with database.reading(patient=True) as connection:
        row = connection.execute(query).first()
    return None if row is None else (int(row.seq), row.recorded_at)
