"""Verification: is the log as it was written, and is everything else what the log says?

Read-only, streaming: stored bytes against the chain, columns against bytes, streams and tables against a
recount. After a fault in the chain it goes on from what is stored next to it, so one pass names every entry
that was tampered with; tables are compared only where the log itself is whole.

What it cannot know without a witness outside (a printed head, a backup): a log that was cut short, or chained
anew from some entry on, by somebody who rewrote the ledger's row and every table to fit. Nor does the log
know whose account a command came from, the digest of its body, or the epoch.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from schemas import events as ev
from schemas.duties import DutyEvent
from schemas.events import LOG_ENTRY
from server.record.database import Database
from server.record.duty_rows import subject_of
from server.record.ledger import Chains
from server.record.tables import ENTRY, LEDGER
from server.safekeeping.catalogue_check import check_catalogue
from server.safekeeping.crosscheck import PAGE, Verdict, check_guards, crosscheck
from server.safekeeping.recount import Recount

__all__ = ["Verdict", "verify", "verify_in"]


def verify(database: Database) -> Verdict:
    """Check everything that needs no witness outside. One consistent view, so it may run beside a server."""
    with database.reading(patient=True) as connection:
        return verify_in(connection)


def verify_in(connection: Connection) -> Verdict:
    """The same for what one transaction sees."""
    verdict = Verdict()
    ledger = connection.execute(select(LEDGER)).one_or_none()
    if ledger is None:
        if connection.execute(select(ENTRY.c.seq).limit(1)).first() is not None:
            verdict.fault("head", "the ledger's row is missing")
        return verdict
    walk = _Walk(ledger.deployment_id, verdict)
    for row in _entries(connection):
        walk.take(*row)
    walk.end(ledger)
    if walk.is_sound:
        crosscheck(connection, ledger, walk.recorded_at, walk.recount, verdict)
        check_catalogue(connection, walk.recount, verdict)
    check_guards(connection, verdict)
    return verdict


class _Walk:
    """Along the log. `is_sound` while every entry is there, unaltered, and follows from those before it."""

    def __init__(self, deployment_id: str, verdict: Verdict) -> None:
        self.chains = Chains.of_nothing(deployment_id)
        self.recount = Recount()
        self.is_sound = True
        self.recorded_at: datetime | None = None
        self._verdict = verdict
        self._seq = 0

    def take(
        self,
        seq: int,
        incident_id: str | None,
        event_type: str,
        recorded_at: datetime,
        restricted: bool,
        body: bytes,
        sha256: bytes,
        sm3: bytes,
        subject: str | None,
    ) -> None:
        """The next row of the table, with every column it has."""
        if not type(body) is type(sha256) is type(sm3) is bytes:  # SQLite keeps whatever is put into a column
            self._break("altered", "its bytes are stored as something else", seq)
            body, sha256, sm3 = (str(one).encode() for one in (body, sha256, sm3))
        if seq != self._seq + 1:
            self._hole(seq)
        else:
            self.chains = self.chains.then(seq, body)
            if self.chains.sha256 != sha256 or self.chains.sm3 != sm3:
                self._break("altered", "its bytes do not fit the chain", seq)
        self.chains = Chains(sha256, sm3)  # where it broke, go on from what is stored
        self._seq = self._verdict.entries = seq
        try:
            entry = LOG_ENTRY.validate_json(body)
        except ValueError:
            self._break("unreadable", "no entry of this log", seq)
            return
        event = entry.event
        belongs = subject_of(event.unit) if isinstance(event, DutyEvent) else None
        if (incident_id, event_type, recorded_at, subject) != (
            entry.incident_id,
            event.type,
            entry.recorded_at,
            belongs,
        ):
            self._verdict.fault("altered", "its columns differ from its bytes", seq)
        if restricted != isinstance(entry.event, ev.InformerNamed):
            self._verdict.fault("altered", "its restriction was changed", seq)
        if self.recorded_at is not None and entry.recorded_at < self.recorded_at:
            self._verdict.fault("time", "recorded before the entry ahead of it", seq)
        self.recorded_at = entry.recorded_at
        if self.is_sound:
            try:
                self.recount.take(seq, entry)
            except (KeyError, AttributeError, ValueError, AssertionError) as wrong:
                self._break("impossible", f"does not follow from what came before: {wrong!r}", seq)

    def end(self, ledger: Row[Any]) -> None:
        """After the last row: is it where the ledger stands?"""
        self._verdict.head, self._verdict.head_sm3 = self.chains.sha256.hex(), self.chains.sm3.hex()
        if ledger.seq > self._seq:
            for missing in range(self._seq + 1, ledger.seq + 1):
                self._break("head", "the log was cut short: it is not there", missing)
        elif ledger.seq < self._seq:
            for added in range(ledger.seq + 1, self._seq + 1):
                self._break("head", "the ledger knows nothing of it", added)
        elif (bytes(ledger.chain_sha256), bytes(ledger.chain_sm3)) != (self.chains.sha256, self.chains.sm3):
            self._break("head", "the ledger ends with another chain", self._seq or None)

    def _hole(self, seq: int) -> None:
        for missing in range(self._seq + 1, seq):
            self._break("hole", "it is not there", missing)

    def _break(self, kind: str, what: str, seq: int | None) -> None:
        self.is_sound = False
        self._verdict.fault(kind, what, seq)


_COLUMNS = [
    ENTRY.c[name]
    for name in (
        "seq",
        "incident_id",
        "event_type",
        "recorded_at",
        "restricted",
        "body",
        "chain_sha256",
        "chain_sm3",
        "subject",
    )
]


def _entries(connection: Connection) -> Iterator[Any]:
    last = 0
    query = select(*_COLUMNS).order_by(ENTRY.c.seq).limit(PAGE)
    while rows := connection.execute(query.where(ENTRY.c.seq > last)).all():
        yield from rows
        last = rows[-1].seq
