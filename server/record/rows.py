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
from sqlalchemy.dialects import postgresql

from server.record.tables import (
    COUNTER,
    ENTRY,
    IDEMPOTENCY,
    INCIDENT,
    INCIDENT_FIELD,
    INCIDENT_UNIT,
    INSTRUCTION_STEP,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)

#: How many rows a statement carries on SQLite. Few different ones, so that every statement stays prepared.
SIZES = (128, 64, 32, 16, 8, 4, 2, 1)
MOST_AT_ONCE = 1_000  # on PostgreSQL
_POSTGRES = postgresql.dialect()  # type: ignore[no-untyped-call]

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """Rows for a table, each in the order of its columns. What stands under the same `keys` is overwritten;
    with `once` it stays as it is."""

    table: Table
    keys: tuple[str, ...] = ()
    once: bool = False

    def of_values(self, rows: int) -> str:
        """So many rows, each value marked `?`."""
        one = f"({', '.join('?' * len(self.table.columns))})"
        return self._statement(f"VALUES {', '.join([one] * rows)}")

    def of_columns(self) -> str:
        """Any number of rows for PostgreSQL, a column of values after the other.

        The same text for every number of rows and whichever values are missing: it is read and planned once.
        """
        kinds = [column.type.compile(dialect=_POSTGRES) for column in self.table.columns]
        bare = [kind.partition("(")[0] for kind in kinds]  # cast to VARCHAR(36), what is longer would be cut
        columns = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(bare, start=1))
        return self._statement(f"SELECT * FROM unnest({columns})")  # noqa: S608 (our own names)

    def _statement(self, rows: str) -> str:
        names = [column.name for column in self.table.columns]
        text = f"INSERT INTO {self.table.name} ({', '.join(names)}) {rows}"
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
INSTRUCTION_STEPS = Put(INSTRUCTION_STEP, keys=("incident_id", "instruction_id", "addressee_id"))

INCIDENT_FIELDS = Put(INCIDENT_FIELD, keys=("incident_id",))


class Pen:
    """Writes rows through a connection's own driver, inside the transaction that is open on it."""

    def __init__(self, connection: Connection, is_sqlite: bool) -> None:
        self._driver: Any = connection.connection.driver_connection
        self._is_sqlite = is_sqlite
        self._hand: Any = self._driver if is_sqlite else _postgres_cursor(self._driver)

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
        if not self._is_sqlite:
            for start in range(0, len(rows), MOST_AT_ONCE):
                columns = zip(*rows[start : start + MOST_AT_ONCE], strict=True)
                self._hand.execute(_of_columns(what), [list(column) for column in columns])
            return
        start = 0
        for size in SIZES:
            while len(rows) - start >= size:
                some = rows[start : start + size]
                values = [value for row in some for value in row]
                self._hand.execute(_of_values(what, size), values)
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
        self._hand.execute(text if self._is_sqlite else _numbered(text), values)


def _postgres_cursor(driver: Any) -> Any:
    """A cursor that takes PostgreSQL's own marks: psycopg would look through the text of every long statement
    for its own, every time. All whole numbers travel alike, or each mixture of sizes would be a statement;
    lists of them travel as text, so both ways have to be named."""
    import psycopg  # whoever keeps to SQLite does not wait for it
    from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

    cursor = psycopg.RawCursor(driver)
    for dumper in (Int8Dumper, Int8BinaryDumper):
        cursor.adapters.register_dumper(int, dumper)
    return cursor


@cache
def _of_values(what: Put, rows: int) -> str:
    return what.of_values(rows)


@cache
def _of_columns(what: Put) -> str:
    return what.of_columns()


@cache
def _numbered(text: str) -> str:
    """`?`, `?` … as PostgreSQL marks them: `$1`, `$2` …"""
    first, *rest = text.split("?")
    return first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
