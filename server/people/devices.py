"""Tablets that are known here: whose, with which public key, when they were last heard of; and their end.

The private key never leaves the tablet. By the public one a bundle that somebody else carries in is known to
be this person's, to the last byte. A lost tablet is revoked: its sessions end, and whatever it asks next is
answered by the order to forget everything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Table, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, SQLModel

from schemas.terms import Post
from server.people.accounts import CREDENTIAL, PERSON, Principal
from server.people.credentials import AccountRefused, display_name, fingerprint, looks_like_secret
from server.people.p256 import BadKey, read_key
from server.record.columns import UTCDateTime
from server.record.database import Database

MOST_OF_ONE = 20  # tablets of one person that are not revoked


class DeviceRow(SQLModel, table=True):
    """A tablet in the hands of one person; in another's hands it is another row, with a key of its own."""

    __tablename__ = "device"

    id: str = Field(primary_key=True, max_length=36)
    person_id: str = Field(foreign_key="person.id", index=True, max_length=36)
    name: str = Field(max_length=255)
    public_key: str = Field(max_length=200)
    enrolled_at: datetime = Field(sa_type=UTCDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    revoked_by: str | None = Field(default=None, max_length=255)
    told_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


DEVICE: Table = SQLModel.metadata.tables["device"]


class DeviceRevoked(Exception):
    """This tablet is to forget everything."""


@dataclass(frozen=True, slots=True)
class Device:
    """A tablet with the person whose it is."""

    id: str
    name: str
    public_key: str
    person_id: str
    person: str
    post: str
    unit: str
    lang: str
    rights_version: int
    is_disabled: bool
    enrolled_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None
    told_at: datetime | None
    last_seen_at: datetime | None = None


class Devices:
    """The register."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def enrol(self, principal: Principal, device_id: str, name: str, public_key: str) -> Device:
        """Make a tablet known as this person's, and this session as one on it. The same again is no error;
        another key or person under the same id is refused, and a revoked tablet is told so."""
        shown = display_name(name)
        try:
            read_key(public_key)
        except BadKey as bad:
            raise AccountRefused("bad_key", str(bad)) from None
        row = {
            "id": device_id,
            "person_id": principal.person_id,
            "name": shown,
            "public_key": public_key,
            "enrolled_at": self._now(),
        }
        known = self.get(device_id)
        if known is None:
            try:
                with self._database.writing() as connection:
                    theirs = (DEVICE.c.person_id == principal.person_id) & DEVICE.c.revoked_at.is_(None)
                    count = connection.execute(select(func.count()).select_from(DEVICE).where(theirs))
                    if count.scalar_one() >= MOST_OF_ONE:
                        raise AccountRefused("many_devices", f"{principal.name} has {MOST_OF_ONE} tablets")
                    connection.execute(insert(DEVICE).values(row))
            except IntegrityError:
                pass  # the same request, sent twice, met itself: what stands there decides
            known = self.get(device_id)
            assert known is not None
        if (known.person_id, known.public_key) != (principal.person_id, public_key):
            raise AccountRefused("device_taken", "this id is another tablet's")
        if known.revoked_at is not None:
            raise DeviceRevoked
        with self._database.writing() as connection:
            this = (CREDENTIAL.c.id == principal.session_id) & (CREDENTIAL.c.kind == "session")
            connection.execute(update(CREDENTIAL).where(this).values(device_id=device_id))
        return known

    def get(self, device_id: str) -> Device | None:
        found = self._find(DEVICE.c.id == device_id)
        return found[0] if found else None

    def all(self) -> list[Device]:
        """Every tablet, those in use first, each with its last contact."""
        return sorted(self._find(DEVICE.c.id.is_not(None)), key=lambda one: one.revoked_at is not None)

    def revoke(self, device_id: str, by: str) -> bool:
        """Its sessions end now, their sockets within two seconds; its next contact is told to forget."""
        now = self._now()
        with self._database.writing() as connection:
            this = (DEVICE.c.id == device_id) & DEVICE.c.revoked_at.is_(None)
            done = connection.execute(update(DEVICE).where(this).values(revoked_at=now, revoked_by=by))
            ends = (CREDENTIAL.c.device_id == device_id) & CREDENTIAL.c.ended_at.is_(None)
            connection.execute(update(CREDENTIAL).where(ends).values(ended_at=now))
        return done.rowcount == 1

    def is_to_forget(self, cookie: str) -> bool:
        """Whether this session was one on a tablet that is revoked by now. Notes that it was told."""
        if not looks_like_secret(cookie):
            return False
        query = (
            select(DEVICE.c.id, DEVICE.c.told_at)
            .join(CREDENTIAL, CREDENTIAL.c.device_id == DEVICE.c.id)
            .where(CREDENTIAL.c.secret_sha256 == fingerprint(cookie), DEVICE.c.revoked_at.is_not(None))
        )
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return False
        if row.told_at is None:
            with self._database.writing() as connection:
                told = update(DEVICE).where(DEVICE.c.id == row.id, DEVICE.c.told_at.is_(None))
                connection.execute(told.values(told_at=self._now()))
        return True

    def revoked_among(self, session_ids: list[str]) -> set[str]:
        """Those of these sessions that were on a tablet which is revoked."""
        query = (
            select(CREDENTIAL.c.id)
            .join(DEVICE, DEVICE.c.id == CREDENTIAL.c.device_id)
            .where(CREDENTIAL.c.id.in_(session_ids), DEVICE.c.revoked_at.is_not(None))
        )
        with self._database.reading() as connection:
            return set(connection.execute(query).scalars())

    def _find(self, condition: Any) -> list[Device]:
        seen = func.max(CREDENTIAL.c.last_seen_at)
        theirs = (PERSON.c.name, PERSON.c.post, PERSON.c.unit, PERSON.c.lang, PERSON.c.disabled_at)
        query = (
            select(DEVICE, *(one.label(f"person_{one.name}") for one in theirs), PERSON.c.rights_version)
            .add_columns(
                select(seen).where(CREDENTIAL.c.device_id == DEVICE.c.id).scalar_subquery().label("seen_at")
            )
            .join(PERSON, PERSON.c.id == DEVICE.c.person_id)
            .where(condition)
            .order_by(DEVICE.c.enrolled_at.desc(), DEVICE.c.id)
        )
        with self._database.reading() as connection:
            return [_device_of(row) for row in connection.execute(query).mappings()]


def _device_of(row: RowMapping) -> Device:
    return Device(
        id=row["id"],
        name=row["name"],
        public_key=row["public_key"],
        person_id=row["person_id"],
        person=row["person_name"],
        post=row["person_post"],
        unit=row["person_unit"],
        lang=row["person_lang"],
        rights_version=row["rights_version"],
        is_disabled=row["person_disabled_at"] is not None,
        enrolled_at=row["enrolled_at"],
        revoked_at=row["revoked_at"],
        revoked_by=row["revoked_by"],
        told_at=row["told_at"],
        last_seen_at=row["seen_at"],
    )


def principal_on(device: Device, carrier: Principal) -> Principal:
    """The person of a tablet, as whose deed its bundle enters; the credential is the carrier's."""
    return Principal(
        person_id=device.person_id,
        name=device.person,
        post=Post(device.post),
        unit=device.unit,
        kind="session",
        credential_id=carrier.credential_id,
        rights_version=device.rights_version,
    )
