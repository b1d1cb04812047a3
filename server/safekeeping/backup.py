"""Backup and restore: everything of a desk in one file, taken while it serves, on either database.

The file is a SQLite database with the same tables, so a backup of PostgreSQL restores into the embedded
desk and the other way round. A restored desk begins a new epoch: what was acknowledged after the backup is
no longer there, and every client notices by the epoch and sends what it still holds.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, Table, func, insert, select, update
from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from server.migrations import migrate
from server.record.attachments import PIECE_TABLE
from server.record.coming import UPLOAD_PIECE
from server.record.database import Database
from server.record.map_layers import LAYER
from server.record.outbox import OUTBOX
from server.record.tables import ENTRY, LEDGER
from server.safekeeping.verify import verify
from server.settings import Settings

PAGE = 2_000
RESTORED = "备份恢复, 不再发送 restored from a backup"
PIECES = 16  # rows that hold a quarter of a megabyte each


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
    """Fill an empty desk: all of it or nothing. Answers the number of entries, and the new epoch.

    Refuses one that has anything in it, and a backup whose log is not whole. The file itself is not touched.
    """
    if not file.exists():
        raise BackupRefused(f"there is no {file}")
    if settings.database_url:
        with tempfile.TemporaryDirectory() as folder, closing(Database(settings.database_url)) as target:
            _refuse_unless_empty(target)
            with closing(_tried(file, Path(folder) / "fenghuo.db")) as source:
                epoch = _new_epoch(source)
                with source.reading() as rows:
                    return _copy(rows, target), epoch
    assert settings.data is not None
    place, trial = settings.data / "fenghuo.db", settings.data / "fenghuo.db.unfinished"
    if any(not found.name.startswith(trial.name) for found in _in_folder(settings.data)):
        raise BackupRefused(f"{settings.data} is not empty: restore into a new folder")
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with closing(_tried(file, trial)) as source:
            epoch = _new_epoch(source)
            with source.reading() as rows:
                entries = _entries(rows)
            _into_one_file(source)
        trial.replace(place)
    finally:
        for leftover in ("", "-wal", "-shm"):
            Path(f"{trial}{leftover}").unlink(missing_ok=True)
    return entries, epoch


def _in_folder(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _tried(file: Path, trial: Path) -> Database:
    """A copy of a backup, its schema brought up to date and its log found whole."""
    os.close(os.open(trial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600))
    shutil.copyfile(file, trial)
    copy = Database(f"sqlite:///{trial}")
    try:
        migrate(copy)
        found = verify(copy)
    except DatabaseError as error:
        copy.close()
        raise BackupRefused(f"{file} is no backup of a desk: {error.orig}") from None
    broken = [fault for fault in found.faults if fault.startswith(("hole", "altered", "head", "unreadable"))]
    if broken:
        copy.close()
        raise BackupRefused(f"the log in {file} is not whole: {broken[0]}")
    return copy


def _refuse_unless_empty(target: Database) -> None:
    migrate(target)
    with target.reading() as connection:
        for table in _tables():
            if connection.execute(select(func.count()).select_from(table)).scalar():
                raise BackupRefused(f"the database is not empty ({table.name}): restore into a new one")


def _new_epoch(copy: Database) -> str:
    epoch = str(uuid4())
    with copy.writing() as connection:
        connection.execute(update(LEDGER).values(epoch=epoch))
        # What waited when the backup was taken has long gone out, or is too late.
        waiting = update(OUTBOX).where(OUTBOX.c.state == "queued")
        connection.execute(waiting.values(state="failed", fault=RESTORED, lease=None))
    return epoch


def _entries(source: Connection) -> int:
    return int(source.execute(select(func.count()).select_from(ENTRY)).scalar() or 0)


def _copy(source: Connection, target: Database) -> int:
    with target.writing(patient=True) as connection:
        for table in _tables():
            size = PIECES if table in (PIECE_TABLE, UPLOAD_PIECE, LAYER) else PAGE
            rows = source.execute(select(table).execution_options(yield_per=size)).mappings()
            for page in rows.partitions(size):
                connection.execute(insert(table), [dict(row) for row in page])
    return _entries(source)
