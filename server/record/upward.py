"""What an outpost has still to hand on to the desk above it: every command with its body, in the order of the
log, from the very transaction that wrote it down until the desk above has it or has refused it.

Only a desk that was started with an upstream keeps these. `fenghuo verify` holds each body against the record
of its command. Synchronous: call in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

import orjson
from sqlalchemy import BigInteger, Connection, Index, LargeBinary, Table, Text, func, select, update
from sqlmodel import Field, SQLModel

from server.record.columns import UTCDateTime
from server.record.database import Database
from server.record.rows import Put
from server.record.tables import INCIDENT

MOST_SHOWN = 200
MOST_ASKED = 20  # incidents, of the desk above at once


class UpwardRow(SQLModel, table=True):
    """A command to be handed on. `state`: waiting, handed (it is above) or refused (and why)."""

    __tablename__ = "upward"
    __table_args__ = (Index("ix_upward_state_position", "state", "position"),)

    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    command_id: str = Field(max_length=36, unique=True)
    name: str = Field(max_length=60)
    body: bytes = Field(sa_type=LargeBinary)
    person_id: str = Field(max_length=36)
    person_name: str = Field(max_length=255)
    incident_id: str | None = Field(default=None, max_length=36)
    recorded_at: datetime = Field(sa_type=UTCDateTime)
    device_skew_ms: int | None = Field(default=None, sa_type=BigInteger)
    state: str = Field(max_length=10)
    settled_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    number: str | None = Field(default=None, max_length=60)
    word: str | None = Field(default=None, max_length=60)
    detail: str | None = Field(default=None, sa_type=Text)
    epoch: str | None = Field(default=None, max_length=36)  # of the desk above when it had it


UPWARD = cast(Table, UpwardRow.__table__)  # type: ignore[attr-defined]
TO_HAND_ON = Put(UPWARD)


class Kept(NamedTuple):
    """A command as it waits: what the round that does it writes down beside it."""

    command_id: str
    name: str
    body: bytes
    person_id: str
    person_name: str
    incident_id: str | None
    device_skew_ms: int | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A command to be handed on now."""

    position: int
    name: str
    body: dict[str, Any]
    size: int
    person_id: str
    recorded_at: datetime
    device_skew_ms: int | None

    def item(self, sent_at: str, recorded_at: str) -> dict[str, Any]:
        """As it stands in the batch."""
        via: dict[str, Any] = {"person": self.person_id, "recorded_at": recorded_at, "sent_at": sent_at}
        if self.device_skew_ms is not None:
            return {
                "name": self.name,
                "body": self.body,
                "via": via | {"device_skew_ms": self.device_skew_ms},
            }
        return {"name": self.name, "body": self.body, "via": via}


@dataclass(frozen=True, slots=True)
class Settled:
    """What the desk above said to one: its number for the incident, or the words of its refusal."""

    position: int
    number: str | None = None
    word: str | None = None
    detail: str | None = None
    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """How much stands where, and since when the oldest waits."""

    waiting: int
    handed: int
    refused: int
    oldest: datetime | None


def rows_of(kept: list[Kept], connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """The rows of a round. Asked under the ledger's lock, so the places are dense and in the log's order."""
    last = connection.execute(select(func.max(UPWARD.c.position))).scalar() or 0
    empty = {
        "state": "waiting",
        "settled_at": None,
        "number": None,
        "word": None,
        "detail": None,
        "epoch": None,
    }
    return [
        {**one._asdict(), **empty, "position": last + place, "recorded_at": now}
        for place, one in enumerate(kept, start=1)
    ]


def next_waiting(database: Database, most: int, most_bytes: int) -> list[Waiting]:
    """The first that wait, in order: as many as one batch may carry, one at least."""
    query = select(UPWARD).where(UPWARD.c.state == "waiting").order_by(UPWARD.c.position).limit(most)
    found: list[Waiting] = []
    size = 0
    with database.reading() as connection:
        for row in connection.execute(query):
            body = bytes(row.body)
            size += len(body) + 300  # and what stands round it
            if found and size > most_bytes:
                break
            found.append(
                Waiting(
                    row.position,
                    row.name,
                    orjson.loads(body),
                    len(body),
                    row.person_id,
                    row.recorded_at,
                    row.device_skew_ms,
                )
            )
    return found


def settle(database: Database, settled: list[Settled], now: datetime) -> None:
    """Write down what the desk above said. A row that another process settled meanwhile stays as it is."""
    with database.writing() as connection:
        for one in settled:
            values = {
                "state": "handed" if one.word is None else "refused",
                "settled_at": now,
                "number": one.number,
                "word": one.word,
                "detail": one.detail,
                "epoch": one.epoch,
            }
            still = (UPWARD.c.position == one.position) & (UPWARD.c.state == "waiting")
            connection.execute(update(UPWARD).where(still).values(values))


def again(database: Database) -> int:
    """Let everything that was refused be handed on once more, in its old place; how many that is."""
    values = {"state": "waiting", "settled_at": None, "word": None, "detail": None}
    with database.writing() as connection:
        return connection.execute(update(UPWARD).where(UPWARD.c.state == "refused").values(values)).rowcount


def lost(database: Database, epoch: str) -> int:
    """The desk above was restored from a backup: what it had in another epoch may be lost, and is handed on
    once more in its old place. What it still has it answers as before. How many that is."""
    values = {"state": "waiting", "settled_at": None}
    gone = (UPWARD.c.state == "handed") & (UPWARD.c.epoch.is_(None) | (UPWARD.c.epoch != epoch))
    with database.writing() as connection:
        return connection.execute(update(UPWARD).where(gone).values(values)).rowcount


def still_open(database: Database) -> list[str]:
    """The incidents that are worked on here, the newest first."""
    newest = INCIDENT.c.opened_at.desc()
    query = select(INCIDENT.c.id).where(INCIDENT.c.state == "open").order_by(newest).limit(MOST_ASKED)
    with database.reading() as connection:
        return list(connection.execute(query).scalars())


def counts(database: Database) -> Counts:
    query = select(UPWARD.c.state, func.count(), func.min(UPWARD.c.recorded_at)).group_by(UPWARD.c.state)
    with database.reading() as connection:
        found = {state: (count, oldest) for state, count, oldest in connection.execute(query)}
    waiting, oldest = found.get("waiting", (0, None))
    return Counts(waiting, found.get("handed", (0, None))[0], found.get("refused", (0, None))[0], oldest)


def shown(database: Database, state: str, limit: int = MOST_SHOWN) -> list[dict[str, Any]]:
    """The last of a state, for the page, without their bodies."""
    columns = [column for column in UPWARD.c if column.name != "body"]
    query = select(*columns).where(UPWARD.c.state == state).order_by(UPWARD.c.position.desc()).limit(limit)
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
