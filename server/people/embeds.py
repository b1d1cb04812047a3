"""What is given out to other programs: tokens of frames (嵌入) and of the map's feeds. Made, listed, ended.

A frame's token reads the panels that are named in it, as one unit sees them, and nothing else; browsers show
it only within pages of the origins that are named with it. A token is shown once, its print kept.

OWASP ASVS 5.0: 3.4.6, 3.5.5, 8.2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from server.people.accounts import CREDENTIAL, new_id
from server.people.credentials import TOKEN_PREFIX, AccountRefused, display_name, fingerprint, new_secret
from server.record.database import Database

MOST_ORIGINS, MOST_DAYS, MOST_GIVEN = 10, 3650, 200
_KINDS = ("embed", "feed")


@dataclass(frozen=True, slots=True)
class GivenLine:
    """A token in the list. Its secret is nowhere to be had."""

    id: str
    kind: str
    label: str
    unit: str
    panels: tuple[str, ...]
    origins: tuple[str, ...]
    created_at: datetime
    last_seen_at: datetime | None
    expires_at: datetime | None


class Embeds:
    """One for a process. Blocking: it reads and writes the database."""

    def __init__(self, database: Database, now: Callable[[], datetime]) -> None:
        self._database, self._now = database, now

    def give(
        self, kind: str, label: str, unit: str, panels: Sequence[str], origins: Sequence[str], days: int
    ) -> tuple[str, str]:
        """The id and the secret of a new token, the secret this once. `panels` and `origins`: of a frame."""
        name = display_name(label)
        if kind not in _KINDS:
            raise AccountRefused("embed_kind", "a token is for frames or for feeds")
        if not 1 <= days <= MOST_DAYS:
            raise AccountRefused("embed_days", f"a token holds for 1 to {MOST_DAYS} days")
        if kind == "embed" and not panels:
            raise AccountRefused("embed_panels", "a frame shows at least one panel")
        if kind == "embed" and not 1 <= len(origins) <= MOST_ORIGINS:
            raise AccountRefused("embed_origins", f"name 1 to {MOST_ORIGINS} origins that may frame it")
        now, secret = self._now(), new_secret(TOKEN_PREFIX)
        credential_id = new_id(now)
        row = {
            "id": credential_id, "secret_sha256": fingerprint(secret), "kind": kind, "unit": unit,
            "label": name, "address": "", "created_at": now, "expires_at": now + timedelta(days=days),
            "panels": " ".join(panels) if kind == "embed" else None,
            "origins": " ".join(origins) if kind == "embed" else None,
        }  # fmt: skip
        with self._database.writing() as connection:
            held = connection.execute(
                select(CREDENTIAL.c.id).where(*self._holding(), CREDENTIAL.c.unit == unit)
            )
            if len(held.fetchmany(MOST_GIVEN)) == MOST_GIVEN:
                raise AccountRefused("embed_many", f"a unit gives out at most {MOST_GIVEN} tokens")
            connection.execute(insert(CREDENTIAL).values(row))
        return credential_id, secret

    def given(self) -> list[GivenLine]:
        """All that hold, the newest first."""
        c = CREDENTIAL.c
        columns = (
            c.id,
            c.kind,
            c.label,
            c.unit,
            c.panels,
            c.origins,
            c.created_at,
            c.last_seen_at,
            c.expires_at,
        )
        with self._database.reading() as connection:
            rows = connection.execute(
                select(*columns).where(*self._holding()).order_by(c.id.desc())
            ).mappings()
            return [
                GivenLine(**{**row, "panels": _listed(row["panels"]), "origins": _listed(row["origins"])})
                for row in rows
            ]

    def framed_by(self, credential_id: str) -> tuple[str, ...] | None:
        """The origins whose pages may frame it; None when there is no such frame, or no more."""
        c = CREDENTIAL.c
        query = select(c.origins).where(*self._holding(), c.id == credential_id, c.kind == "embed")
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _listed(row.origins)

    def end(self, credential_id: str) -> bool:
        """It lets nobody in any more, open frames included, within two seconds."""
        ended = update(CREDENTIAL).where(*self._holding(), CREDENTIAL.c.id == credential_id)
        with self._database.writing() as connection:
            return connection.execute(ended.values(ended_at=self._now())).rowcount == 1

    def _holding(self) -> tuple[Any, ...]:
        c = CREDENTIAL.c
        lasts = c.expires_at.is_(None) | (c.expires_at > self._now())
        return c.kind.in_(_KINDS), c.ended_at.is_(None), lasts


def _listed(text: str | None) -> tuple[str, ...]:
    return tuple((text or "").split())
