"""The links of the chain: stored bytes against it, and columns against bytes, entry by entry.

Nothing but the entry before is needed for it, so a process of its own can do it while another folds the log:
`python -m server.safekeeping.links` reads its task from standard input and prints what it found.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, cast, get_args

import orjson
from sqlalchemy import Connection, Row, select, text

from schemas.duties import AnyDutyEvent
from schemas.events import InformerNamed
from schemas.fields import parse_instant
from server.record.database import Database
from server.record.duty_rows import subject_of
from server.record.ledger import Chains
from server.record.tables import ENTRY
from server.safekeeping.deeds import Deeds
from server.safekeeping.verdict import PAGE, Verdict, readable

log = logging.getLogger(__name__)

_COLUMNS = (
    ENTRY.c.seq,
    ENTRY.c.body,
    ENTRY.c.chain_sha256,
    ENTRY.c.chain_sm3,
    ENTRY.c.incident_id,
    ENTRY.c.event_type,
    ENTRY.c.recorded_at,
    ENTRY.c.restricted,
    ENTRY.c.subject,
)
_OF_DUTIES = frozenset(str(one.model_fields["type"].default) for one in get_args(AnyDutyEvent))
_INFORMER = str(InformerNamed.model_fields["type"].default)


def entries(connection: Connection, columns: Sequence[Any], upto: int) -> Iterator[Any]:
    """Rows of the log in its order, up to an entry, a page at a time."""
    last = 0
    query = select(*columns).order_by(ENTRY.c.seq).limit(PAGE).where(ENTRY.c.seq <= upto)
    while True:
        try:
            rows = connection.execute(query.where(ENTRY.c.seq > last)).all()
        except ValueError as error:
            raise Unreadable(str(error), _first_unreadable(connection, columns, last)) from None
        if not rows:
            return
        yield from rows
        last = rows[-1].seq


class Unreadable(Exception):
    """A column of an entry holds what is no value of its kind, as after a bit of the file has flipped."""

    def __init__(self, why: str, seq: int | None) -> None:
        super().__init__(why)
        self.seq = seq


def _first_unreadable(connection: Connection, columns: Sequence[Any], after: int) -> int | None:
    later = select(ENTRY.c.seq).where(ENTRY.c.seq > after).order_by(ENTRY.c.seq)
    for seq in connection.execute(later).scalars().all():
        try:
            connection.execute(select(*columns).where(ENTRY.c.seq == seq)).all()
        except ValueError:
            return int(seq)
    return None


class Links:
    """Along the log. After a fault it goes on from what is stored there: each tampered entry is named."""

    def __init__(self, deployment_id: str, verdict: Verdict) -> None:
        self.chains = Chains.of_nothing(deployment_id)
        self.first_break: int | None = None
        self.tables = Verdict()  # what the records of commands lack; to be heard if the log is whole
        self._verdict = verdict
        self._deeds = Deeds()
        self._seq = 0

    def follow(self, connection: Connection, upto: int) -> None:
        for row in entries(connection, _COLUMNS, upto):
            self.take(*row)
        if self.first_break is None:
            with readable(self.tables, "idempotency"):
                self._deeds.check(connection, upto, self.tables)

    def take(
        self,
        seq: int,
        body: bytes,
        sha256: bytes,
        sm3: bytes,
        incident_id: str | None,
        event_type: str,
        recorded_at: datetime,
        restricted: bool,
        subject: str | None,
    ) -> None:
        """The next row of the table, with every column it has."""
        if not type(body) is type(sha256) is type(sm3) is bytes:  # SQLite keeps whatever is put into a column
            self._break("altered", "its bytes are stored as something else", seq)
            body, sha256, sm3 = (str(one).encode() for one in (body, sha256, sm3))
        if seq != self._seq + 1:
            for missing in range(self._seq + 1, seq):
                self._break("hole", "it is not there", missing)
        elif self.chains.then(seq, body) != (sha256, sm3):
            self._break("altered", "its bytes do not fit the chain", seq)
        self.chains = Chains(sha256, sm3)  # where it broke, go on from what is stored
        self._seq = seq
        try:
            said = orjson.loads(body)
            event = said["event"]
            kind = event["type"]
            belongs = subject_of(event["unit"]) if kind in _OF_DUTIES else None
            told = (said.get("incident_id"), kind, parse_instant(said["recorded_at"]), belongs)
            self._deeds.take(seq, told[0], told[2], said)
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # no entry of this log, which whoever reads it whole will say
        if (incident_id, event_type, recorded_at, subject) != told:
            self._verdict.fault("altered", "its columns differ from its bytes", seq)
        if restricted != (kind == _INFORMER):
            self._verdict.fault("altered", "its restriction was changed", seq)

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

    def _break(self, kind: str, what: str, seq: int | None) -> None:
        at = seq or 0
        self.first_break = at if self.first_break is None else min(at, self.first_break)
        self._verdict.fault(kind, what, seq)

    # --- in a process of its own ------------------------------------------------------------------------
    def told(self) -> dict[str, Any]:
        """All of it as plain values, and back again (`hear`)."""
        return {
            "chains": [one.hex() for one in self.chains],
            "seq": self._seq,
            "first_break": self.first_break,
            "verdict": self._verdict.told(),
            "tables": self.tables.told(),
        }

    def hear(self, told: dict[str, Any]) -> None:
        self.chains = Chains(*(bytes.fromhex(one) for one in told["chains"]))
        self._seq, self.first_break = told["seq"], told["first_break"]
        self._verdict.hear(told["verdict"])
        self.tables.hear(told["tables"])


class Helper:
    """The links of a log, followed by another process; on PostgreSQL in the very view of this connection."""

    def __init__(self, database: Database, connection: Connection, deployment_id: str, upto: int) -> None:
        snapshot = None  # on SQLite what stands in the log up to an entry is the same in every view
        if not database.is_sqlite:
            snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
        task = {
            "url": database.engine.url.render_as_string(hide_password=False),
            "snapshot": snapshot,
            "deployment_id": deployment_id,
            "upto": upto,
        }
        command = [sys.executable, "-m", "server.safekeeping.links"]
        self._process = subprocess.Popen(  # noqa: S603 (ourselves)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        stdin = self._process.stdin
        assert stdin is not None
        with suppress(BrokenPipeError), stdin:  # it is gone already: `tell` will find that it said nothing
            stdin.write(json.dumps(task).encode())

    def tell(self, links: Links) -> bool:
        """What it found; whether it came to an end. Else its own words stand on standard error."""
        with self._process as process:
            assert process.stdout is not None
            said = process.stdout.read()
        if process.returncode != 0:
            log.warning("the helper of a verification ended with %s", process.returncode)
            return False
        links.hear(json.loads(said))
        return True


def main() -> None:
    """What `Helper` starts."""
    task = json.load(sys.stdin)
    database = Database(task["url"])
    links = Links(task["deployment_id"], Verdict())
    with database.reading(patient=True) as connection:
        if task["snapshot"] is not None:
            connection.execute(text(f"SET TRANSACTION SNAPSHOT '{cast('str', task['snapshot'])}'"))
        links.follow(connection, task["upto"])
    database.close()
    json.dump(links.told(), sys.stdout)


if __name__ == "__main__":
    main()
