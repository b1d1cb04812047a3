"""Files that are on their way in pieces, in the database: every machine knows how far one has come.

A piece is written where the file stood when it was sent, or not at all: of two that came for the same place
one wins, and the other's sender is told where the file stands. Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlmodel import Field, SQLModel

from server.record.attachments import UploadRefused
from server.record.columns import UTCDateTime
from server.record.database import Database


class UploadRow(SQLModel, table=True):
    """What was said of a file, and how much of it is there."""

    __tablename__ = "upload"

    person_id: str = Field(primary_key=True, max_length=36)
    attachment_id: str = Field(primary_key=True, max_length=36)
    incident_id: str = Field(max_length=36)
    size: int = Field(sa_type=BigInteger)
    sha256: str = Field(max_length=64)
    there: int = Field(sa_type=BigInteger)
    touched_at: datetime = Field(sa_type=UTCDateTime)


class UploadPieceRow(SQLModel, table=True):
    """Bytes as they came, from `start` on."""

    __tablename__ = "upload_piece"

    person_id: str = Field(primary_key=True, max_length=36)
    attachment_id: str = Field(primary_key=True, max_length=36)
    start: int = Field(primary_key=True, sa_type=BigInteger)
    bytes: Any = Field(sa_type=LargeBinary, nullable=False)


UPLOAD = cast(Table, UploadRow.__table__)  # type: ignore[attr-defined]
UPLOAD_PIECE = cast(Table, UploadPieceRow.__table__)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Coming:
    """A file that is on its way."""

    person_id: str
    attachment_id: str
    incident_id: str
    size: int
    sha256: str
    there: int = 0

    def is_same(self, other: Coming) -> bool:
        """Whether this is said of the very same file."""
        mine, theirs = (
            (one.person_id, one.attachment_id, one.incident_id, one.size, one.sha256) for one in (self, other)
        )
        return mine == theirs


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be on its way: files of one person, their bytes, the bytes of all."""

    files: int
    bytes: int
    bytes_of_all: int


class NoRoom(Exception):
    """All together have too much on its way."""


def begin(database: Database, coming: Coming, room: Room, now: datetime) -> Coming:
    """The file is known from now on, if there is room for the whole of it. Asked again: as it stands."""
    with database.writing() as connection:
        database.lock_ledger(connection)  # two that come at once are counted one after the other
        before = _found(connection, coming.person_id, coming.attachment_id)
        if before is not None:
            if not before.is_same(coming):
                raise UploadRefused("attachment-exists")
            return before
        size = func.coalesce(func.sum(UPLOAD.c.size), 0)
        mine = select(func.count(), size).where(UPLOAD.c.person_id == coming.person_id)
        count, bytes_ = connection.execute(mine).one()
        if count >= room.files or bytes_ + coming.size > room.bytes:
            raise UploadRefused("too-many-uploads")
        if connection.execute(select(size)).scalar_one() + coming.size > room.bytes_of_all:
            raise NoRoom
        said = {name: getattr(coming, name) for name in ("person_id", "attachment_id", "incident_id", "size")}
        row = {**said, "sha256": coming.sha256, "there": 0, "touched_at": now}
        connection.execute(insert(UPLOAD), [row])
    return coming


def find(database: Database, person_id: str, attachment_id: str) -> Coming | None:
    """A person's own; of another's nothing is said."""
    with database.reading() as connection:
        return _found(connection, person_id, attachment_id)


def append(database: Database, coming: Coming, piece: bytes, now: datetime) -> bool:
    """Write the next piece. False: the file has gone on meanwhile, or is gone, and nothing was written."""
    with database.writing() as connection:
        stands = and_(_is(UPLOAD, coming), UPLOAD.c.there == coming.there)
        values = {"there": coming.there + len(piece), "touched_at": now}
        if not connection.execute(update(UPLOAD).where(stands).values(values)).rowcount:
            return False
        if piece:
            key = {"person_id": coming.person_id, "attachment_id": coming.attachment_id}
            connection.execute(insert(UPLOAD_PIECE), [{**key, "start": coming.there, "bytes": piece}])
    return True


def put_together(database: Database, coming: Coming, file: Path) -> str:
    """All of it in one file; answers its SHA-256."""
    sum_ = sha256()
    with file.open("wb") as out:
        for piece in _pieces(database, coming):
            sum_.update(piece)
            out.write(piece)
    return sum_.hexdigest()


def forget(database: Database, coming: Coming) -> None:
    with database.writing() as connection:
        connection.execute(delete(UPLOAD_PIECE).where(_is(UPLOAD_PIECE, coming)))
        connection.execute(delete(UPLOAD).where(_is(UPLOAD, coming)))


def clear_stale(database: Database, before: datetime) -> int:
    """Let go what nobody went on with since this moment. How many files that were."""
    query = select(UPLOAD.c.person_id, UPLOAD.c.attachment_id).where(UPLOAD.c.touched_at < before)
    gone = 0
    with database.reading() as connection:
        old = connection.execute(query).all()
    for person_id, attachment_id in old:
        with database.writing() as connection:
            own = (UPLOAD.c.person_id == person_id) & (UPLOAD.c.attachment_id == attachment_id)
            is_old = own & (UPLOAD.c.touched_at < before)
            if not connection.execute(delete(UPLOAD).where(is_old)).rowcount:
                continue  # somebody has just gone on with it
            pieces = UPLOAD_PIECE.c.person_id == person_id, UPLOAD_PIECE.c.attachment_id == attachment_id
            connection.execute(delete(UPLOAD_PIECE).where(*pieces))
            gone += 1
    return gone


def _is(table: Table, coming: Coming) -> ColumnElement[bool]:
    return and_(table.c.person_id == coming.person_id, table.c.attachment_id == coming.attachment_id)


def _found(connection: Connection, person_id: str, attachment_id: str) -> Coming | None:
    query = select(UPLOAD).where(UPLOAD.c.person_id == person_id, UPLOAD.c.attachment_id == attachment_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Coming(row.person_id, row.attachment_id, row.incident_id, row.size, row.sha256, row.there)


def _pieces(database: Database, coming: Coming) -> Iterator[bytes]:
    at = 0
    while at < coming.size:
        query = select(UPLOAD_PIECE.c.bytes).where(_is(UPLOAD_PIECE, coming), UPLOAD_PIECE.c.start == at)
        with database.reading() as connection:
            piece = connection.execute(query).scalar()
        if piece is None:
            return  # somebody else was quicker with it: the sum tells
        yield bytes(piece)
        at += len(piece)
