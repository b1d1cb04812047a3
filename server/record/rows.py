"""Rows onto the disk: many to a statement, handed to the driver as they are.

What SQLAlchemy does to a row costs more than the row itself. And a statement that carries many rows keeps
the database busy for longer without the interpreter's lock, which the event loop can have meanwhile: one
statement for each row would stand in line for it at every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from server.record.tables import (
    COUNTER,
    ENTRY,
    IDEMPOTENCY,
    INCIDENT,
    INCIDENT_UNIT,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)

#: How many rows a statement carries. Few different ones, so that every statement stays prepared.
SIZES = (128, 64, 32, 16, 8, 4, 2, 1)

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """Rows for a table, each in the order of its columns. What stands under the same `keys` is overwritten;
    with `once` it stays as it is."""

    table: Table
    keys: tuple[str, ...] = ()
    once: bool = False

    def statement(self, rows: int, mark: str) -> str:
        names = [column.name for column in self.table.columns]
        into, one = f"{self.table.name} ({', '.join(names)})", f"({', '.join([mark] * len(names))})"
        text = f"INSERT INTO {into} VALUES {', '.join([one] * rows)}"  # noqa: S608 (our own names)
        if self.once:
            return text + " ON CONFLICT DO NOTHING"
        if self.keys:
            fresh = ", ".join(f"{name} = excluded.{name}" for name in names if name not in self.keys)
            text += f" ON CONFLICT ({', '.join(self.keys)}) DO UPDATE SET {fresh}"
        return text


ENTRIES, STREAM_ENTRIES, DONE = Put(ENTRY), Put(STREAM_ENTRY), Put(IDEMPOTENCY)
HEADS, COUNTERS = Put(STREAM_HEAD, keys=("stream",)), Put(COUNTER, keys=("prefix",))
INCIDENTS, OBLIGATIONS = Put(INCIDENT, keys=("id",)), Put(OBLIGATION, keys=("obligation_id",))
INCIDENT_UNITS = Put(INCIDENT_UNIT, once=True)


class Pen:
    """Writes rows through a connection's own driver, inside the transaction that is open on it."""

    def __init__(self, connection: Connection, is_sqlite: bool) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._is_sqlite = is_sqlite
        self._mark = "?" if is_sqlite else "%s"

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What is put inside ends the transaction. PostgreSQL gets it with its COMMIT in one round trip."""
        if self._is_sqlite:
            yield
            return
        with self._driver.pipeline():
            yield
            self._driver.commit()

    def put(self, what: Put, rows: Sequence[Row]) -> None:
        start = 0
        for size in SIZES:
            while len(rows) - start >= size:
                some = rows[start : start + size]
                self._driver.execute(
                    _statement(what, size, self._mark), [value for row in some for value in row]
                )
                start += size

    def put_all(self, what: Put, rows: Sequence[dict[str, Any]]) -> None:
        """The same for rows by name, any of whose values may be a moment."""
        names = [column.name for column in what.table.columns]
        self.put(what, [tuple(self._kept(row[name]) for name in names) for row in rows])

    def moment(self, at: datetime) -> Any:
        """An instant as its column keeps it: `columns.UTCDateTime` reads it back."""
        if at.tzinfo is None:
            raise ValueError(f"a time without a zone cannot be stored: {at.isoformat()}")
        at = at.astimezone(UTC)
        return at.replace(tzinfo=None).isoformat(" ", "microseconds") if self._is_sqlite else at

    def _kept(self, value: Any) -> Any:
        return self.moment(value) if isinstance(value, datetime) else value

    def execute(self, text: str, values: Sequence[Any]) -> None:
        """Another statement, each value marked `?`."""
        self._driver.execute(text if self._is_sqlite else text.replace("?", "%s"), values)


@cache
def _statement(what: Put, rows: int, mark: str) -> str:
    return what.statement(rows, mark)
