"""Verification: is the log as it was written, and is everything else what the log says?

Read-only, streaming: stored bytes against the chain, columns against bytes, streams and tables against a
recount. After a fault in the chain it goes on from what is stored next to it, so one pass names every entry
that was tampered with; tables are compared only where the log itself is whole.

What it cannot know without a witness outside (a printed head, a backup): a log that was cut short, or chained
anew from some entry on, by somebody who rewrote the ledger's row and every table to fit. Nor does the log
know whose account a command came from, the digest of its body, or the epoch.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from schemas.events import LOG_ENTRY
from server.record.database import Database
from server.record.tables import ENTRY, LEDGER
from server.safekeeping.catalogue_check import check_catalogue
from server.safekeeping.crosscheck import check_guards, crosscheck
from server.safekeeping.file_check import faults_of_file, look_beside
from server.safekeeping.layer_check import check_layers
from server.safekeeping.links import Helper, Links, Unreadable, entries
from server.safekeeping.recount import Recount
from server.safekeeping.verdict import Verdict, readable

__all__ = ["Verdict", "verify", "verify_in"]

#: From so many entries on a second process is started where it is wanted: starting one takes a second.
WORTH_A_HELPER = 20_000
_read = LOG_ENTRY.validator.validate_json


def verify(database: Database, *, helped: bool = False) -> Verdict:
    """Check everything that needs no witness outside. One consistent view, so it may run beside a server.

    `helped`: of a long log a second process follows the chain meanwhile, on a processor that is to spare.
    """
    with database.reading(patient=True) as connection:
        return _verified(connection, database if helped else None)


def verify_in(connection: Connection) -> Verdict:
    """The same for what one transaction sees."""
    return _verified(connection, None)


def _verified(connection: Connection, helping: Database | None) -> Verdict:
    verdict = Verdict()
    try:
        ledger = connection.execute(select(LEDGER)).one_or_none()
    except ValueError as error:
        verdict.fault("head", f"the ledger's row cannot be read: {error}")
        return verdict
    last = connection.execute(select(func.max(ENTRY.c.seq))).scalar_one()
    if ledger is None:
        if last is not None:
            verdict.fault("head", "the ledger's row is missing")
        return verdict
    last = last or 0
    helper = looking = None
    if helping is not None and last >= WORTH_A_HELPER:
        helper, looking = Helper(helping, connection, ledger.deployment_id, last), look_beside(helping)
    links = Links(ledger.deployment_id, verdict)
    reading = _Reading(verdict)
    try:
        for seq, body in entries(connection, (ENTRY.c.seq, ENTRY.c.body), last):
            reading.take(seq, body)
        tables = Verdict(entries=verdict.entries)  # heard only if the log itself is whole
        if reading.is_sound:
            crosscheck(connection, ledger, reading.recorded_at, reading.recount, tables)
            with readable(tables, "catalogue"):
                check_catalogue(connection, reading.recount, tables)
        if helper is None or not helper.tell(links):
            links.follow(connection, last)
    except Unreadable as error:
        verdict.fault("unreadable", str(error), error.seq)
        return verdict
    links.end(ledger)
    if (impossible := reading.ends_before(links.first_break)) is not None:
        verdict.fault("impossible", *impossible)
    if links.first_break is None:
        verdict.hear(tables.told())
        if reading.is_sound:
            verdict.hear(links.tables.told())
    check_layers(connection, verdict)
    check_guards(connection, verdict)
    for fault in faults_of_file(connection) if looking is None else looking.result():
        verdict.fault("file", fault)
    return verdict


class _Reading:
    """Each entry for what it says: is it one, in its time, and does it follow from those before it?"""

    def __init__(self, verdict: Verdict) -> None:
        self.recount = Recount()
        self.recorded_at: datetime | None = None
        self.is_sound = True
        #: What did not follow, and where; nothing after it was counted.
        self.impossible: tuple[str, int] | None = None
        self._verdict = verdict

    def take(self, seq: int, body: bytes) -> None:
        self._verdict.entries = seq
        if type(body) is not bytes:  # the links say so
            body = str(body).encode()
        try:
            entry = _read(body)
        except ValueError:
            self.is_sound = False
            self._verdict.fault("unreadable", "no entry of this log", seq)
            return
        if self.recorded_at is not None and entry.recorded_at < self.recorded_at:
            self._verdict.fault("time", "recorded before the entry ahead of it", seq)
        self.recorded_at = entry.recorded_at
        if self.is_sound:
            try:
                self.recount.take(seq, entry)
            except (KeyError, AttributeError, TypeError, ValueError, AssertionError) as wrong:
                self.is_sound = False
                self.impossible = (f"does not follow from what came before: {wrong!r}", seq)

    def ends_before(self, first_break: int | None) -> tuple[str, int] | None:
        """What did not follow though all before it is as it was written: past a break nothing need."""
        if self.impossible is None or (first_break is not None and self.impossible[1] >= first_break):
            return None
        return self.impossible
