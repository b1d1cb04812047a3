"""What the log tells of each command, against the record that answers its sender a second time.

Needs the log's bytes alone and no fold, so it is counted wherever the links of the chain are followed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from server.record.tables import ENTRY, IDEMPOTENCY
from server.safekeeping.verdict import PAGE, Verdict


class Deed(NamedTuple):
    """The first and last entry that carries a command's id."""

    incident_id: str | None
    first_seq: int
    last_seq: int
    recorded_at: datetime


_OF_RECORDS = [
    IDEMPOTENCY.c[name]
    for name in ("command_id", "incident_id", "number", "first_seq", "last_seq", "recorded_at")
]


class Deeds:
    """Entries must be taken in the order of the ledger, each once."""

    def __init__(self) -> None:
        self._deeds: dict[str, Deed] = {}
        self._numbers: dict[str, str] = {}  # of each incident

    def take(self, seq: int, incident_id: str | None, recorded_at: datetime, said: dict[str, Any]) -> None:
        """One entry more, as it was read from its bytes. Of a roll-call's many the first carries its id."""
        event = said["event"]
        if event["type"] == "incident_opened" and incident_id is not None:
            self._numbers[incident_id] = event["number"]
        command_id = said.get("command_id")
        if command_id is not None:
            before = self._deeds.get(command_id)
            first = seq if before is None else before.first_seq
            self._deeds[command_id] = Deed(incident_id, first, seq, recorded_at)

    def check(self, connection: Connection, upto: int, verdict: Verdict) -> None:
        """Every command of the log has its record, and its record says what came of it."""
        found = 0
        # On SQLite a helper's view may be younger than its task: what came since is not its business.
        end = max(connection.execute(select(func.max(ENTRY.c.seq))).scalar_one() or 0, upto)
        query = select(*_OF_RECORDS).execution_options(yield_per=PAGE)
        for rows in connection.execute(query).partitions():
            for command_id, incident_id, number, first_seq, last_seq, recorded_at in rows:
                deed = self._deeds.get(command_id)
                if deed is None:  # it changed nothing, or the log never heard of it
                    if last_seq >= first_seq and not upto < first_seq <= last_seq <= end:
                        verdict.fault("table", f"idempotency {command_id}", first_seq)
                    continue
                found += 1
                fits = first_seq <= deed.first_seq <= deed.last_seq <= last_seq <= upto
                given = None if deed.incident_id is None else self._numbers.get(deed.incident_id)
                if not fits or (incident_id, number, recorded_at) != (
                    deed.incident_id,
                    given,
                    deed.recorded_at,
                ):
                    verdict.fault("table", f"idempotency {command_id}", deed.first_seq)
        if found < len(self._deeds):
            known = set(connection.execute(select(IDEMPOTENCY.c.command_id)).scalars())
            for command_id, deed in self._deeds.items():
                if command_id not in known:
                    verdict.fault("table", f"idempotency {command_id} is missing", deed.first_seq)
