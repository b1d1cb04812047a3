"""Backup and restore: everything of a desk in one file, taken while it serves, on either database.

The file is a SQLite database with the same tables, so a backup of PostgreSQL restores into the embedded
desk and the other way round. A restored desk begins a new epoch: what was acknowledged after the backup is
no longer there, and every client notices by the epoch and sends what it still holds.
"""

from __future__ import annotations

import os
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Table, func, insert, select, update
from sqlmodel import SQLModel

from server.database import Database
from server.migrations import migrate
from server.settings import Settings
from server.tables import ENTRY, LEDGER
from server.verify import verify

PAGE = 2_000


class BackupRefused(Exception):
    """The backup or the restore cannot be done, and why."""


def _tables() -> list[Table]:
    return list(SQLModel.metadata.sorted_tables)


def backup(database: Database, file: Path) -> int:
    """Copy one consistent view of everything into a new file. Answers the number of entries."""
    if file.exists():
        raise BackupRefused(f"{file} exists already; name a file that does not")
    unfinished = file.with_name(file.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    copy = Database(f"sqlite:///{unfinished}")
    try:
        migrate(copy)
        with database.reading(patient=True) as source:
            entries = _copy(source, copy)
        _into_one_file(copy)
    finally:
        copy.close()
    for leftover in ("-wal", "-shm"):
        Path(f"{unfinished}{leftover}").unlink(missing_ok=True)
    unfinished.replace(file)
    return entries


def _into_one_file(copy: Database) -> None:
    """Nothing beside the file any more. Outside any transaction: inside one SQLite refuses it."""
    connection = copy.engine.raw_connection()
    try:
        cursor = connection.cursor()
        (mode,) = cursor.execute("PRAGMA journal_mode=DELETE").fetchone()
        cursor.close()
    finally:
        connection.close()
    if mode != "delete":
        raise BackupRefused(f"the copy cannot be closed: its journal stays in mode {mode}")


def restore(file: Path, settings: Settings) -> tuple[int, str]:
    """Fill an empty desk. Refuses one that has anything in it, and a backup whose log is not whole."""
    if not file.exists():
        raise BackupRefused(f"there is no {file}")
    source = Database(f"sqlite:///{file}")
    if settings.database_url:
        target = Database(settings.database_url)
    else:
        assert settings.data is not None
        if (settings.data / "fenghuo.db").exists():
            raise BackupRefused(f"{settings.data} is not empty: restore into a new folder")
        target = Database.in_folder(settings.data)
    migrate(target)
    with target.reading() as connection:
        for table in _tables():
            if connection.execute(select(func.count()).select_from(table)).scalar():
                raise BackupRefused(f"the database is not empty ({table.name}): restore into a new one")
    with source.reading() as connection:
        entries = _copy(connection, target)
    epoch = str(uuid4())
    with target.writing() as connection:
        connection.execute(update(LEDGER).values(epoch=epoch))
    found = verify(target)
    broken = [fault for fault in found.faults if fault.startswith(("hole", "altered", "head", "unreadable"))]
    if broken:
        raise BackupRefused(f"the log in {file} is not whole: {broken[0]}")
    source.close()
    target.close()
    return entries, epoch


def _copy(source, target: Database) -> int:  # type: ignore[no-untyped-def]
    with target.writing(patient=True) as connection:
        for table in _tables():
            rows = source.execution_options(yield_per=PAGE).execute(select(table)).mappings()
            for page in rows.partitions(PAGE):
                connection.execute(insert(table), [dict(row) for row in page])
    return int(source.execute(select(func.count()).select_from(ENTRY)).scalar() or 0)
