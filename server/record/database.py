"""One database, two engines: SQLite embedded, PostgreSQL when outgrown. Same tables, same code.

SQLite goes through pysqlite3, because the library of stock Pythons on Debian 12 has the WAL-reset bug
(3.7.0 to 3.51.2 can lose committed data when two connections commit and checkpoint at once).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pysqlite3.dbapi2 as sqlite
from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

SAFE_SQLITE = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
WRITER_LOCK_KEY = 0x46454E47  # "FENG": the advisory lock under which PostgreSQL writers queue

#: How long PostgreSQL lets one of our transactions stand still, wait for a lock, or think. A process that is
#: frozen while it holds the ledger's lock is thrown out after the first of these, and those who wait for it
#: go on before the second would make them give up.
POSTGRES_LIMITS = {
    "idle_in_transaction_session_timeout": "4s",
    "lock_timeout": "8s",
    "statement_timeout": "30s",
}
#: The same for work that takes as long as it takes and holds up nobody: verification, backup, migration.
POSTGRES_PATIENCE = {
    "idle_in_transaction_session_timeout": "10min",
    "lock_timeout": "1min",
    "statement_timeout": "0",
}
#: A server that has vanished from the network is noticed, and found gone once more, within five seconds.
POSTGRES_LINE = {
    "connect_timeout": 2,
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 2_000,
    "application_name": "fenghuo",
}

_END_STALLED = text("""
    SELECT pg_terminate_backend(holder.pid) FROM pg_locks JOIN pg_stat_activity AS holder USING (pid)
    WHERE locktype = 'advisory' AND classid = 0 AND objid = :lock AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND holder.wait_event_type = 'Client'
    AND holder.state_change < clock_timestamp() - CAST(:silence AS interval)
""")


def has_safe_wal(version: tuple[int, ...]) -> bool:
    """Whether this SQLite has the WAL-reset bug's fix: 3.51.3 and later, or the backports 3.50.7, 3.44.6."""
    return version >= SAFE_SQLITE[0] or any(
        version[:2] == fixed[:2] and version >= fixed for fixed in SAFE_SQLITE[1:]
    )


class Database:
    """Connections to one database. Readers have a pool; all writing goes through one connection, in turn.

    `url` is `sqlite:///PATH` or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        if url.startswith("sqlite"):
            if not has_safe_wal(sqlite.sqlite_version_info):
                raise RuntimeError(
                    f"SQLite {sqlite.sqlite_version} can lose committed data (WAL-reset bug); "
                    "install pysqlite3 >= 0.6.1"
                )
            _refuse_if_cut_short(Path(url.removeprefix("sqlite:///")))
            self.engine: Engine = create_engine(
                url,
                module=sqlite,
                poolclass=QueuePool,
                pool_size=8,
                max_overflow=8,
                pool_timeout=30,
                connect_args={"check_same_thread": False, "timeout": 15},
            )
            _prepare_sqlite(self.engine)
        else:
            plain = url.replace("postgres://", "postgresql://", 1).replace(
                "postgresql://", "postgresql+psycopg://", 1
            )
            asked = make_url(plain).query  # what the operator's URL says itself stands
            self.engine = create_engine(
                plain,
                pool_size=8,
                max_overflow=8,
                pool_pre_ping=True,
                pool_timeout=10,
                connect_args={name: value for name, value in POSTGRES_LINE.items() if name not in asked},
            )
            _prepare_postgres(self.engine)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._is_closed = False
        event.listen(self.engine, "checkin", self._come_back)
        #: Held by whoever writes, in this process: on SQLite there is one committer.
        self.turn: AbstractContextManager[Any] = threading.Lock() if self.is_sqlite else nullcontext()

    @classmethod
    def in_folder(cls, folder: Path) -> Database:
        """The embedded database of a data folder: `fenghuo.db` inside it, readable by its owner only."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(f"sqlite:///{folder / 'fenghuo.db'}")

    @contextmanager
    def reading(self, *, patient: bool = False) -> Iterator[Connection]:
        """A consistent view for reading. Nothing written through it is kept. `patient`: it may take long."""
        connection = self.engine.connect()
        if self.is_sqlite:
            connection = connection.execution_options(read_only=True)
        else:
            connection = connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        with connection, connection.begin():
            if patient and not self.is_sqlite:
                connection.exec_driver_sql(_spelled("SET LOCAL", POSTGRES_PATIENCE))
            yield connection

    @contextmanager
    def writing(self, *, patient: bool = False) -> Iterator[Connection]:
        """A transaction that writes; on leaving without an exception it is on disk (fsync'ed).

        On SQLite the writers of this process queue behind one lock, so that there is one committer, and other
        processes queue behind BEGIN IMMEDIATE. PostgreSQL queues them itself, row by row.
        """
        with self.turn, self.engine.connect() as connection, connection.begin():
            if patient and not self.is_sqlite:
                connection.exec_driver_sql(_spelled("SET LOCAL", POSTGRES_PATIENCE))
            yield connection

    def lock_ledger(self, connection: Connection) -> None:
        """Make concurrent writers of the ledger queue, so that what follows sees the latest word."""
        if not self.is_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK_KEY})")

    def end_stalled(self) -> int:
        """PostgreSQL: end the sessions that hold the ledger's lock and have long been silent; how many."""
        with self.engine.connect() as connection, connection.begin():
            silence = POSTGRES_LIMITS["idle_in_transaction_session_timeout"]
            ended = connection.execute(_END_STALLED, {"lock": WRITER_LOCK_KEY, "silence": silence})
            return len(ended.all())

    def close(self) -> None:
        """Close every connection: those that a thread still reads through, when it is done."""
        self._is_closed = True
        self.engine.dispose()

    def _come_back(self, _connection: Any, record: ConnectionPoolEntry) -> None:
        if self._is_closed:  # the pool that it goes back to has been emptied, and is never looked at again
            record.invalidate()


def _prepare_postgres(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        # Said here and not as a startup parameter, which poolers in between do not pass on.
        connection.autocommit = True
        connection.execute(_spelled("SET", POSTGRES_LIMITS))
        # A server, database or role that is set to answer before the disk has it is overruled.
        if connection.execute("SHOW synchronous_commit").fetchone()[0] == "off":
            connection.execute("SET synchronous_commit = on")
        connection.autocommit = False


def _spelled(how: str, limits: dict[str, str]) -> str:
    return "; ".join(f"{how} {name} = '{value}'" for name, value in limits.items())


def trouble_of(error: DBAPIError) -> str | None:
    """What an operator can do something about: a damaged file, or no database there. None: it is a bug."""
    said = str(error.orig).strip().splitlines()[0] if error.orig else ""
    if isinstance(error.orig, sqlite.DatabaseError) and ("malformed" in said or "not a database" in said):
        return (
            f"the database file is damaged ({said}). Nothing is repaired in silence: keep the file, "
            "and bring back the last backup into a new folder with fenghuo restore"
        )
    if isinstance(error, OperationalError) and not isinstance(error.orig, sqlite.Error):
        return f"the database does not answer: {said}"
    return None


def _refuse_if_cut_short(file: Path) -> None:
    """A file shorter than its own header says: SQLite notices only when it comes to a page that is missing.

    Beside a write-ahead log with something in it the header may be ahead of the file, and rightly.
    """
    wal = file.with_name(file.name + "-wal")
    if not file.is_file() or (wal.exists() and wal.stat().st_size):
        return
    with file.open("rb") as opened:
        header = opened.read(100)
    size, page = file.stat().st_size, int.from_bytes(header[16:18], "big")
    said = int.from_bytes(header[28:32], "big") * (65536 if page == 1 else page)
    if header[24:28] == header[92:96] and size < said:  # the header's count of pages is of its last change
        cut = sqlite.DatabaseError(f"database disk image is malformed: {size} bytes of {said} are there")
        raise DatabaseError(None, None, cut)


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver opens none for SELECT
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=15000",
            "cache_size=-16000",
            "trusted_schema=OFF",
        ):
            try:
                cursor.execute(f"PRAGMA {pragma}")
            except UnicodeDecodeError as error:  # from the driver, when SQLite quotes what it cannot read
                malformed = "database disk image is malformed: its schema is no text"
                raise sqlite.DatabaseError(malformed) from error
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        read_only = connection.get_execution_options().get("read_only")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
