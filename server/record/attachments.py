"""The bytes of attachments, in the database: every process reads them, and backups have them.

Stored by their SHA-256 in pieces. `attachment_file` says what was received for which incident; what is
attached says the log, and `fenghuo verify` holds the bytes against it. Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import orjson
from sqlalchemy import Connection, LargeBinary, Table, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel

from schemas.attachments import AttachmentAdded
from schemas.events import LOG_ENTRY
from server.domain.attachments import MOST_BYTES_PER_PERSON, MOST_PER_PERSON, Upload
from server.record.columns import UTCDateTime
from server.record.database import Database
from server.record.tables import ENTRY, INCIDENT_UNIT

PIECE = 256 * 1024
AT_ONCE = 4  # pieces in a transaction: others write in between
COUNTED = timedelta(hours=24)


class AttachmentFileRow(SQLModel, table=True):
    """A file that was received. `source_sha256` is that of what came, `sha256` of what was made of it."""

    __tablename__ = "attachment_file"

    attachment_id: str = Field(primary_key=True, max_length=36)
    incident_id: str = Field(max_length=36, index=True)
    person_id: str = Field(max_length=36, index=True)
    received_at: datetime = Field(sa_type=UTCDateTime)
    source_sha256: str = Field(max_length=64)
    media_type: str = Field(max_length=40)
    size: int
    sha256: str = Field(max_length=64)
    preview_sha256: str | None = Field(default=None, max_length=64)
    preview_size: int | None = None
    about: str


class AttachmentPieceRow(SQLModel, table=True):
    """A piece of a file, at most 256 KiB."""

    __tablename__ = "attachment_piece"

    sha256: str = Field(primary_key=True, max_length=64)
    place: int = Field(primary_key=True)
    bytes: Any = Field(sa_type=LargeBinary, nullable=False)


FILE = cast(Table, AttachmentFileRow.__table__)  # type: ignore[attr-defined]
PIECE_TABLE = cast(Table, AttachmentPieceRow.__table__)  # type: ignore[attr-defined]


class UploadRefused(ValueError):
    """`code` is the fixed word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Kept:
    """What is to be read of an attachment."""

    event: AttachmentAdded
    sha256: str
    size: int


def refuse_beyond_a_persons_share(database: Database, person_id: str, now: datetime) -> None:
    """Whoever has sent as much as one person can in a day is asked to wait."""
    query = select(func.count(), func.coalesce(func.sum(FILE.c.size), 0)).where(
        FILE.c.person_id == person_id, FILE.c.received_at > now - COUNTED
    )
    with database.reading() as connection:
        count, size = connection.execute(query).one()
    if count >= MOST_PER_PERSON or size >= MOST_BYTES_PER_PERSON:
        raise UploadRefused("too-many-uploads")


def received(database: Database, attachment_id: str, incident_id: str, source_sha256: str) -> bool:
    """Whether this very file was received already. Another one under its id is refused."""
    query = select(FILE.c.incident_id, FILE.c.source_sha256).where(FILE.c.attachment_id == attachment_id)
    with database.reading() as connection:
        row = connection.execute(query).one_or_none()
    if row is None:
        return False
    if (row.incident_id, row.source_sha256) != (incident_id, source_sha256):
        raise UploadRefused("attachment-exists")
    return True


def keep(
    database: Database,
    *,
    attachment_id: str,
    incident_id: str,
    person_id: str,
    now: datetime,
    source_sha256: str,
    media_type: str,
    file: Path,
    preview: Path | None,
    about: dict[str, Any],
) -> None:
    """Put a checked file on disk, piece by piece, and then say that it is there."""
    digest, size = _store(database, file)
    small, small_size = _store(database, preview) if preview is not None else (None, None)
    row = {
        "attachment_id": attachment_id,
        "incident_id": incident_id,
        "person_id": person_id,
        "received_at": now,
        "source_sha256": source_sha256,
        "media_type": media_type,
        "size": size,
        "sha256": digest,
        "preview_sha256": small,
        "preview_size": small_size,
        "about": orjson.dumps(about).decode(),
    }
    try:
        with database.writing() as connection:
            database.lock_ledger(connection)  # whoever clears away waits, or has done it
            _mend(connection, file, digest, size)
            if preview is not None and small is not None and small_size is not None:
                _mend(connection, preview, small, small_size)
            connection.execute(insert(FILE), [row])
    except IntegrityError:  # the same upload, sent twice, met itself
        if not received(database, attachment_id, incident_id, source_sha256):
            raise


def _store(database: Database, file: Path) -> tuple[str, int]:
    with file.open("rb") as source:
        sum_ = sha256()
        while block := source.read(1024 * 1024):
            sum_.update(block)
        digest, size = sum_.hexdigest(), source.tell()
        source.seek(0)
        for start in range(0, -(-size // PIECE), AT_ONCE):
            rows = [
                {"sha256": digest, "place": place, "bytes": source.read(PIECE)}
                for place in range(start, min(start + AT_ONCE, -(-size // PIECE)))
            ]
            with database.writing() as connection:
                _put(connection, rows)
    return digest, size


def _put(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """The same bytes have the same name: whoever comes second has nothing to add."""
    new = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    connection.execute(new(PIECE_TABLE).on_conflict_do_nothing(), rows)


def _mend(connection: Connection, file: Path, digest: str, size: int) -> None:
    """Pieces that were there already may have been cleared away meanwhile, as another's of the same bytes."""
    query = select(PIECE_TABLE.c.place).where(PIECE_TABLE.c.sha256 == digest)
    there = set(connection.execute(query).scalars())
    for place in range(-(-size // PIECE)):
        if place not in there:
            with file.open("rb") as source:
                source.seek(place * PIECE)
                _put(connection, [{"sha256": digest, "place": place, "bytes": source.read(PIECE)}])


def upload(connection: Connection, attachment_id: str) -> Upload | None:
    """What was received under this id."""
    row = connection.execute(select(FILE).where(FILE.c.attachment_id == attachment_id)).one_or_none()
    if row is None:
        return None
    return Upload(
        row.incident_id,
        row.media_type,
        row.size,
        row.sha256,
        row.preview_sha256,
        row.preview_size,
        orjson.loads(row.about),
    )


def find(
    database: Database, viewer: str, incident_id: str, attachment_id: str, *, preview: bool
) -> Kept | None:
    """An attachment of an incident that this unit may see."""
    sight = select(INCIDENT_UNIT.c.unit).where(
        INCIDENT_UNIT.c.unit == viewer, INCIDENT_UNIT.c.incident_id == incident_id
    )
    told = select(ENTRY.c.body).where(
        ENTRY.c.incident_id == incident_id, ENTRY.c.event_type == "attachment_added"
    )
    with database.reading() as connection:
        if connection.execute(sight).first() is None:
            return None
        bodies = [bytes(body) for body in connection.execute(told).scalars()]
    for body in bodies:
        event = LOG_ENTRY.validate_json(body).event
        if isinstance(event, AttachmentAdded) and event.attachment_id == attachment_id:
            if not preview:
                return Kept(event, event.sha256, event.size)
            if event.preview_sha256 is None or event.preview_size is None:
                return None
            return Kept(event, event.preview_sha256, event.preview_size)
    return None


def piece(database: Database, digest: str, place: int) -> bytes | None:
    query = select(PIECE_TABLE.c.bytes).where(PIECE_TABLE.c.sha256 == digest, PIECE_TABLE.c.place == place)
    with database.reading() as connection:
        found = connection.execute(query).scalar()
    return None if found is None else bytes(found)


def is_whole(connection: Connection, digest: str, size: int) -> bool:
    """Whether the bytes are all there and as they were."""
    sum_, found = sha256(), 0
    for body in _pieces(connection, digest):
        if type(body) is str:  # SQLite keeps whatever is put into a column
            return False
        sum_.update(body)
        found += len(body)
    return found == size and sum_.hexdigest() == digest


def _pieces(connection: Connection, digest: str) -> Iterator[Any]:
    query = select(PIECE_TABLE.c.bytes).where(PIECE_TABLE.c.sha256 == digest)
    query = query.order_by(PIECE_TABLE.c.place).execution_options(yield_per=AT_ONCE)
    yield from connection.execute(query).scalars()
