"""Tampering with what is made from the log: streams, incidents, obligations, numbers, records of commands."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from server.record.tables import (
    COUNTER,
    IDEMPOTENCY,
    INCIDENT,
    INCIDENT_UNIT,
    LEDGER,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)
from tests import tampering as log
from tests.tampering import Deed, entries_of, otherwise

# --- streams ----------------------------------------------------------------------------------------------


def _spots(connection: Connection, chance: random.Random, count: int) -> list[Any]:
    """So many rows of streams, no two of them neighbours."""
    rows = connection.execute(
        select(STREAM_ENTRY).order_by(STREAM_ENTRY.c.stream, STREAM_ENTRY.c.position)
    ).all()
    return [rows[at] for at in chance.sample(range(2, len(rows) - 2, 3), count)]


def _at(row: Any) -> Any:
    return (STREAM_ENTRY.c.stream == row.stream) & (STREAM_ENTRY.c.position == row.position)


def reorder_a_stream(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    rows = connection.execute(
        select(STREAM_ENTRY).where(STREAM_ENTRY.c.stream == "130300").order_by(STREAM_ENTRY.c.position)
    ).all()
    units: list[set[int]] = []
    for at in chance.sample(range(0, len(rows) - 1, 3), count):
        one, two = rows[at], rows[at + 1]
        connection.execute(update(STREAM_ENTRY).where(_at(one)).values(seq=-1))
        connection.execute(update(STREAM_ENTRY).where(_at(two)).values(seq=one.seq))
        connection.execute(update(STREAM_ENTRY).where(_at(one)).values(seq=two.seq))
        units += [{one.seq}, {two.seq}]
    return units


def hide_from_a_stream(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    for row in (found := _spots(connection, chance, count)):
        connection.execute(delete(STREAM_ENTRY).where(_at(row)))
    return [{row.seq} for row in found]


def show_to_another_unit(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    """What one county wrote is put at the end of a township's stream that has no part in it."""
    theirs = connection.execute(
        select(STREAM_ENTRY.c.seq).where(STREAM_ENTRY.c.stream == "130324").order_by(STREAM_ENTRY.c.seq)
    )
    found = chance.sample(list(theirs.scalars()), count)
    rows = [{"stream": "130303105", "position": n, "seq": seq} for n, seq in enumerate(found, start=1)]
    connection.execute(insert(STREAM_ENTRY), rows)
    return [{seq} for seq in found]


def move_a_stream_head(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    streams = list(connection.execute(select(STREAM_HEAD.c.stream)).scalars())
    units = []
    for stream in chance.sample(sorted(streams), min(count, len(streams))):
        query = select(STREAM_ENTRY.c.seq).where(STREAM_ENTRY.c.stream == stream)
        units.append(
            {int(connection.execute(query.order_by(STREAM_ENTRY.c.position.desc())).scalars().first() or 0)}
        )
        connection.execute(
            update(STREAM_HEAD).where(STREAM_HEAD.c.stream == stream).values(head=STREAM_HEAD.c.head + 1)
        )
    return units


# --- tables made from the log -----------------------------------------------------------------------------


def _any_rows(
    connection: Connection, table: Table, chance: random.Random, count: int
) -> list[dict[str, Any]]:
    rows = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings().all()
    return [dict(row) for row in chance.sample(rows, min(count, len(rows)))]


def _is(table: Table, row: dict[str, Any]) -> Any:
    condition: Any = True
    for column in table.primary_key.columns:
        condition = (column == row[column.name]) & condition
    return condition


#: Columns of which the log says nothing, with the reason.
UNKNOWABLE = {
    "idempotency.body_sha256": "the body of a command is not in the log, only what it came to",
    "idempotency.person_id": "the log names people as they were shown, not accounts",
    "incident.next_alarm_at": "moves with the rules of the day; that it is never too late is its own deed",
}


def edit_rows(table: Table, incident: str) -> Deed:
    """Each column of a table once and again, each in another row; `incident` is the column that names it."""

    def deed(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
        columns = [column for column in table.columns if f"{table.name}.{column.name}" not in UNKNOWABLE]
        rows = _any_rows(connection, table, chance, max(count, len(columns)))
        units = []
        for place, row in enumerate(rows):
            column = columns[place % len(columns)]
            value = otherwise(row[column.name], column)
            units.append(entries_of(connection, row[incident]))
            connection.execute(update(table).where(_is(table, row)).values({column.name: value}))
        return units

    return deed


def delete_rows(table: Table, incident: str) -> Deed:
    def deed(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
        rows = _any_rows(connection, table, chance, count)
        for row in rows:
            connection.execute(delete(table).where(_is(table, row)))
        return [entries_of(connection, row[incident]) for row in rows]

    return deed


def delete_records(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    rows = [
        row
        for row in _any_rows(connection, IDEMPOTENCY, chance, 3 * count)
        if row["last_seq"] >= row["first_seq"]
    ]
    for row in rows[:count]:
        connection.execute(delete(IDEMPOTENCY).where(_is(IDEMPOTENCY, row)))
    return [set(range(row["first_seq"], row["last_seq"] + 1)) for row in rows[:count]]


def edit_records(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    """A resent command would be answered with a lie, or done again."""
    names = ("command_id", "incident_id", "number", "first_seq", "last_seq", "recorded_at")
    rows = [
        row
        for row in _any_rows(connection, IDEMPOTENCY, chance, 3 * count)
        if row["last_seq"] == row["first_seq"]
    ]
    units = []
    for place, row in enumerate(rows[:count]):
        name = names[place % len(names)]
        value = row[name] - 1 if name == "last_seq" else otherwise(row[name], IDEMPOTENCY.c[name])
        units.append({row["first_seq"], row["last_seq"]})
        connection.execute(update(IDEMPOTENCY).where(_is(IDEMPOTENCY, row)).values({name: value}))
    return units


def invent_a_record(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    (row,) = _any_rows(connection, IDEMPOTENCY, chance, 1)
    forged = row | {"command_id": "00000000-0000-4000-8000-000000000000", "first_seq": 7, "last_seq": 7}
    connection.execute(insert(IDEMPOTENCY), [forged])
    return [{7}]


def invent_an_obligation(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    (row,) = _any_rows(connection, OBLIGATION, chance, 1)
    forged = row | {"obligation_id": "00000000-0000-4000-8000-000000000000"}
    connection.execute(insert(OBLIGATION), [forged])
    return [entries_of(connection, row["incident_id"])]


def let_a_unit_see(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    rows = _any_rows(connection, INCIDENT, chance, count)
    connection.execute(insert(INCIDENT_UNIT), [{"unit": "130372", "incident_id": row["id"]} for row in rows])
    return [entries_of(connection, row["id"]) for row in rows]


def count_on(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    """A number that nobody has: the next incident's number would leave a hole that hides one."""
    units = []
    for row in _any_rows(connection, COUNTER, chance, count):
        connection.execute(update(COUNTER).where(_is(COUNTER, row)).values(last=row["last"] + 1))
        number = f"{row['prefix']}{row['last']:04d}"
        found = connection.execute(select(INCIDENT.c.id).where(INCIDENT.c.number == number)).scalar_one()
        units.append(entries_of(connection, found))
    return units


def silence_the_clock(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    """The watch would not look at an incident that owes a report: nobody would be told that it is overdue."""
    waiting = select(OBLIGATION.c.incident_id).where(
        OBLIGATION.c.met_at.is_(None),
        OBLIGATION.c.excused.is_(None),
        OBLIGATION.c.due_at > select(LEDGER.c.recorded_at).scalar_subquery(),
    )
    rows = connection.execute(
        select(INCIDENT.c.id).where(INCIDENT.c.id.in_(waiting), INCIDENT.c.next_alarm_at.is_not(None))
    )
    found = sorted(rows.scalars())
    found = chance.sample(found, min(count, len(found)))
    for place, incident_id in enumerate(found):
        never = None if place % 2 else datetime.fromisoformat("2099-01-01T00:00:00+00:00")
        connection.execute(update(INCIDENT).where(INCIDENT.c.id == incident_id).values(next_alarm_at=never))
    return [entries_of(connection, incident_id) for incident_id in found]


DEEDS: dict[str, Deed] = {
    "an entry's words are edited": log.edit_words,
    "an entry's words and its own hashes are edited": log.edit_words_and_their_hashes,
    "an entry's SHA-256 is edited": log.edit_a_hash("chain_sha256"),
    "an entry's SM3 is edited": log.edit_a_hash("chain_sm3"),
    "an entry is moved to another incident": log.edit_column("incident_id"),
    "an entry's kind is edited": log.edit_column("event_type"),
    "an entry's time is edited": log.edit_column("recorded_at"),
    "an entry's restriction is flipped": log.edit_column("restricted"),
    "two entries change places": log.swap_two,
    "an entry is deleted": log.delete_entry,
    "an entry is inserted": log.insert_entry,
    "an entry is appended": log.append_entry,
    "the tail is cut off": log.cut_the_tail,
    "the tail is cut off and the ledger moved back": log.cut_the_tail_and_move_the_ledger,
    "the chain is computed anew from an entry on": log.rechain_from,
    "the chain and the ledger are made to fit other figures": log.rechain_with_other_figures,
    "time is turned back and everything chained anew": log.turn_time_back,
    "the ledger's count is edited": log.edit_ledger("seq"),
    "the ledger's SHA-256 is edited": log.edit_ledger("chain_sha256"),
    "the ledger's SM3 is edited": log.edit_ledger("chain_sm3"),
    "the ledger's time is edited": log.edit_ledger("recorded_at"),
    "the ledger's deployment is edited": log.edit_ledger("deployment_id"),
    "the ledger's rules are edited": log.edit_ledger("rules"),
    "a stream is reordered": reorder_a_stream,
    "an entry is hidden from a stream": hide_from_a_stream,
    "an entry is shown to a unit that may not see it": show_to_another_unit,
    "a stream's head is moved": move_a_stream_head,
    "incidents are edited, column by column": edit_rows(INCIDENT, "id"),
    "an incident's row is deleted": delete_rows(INCIDENT, "id"),
    "obligations are edited, column by column": edit_rows(OBLIGATION, "incident_id"),
    "an obligation is deleted": delete_rows(OBLIGATION, "incident_id"),
    "an obligation is invented": invent_an_obligation,
    "a unit is let in to an incident": let_a_unit_see,
    "a unit is shut out of an incident": delete_rows(INCIDENT_UNIT, "incident_id"),
    "a number is used up": count_on,
    "records of commands are edited, column by column": edit_records,
    "a record of a command is deleted": delete_records,
    "a record of a command is invented": invent_a_record,
    "the clock of an incident is silenced": silence_the_clock,
}  # fmt: skip
