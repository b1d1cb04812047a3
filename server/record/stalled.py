"""Whoever stands still with the ledger's lock in hand is thrown out by those who wait for it.

PostgreSQL does that itself (idle_in_transaction_session_timeout), but not while a client is in the middle of
a pipeline, as a process may be that is frozen in mid-insert. Nothing is asked while rounds go on as usual.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from server.record.database import Database

log = structlog.get_logger()

EVERY_S = 0.5
WAITED_S = 2.0  # so long our own round has stood before we look who is in its way


class Writer(Protocol):
    """The store, as far as it tells how long its round has lasted."""

    def round_age_s(self) -> float: ...


async def free_the_ledger(database: Database, writer: Writer) -> None:
    """For ever. On SQLite there is nothing to do: the system frees what a dead process held."""
    while True:
        await asyncio.sleep(EVERY_S)
        if not database.is_sqlite and writer.round_age_s() > WAITED_S:
            ended = await asyncio.to_thread(database.end_stalled)
            if ended:
                log.warning(
                    "a process that stood still with the ledger's lock was thrown out", sessions=ended
                )
