"""Files that were received and never became attachments are let go after a day, with their bytes; what comes
in pieces, when nobody went on with it for a week.

Any number of processes may do this: under the ledger's lock nothing is attached meanwhile, and whoever is
just storing the same bytes looks afterwards whether they are still there (`attachments.keep`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, delete, select

from schemas.attachments import AttachmentAdded
from schemas.events import LOG_ENTRY
from server.record.attachments import FILE, PIECE_TABLE
from server.record.coming import clear_stale
from server.record.database import Database
from server.record.tables import ENTRY

log = structlog.get_logger()

EVERY_S = 3600.0
KEPT = timedelta(days=1)
STALE = timedelta(days=7)  # in pieces: a tablet may be cut off for days
_AT_ONCE = 100


async def clear_unattached(database: Database, now: Callable[[], datetime]) -> None:
    """For ever."""
    clearing = Clearing(database)
    while True:
        gone = await asyncio.to_thread(clearing.look, now())
        if gone:
            log.info("uploads that nobody attached or went on with are gone", files=gone)
        await asyncio.sleep(EVERY_S)


class Clearing:
    """One for a process: what was once found attached stays so, and is not looked at again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._looked_until: datetime | None = None
        self._ownerless: set[str] = set()  # bytes that no file had at the last look: perhaps still coming

    def look(self, now: datetime) -> int:
        """Let go what was received more than a day ago, and what stopped coming. How many files that were."""
        before = now - KEPT
        with self._database.reading(patient=True) as connection:
            query = select(FILE.c.attachment_id, FILE.c.incident_id).where(FILE.c.received_at < before)
            if self._looked_until is not None:
                query = query.where(FILE.c.received_at >= self._looked_until)
            old = connection.execute(query).all()
            idle = [row for some in _chunks(old) for row in _unattached(connection, some)]
            ownerless = _ownerless(connection)
        gone = sum(self._let_go(some) for some in _chunks(idle))
        self._clear(ownerless & self._ownerless)
        self._looked_until, self._ownerless = before, ownerless
        return gone + clear_stale(self._database, now - STALE)

    def _let_go(self, rows: Sequence[Any]) -> int:
        with self._database.writing() as connection:
            self._database.lock_ledger(connection)
            ids = [row.attachment_id for row in _unattached(connection, rows)]
            these = FILE.c.attachment_id.in_(ids)
            digests = _digests(connection, these)
            done = connection.execute(delete(FILE).where(these)).rowcount
            _forget(connection, digests)
        return done

    def _clear(self, digests: set[str]) -> None:
        """Of an upload that was cut after its first pieces no file ever tells.

        What the log names is read before anybody is held up: whatever is attached since then has its file.
        """
        if not digests:
            return
        with self._database.reading(patient=True) as connection:
            untold = digests - _told(connection)
        for some in _chunks(sorted(untold)):
            with self._database.writing() as connection:
                self._database.lock_ledger(connection)
                _forget(connection, set(some))


def _chunks(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _unattached(connection: Connection, rows: Sequence[Any]) -> list[Any]:
    """Those of these files that the log does not have."""
    incidents = {row.incident_id for row in rows}
    attached = {one.attachment_id for one in _added(connection, incidents)}
    return [row for row in rows if row.attachment_id not in attached]


def _added(connection: Connection, incidents: Iterable[str] | None = None) -> Iterator[AttachmentAdded]:
    query = select(ENTRY.c.body).where(ENTRY.c.event_type == "attachment_added")
    if incidents is not None:
        query = query.where(ENTRY.c.incident_id.in_(incidents))
    for body in connection.execute(query).scalars():
        event = LOG_ENTRY.validate_json(bytes(body)).event
        assert isinstance(event, AttachmentAdded)
        yield event


def _told(connection: Connection) -> set[str]:
    """The bytes that the log names."""
    return {
        digest
        for one in _added(connection)
        for digest in (one.sha256, one.preview_sha256)
        if digest is not None
    }


def _digests(connection: Connection, which: Any) -> set[str]:
    found = connection.execute(select(FILE.c.sha256, FILE.c.preview_sha256).where(which)).all()
    return {digest for row in found for digest in row if digest is not None}


def _ownerless(connection: Connection) -> set[str]:
    """Bytes that no file has."""
    first = select(PIECE_TABLE.c.sha256).where(PIECE_TABLE.c.place == 0)
    query = first.where(
        PIECE_TABLE.c.sha256.not_in(select(FILE.c.sha256)),
        PIECE_TABLE.c.sha256.not_in(select(FILE.c.preview_sha256).where(FILE.c.preview_sha256.is_not(None))),
    )
    return set(connection.execute(query).scalars())


def _forget(connection: Connection, digests: set[str]) -> None:
    """These bytes, but for those that another file has too: the same bytes are stored once."""
    both = FILE.c.sha256.in_(digests) | FILE.c.preview_sha256.in_(digests)
    free = digests - _digests(connection, both)
    connection.execute(delete(PIECE_TABLE).where(PIECE_TABLE.c.sha256.in_(free)))
