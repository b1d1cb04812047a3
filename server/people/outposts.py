"""Outposts (前方节点): small desks in the field that hand on what people did there.

What an outpost holds is a secret of its own, which lets it do one thing: say which of the people who went
along gave a command. Who they are is kept here and not believed from there; one who was disabled since, or
never went along, is refused, and whatever is taken carries the outpost's name. A stolen laptop can so speak
for these few, as their posts allow, until its word is ended here or runs out by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlmodel import Field, SQLModel

from schemas.terms import Post
from server.people.accounts import CREDENTIAL, PERSON, Account, Principal, new_id
from server.people.credentials import TOKEN_PREFIX, AccountRefused, display_name, fingerprint, new_secret
from server.record.database import Database

MOST_PEOPLE = 50


class OutpostPersonRow(SQLModel, table=True):
    """Somebody went along with an outpost."""

    __tablename__ = "outpost_person"

    credential_id: str = Field(primary_key=True, foreign_key="credential.id", max_length=36)
    person_id: str = Field(primary_key=True, foreign_key="person.id", max_length=36)


OUTPOST_PERSON: Table = SQLModel.metadata.tables["outpost_person"]


@dataclass(frozen=True, slots=True)
class OutpostLine:
    """An outpost in the list."""

    id: str
    name: str
    unit: str
    people: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime | None
    expires_at: datetime


class Outposts:
    """Made, listed, ended; and for whom each may speak."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def make(self, name: str, unit: str, people: Sequence[Account], lasts: timedelta) -> str:
        """The secret of a new outpost, shown this once."""
        label = display_name(name)
        if not 1 <= len(people) <= MOST_PEOPLE:
            raise AccountRefused("outpost_people", f"name 1 to {MOST_PEOPLE} people who go along")
        if gone := next((one for one in people if one.disabled_at is not None), None):
            raise AccountRefused("disabled", f"{gone.name} is disabled")
        now, secret = self._now(), new_secret(TOKEN_PREFIX)
        row = {
            "id": new_id(now),
            "secret_sha256": fingerprint(secret),
            "kind": "outpost",
            "unit": unit,
            "label": label,
            "address": "",
            "created_at": now,
            "expires_at": now + lasts,
        }
        with self._database.writing() as connection:
            connection.execute(insert(CREDENTIAL).values(row))
            rows = [{"credential_id": row["id"], "person_id": one.id} for one in people]
            connection.execute(insert(OUTPOST_PERSON), rows)
        return secret

    def speaks_for(self, outpost: Principal) -> dict[str, Principal]:
        """Those for whom it may speak just now, by their ids, with the rights that they have just now."""
        query = (
            select(PERSON)
            .join(OUTPOST_PERSON, OUTPOST_PERSON.c.person_id == PERSON.c.id)
            .where(OUTPOST_PERSON.c.credential_id == outpost.session_id, PERSON.c.disabled_at.is_(None))
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return {row["id"]: _speaker(row, outpost) for row in rows}

    def all(self) -> list[OutpostLine]:
        """Those whose word still holds, the newest first."""
        query = (
            select(CREDENTIAL, PERSON.c.name)
            .join(OUTPOST_PERSON, OUTPOST_PERSON.c.credential_id == CREDENTIAL.c.id)
            .join(PERSON, PERSON.c.id == OUTPOST_PERSON.c.person_id)
            .where(CREDENTIAL.c.kind == "outpost", CREDENTIAL.c.ended_at.is_(None))
            .where(CREDENTIAL.c.expires_at > self._now())
            .order_by(CREDENTIAL.c.id.desc(), PERSON.c.name_key)
        )
        found: dict[str, OutpostLine] = {}
        with self._database.reading() as connection:
            for row in connection.execute(query).mappings():
                before = found.get(row["id"])
                found[row["id"]] = OutpostLine(
                    row["id"],
                    row["label"],
                    row["unit"],
                    (*(before.people if before else ()), row["name"]),
                    row["created_at"],
                    row["last_seen_at"],
                    row["expires_at"],
                )
        return list(found.values())

    def end(self, outpost_id: str) -> bool:
        """From now on its word counts for nothing (within a second, where it was looked up just now)."""
        this = (CREDENTIAL.c.id == outpost_id) & (CREDENTIAL.c.kind == "outpost")
        with self._database.writing() as connection:
            ended = connection.execute(
                update(CREDENTIAL).where(this, CREDENTIAL.c.ended_at.is_(None)).values(ended_at=self._now())
            )
        return ended.rowcount == 1


def _speaker(row: Any, outpost: Principal) -> Principal:
    return Principal(
        person_id=row["id"],
        name=row["name"],
        post=Post(row["post"]),
        unit=row["unit"],
        kind="outpost",
        credential_id=outpost.credential_id,
        rights_version=row["rights_version"],
        lang=row["lang"],
    )
