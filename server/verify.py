"""Verification: is the log as it was written, and is everything else what the log says?

Read-only, streaming: entries one after another, chain against stored bytes, columns against bytes, streams
and tables against a replay. What it cannot know without a witness outside (the log cut short or chained anew
by somebody who also rewrote the ledger row and all tables) it does not claim.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from schemas import events as ev
from schemas.events import LOG_ENTRY, LogEntry
from server.database import Database
from server.domain.incident import Incident, apply
from server.ledger import Chains
from server.projections import incident_row, obligation_rows
from server.tables import (
    COUNTER,
    ENTRY,
    IDEMPOTENCY,
    INCIDENT,
    INCIDENT_UNIT,
    LEDGER,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)

PAGE = 5_000


@dataclass(slots=True)
class Verdict:
    """What was found. `head` is the SHA-256 chain's, in hex."""

    entries: int = 0
    head: str = ""
    head_sm3: str = ""
    first_bad: int | None = None
    faults: list[str] = field(default_factory=list)

    def fault(self, kind: str, what: str, seq: int | None = None) -> None:
        place = f"entry {seq}" if seq is not None else what
        self.faults.append(f"{kind}: {place}" + (f": {what}" if seq is not None else ""))
        if seq is not None and (self.first_bad is None or seq < self.first_bad):
            self.first_bad = seq


class _Replay:
    """What the log amounts to, gathered entry by entry."""

    def __init__(self) -> None:
        self.incidents: dict[str, Incident] = {}
        self.seqs: dict[str, list[int]] = {}
        self.last_seq: dict[str, int] = {}
        self.streams: dict[str, list[int]] = {}
        self.commands: dict[str, list[int]] = {}
        self.counters: dict[str, int] = {}

    def take(self, seq: int, entry: LogEntry, restricted: bool) -> None:
        if entry.incident_id is None:
            self._place(entry.unit, seq)
            return
        incident = self.incidents.setdefault(entry.incident_id, Incident(entry.incident_id))
        event = entry.event
        past = self.seqs.setdefault(entry.incident_id, [])
        apply(incident, entry)
        self.last_seq[entry.incident_id] = seq
        if isinstance(event, ev.IncidentShared):
            for unit in event.units:
                for before in past:
                    self._place(unit, before)
        if isinstance(event, ev.IncidentOpened):
            self._count(event.number)
        units = event.units if isinstance(event, ev.InformerNamed) else incident.units
        for unit in units:
            self._place(unit + ":r" if restricted else unit, seq)
        if not restricted:
            past.append(seq)
        if entry.command_id is not None:
            self.commands.setdefault(entry.command_id, []).append(seq)

    def _count(self, number: str) -> None:
        head, _, tail = number.rpartition("-")
        letters = "D" if tail.startswith("D") else ""
        prefix = f"{head}-{letters}"
        self.counters[prefix] = max(self.counters.get(prefix, 0), int(tail.removeprefix("D")))

    def _place(self, stream: str, seq: int) -> None:
        self.streams.setdefault(stream, []).append(seq)


def verify(database: Database) -> Verdict:
    """Check everything that needs no witness outside. One consistent view, so it may run beside a server."""
    verdict = Verdict()
    with database.reading(patient=True) as connection:
        ledger = connection.execute(select(LEDGER)).one_or_none()
        if ledger is None:
            return verdict
        replay = _Replay()
        chains = _check_entries(connection, ledger, replay, verdict)
        verdict.head, verdict.head_sm3 = chains.sha256.hex(), chains.sm3.hex()
        if (ledger.seq, bytes(ledger.chain_sha256), bytes(ledger.chain_sm3)) != (
            verdict.entries,
            chains.sha256,
            chains.sm3,
        ):
            verdict.fault("head", "the ledger ends elsewhere", min(ledger.seq, verdict.entries) + 1)
        if verdict.first_bad is None:
            _check_streams(connection, replay, verdict)
            _check_tables(connection, replay, verdict)
    return verdict


def _check_entries(connection: Connection, ledger: Any, replay: _Replay, verdict: Verdict) -> Chains:
    chains = Chains.of_nothing(ledger.deployment_id)
    before: datetime | None = None
    expected = 0
    for row in _entries(connection):
        expected += 1
        if row.seq != expected:
            verdict.fault("hole", f"entry {expected} is not there", expected)
            return chains
        body = bytes(row.body)
        chains = chains.then(row.seq, body)
        if chains.sha256 != bytes(row.chain_sha256) or chains.sm3 != bytes(row.chain_sm3):
            verdict.fault("altered", "its bytes do not fit the chain", row.seq)
            return chains
        try:
            entry = LOG_ENTRY.validate_json(body)
        except ValueError:
            verdict.fault("unreadable", "no entry of this log", row.seq)
            return chains
        columns = (row.incident_id, row.event_type, row.recorded_at)
        if columns != (entry.incident_id, entry.event.type, entry.recorded_at):
            verdict.fault("altered", "its columns differ from its bytes", row.seq)
        if row.restricted != isinstance(entry.event, ev.InformerNamed):
            verdict.fault("altered", "its restriction was changed", row.seq)
        if before is not None and entry.recorded_at < before:
            verdict.fault("time", "recorded before the entry ahead of it", row.seq)
        before = entry.recorded_at
        verdict.entries = row.seq
        try:
            replay.take(row.seq, entry, bool(row.restricted))
        except (KeyError, AttributeError, AssertionError) as wrong:
            verdict.fault("impossible", f"does not follow from what came before: {wrong!r}", row.seq)
            return chains
    return chains


def _entries(connection: Connection) -> Iterator[Any]:
    last = 0
    query = select(ENTRY).order_by(ENTRY.c.seq).limit(PAGE)
    while rows := connection.execute(query.where(ENTRY.c.seq > last)).all():
        yield from rows
        last = rows[-1].seq


def _check_streams(connection: Connection, replay: _Replay, verdict: Verdict) -> None:
    """Each stream is dense, in order, and carries exactly what its unit may see."""
    heads = {row.stream: row.head for row in connection.execute(select(STREAM_HEAD))}
    names = {name for (name,) in connection.execute(select(STREAM_ENTRY.c.stream).distinct())}
    for stream in sorted(names | set(replay.streams) | set(heads)):
        expected = replay.streams.get(stream, [])
        query = select(STREAM_ENTRY.c.position, STREAM_ENTRY.c.seq).where(STREAM_ENTRY.c.stream == stream)
        found = connection.execute(query.order_by(STREAM_ENTRY.c.position)).all()
        for place, (position, seq) in enumerate(found, start=1):
            if position != place or place > len(expected) or seq != expected[place - 1]:
                verdict.fault("stream", f"stream {stream} at {place} is not what the log says", seq)
                break
        else:
            if len(found) < len(expected):
                verdict.fault("stream", f"stream {stream} ends at {len(found)}", expected[len(found)])
        if heads.get(stream, 0) != len(expected):
            verdict.fault("table", f"stream_head {stream}")


def _check_tables(connection: Connection, replay: _Replay, verdict: Verdict) -> None:
    """The tables made from the log are what a replay makes of it."""
    expected = {incident_id: incident_row(state) for incident_id, state in replay.incidents.items()}
    seen: set[str] = set()
    for row in connection.execute(select(INCIDENT)).mappings():
        seen.add(row["id"])
        want = expected.get(row["id"])
        if want is None:
            verdict.fault("table", f"incident {row['id']} is not in the log")
            continue
        wrong = [name for name, value in want.items() if row[name] != value]
        if wrong:
            where = replay.last_seq[row["id"]]
            verdict.fault("table", f"incident {row['id']}: {', '.join(wrong)}", where)
    for missing in expected.keys() - seen:
        verdict.fault("table", f"incident {missing} is missing", replay.last_seq[missing])
    owed = {
        one["obligation_id"]: one for state in replay.incidents.values() for one in obligation_rows(state)
    }
    for row in connection.execute(select(OBLIGATION)).mappings():
        want = owed.pop(row["obligation_id"], None)
        wrong = ["all"] if want is None else [name for name, value in want.items() if row[name] != value]
        if wrong:
            last = replay.last_seq.get(row["incident_id"])
            verdict.fault("table", f"obligation {row['obligation_id']}: {', '.join(wrong)}", last)
    for one in owed.values():
        verdict.fault(
            "table", f"obligation {one['obligation_id']} is missing", replay.last_seq[one["incident_id"]]
        )
    units = {(unit, state.id) for state in replay.incidents.values() for unit in state.units}
    stored = {(row.unit, row.incident_id) for row in connection.execute(select(INCIDENT_UNIT))}
    for unit, incident_id in sorted(units ^ stored):
        verdict.fault("table", f"incident_unit {unit} {incident_id}", replay.last_seq.get(incident_id))
    counted = {row.prefix: row.last for row in connection.execute(select(COUNTER))}
    for prefix in sorted(replay.counters.keys() | counted.keys()):
        if replay.counters.get(prefix) != counted.get(prefix):
            verdict.fault("table", f"counter {prefix}")
    _check_commands(connection, replay, verdict)


def _check_commands(connection: Connection, replay: _Replay, verdict: Verdict) -> None:
    """Every command of the log has its record, and its record points at it."""
    seen: set[str] = set()
    for row in connection.execute(select(IDEMPOTENCY)):
        seen.add(row.command_id)
        seqs = replay.commands.get(row.command_id, [])
        if any(not row.first_seq <= seq <= row.last_seq for seq in seqs) or (
            not seqs and row.last_seq >= row.first_seq
        ):
            verdict.fault("table", f"idempotency {row.command_id}", row.first_seq)
    for missing in sorted(replay.commands.keys() - seen):
        verdict.fault("table", f"idempotency {missing} is missing", replay.commands[missing][0])
