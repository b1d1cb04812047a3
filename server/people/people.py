"""Who may come in: accounts, signing in, machine tokens and one-time links.

`People` is everything that the rest of the product, the pages and the command line ask about people; what is
asked on every request stands in `admissions.py`. Synchronous; may be called from any thread.

OWASP ASVS 5.0: 6.2.3, 6.3.1, 6.3.8, 6.4.1, 7.2.4, 7.4.2, 7.4.3, 7.4.5.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError

from schemas.terms import Post
from server.people.accounts import (
    CREDENTIAL,
    INVITATION,
    LANGUAGES,
    PERSON,
    Account,
    CredentialLine,
    Invited,
    Language,
    Principal,
    SessionLimits,
    SessionSecret,
    new_id,
)
from server.people.admissions import RIGHTS_CHANGED, SESSION_ENDED, Admissions
from server.people.credentials import (
    AccountRefused,
    Guesses,
    Passwords,
    TryLater,
    address_key,
    check_password,
    display_name,
    fingerprint,
    known_device,
    looks_like_secret,
    name_key,
    new_device,
    new_secret,
)
from server.record.database import Database

__all__ = [
    "RIGHTS_CHANGED",
    "SESSION_ENDED",
    "Account",
    "AccountRefused",
    "CredentialLine",
    "Passwords",
    "People",
    "Principal",
    "SessionLimits",
    "SessionSecret",
    "TryLater",
]


class People(Admissions):
    """Every account of a desk and everything that lets one in."""

    def __init__(
        self,
        database: Database,
        tree_has_unit: Callable[[str], bool],
        now: Callable[[], datetime],
        *,
        limits: SessionLimits | None = None,
        passwords: Passwords | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(database, tree_has_unit, now, limits=limits, monotonic=monotonic)
        self._passwords = passwords or Passwords()
        self._guesses = Guesses(monotonic)

    # --- accounts -----------------------------------------------------------------------------------------

    def add(
        self, name: str, post: Post | str, unit: str, password: str | None = None, lang: str = "zh"
    ) -> Account:
        """Make an account. Without a password nobody can sign in to it until a one-time link was used."""
        shown = display_name(name)
        row: dict[str, Any] = {
            "id": new_id(self._now()),
            "name_key": name_key(shown),
            "name": shown,
            "post": _post(post),
            "unit": self._unit(unit),
            "lang": _language(lang),
            "rights_version": 1,
            "created_at": self._now(),
        }
        if password is not None:
            check_password(password, shown)
            row |= {"password_hash": self._passwords.hash(password), "password_changed_at": self._now()}
        try:
            with self._database.writing() as connection:
                connection.execute(insert(PERSON).values(row))
        except IntegrityError as problem:
            raise AccountRefused("name_taken", f"there is already somebody called {shown}") from problem
        return self._account(shown)

    def change(
        self,
        name: str,
        *,
        post: Post | str | None = None,
        unit: str | None = None,
        disabled: bool | None = None,
        lang: str | None = None,
    ) -> Account:
        """Change what somebody may do, at once: open sockets of theirs close within two seconds.

        Disabling also ends sessions, tokens and links for good: enabling again brings none of them back.
        The last administrator stays one, or nobody could undo it.
        """
        values: dict[str, Any] = {} if lang is None else {"lang": _language(lang)}
        if post is not None:
            values["post"] = _post(post)
        if unit is not None:
            values["unit"] = self._unit(unit)
        with self._database.writing() as connection:
            row = self._row(connection, name, for_update=True)
            if any(values.get(key, row[key]) != row[key] for key in ("post", "unit")):
                values["rights_version"] = row["rights_version"] + 1
            if disabled is not None and disabled != (row["disabled_at"] is not None):
                values["disabled_at"] = self._now() if disabled else None
            leaves = values.get("disabled_at") or values.get("post", Post.ADMIN) != Post.ADMIN
            if leaves and row["post"] == Post.ADMIN and not row["disabled_at"]:
                _keep_an_administrator(connection)
            if values:
                connection.execute(update(PERSON).where(PERSON.c.id == row["id"]).values(values))
            if values.get("disabled_at"):
                self._end(connection, CREDENTIAL.c.person_id == row["id"])
                self._cancel_invitations(connection, row["id"])
        self._forget()
        return self._account(name)

    def set_password(self, name: str, password: str, *, keep: str | None = None) -> None:
        """Give somebody a new password. Ends their sessions, except `keep`, and open one-time links."""
        person = self._account(name)
        check_password(password, person.name)
        hashed = self._passwords.hash(password)
        with self._database.writing() as connection:
            self._store_password(connection, person.id, hashed, keep)
        self._forget()

    def change_own_password(self, principal: Principal, current: str, password: str) -> None:
        """The same, by the person, who must know the present one. Raises TryLater after wrong ones."""
        with self._database.reading() as connection:
            row = self._row(connection, principal.name)
        keys = [("device", principal.session_id, row["name_key"])]
        self._guesses.begin(keys)
        if not self._passwords.fits(row["password_hash"] or self._passwords.nobodys, current):
            raise AccountRefused("wrong_password", "the present password is not right")
        self._guesses.succeed(keys)
        self.set_password(principal.name, password, keep=principal.session_id)

    def all(self) -> list[Account]:
        """Everybody, by unit and name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(PERSON).order_by(PERSON.c.unit, PERSON.c.name_key))
            return [_account_of(row) for row in rows.mappings()]

    def get(self, name: str) -> Account | None:
        """The person of that name, however it is written (width, case)."""
        return self._find(PERSON.c.name_key == name_key(name))

    def with_id(self, person_id: str) -> Account | None:
        return self._find(PERSON.c.id == person_id)

    # --- sessions -----------------------------------------------------------------------------------------

    def sign_in(
        self, name: str, password: str, where: str, *, device: str | None = None, label: str = ""
    ) -> SessionSecret | None:
        """A new session, or None: wrong name, wrong password, no password yet and disabled look alike.

        `where` is the client's address. Raises TryLater when too many wrong tries came from there (or, with
        a valid `device` mark, from that browser): the password is then not looked at.
        """
        key = name_key(name)[:255]
        with self._database.reading() as connection:
            row = connection.execute(select(PERSON).where(PERSON.c.name_key == key)).mappings().first()
        hashed = (row["password_hash"] if row else None) or self._passwords.nobodys
        number = known_device(hashed, device)
        tries: list[tuple[str, ...]] = [("device", number, key)] if number else _tries_from(where, key)
        self._guesses.begin(tries)
        fits = self._passwords.fits(hashed, password)
        if row is None or not fits or row["disabled_at"]:
            return None
        self._guesses.succeed(tries)
        renewed = self._passwords.hash(password) if self._passwords.is_outdated(hashed) else hashed
        with self._database.writing() as connection:
            unchanged = connection.execute(
                update(PERSON)
                .where(PERSON.c.id == row["id"], PERSON.c.password_hash == hashed)
                .where(PERSON.c.disabled_at.is_(None))
                .values(password_hash=renewed)
            )
            if unchanged.rowcount != 1:
                return None  # disabled, or the password was changed, while this one was being checked
            session = self._new_credential(
                connection,
                "session",
                {"person_id": row["id"], "address": where[:64], "label": label},
                idle=self.limits.idle,
                absolute=self.limits.absolute,
            )
        return SessionSecret(session.secret, session.session_id, session.lasts, new_device(renewed))

    def end_sessions(self, name: str, *, keep: str | None = None) -> None:
        """End every session of somebody, except `keep`. Tokens stay: they are revoked one by one."""
        person = self._account(name)
        with self._database.writing() as connection:
            self._end_sessions(connection, person.id, keep)
        self._forget()

    # --- machine tokens -----------------------------------------------------------------------------------

    def add_token(self, name: str, label: str = "") -> str:
        """A bearer token with the person's rights. It is shown this once and holds until revoked."""
        person = self._account(name)
        if person.disabled_at:
            raise AccountRefused("disabled", f"{person.name} is disabled")
        with self._database.writing() as connection:
            return self._new_credential(
                connection, "token", {"person_id": person.id, "label": label}, idle=None, absolute=None
            ).secret

    def add_feed(self, unit: str, label: str) -> str:
        """A bearer token that reads the map's feeds as this unit sees them, and nothing else."""
        values = {"unit": self._unit(unit), "label": display_name(label)}
        with self._database.writing() as connection:
            return self._new_credential(connection, "feed", values, idle=None, absolute=None).secret

    def tokens_of(self, name: str) -> list[CredentialLine]:
        return self._lines(CREDENTIAL.c.person_id == self._account(name).id, "token")

    # --- one-time links -----------------------------------------------------------------------------------

    def invite(self, name: str) -> str:
        """The secret of a link with which somebody chooses a password. Earlier links of theirs end."""
        person = self._account(name)
        if person.disabled_at:
            raise AccountRefused("disabled", f"{person.name} is disabled")
        with self._database.writing() as connection:
            self._cancel_invitations(connection, person.id)
            return self._new_invitation(connection, {"person_id": person.id})

    def invite_wall(self, unit: str, label: str) -> str:
        """The secret of a link that turns the browser in which it is opened into a wall screen."""
        values = {"unit": self._unit(unit), "label": display_name(label)}
        with self._database.writing() as connection:
            return self._new_invitation(connection, values)

    def invited(self, secret: str) -> Invited | None:
        """Whom a link is for, while it works. Looking does not use it up: mail scanners look, too."""
        with self._database.reading() as connection:
            row = self._invitation(connection, secret)
        if row is None:
            return None
        return Invited(row["name"], row["unit"] or row["person_unit"], row["label"])

    def accept_invitation(self, secret: str, password: str) -> Account:
        """Choose a password with a link, which ends the link, and every session there was."""
        invited = self.invited(secret)
        if invited is None or invited.name is None:
            raise _dead_link()
        check_password(password, invited.name)
        hashed = self._passwords.hash(password)
        with self._database.writing() as connection:
            row = self._use_invitation(connection, secret)
            self._store_password(connection, row["person_id"], hashed, None)
        self._forget()
        return self._account(invited.name)

    def accept_wall(self, secret: str) -> SessionSecret:
        """Start the wall screen of a link, which ends the link."""
        with self._database.writing() as connection:
            row = self._use_invitation(connection, secret)
            if row["person_id"] is not None:
                raise _dead_link()
            return self._new_wall(connection, row["unit"], row["label"])

    # --- inside -------------------------------------------------------------------------------------------

    def _account(self, name: str) -> Account:
        person = self.get(name)
        if person is None:
            raise AccountRefused("unknown_person", f"there is nobody called {name}")
        return person

    def _find(self, condition: Any) -> Account | None:
        with self._database.reading() as connection:
            row = connection.execute(select(PERSON).where(condition)).mappings().first()
        return None if row is None else _account_of(row)

    def _row(self, connection: Connection, name: str, for_update: bool = False) -> RowMapping:
        query = select(PERSON).where(PERSON.c.name_key == name_key(name))
        row = connection.execute(query.with_for_update() if for_update else query).mappings().first()
        if row is None:
            raise AccountRefused("unknown_person", f"there is nobody called {name}")
        return row

    def _new_invitation(self, connection: Connection, values: dict[str, Any]) -> str:
        secret, now = new_secret(), self._now()
        times = {"created_at": now, "expires_at": now + self.limits.invitation}
        row = {"id": new_id(now), "secret_sha256": fingerprint(secret), "label": "", **times, **values}
        connection.execute(insert(INVITATION).values(row))
        return secret

    def _invitation(self, connection: Connection, secret: str) -> RowMapping | None:
        if not looks_like_secret(secret):
            return None
        query = (
            select(INVITATION, PERSON.c.name, PERSON.c.unit.label("person_unit"))
            .join(PERSON, PERSON.c.id == INVITATION.c.person_id, isouter=True)
            .where(INVITATION.c.secret_sha256 == fingerprint(secret), INVITATION.c.used_at.is_(None))
            .where(INVITATION.c.expires_at > self._now(), PERSON.c.disabled_at.is_(None))
        )
        return connection.execute(query).mappings().first()

    def _use_invitation(self, connection: Connection, secret: str) -> RowMapping:
        """Use the link up, in this transaction. Of two at once, one gets it."""
        row = self._invitation(connection, secret)
        if row is None:
            raise _dead_link()
        used = connection.execute(
            update(INVITATION)
            .where(INVITATION.c.id == row["id"], INVITATION.c.used_at.is_(None))
            .values(used_at=self._now())
        )
        if used.rowcount != 1:
            raise _dead_link()
        return row

    def _cancel_invitations(self, connection: Connection, person_id: str) -> None:
        open_ones = (INVITATION.c.person_id == person_id) & INVITATION.c.used_at.is_(None)
        connection.execute(update(INVITATION).where(open_ones).values(used_at=self._now()))

    def _store_password(self, connection: Connection, person_id: str, hashed: str, keep: str | None) -> None:
        values = {"password_hash": hashed, "password_changed_at": self._now()}
        connection.execute(update(PERSON).where(PERSON.c.id == person_id).values(values))
        self._end_sessions(connection, person_id, keep)
        self._cancel_invitations(connection, person_id)

    def _end_sessions(self, connection: Connection, person_id: str, keep: str | None) -> None:
        theirs = (CREDENTIAL.c.person_id == person_id) & (CREDENTIAL.c.kind == "session")
        self._end(connection, theirs & (CREDENTIAL.c.id != (keep or "").partition("@")[0]))


def _tries_from(address: str, key: str) -> list[tuple[str, ...]]:
    place = address_key(address)
    return [("pair", place, key), ("address", place)]


def _keep_an_administrator(connection: Connection) -> None:
    still = (PERSON.c.post == Post.ADMIN) & PERSON.c.disabled_at.is_(None)
    if len(connection.execute(select(PERSON.c.id).where(still).with_for_update()).all()) < 2:
        raise AccountRefused("last_admin", "this is the last administrator")


def _post(post: Post | str) -> str:
    try:
        return Post(post).value
    except ValueError:
        raise AccountRefused("unknown_post", f"there is no post {post}; posts: {', '.join(Post)}") from None


def _language(lang: str) -> Language:
    for known in LANGUAGES:
        if lang == known:
            return known
    raise AccountRefused("unknown_language", f"there is no language {lang}; languages: zh, en")


def _dead_link() -> AccountRefused:
    return AccountRefused("dead_link", "this link was used, has run out or never was")


def _account_of(row: RowMapping) -> Account:
    same = ("id", "name", "unit", "lang", "rights_version", "created_at", "disabled_at")
    return Account(
        post=Post(row["post"]),
        has_password=row["password_hash"] is not None,
        **{key: row[key] for key in same},
    )
