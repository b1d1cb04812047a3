"""Messages on their way out of the house: one row for each channel and recipient of a call.

A row is made in the transaction of the entry that calls, so none is lost and none is made twice. It is sent
by whichever process leases it. One that dies between the sending and its note leaves the row leased; when the
lease has run out the message is sent again: that is the only way in which it goes out twice.

The table is not made from the log alone (whether a message got out stands nowhere else), so `verify` does not
recount it. Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import Index, Table, Text, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel

from server.record.columns import UTCDateTime
from server.record.database import Database
from server.record.rows import Put

#: Longer than any sending may take: what is leased longer was left by a process that died.
LEASE = timedelta(seconds=45)
#: Ended messages hold phone numbers: they go after this.
KEPT = timedelta(days=90)
MOST_ATTEMPTS = 10
#: What a gateway may say of a message, and of which: as far as is known, and never back.
_ONWARD = {"delivered": ("queued", "sent"), "read": ("queued", "sent", "delivered"), "failed": ("sent",)}


class OutboxRow(SQLModel, table=True):
    """A message. `mentions`: phones that a robot is to name. `next_at`: when it is tried next."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_next_at", "state", "next_at"),
        Index("ix_outbox_unit_created_at", "unit", "created_at"),
    )

    message_id: str = Field(primary_key=True, max_length=36)
    dedup_key: str = Field(sa_type=Text, unique=True)
    alarm_id: str | None = Field(default=None, max_length=36, index=True)
    unit: str = Field(max_length=40)
    channel: str = Field(max_length=60)
    recipient: str = Field(sa_type=Text)
    recipient_name: str = Field(sa_type=Text)
    mentions: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    drill: bool
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    state: str = Field(max_length=20)
    attempts: int
    next_at: datetime = Field(sa_type=UTCDateTime)
    lease: str | None = Field(default=None, max_length=36)
    leased_until: datetime | None = Field(default=None, sa_type=UTCDateTime)
    changed_at: datetime = Field(sa_type=UTCDateTime)
    fault: str | None = Field(default=None, sa_type=Text)


OUTBOX = cast(Table, OutboxRow.__table__)  # type: ignore[attr-defined]
MESSAGES = Put(OUTBOX, once=True)
_ROW = OUTBOX.c


def fresh(
    message_id: str,
    dedup_key: str,
    now: datetime,
    expires_at: datetime,
    *,
    alarm_id: str | None,
    unit: str,
    channel: str,
    text: str,
    drill: bool,
    recipient: str = "",
    recipient_name: str = "",
    mentions: Iterable[str] = (),
    fault: str | None = None,
) -> dict[str, Any]:
    """A row that is to be sent; with a fault one that cannot be, and is kept to say so."""
    return {
        "message_id": message_id,
        "dedup_key": dedup_key,
        "alarm_id": alarm_id,
        "unit": unit,
        "channel": channel,
        "recipient": recipient,
        "recipient_name": recipient_name,
        "mentions": ",".join(mentions),
        "text": text,
        "drill": drill,
        "created_at": now,
        "expires_at": expires_at,
        "state": "queued" if fault is None else "failed",
        "attempts": 0,
        "next_at": now,
        "lease": None,
        "leased_until": None,
        "changed_at": now,
        "fault": fault,
    }


# ---------------------------------------------------------------- sending


def _is_due(now: datetime) -> Any:
    free = or_(_ROW.leased_until.is_(None), _ROW.leased_until <= now)
    return (_ROW.state == "queued") & (_ROW.next_at <= now) & free


def due_channels(database: Database, now: datetime) -> list[str]:
    """The channels that have anything to send."""
    with database.reading() as connection:
        return list(connection.execute(select(_ROW.channel).where(_is_due(now)).distinct()).scalars())


def claim(database: Database, channel: str, now: datetime, most: int) -> list[dict[str, Any]]:
    """Lease the messages of a channel that are due, the oldest first. Nobody else has them meanwhile."""
    lease = str(uuid4())
    wanted = (
        select(_ROW.message_id)
        .where(_is_due(now), _ROW.channel == channel)
        .order_by(_ROW.next_at, _ROW.message_id)
        .limit(most)
    )
    if not database.is_sqlite:
        wanted = wanted.with_for_update(skip_locked=True)
    with database.writing() as connection:
        found = list(connection.execute(wanted).scalars())
        if not found:
            return []
        connection.execute(
            update(OUTBOX)
            .where(_ROW.message_id.in_(found))
            .values(lease=lease, leased_until=now + LEASE, attempts=_ROW.attempts + 1)
        )
        rows = connection.execute(select(OUTBOX).where(_ROW.lease == lease)).mappings()
        return sorted((dict(row) for row in rows), key=lambda row: (row["created_at"], row["message_id"]))


def settle(
    database: Database,
    row: dict[str, Any],
    now: datetime,
    *,
    state: str,
    fault: str | None = None,
    next_at: datetime | None = None,
) -> bool:
    """Note what became of a leased message; False when the lease is no longer ours."""
    with database.writing() as connection:
        done = connection.execute(
            update(OUTBOX)
            .where(_ROW.message_id == row["message_id"], _ROW.lease == row["lease"])
            .values(
                state=state,
                fault=fault,
                next_at=next_at or row["next_at"],
                lease=None,
                leased_until=None,
                changed_at=now,
            )
        )
        return done.rowcount == 1


def note_receipt(
    database: Database, units: Sequence[str], message_id: str, state: str, fault: str | None, now: datetime
) -> str | None:
    """A gateway says what became of a message of these units. How it stands now; None when there is none."""
    here = (_ROW.message_id == message_id) & _ROW.unit.in_(units)
    with database.writing() as connection:
        connection.execute(
            update(OUTBOX)
            .where(here, _ROW.state.in_(_ONWARD[state]))
            .values(state=state, fault=fault, lease=None, leased_until=None, changed_at=now)
        )
        stands: str | None = connection.execute(select(_ROW.state).where(here)).scalar()
        return stands


def forget_old(database: Database, now: datetime) -> None:
    """What ended long ago goes."""
    with database.writing() as connection:
        connection.execute(delete(OUTBOX).where(_ROW.state != "queued", _ROW.changed_at < now - KEPT))


def add(database: Database, row: dict[str, Any]) -> bool:
    """A message that no entry calls for: a test. False when it is there already."""
    try:
        with database.writing() as connection:
            connection.execute(insert(OUTBOX), [row])
    except IntegrityError:
        return False
    return True


# ---------------------------------------------------------------- looking


def last_messages(database: Database, units: Sequence[str], limit: int) -> list[dict[str, Any]]:
    """The newest messages of these units."""
    query = select(OUTBOX).where(_ROW.unit.in_(units)).order_by(_ROW.created_at.desc(), _ROW.message_id)
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query.limit(limit)).mappings()]


def last_of_channels(database: Database) -> dict[str, dict[str, Any]]:
    """For each channel when a message last got out by it, and the last fault that none has followed."""
    sent = func.max(_ROW.changed_at).filter(_ROW.state.in_(("sent", "delivered", "read")))
    failed = func.max(_ROW.changed_at).filter(_ROW.fault.is_not(None))
    waiting = func.count().filter(_ROW.state == "queued")
    query = select(_ROW.channel, sent.label("sent_at"), failed.label("failed_at"), waiting.label("waiting"))
    with database.reading() as connection:
        return {
            row["channel"]: dict(row) for row in connection.execute(query.group_by(_ROW.channel)).mappings()
        }


def counts(database: Database) -> dict[tuple[str, str], int]:
    """How many messages of each channel are in which state."""
    query = select(_ROW.channel, _ROW.state, func.count()).group_by(_ROW.channel, _ROW.state)
    with database.reading() as connection:
        return {(channel, state): count for channel, state, count in connection.execute(query)}


def oldest_waiting(database: Database) -> datetime | None:
    """Since when the oldest message waits."""
    with database.reading() as connection:
        query = select(func.min(_ROW.created_at)).where(_ROW.state == "queued")
        found: datetime | None = connection.execute(query).scalar()
        return found


def tested_since(database: Database, channel: str, moment: datetime) -> bool:
    """Whether a test of this channel was made since."""
    query = select(_ROW.message_id).where(
        _ROW.channel == channel, _ROW.alarm_id.is_(None), _ROW.created_at > moment
    )
    with database.reading() as connection:
        return connection.execute(query.limit(1)).first() is not None
