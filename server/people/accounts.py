"""The tables of people and of what lets them in, and the records that are handed out.

A row of `credential` is a browser's session, a machine's bearer token or a wall screen: one table, so that
one indexed query tells how any of them stands.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Table, Text
from sqlmodel import Field, SQLModel

from schemas.terms import Post
from server.record.columns import UTCDateTime

CredentialKind = Literal["session", "token", "wall", "outpost", "feed", "embed"]
Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


class PersonRow(SQLModel, table=True):
    """Somebody with a post at a desk. Never deleted: the log names them. `name_key` is what is unique."""

    __tablename__ = "person"

    id: str = Field(primary_key=True, max_length=36)
    name_key: str = Field(max_length=255, unique=True)
    name: str = Field(max_length=255)
    post: str = Field(max_length=32)
    unit: str = Field(max_length=32)
    lang: str = Field(max_length=8)
    password_hash: str | None = Field(default=None, max_length=255)
    rights_version: int = Field(default=1)  # one more with each change of post or unit
    created_at: datetime = Field(sa_type=UTCDateTime)
    password_changed_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    disabled_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


class CredentialRow(SQLModel, table=True):
    """A session, a token or a wall screen. A wall belongs to a unit, the others to a person."""

    __tablename__ = "credential"

    id: str = Field(primary_key=True, max_length=36)
    secret_sha256: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=16)
    person_id: str | None = Field(default=None, foreign_key="person.id", index=True, max_length=36)
    unit: str | None = Field(default=None, max_length=32)
    label: str = Field(max_length=200)
    address: str = Field(default="", max_length=64)
    created_at: datetime = Field(sa_type=UTCDateTime)
    last_seen_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    idle_s: int | None = None  # ends when not used for so long; null: never by that
    expires_at: datetime | None = Field(default=None, sa_type=UTCDateTime)  # ends then whatever happens
    ended_at: datetime | None = Field(default=None, sa_type=UTCDateTime)
    device_id: str | None = Field(default=None, index=True, max_length=36)  # of a session on a known tablet
    panels: str | None = Field(default=None, max_length=200)  # of an embed: what it may show, by spaces
    origins: str | None = Field(default=None, sa_type=Text)  # ... and whose pages may frame it


class InvitationRow(SQLModel, table=True):
    """A link that works once: a person chooses a password with it, or a wall screen starts."""

    __tablename__ = "invitation"

    id: str = Field(primary_key=True, max_length=36)
    secret_sha256: str = Field(max_length=64, unique=True)
    person_id: str | None = Field(default=None, foreign_key="person.id", index=True, max_length=36)
    unit: str | None = Field(default=None, max_length=32)
    label: str = Field(default="", max_length=200)
    created_at: datetime = Field(sa_type=UTCDateTime)
    expires_at: datetime = Field(sa_type=UTCDateTime)
    used_at: datetime | None = Field(default=None, sa_type=UTCDateTime)


PERSON: Table = SQLModel.metadata.tables["person"]
CREDENTIAL: Table = SQLModel.metadata.tables["credential"]
INVITATION: Table = SQLModel.metadata.tables["invitation"]


@dataclass(frozen=True)
class SessionLimits:
    """How long what lets people in holds.

    ASVS 7.1.1, 7.3.1, 7.3.2: a duty shift lasts up to 24 h, so a session ends after 12 h without a request
    and after 7 days in any case. Exception, with its reason: a wall screen is never touched, so it has no
    idle limit and stays 90 days; it can read only, is bound to one unit, and is ended from the people page.
    """

    idle: timedelta = timedelta(hours=12)
    absolute: timedelta = timedelta(days=7)
    wall: timedelta = timedelta(days=90)
    invitation: timedelta = timedelta(hours=24)


@dataclass(frozen=True)
class Principal:
    """Who asks, with the rights they had when they were looked up."""

    person_id: str
    name: str
    post: Post
    unit: str
    kind: CredentialKind
    credential_id: str
    """The credential together with the rights it carried: a new post or unit makes it another one, so two
    sockets of one session, opened before and after the change, are told apart."""
    rights_version: int
    lang: Language = "zh"
    read_only: bool = False
    panels: frozenset[str] = frozenset()
    """What an embed may show; of all others nothing is said by this."""

    @property
    def session_id(self) -> str:
        """The credential alone, whatever rights it carries."""
        return self.credential_id.partition("@")[0]


@dataclass(frozen=True)
class Account:
    """A person as the people page and the command line show them."""

    id: str
    name: str
    post: Post
    unit: str
    lang: Language
    has_password: bool
    rights_version: int
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class CredentialLine:
    """A session, token or wall screen in a list. Its secret is nowhere to be had."""

    id: str
    kind: CredentialKind
    label: str
    address: str
    unit: str | None
    created_at: datetime
    last_seen_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True)
class SessionSecret:
    """What a browser gets on signing in, this once. `device`: the mark that keeps its tries apart."""

    secret: str
    session_id: str
    lasts: timedelta | None
    device: str | None = None


@dataclass(frozen=True)
class Invited:
    """Whom a one-time link is for: a person (`name`), or a wall screen (`label`) of a unit."""

    name: str | None
    unit: str
    label: str


def new_id(at: datetime) -> str:
    """A UUID, version 7: in order of making, so that indexes stay compact."""
    value = int(at.timestamp() * 1000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
