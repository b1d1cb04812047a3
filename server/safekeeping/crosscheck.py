"""Streams and tables against a recount of the log: what should stand there, and what does.

A fault names the entry that it is about: the one a stream lacks, the last of an incident whose row is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Table, Text, cast, func, select, text

from server.config.marked_yaml import BadRuleFile
from server.config.rulebook import Rulebook
from server.domain.duty import Duty
from server.domain.reporting import earliest_frozen_alarm
from server.record.attachments import is_whole
from server.record.duty_rows import duty_row, roll_rows, seal_rows, shift_rows
from server.record.duty_tables import DUTY, MONTH_SEAL, ROLL_ANSWER, SHIFT
from server.record.joint_rows import JOINT_TABLES
from server.record.layer_deeds import DEED
from server.record.ledger import digest_of_body
from server.record.projections import field_rows, incident_row, obligation_rows, step_rows
from server.record.tables import (
    COUNTER,
    ENTRY,
    IDEMPOTENCY,
    INCIDENT,
    INCIDENT_FIELD,
    INCIDENT_UNIT,
    INSTRUCTION_STEP,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)
from server.record.upward import UPWARD
from server.safekeeping.recount import Recount
from server.safekeeping.verdict import PAGE, Verdict, readable


def crosscheck(
    connection: Connection, ledger: Row[Any], recorded_at: datetime | None, recount: Recount, verdict: Verdict
) -> None:
    """Everything that was made from a log which is itself whole. `recorded_at` is its last entry's."""
    _check_ledger(ledger, recorded_at, recount, verdict)
    for check in (
        _check_streams,
        _check_incidents,
        _check_obligations,
        _check_steps,
        _check_on_scene,
        _check_units_and_numbers,
        _check_duties,
        _check_attachments,
        _check_upward,
    ):
        with readable(verdict, check.__name__.removeprefix("_check_")):
            check(connection, recount, verdict)


def _check_streams(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    """Each stream is dense, in order, and carries exactly what its unit may see."""
    heads = {row.stream: row.head for row in connection.execute(select(STREAM_HEAD))}
    names = {name for (name,) in connection.execute(select(STREAM_ENTRY.c.stream).distinct())}
    for stream in sorted(names | recount.streams.keys() | heads.keys()):
        expected = recount.streams.get(stream, ())
        if not _stands_as_it_should(connection, stream, expected):
            _name_what_is_wrong(connection, stream, expected, verdict)
        if heads.get(stream, 0) != len(expected):
            verdict.fault("table", f"stream_head {stream}", expected[-1] if expected else None)


#: Positions compared at once: what bounds the memory, whatever the length of a stream.
_STRETCH = 20_000


def _stands_as_it_should(connection: Connection, stream: str, expected: Sequence[int]) -> bool:
    """Compared as the database joins a stretch: an entry stands in as many streams as units see it.

    A "no" is only a reason to look closer, so no order that an engine fails to promise can hide anything.
    """
    position, seq = STREAM_ENTRY.c.position, STREAM_ENTRY.c.seq
    of_it = select(position, seq).where(STREAM_ENTRY.c.stream == stream).order_by(position)
    for start in range(0, len(expected) + 1, _STRETCH):
        wanted = expected[start : start + _STRETCH]
        stretch = of_it.where(position > start)
        if start + _STRETCH <= len(expected):
            stretch = stretch.where(position <= start + _STRETCH)
        rows = stretch.limit(_STRETCH + 1).subquery()
        joined = func.aggregate_strings(cast(rows.c.seq, Text), ",")
        one = connection.execute(select(func.count(), func.max(rows.c.position), joined).select_from(rows))
        count, last, seqs = one.one()
        if (
            count != len(wanted)
            or (wanted and last != start + count)
            or (seqs or "") != ",".join(map(str, wanted))
        ):
            return False
    return True


def _name_what_is_wrong(
    connection: Connection, stream: str, expected: Sequence[int], verdict: Verdict
) -> None:
    query = select(STREAM_ENTRY.c.position, STREAM_ENTRY.c.seq).order_by(STREAM_ENTRY.c.position)
    found = connection.execute(query.where(STREAM_ENTRY.c.stream == stream).execution_options(yield_per=PAGE))
    at = 0
    for position, seq in found:
        at += 1
        while at < position and at <= len(expected):
            verdict.fault("stream", f"stream {stream} lacks it at {at}", expected[at - 1])
            at += 1
        if at > len(expected):
            verdict.fault("stream", f"stream {stream} has it at {position}, beyond its end", seq)
        elif position != at or seq != expected[at - 1]:
            verdict.fault("stream", f"stream {stream} at {position} is not what the log says", seq)
    for missing in range(at, len(expected)):
        verdict.fault("stream", f"stream {stream} lacks it at {missing + 1}", expected[missing])


def _check_ledger(ledger: Row[Any], recorded_at: datetime | None, recount: Recount, verdict: Verdict) -> None:
    """What the ledger's row says besides the chain: when it was written last, and the rules in force."""
    if ledger.recorded_at != recorded_at:
        verdict.fault("table", "ledger: recorded_at", verdict.entries or None)
    seq, digest = recount.rules or (None, None)
    if (ledger.rules is None) != (digest is None) or (digest is not None and _digest(ledger.rules) != digest):
        verdict.fault("table", "ledger: these are not the rules that were accepted", seq)


def _digest(rules: str) -> str | None:
    try:
        return Rulebook.parse(rules).digest
    except (ValueError, BadRuleFile):
        return None


def _differing(want: Mapping[str, Any] | None, row: RowMapping) -> list[str]:
    return ["not in the log"] if want is None else [name for name in want if row[name] != want[name]]


def _check_incidents(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    missing = dict.fromkeys(recount.incidents)
    for row in connection.execute(select(INCIDENT).execution_options(yield_per=PAGE)).mappings():
        missing.pop(row["id"], None)
        incident = recount.incidents.get(row["id"])
        wrong = _differing(None if incident is None else incident_row(incident), row)
        if incident is not None:
            # The next look depends on the rules of the day, but never comes after a moment that is frozen.
            latest, looks_at = earliest_frozen_alarm(incident), row["next_alarm_at"]
            if latest is not None and (looks_at is None or looks_at > latest):
                wrong.append("next_alarm_at")
        if wrong:
            what = f"incident {row['id']}: {', '.join(wrong)}"
            verdict.fault("table", what, recount.last_seq.get(row["id"]))
    for incident_id in missing:
        verdict.fault("table", f"incident {incident_id} is missing", recount.last_seq[incident_id])


def _check_obligations(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    owed = {
        one["obligation_id"]: one
        for incident in recount.incidents.values()
        for one in obligation_rows(incident)
    }
    for row in connection.execute(select(OBLIGATION).execution_options(yield_per=PAGE)).mappings():
        want = owed.pop(row["obligation_id"], None)
        if wrong := _differing(want, row):
            what = f"obligation {row['obligation_id']}: {', '.join(wrong)}"
            verdict.fault("table", what, recount.last_seq.get((want or row)["incident_id"]))
    for one in owed.values():
        what = f"obligation {one['obligation_id']} is missing"
        verdict.fault("table", what, recount.last_seq[one["incident_id"]])


def _check_steps(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    names = ("incident_id", "instruction_id", "addressee_id")
    expected = {
        tuple(row[name] for name in names): row
        for incident in recount.incidents.values()
        for row in step_rows(incident)
    }
    for row in connection.execute(select(INSTRUCTION_STEP).execution_options(yield_per=PAGE)).mappings():
        want = expected.pop(tuple(row[name] for name in names), None)
        if wrong := _differing(want, row):
            what = f"instruction step {row['addressee_id']}: {', '.join(wrong)}"
            verdict.fault("table", what, recount.last_seq.get(row["incident_id"]))
    for one in expected.values():
        what = f"instruction step {one['addressee_id']} is missing"
        verdict.fault("table", what, recount.last_seq[one["incident_id"]])


def _check_on_scene(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    expected = {
        row["incident_id"]: row for incident in recount.incidents.values() for row in field_rows(incident)
    }
    for row in connection.execute(select(INCIDENT_FIELD).execution_options(yield_per=PAGE)).mappings():
        if wrong := _differing(expected.pop(row["incident_id"], None), row):
            what = f"people on the spot of {row['incident_id']}: {', '.join(wrong)}"
            verdict.fault("table", what, recount.last_seq.get(row["incident_id"]))
    for incident_id in expected:
        verdict.fault(
            "table", f"people on the spot of {incident_id} are missing", recount.last_seq[incident_id]
        )


def _check_units_and_numbers(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    expected = {(unit, state.id) for state in recount.incidents.values() for unit in state.units}
    stored = {(row.unit, row.incident_id) for row in connection.execute(select(INCIDENT_UNIT))}
    for unit, incident_id in sorted(expected ^ stored):
        verdict.fault("table", f"incident_unit {unit} {incident_id}", recount.last_seq.get(incident_id))
    counted = {row.prefix: row.last for row in connection.execute(select(COUNTER))}
    for prefix in sorted(recount.counters.keys() | counted.keys()):
        number, seq = recount.counters.get(prefix, (None, None))
        if number != counted.get(prefix):
            verdict.fault("table", f"counter {prefix}", seq)


#: What shows the duties: table, its key, the rows a duty makes.
_OF_DUTIES: tuple[tuple[Table, tuple[str, ...], Callable[[Duty], list[dict[str, Any]]]], ...] = (
    (DUTY, ("unit",), lambda duty: [duty_row(duty)]),
    (SHIFT, ("shift_id",), shift_rows),
    (ROLL_ANSWER, ("roll_id", "unit"), roll_rows),
    (MONTH_SEAL, ("unit", "month"), seal_rows),
    *JOINT_TABLES,
)


def _check_duties(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    """Who is on, the roster, and what roll-calls came to: row by row what the log says."""
    for table, keys, rows_of in _OF_DUTIES:
        wanted = {
            tuple(row[key] for key in keys): row for duty in recount.duties.values() for row in rows_of(duty)
        }
        for row in connection.execute(select(table).execution_options(yield_per=PAGE)).mappings():
            key = tuple(row[name] for name in keys)
            if wrong := _differing(wanted.pop(key, None), row):
                what = f"{table.name} {' '.join(key)}: {', '.join(wrong)}"
                verdict.fault("table", what, recount.last_duty_seq.get(row["unit"]))
        for key, lost in wanted.items():
            what = f"{table.name} {' '.join(key)} is missing"
            verdict.fault("table", what, recount.last_duty_seq[lost["unit"]])


def _check_attachments(connection: Connection, recount: Recount, verdict: Verdict) -> None:
    """The bytes of every attachment are there, and are those that its entry vouches for."""
    for (incident_id, attachment_id), seq in recount.attachments.items():
        event = recount.incidents[incident_id].attachments[attachment_id].event
        wanted = [("it", event.sha256, event.size)]
        if event.preview_sha256 is not None and event.preview_size is not None:
            wanted.append(("its preview", event.preview_sha256, event.preview_size))
        for what, digest, size in wanted:
            if not is_whole(connection, digest, size):
                found = f"attachment {attachment_id} of incident {incident_id}: {what} is missing or altered"
                verdict.fault("attachment", found, seq)


def check_guards(connection: Connection, verdict: Verdict) -> None:
    """The triggers that refuse to change what was written are in place: who altered a line took them away."""
    is_sqlite = connection.dialect.name == "sqlite"
    names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if not is_sqlite:
        names = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    there = set(connection.execute(text(names)).scalars())
    suffixes = ("_no_update", "_no_delete") if is_sqlite else ("_append_only",)
    for table in (ENTRY, STREAM_ENTRY, IDEMPOTENCY, DEED):
        for suffix in suffixes:
            if table.name + suffix not in there:
                verdict.fault(
                    "guard", f"table {table.name} may be altered: trigger {table.name}{suffix} is gone"
                )


def _check_upward(connection: Connection, _recount: Recount, verdict: Verdict) -> None:
    """What an outpost hands on is what was said here: each body is that of its command's record."""
    query = (
        select(UPWARD.c.position, UPWARD.c.name, UPWARD.c.body, IDEMPOTENCY)
        .join(IDEMPOTENCY, IDEMPOTENCY.c.command_id == UPWARD.c.command_id, isouter=True)
        .order_by(UPWARD.c.position)
        .execution_options(yield_per=PAGE)
    )
    last = 0
    for row in connection.execute(query):
        last += 1
        wrong = row.position != last or row.body_sha256 is None
        if wrong or digest_of_body(row.name, bytes(row.body)) != bytes(row.body_sha256):
            verdict.fault("table", f"upward {row.position}", row.first_seq)
            last = row.position
