"""The writer's turn: the one connection that a store writes through, the ledger's lock, where the log stands.

A turn begins with all that deciding needs to know (PostgreSQL is asked in one round trip) and ends on the
disk: what the round wrote and its COMMIT travel together as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, RootTransaction

from server.record.database import WRITER_LOCK_KEY, Database
from server.record.done import Done
from server.record.ledger import Chains

_STANDS = "SELECT deployment_id, epoch, seq, chain_sha256, chain_sm3, recorded_at FROM ledger"
_DONE = f"SELECT {', '.join(Done._fields)} FROM idempotency WHERE command_id"  # noqa: S608 (our own names)
_DONE_SQLITE, _DONE_POSTGRES = _DONE + " IN (SELECT value FROM json_each(?))", _DONE + " = ANY(%s)"  # noqa: S608
_LOCK = f"SELECT pg_advisory_xact_lock({WRITER_LOCK_KEY})"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the log stands."""

    deployment_id: str
    epoch: str
    seq: int
    chains: Chains
    recorded_at: datetime | None


@dataclass(frozen=True, slots=True)
class Turn:
    """A transaction that holds the ledger, and what was found in it at its beginning."""

    connection: Connection
    ledger: Standing
    done: dict[str, Done | None]  # by command id, of those that were asked about


class Hand:
    """What this process writes with: a connection of its own, kept from turn to turn."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    @contextmanager
    def turn(self, command_ids: Sequence[str]) -> Iterator[Turn]:
        """A transaction like `Database.writing`'s. On leaving without an exception it is on disk."""
        with self._database.turn:
            transaction, turn = self._begin(command_ids)
            try:
                yield turn
                transaction.commit()
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Give the connection up, with whatever stands open on it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it may be gone long since
                connection.invalidate()
            connection.close()

    def _begin(self, command_ids: Sequence[str]) -> tuple[RootTransaction, Turn]:
        """Nothing was decided yet: a connection that broke since the last turn is replaced, unnoticed."""
        was_kept = self._connection is not None
        try:
            return self._try(command_ids)
        except Exception:
            is_gone = was_kept and self._is_gone()
            self.close()
            if not is_gone:
                raise
        try:
            return self._try(command_ids)
        except Exception:
            self.close()
            raise

    def _try(self, command_ids: Sequence[str]) -> tuple[RootTransaction, Turn]:
        if self._connection is None:
            self._connection = self._database.engine.connect()
        connection = self._connection
        transaction = connection.begin()
        driver: Any = connection.connection.driver_connection
        look = _look_sqlite if self._database.is_sqlite else _look_postgres
        row, found = look(driver, command_ids)
        deployment_id, epoch, seq, sha256, sm3, at = row
        ledger = Standing(deployment_id, epoch, seq, Chains(bytes(sha256), bytes(sm3)), _instant(at))
        done: dict[str, Done | None] = dict.fromkeys(command_ids)
        for values in found:
            one = Done(*values)
            done[one.command_id] = one._replace(
                body_sha256=bytes(one.body_sha256), recorded_at=_instant(one.recorded_at)
            )
        return transaction, Turn(connection, ledger, done)

    def _is_gone(self) -> bool:
        if self._database.is_sqlite or self._connection is None or self._connection.invalidated:
            return not self._database.is_sqlite
        driver: Any = self._connection.connection.driver_connection
        return bool(driver is None or driver.closed)


def _look_sqlite(driver: Any, command_ids: Sequence[str]) -> tuple[Any, Any]:
    row = driver.execute(_STANDS).fetchone()
    if not command_ids:
        return row, ()
    asked = json.dumps(list(command_ids))
    return row, driver.execute(_DONE_SQLITE, [asked]).fetchall()


def _look_postgres(driver: Any, command_ids: Sequence[str]) -> tuple[Any, Any]:
    with driver.pipeline():
        driver.execute(_LOCK)
        stands = driver.execute(f"{_STANDS} FOR UPDATE")
        done = driver.execute(_DONE_POSTGRES, [list(command_ids)]) if command_ids else None
    return stands.fetchone(), done.fetchall() if done is not None else ()


def _instant(kept: Any) -> Any:
    """As `columns.UTCDateTime` reads it."""
    if isinstance(kept, str):
        return datetime.fromisoformat(kept).replace(tzinfo=UTC)
    return kept.astimezone(UTC) if kept is not None else None
