"""What somebody with the database's password can do to the log, in units that name the entries they touch.

A deed gets a connection inside a transaction that is rolled back afterwards, a source of chance, and how
often it is to be done. It gives back one set for each unit: the entries of which one must be named.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, text, update

from server.record.columns import UTCDateTime
from server.record.layer_deeds import DEED
from server.record.ledger import Chains
from server.record.tables import ENTRY, IDEMPOTENCY, LEDGER, STREAM_ENTRY

Deed = Callable[[Connection, random.Random, int], list[set[int]]]
LOGGED = (ENTRY, STREAM_ENTRY, IDEMPOTENCY)
GUARDED = (*LOGGED, DEED)


# --- taking the guards away, and putting them back ---------------------------------------------------------


def disarm(connection: Connection) -> list[str]:
    """Take away the triggers that refuse changes; the statements that bring them back."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
        for name, _sql in rows:
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        return [str(sql) for _name, sql in rows]
    back = []
    for table in GUARDED:
        connection.exec_driver_sql(f"ALTER TABLE {table.name} DISABLE TRIGGER USER")
        back.append(f"ALTER TABLE {table.name} ENABLE TRIGGER USER")
    return back


def rearm(connection: Connection, statements: list[str]) -> None:
    for statement in statements:
        connection.exec_driver_sql(statement)


# --- helpers ----------------------------------------------------------------------------------------------


def length(connection: Connection) -> int:
    return int(connection.execute(select(LEDGER.c.seq)).scalar_one())


def row_of(connection: Connection, seq: int) -> dict[str, Any]:
    return dict(connection.execute(select(ENTRY).where(ENTRY.c.seq == seq)).mappings().one())


def entries_of(connection: Connection, incident_id: str) -> set[int]:
    return set(connection.execute(select(ENTRY.c.seq).where(ENTRY.c.incident_id == incident_id)).scalars())


def change(connection: Connection, seq: int, **values: Any) -> None:
    assert connection.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values)).rowcount == 1


def some(connection: Connection, chance: random.Random, count: int, apart: int = 3) -> list[int]:
    """So many entries, at least a few apart, neither the first nor near the last."""
    last = length(connection) - 10
    return sorted(chance.sample(range(5, last, apart), count))


def reworded(body: bytes) -> bytes:
    """The same entry, written down by somebody else."""
    return body.replace(b'"by":"', b'"by":"\xe5\x81\x87', 1)  # 假


def rechain(connection: Connection, start: int) -> Chains:
    """Compute every entry's hashes anew from `start` on, as whoever knows the recipe can."""
    deployment = connection.execute(select(LEDGER.c.deployment_id)).scalar_one()
    chains = Chains.of_nothing(deployment)
    if start > 1:
        before = row_of(connection, start - 1)
        chains = Chains(bytes(before["chain_sha256"]), bytes(before["chain_sm3"]))
    rows = connection.execute(
        select(ENTRY.c.seq, ENTRY.c.body).where(ENTRY.c.seq >= start).order_by(ENTRY.c.seq)
    )
    for seq, body in rows.all():
        chains = chains.then(seq, bytes(body))
        change(connection, seq, chain_sha256=chains.sha256, chain_sm3=chains.sm3)
    return chains


def move_ledger(connection: Connection, **values: Any) -> None:
    connection.execute(update(LEDGER).values(**values))


def otherwise(value: Any, column: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case None:
            if isinstance(column.type, UTCDateTime):
                return datetime.fromisoformat("2026-03-02T00:00:00+00:00")
            return {int: 7, bool: True}.get(column.type.python_type, "x")
        case bool():
            return not value
        case int():
            return value + 1
        case str():
            return value + "x" if len(value) < 36 else "0" + value[1:] if value[0] != "0" else "1" + value[1:]
        case bytes():
            return value[:-1] + bytes([value[-1] ^ 1])
        case datetime():
            return value + timedelta(seconds=1)
    raise TypeError(value)


# --- the log itself ---------------------------------------------------------------------------------------


def edit_words(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    for seq in (found := some(connection, chance, count)):
        change(connection, seq, body=reworded(row_of(connection, seq)["body"]))
    return [{seq} for seq in found]


def edit_words_and_their_hashes(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    """The entry fits the one before it; the next one does not fit any more."""
    for seq in (found := some(connection, chance, count)):
        before, body = row_of(connection, seq - 1), reworded(row_of(connection, seq)["body"])
        chains = Chains(bytes(before["chain_sha256"]), bytes(before["chain_sm3"])).then(seq, body)
        change(connection, seq, body=body, chain_sha256=chains.sha256, chain_sm3=chains.sm3)
    return [{seq, seq + 1} for seq in found]


def edit_a_hash(name: str) -> Deed:
    def deed(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
        for seq in (found := some(connection, chance, count)):
            change(connection, seq, **{name: otherwise(bytes(row_of(connection, seq)[name]), ENTRY.c[name])})
        return [{seq, seq + 1} for seq in found]

    return deed


def edit_column(name: str) -> Deed:
    def deed(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
        for seq in (found := some(connection, chance, count)):
            change(connection, seq, **{name: otherwise(row_of(connection, seq)[name], ENTRY.c[name])})
        return [{seq} for seq in found]

    return deed


def swap_two(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    units: list[set[int]] = []
    for seq in some(connection, chance, count):
        one, two = row_of(connection, seq), row_of(connection, seq + 1)
        for row, place in ((one, seq + 1), (two, seq)):
            change(connection, place, **{name: value for name, value in row.items() if name != "seq"})
        units += [{seq}, {seq + 1}]
    return units


def delete_entry(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    found = some(connection, chance, count)
    connection.execute(delete(STREAM_ENTRY).where(STREAM_ENTRY.c.seq.in_(found)))
    connection.execute(delete(ENTRY).where(ENTRY.c.seq.in_(found)))
    return [{seq} for seq in found]


def _make_room(connection: Connection, at: int) -> None:
    """Everything from `at` on gets the next number."""
    for table in (ENTRY, STREAM_ENTRY):
        connection.execute(update(table).where(table.c.seq >= at).values(seq=-table.c.seq - 1))
        connection.execute(update(table).where(table.c.seq < 0).values(seq=-table.c.seq))


def insert_entry(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    (at,) = some(connection, chance, 1)
    _make_room(connection, at)
    forged = row_of(connection, at - 1) | {"seq": at}
    forged["body"] = reworded(forged["body"])
    connection.execute(insert(ENTRY), [forged])
    move_ledger(connection, seq=length(connection) + 1)
    return [{at}]


def append_entry(connection: Connection, _chance: random.Random, _count: int) -> list[set[int]]:
    """A well-made entry at the end; only the ledger knows nothing of it."""
    seq = length(connection) + 1
    forged = row_of(connection, seq - 1) | {"seq": seq}
    chains = Chains(bytes(forged["chain_sha256"]), bytes(forged["chain_sm3"])).then(seq, forged["body"])
    connection.execute(insert(ENTRY), [forged | {"chain_sha256": chains.sha256, "chain_sm3": chains.sm3}])
    return [{seq}]


def _cut_after(connection: Connection, last: int) -> None:
    connection.execute(delete(STREAM_ENTRY).where(STREAM_ENTRY.c.seq > last))
    connection.execute(delete(ENTRY).where(ENTRY.c.seq > last))


def cut_the_tail(connection: Connection, _chance: random.Random, count: int) -> list[set[int]]:
    last = length(connection)
    _cut_after(connection, last - count)
    return [{seq} for seq in range(last - count + 1, last + 1)]


def cut_the_tail_and_move_the_ledger(
    connection: Connection, _chance: random.Random, count: int
) -> list[set[int]]:
    """Whoever does this forgets that incidents, obligations and records of commands tell of what is gone."""
    last = length(connection) - count
    _cut_after(connection, last)
    end = row_of(connection, last)
    move_ledger(
        connection,
        seq=last,
        chain_sha256=end["chain_sha256"],
        chain_sm3=end["chain_sm3"],
        recorded_at=end["recorded_at"],
    )
    return [set(range(1, last + count + 1))]


def rechain_from(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    """Every hash from here on is computed anew, but the ledger ends as it did."""
    (seq,) = some(connection, chance, 1)
    change(connection, seq, body=reworded(row_of(connection, seq)["body"]))
    rechain(connection, seq)
    return [{length(connection)}]


def rechain_with_other_figures(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    """The whole chain and the ledger are made to fit; the tables still tell the old figures.

    Only the latest word on a figure stands in a table: an older one is safe with a witness outside alone.
    """
    facts = select(ENTRY.c.seq, ENTRY.c.incident_id, ENTRY.c.body).where(
        ENTRY.c.event_type == "facts_established"
    )
    latest = {
        row.incident_id: row
        for row in connection.execute(facts.order_by(ENTRY.c.seq)).all()
        if b'"dead":' in bytes(row.body)
    }
    seq, incident_id, body = latest[chance.choice(sorted(latest))]
    change(connection, seq, body=bytes(body).replace(b'"dead":', b'"dead":9', 1))
    chains = rechain(connection, seq)
    move_ledger(connection, chain_sha256=chains.sha256, chain_sm3=chains.sm3)
    return [entries_of(connection, incident_id)]


def turn_time_back(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    """An entry claims to have been written down earlier than the one before it, and the chain fits."""
    (seq,) = some(connection, chance, 1)
    row = row_of(connection, seq)
    wire = f"{row['recorded_at']:%Y-%m-%dT%H:%M:%S}".encode()
    earlier = row["recorded_at"] - timedelta(days=400)
    body = bytes(row["body"]).replace(
        b'"recorded_at":"' + wire, f'"recorded_at":"{earlier:%Y-%m-%dT%H:%M:%S}'.encode()
    )
    assert body != bytes(row["body"])
    change(connection, seq, body=body, recorded_at=earlier)
    chains = rechain(connection, seq)
    move_ledger(connection, chain_sha256=chains.sha256, chain_sm3=chains.sm3)
    return [{seq}]


def edit_ledger(name: str) -> Deed:
    def deed(connection: Connection, _chance: random.Random, _count: int) -> list[set[int]]:
        value = connection.execute(select(LEDGER.c[name])).scalar_one()
        value = bytes(value) if isinstance(value, memoryview) else value
        last = length(connection)
        move_ledger(connection, **{name: otherwise(value, LEDGER.c[name])})
        return [{1, last, last + 1}]

    return deed
