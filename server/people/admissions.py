"""What lets somebody in: sessions, wall screens and machine tokens, looked up on every request.

The answer about a credential is one indexed read and is remembered for at most one second, so what another
process changes (the command line beside a running server) bites within two seconds, open sockets included.
Only fingerprints (SHA-256) of secrets are stored. Synchronous; may be called from any thread.

OWASP ASVS 5.0: 7.1.1, 7.2.2, 7.2.3, 7.3.1, 7.3.2, 7.4.1, 7.4.2, 7.4.5, 8.3.2.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, insert, select, update
from sqlalchemy.exc import OperationalError

from schemas.terms import Post
from server.people.accounts import (
    CREDENTIAL,
    PERSON,
    CredentialKind,
    CredentialLine,
    Principal,
    SessionLimits,
    SessionSecret,
    new_id,
)
from server.people.credentials import (
    TOKEN_PREFIX,
    AccountRefused,
    display_name,
    fingerprint,
    looks_like_secret,
    new_secret,
)
from server.record.database import Database

SESSION_ENDED, RIGHTS_CHANGED = 4001, 4003  # close codes, contract.md 5
REMEMBERED_S = 1.0  # how long an answer about a credential may be reused
SEEN_EVERY = timedelta(minutes=1)  # how exactly "last used" is kept
_AT_ONCE = 1_000  # credentials asked about in one query
_MOST_REMEMBERED = 10_000
_TOKEN: tuple[CredentialKind, ...] = ("token", "outpost", "feed", "embed")
_REVOKED: tuple[CredentialKind, ...] = ("token", "feed", "embed")  # by the token itself, or its id
_COOKIE: tuple[CredentialKind, ...] = ("session", "wall")


class Admissions:
    """Credentials: made, looked up, listed, ended."""

    def __init__(
        self,
        database: Database,
        tree_has_unit: Callable[[str], bool],
        now: Callable[[], datetime],
        *,
        limits: SessionLimits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits or SessionLimits()
        self._database = database
        self._tree_has_unit = tree_has_unit
        self._now = now
        self._monotonic = monotonic
        self._known: dict[str, tuple[Principal, float]] = {}
        self._changes = 0
        self._lock = threading.Lock()

    # --- asked on every request ---------------------------------------------------------------------------

    def remembered_session(self, cookie: str) -> Principal | None:
        """The principal if it was looked up within the last second. Never waits: for the event loop."""
        return self._remembered(cookie, _COOKIE)

    def remembered_token(self, bearer: str) -> Principal | None:
        """The same for a bearer token."""
        return self._remembered(bearer, _TOKEN)

    def principal_for_session(self, cookie: str) -> Principal | None:
        """Who has this session or wall screen, if it still holds."""
        return self._principal(cookie, _COOKIE) if looks_like_secret(cookie) else None

    def principal_for_token(self, bearer: str) -> Principal | None:
        """Who has this bearer token, if it still holds."""
        return self._principal(bearer, _TOKEN) if looks_like_secret(bearer, TOKEN_PREFIX) else None

    def standing_of(self, listeners: Iterable[Principal]) -> dict[str, int | None]:
        """Per credential_id: None if it may go on listening, else the code to close with.

        4001: ended, expired, revoked, disabled. 4003: post or unit are no longer what they were. One indexed
        query per thousand credentials, straight from the database: nothing remembered is used.
        """
        asked = {listener.credential_id: listener for listener in listeners}
        ids = sorted({listener.session_id for listener in asked.values()})
        found: dict[str, RowMapping] = {}
        for start in range(0, len(ids), _AT_ONCE):
            query = _standings().where(CREDENTIAL.c.id.in_(ids[start : start + _AT_ONCE]))
            with self._database.reading() as connection:
                found |= {row["id"]: row for row in connection.execute(query).mappings()}
        now = self._now()
        answer: dict[str, int | None] = {}
        for credential_id, listener in asked.items():
            row = found.get(listener.session_id)
            if row is None or not _holds(row, now):
                answer[credential_id] = SESSION_ENDED
            elif (row["rights_version"] or 0) != listener.rights_version:
                answer[credential_id] = RIGHTS_CHANGED
            else:
                answer[credential_id] = None
        return answer

    # --- lists and ends -----------------------------------------------------------------------------------

    def sessions_of(self, person_id: str) -> list[CredentialLine]:
        """The sessions of a person that still hold, the newest first."""
        return self._lines(CREDENTIAL.c.person_id == person_id, "session")

    def walls(self) -> list[CredentialLine]:
        """The wall screens that still run, the newest first."""
        return self._lines(CREDENTIAL.c.person_id.is_(None), "wall")

    def wall_session(self, unit: str, label: str) -> SessionSecret:
        """A read-only session for a screen that nobody touches, bound to a unit and to nobody's account."""
        with self._database.writing() as connection:
            return self._new_wall(connection, self._unit(unit), display_name(label))

    def sign_out(self, session_id: str) -> bool:
        """End one session or wall screen. Its open sockets close with 4001. Whether it was one on a tablet
        that is known here: what was not sent yet lies there, sealed, and waits for its person."""
        with self._database.writing() as connection:
            this_one = CREDENTIAL.c.id == session_id.partition("@")[0]
            device = connection.execute(select(CREDENTIAL.c.device_id).where(this_one)).scalar()
            self._end(connection, this_one & (CREDENTIAL.c.kind != "token"))
        self._forget()
        return device is not None

    def revoke_token(self, token: str) -> bool:
        """Revoke by id or by the token itself. False: no such token, or it was revoked before."""
        column, value = CREDENTIAL.c.id, token
        if token.startswith(TOKEN_PREFIX):
            column, value = CREDENTIAL.c.secret_sha256, fingerprint(token)
        with self._database.writing() as connection:
            ended = self._end(connection, (column == value) & CREDENTIAL.c.kind.in_(_REVOKED))
        self._forget()
        return ended == 1

    # --- inside -------------------------------------------------------------------------------------------

    def _remembered(self, secret: str, kinds: tuple[CredentialKind, ...]) -> Principal | None:
        principal, looked_up_at = self._known.get(secret, (None, 0.0))
        if principal is None or principal.kind not in kinds:
            return None
        return principal if self._monotonic() - looked_up_at <= REMEMBERED_S else None

    def _principal(self, secret: str, kinds: tuple[CredentialKind, ...]) -> Principal | None:
        known = self._remembered(secret, kinds)
        if known is not None:
            return known
        asked_at, changes = self._monotonic(), self._changes
        query = _credentials().where(CREDENTIAL.c.secret_sha256 == fingerprint(secret))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        now = self._now()
        if row is None or row["kind"] not in kinds or not _holds(row, now):
            return None
        if row["last_seen_at"] is None or now - row["last_seen_at"] >= SEEN_EVERY:
            self._note_seen(row["id"], now)
        principal = _principal_of(row)
        with self._lock:
            if changes == self._changes:  # else what was read may be older than the change
                if len(self._known) >= _MOST_REMEMBERED:
                    self._known.clear()
                self._known[secret] = (principal, asked_at)
        return principal

    def _note_seen(self, credential_id: str, now: datetime) -> None:
        seen = update(CREDENTIAL).where(CREDENTIAL.c.id == credential_id).values(last_seen_at=now)
        try:
            with self._database.writing() as connection:
                connection.execute(seen)
        except OperationalError:
            pass  # a full disk or a busy database must not sign people out; the next request tries again

    def forget(self) -> None:
        """Whatever was looked up is looked up again: something about credentials was changed elsewhere."""
        self._forget()

    def _forget(self) -> None:
        with self._lock:
            self._changes += 1
            self._known.clear()

    def _unit(self, code: str) -> str:
        if not self._tree_has_unit(code):
            raise AccountRefused("unknown_unit", f"there is no unit {code}")
        return code

    def _lines(self, condition: Any, kind: CredentialKind) -> list[CredentialLine]:
        query = _credentials().where(condition, CREDENTIAL.c.kind == kind, CREDENTIAL.c.ended_at.is_(None))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(CREDENTIAL.c.id.desc())).mappings().all()
        now = self._now()
        return [_line_of(row) for row in rows if _holds(row, now)]

    def _new_wall(self, connection: Connection, unit: str, label: str) -> SessionSecret:
        values = {"unit": unit, "label": label}
        return self._new_credential(connection, "wall", values, idle=None, absolute=self.limits.wall)

    def _new_credential(
        self,
        connection: Connection,
        kind: CredentialKind,
        values: dict[str, Any],
        *,
        idle: timedelta | None,
        absolute: timedelta | None,
    ) -> SessionSecret:
        now = self._now()
        secret, credential_id = new_secret(TOKEN_PREFIX if kind in _REVOKED else ""), new_id(now)
        row = {
            "id": credential_id,
            "secret_sha256": fingerprint(secret),
            "kind": kind,
            "created_at": now,
            "last_seen_at": None if kind in _REVOKED else now,
            "idle_s": None if idle is None else int(idle.total_seconds()),
            "expires_at": None if absolute is None else now + absolute,
            "address": "",
            **values,
        }
        row["label"] = str(row["label"])[:200]
        connection.execute(insert(CREDENTIAL).values(row))
        return SessionSecret(secret, credential_id, absolute)

    def _end(self, connection: Connection, condition: Any) -> int:
        still = CREDENTIAL.c.ended_at.is_(None)
        ended = connection.execute(update(CREDENTIAL).where(condition, still).values(ended_at=self._now()))
        return ended.rowcount


def _credentials() -> Select[Any]:
    """Credentials beside the person they belong to: all that standing and rights are judged by."""
    theirs = (PERSON.c.name, PERSON.c.post, PERSON.c.lang, PERSON.c.disabled_at, PERSON.c.rights_version)
    return select(CREDENTIAL, *theirs, PERSON.c.unit.label("person_unit")).join(
        PERSON, PERSON.c.id == CREDENTIAL.c.person_id, isouter=True
    )


def _standings() -> Select[Any]:
    """Only what `_holds` and the rights need, for a thousand at a time."""
    c = CREDENTIAL.c
    columns = (c.id, c.ended_at, c.expires_at, c.idle_s, c.last_seen_at, c.created_at)
    return select(*columns, PERSON.c.disabled_at, PERSON.c.rights_version).join_from(
        CREDENTIAL, PERSON, PERSON.c.id == c.person_id, isouter=True
    )


def _holds(row: RowMapping, now: datetime) -> bool:
    """Whether a credential lets anybody in at this moment. At the limit itself it no longer does."""
    if row["ended_at"] is not None or row["disabled_at"] is not None:
        return False
    if row["expires_at"] is not None and now >= row["expires_at"]:
        return False
    last_at = row["last_seen_at"] or row["created_at"]
    return row["idle_s"] is None or now < last_at + timedelta(seconds=row["idle_s"])


def _principal_of(row: RowMapping) -> Principal:
    if row["kind"] in ("wall", "feed", "embed"):
        return Principal(
            person_id=row["id"],
            name=row["label"],
            post=Post.LEADERSHIP,
            unit=row["unit"],
            kind=row["kind"],
            credential_id=f"{row['id']}@0",
            rights_version=0,
            read_only=True,
            panels=frozenset((row["panels"] or "").split()),
        )
    if row["kind"] == "outpost":  # it speaks for people, and is nobody itself: this post may do nothing
        return Principal(
            person_id=row["id"],
            name=row["label"],
            post=Post.LEADERSHIP,
            unit=row["unit"],
            kind="outpost",
            credential_id=f"{row['id']}@0",
            rights_version=0,
        )
    return Principal(
        person_id=row["person_id"],
        name=row["name"],
        post=Post(row["post"]),
        unit=row["person_unit"],
        kind=row["kind"],
        credential_id=f"{row['id']}@{row['rights_version']}",
        rights_version=row["rights_version"],
        lang=row["lang"],
    )


def _line_of(row: RowMapping) -> CredentialLine:
    same = ("id", "kind", "label", "address", "created_at", "last_seen_at", "expires_at")
    return CredentialLine(unit=row["unit"] or row["person_unit"], **{key: row[key] for key in same})
