"""The one database of a simulation, and each process's way to it, which may fail in every way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from random import Random
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool

from server.migrations import migrate
from server.record.database import Database
from server.record.turn import Hand, Turn


class NodeDied(BaseException):
    """The process is gone: no `except Exception` of the product sees this."""


def gone(words: str) -> OperationalError:
    return OperationalError(words, None, Exception(words))


class Disk:
    """SQLite in memory: made once, set back to an empty desk for every seed."""

    def __init__(self) -> None:
        self.engine = create_engine(
            "sqlite://", module=sqlite, poolclass=StaticPool, connect_args={"check_same_thread": False}
        )

        @event.listens_for(self.engine, "connect")
        def _on_connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA foreign_keys=ON")

        @event.listens_for(self.engine, "begin")
        def _on_begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

        self.is_away = False
        self.truth: dict[str, list[bytes]] = {}
        self.wrong: list[str] = []
        self._rowid = 0
        self._raw: Any = self.engine.raw_connection().driver_connection
        migrate(_Fresh(self.engine))
        self._empty = self.snapshot()

    def snapshot(self) -> Any:
        copy = sqlite.connect(":memory:", check_same_thread=False)
        self._raw.backup(copy)
        return copy

    def load(self, snapshot: Any) -> None:
        """The disk as it was then."""
        snapshot.backup(self._raw)
        self.truth, self._rowid = {}, 0
        self.notice()

    def reset(self) -> None:
        self.is_away, self.wrong = False, []
        self.load(self._empty)

    def notice(self) -> None:
        """Take down what was committed: the streams as they now stand, which may only ever grow."""
        rows = self._raw.execute(
            "SELECT s.rowid, s.stream, s.position, e.body FROM stream_entry s JOIN entry e USING (seq) "
            "WHERE s.rowid > ? ORDER BY s.rowid",
            (self._rowid,),
        ).fetchall()
        for rowid, stream, position, body in rows:
            self._rowid = rowid
            kept = self.truth.setdefault(stream, [])
            kept.append(bytes(body))
            if position != len(kept):
                self.wrong.append(f"stream {stream} got offset {position} after {len(kept) - 1}")

    def head(self, stream: str) -> int:
        return len(self.truth.get(stream, ()))


class Moods:
    """What may go wrong with a transaction, and how often. All zero: the disk is well."""

    __slots__ = ("dies_after", "dies_before", "fails", "unknown")

    def __init__(
        self, fails: float = 0, unknown: float = 0, dies_before: float = 0, dies_after: float = 0
    ) -> None:
        self.fails, self.unknown = fails, unknown
        self.dies_before, self.dies_after = dies_before, dies_after

    def fate(self, chance: Random) -> str | None:
        roll = chance.random()
        for name in self.__slots__:
            roll -= getattr(self, name)
            if roll < 0:
                return name
        return None


class WayToDisk:
    """What the product takes for its `Database`: one process's connections."""

    is_sqlite = True
    url = "sqlite://"

    def __init__(self, disk: Disk, chance: Random, moods: Moods) -> None:
        self.disk, self.engine = disk, disk.engine
        self._chance, self.moods = chance, moods
        self.is_cut = False
        self.turn = nullcontext()
        self._fate: str | None = None
        self.made: dict[str, int] = {}  # faults, by name

    def _look_whether_there(self) -> None:
        if self.disk.is_away or self.is_cut:
            self._count("away")
            raise gone("the database is away")

    def _count(self, name: str) -> None:
        self.made[name] = self.made.get(name, 0) + 1

    @contextmanager
    def reading(self, *, patient: bool = False) -> Iterator[Connection]:
        self._look_whether_there()
        with self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self, *, patient: bool = False) -> Iterator[Connection]:
        with self.committing() as connection, connection.begin() as transaction:
            yield connection
            self.before_commit()
            transaction.commit()

    @contextmanager
    def committing(self) -> Iterator[Connection]:
        """A connection for one transaction, with a fate of its own; after the block it has been committed."""
        self._look_whether_there()
        fate = self._fate = self.moods.fate(self._chance)
        with self.engine.connect() as connection:
            yield connection
        self.disk.notice()
        if fate == "unknown":
            self._count(fate)
            raise gone("the connection was lost in the commit")
        if fate == "dies_after":
            self._count(fate)
            raise NodeDied

    def before_commit(self) -> None:
        if self._fate == "fails":
            self._count(self._fate)
            raise gone("the commit failed")
        if self._fate == "dies_before":
            self._count(self._fate)
            raise NodeDied

    def lock_ledger(self, connection: Connection) -> None:
        """Nobody else writes meanwhile: a round is one turn of the loop."""

    def end_stalled(self) -> int:
        return 0

    def close(self) -> None:
        pass


class HandToDisk(Hand):
    """The writer's hand: it looks as the real one does, and commits as this disk allows."""

    def __init__(self, way: WayToDisk) -> None:
        super().__init__(way)  # type: ignore[arg-type]
        self._way = way

    @contextmanager
    def turn(self, command_ids: Sequence[str]) -> Iterator[Turn]:
        with self._way.committing() as connection:
            self._connection = connection
            transaction, turn = self._try(command_ids)
            with transaction:
                yield turn
                self._way.before_commit()
                transaction.commit()
            self._connection = None


class _Fresh(Database):
    """For the migration alone."""

    def __init__(self, engine: Any) -> None:
        self.engine, self.is_sqlite, self.url = engine, True, "sqlite://"

    @contextmanager
    def reading(self, *, patient: bool = False) -> Iterator[Connection]:
        with self.engine.connect() as connection, connection.begin():
            yield connection

    writing = reading


def count_of(connection: Connection, query: str) -> int:
    return int(connection.execute(text(query)).scalar() or 0)
