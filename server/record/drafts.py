"""What is being typed at a unit's desks and not filed yet: a crash loses nothing, another can go on.

A table of its own, beside the sealed log and never in it: a draft is no fact. Few, small, and not for long.
Synchronous: call in a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import orjson
from sqlalchemy import Connection, Table, Text, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel

from server.record.columns import UTCDateTime
from server.record.database import Database

MOST_BYTES = 48 * 1024
MOST_PER_PERSON, MOST_PER_UNIT = 5, 40
KEPT = timedelta(hours=24)


class IntakeDraftRow(SQLModel, table=True):
    """Something half written down. `person_id` has it now; `taken_from` had it before."""

    __tablename__ = "intake_draft"

    id: str = Field(primary_key=True, max_length=36)
    unit: str = Field(max_length=40, index=True)
    person_id: str = Field(max_length=36)
    person: str = Field(max_length=255)
    started_at: datetime = Field(sa_type=UTCDateTime)
    changed_at: datetime = Field(sa_type=UTCDateTime, index=True)
    taken_from: str | None = Field(default=None, max_length=255)
    taken_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    title: str = Field(max_length=200)
    restricted: bool = False  # it names an informer: only for posts that may read that
    body: str = Field(sa_type=Text)


DRAFT = cast(Table, IntakeDraftRow.__table__)  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose draft it is, and of which unit."""

    person_id: str
    name: str
    unit: str


class DraftRefused(ValueError):
    """`code` is the fixed word; `by` who has it instead."""

    def __init__(self, code: str, by: str = "") -> None:
        super().__init__(code)
        self.code, self.by = code, by


def save(
    database: Database,
    holder: Holder,
    draft_id: str,
    body: dict[str, Any],
    *,
    title: str,
    restricted: bool,
    now: datetime,
) -> None:
    """Keep what was typed last. Refused when somebody else has taken it over, or there is no room."""
    text = orjson.dumps(body).decode()
    if len(text.encode()) > MOST_BYTES:
        raise DraftRefused("draft-too-large")
    written = {"title": title[:200], "restricted": restricted, "body": text, "changed_at": now}
    try:
        _save(database, holder, draft_id, written, now)
    except IntegrityError:  # the same draft's first two savings met: the second is none
        _save(database, holder, draft_id, written, now)


def _save(database: Database, holder: Holder, draft_id: str, written: dict[str, Any], now: datetime) -> None:
    with database.writing() as connection:
        _forget_the_old(connection, now)
        row = (
            connection.execute(select(DRAFT).where(DRAFT.c.id == draft_id).with_for_update())
            .mappings()
            .first()
        )
        if row is None:
            _make_room(connection, holder)
            connection.execute(
                insert(DRAFT).values(
                    id=draft_id,
                    unit=holder.unit,
                    person_id=holder.person_id,
                    person=holder.name,
                    started_at=now,
                    **written,
                )
            )
        elif row["unit"] != holder.unit:
            raise DraftRefused("no-such-intake-draft")
        elif row["person_id"] != holder.person_id:
            raise DraftRefused("draft-taken", row["person"])
        else:
            connection.execute(update(DRAFT).where(DRAFT.c.id == draft_id).values(**written))


def _forget_the_old(connection: Connection, now: datetime) -> None:
    connection.execute(delete(DRAFT).where(DRAFT.c.changed_at < now - KEPT))


def _make_room(connection: Connection, holder: Holder) -> None:
    of_unit = connection.execute(
        select(func.count()).select_from(DRAFT).where(DRAFT.c.unit == holder.unit)
    ).scalar_one()
    own = connection.execute(
        select(func.count()).select_from(DRAFT).where(DRAFT.c.person_id == holder.person_id)
    ).scalar_one()
    if of_unit >= MOST_PER_UNIT or own >= MOST_PER_PERSON:
        raise DraftRefused("too-many-drafts")


def drafts(database: Database, unit: str, now: datetime, *, restricted: bool) -> list[dict[str, Any]]:
    """The drafts of a unit, the newest first, without what is in them."""
    query = (
        select(DRAFT)
        .where(DRAFT.c.unit == unit, DRAFT.c.changed_at >= now - KEPT)
        .order_by(DRAFT.c.changed_at.desc())
        .limit(MOST_PER_UNIT)
    )
    with database.reading() as connection:
        return [dict(row) for row in _open_to(connection.execute(query).mappings(), restricted)]


def _open_to(rows: Any, restricted: bool) -> Iterator[Any]:
    for row in rows:
        if restricted or not row["restricted"]:
            yield row


def take(
    database: Database, holder: Holder, draft_id: str, now: datetime, *, restricted: bool
) -> dict[str, Any]:
    """Have the draft from now on: what is in it, and from whom it was taken."""
    with database.writing() as connection:
        row = (
            connection.execute(select(DRAFT).where(DRAFT.c.id == draft_id).with_for_update())
            .mappings()
            .first()
        )
        if row is None or row["unit"] != holder.unit or row["changed_at"] < now - KEPT:
            raise DraftRefused("no-such-intake-draft")
        if row["restricted"] and not restricted:
            raise DraftRefused("no-such-intake-draft")
        taken = dict(row)
        if row["person_id"] != holder.person_id:
            taken |= {"person_id": holder.person_id, "person": holder.name}
            taken |= {"taken_from": row["person"], "taken_at": now}
            changed = {name: taken[name] for name in ("person_id", "person", "taken_from", "taken_at")}
            connection.execute(update(DRAFT).where(DRAFT.c.id == draft_id).values(**changed))
        return taken | {"body": orjson.loads(row["body"])}


def drop(database: Database, holder: Holder, draft_id: str) -> bool:
    """It is filed, or given up. Only who has it may; true when there was one."""
    query = delete(DRAFT).where(DRAFT.c.id == draft_id, DRAFT.c.person_id == holder.person_id)
    with database.writing() as connection:
        return bool(connection.execute(query).rowcount)
