"""The store alone, driven in this process, against a bare loop that commits the same rows in groups.

    python -m measure.group store URL WRITERS SECONDS MOST   so many writers, each waiting for its answer
    python -m measure.group bare URL FROM GROUP              the rows of FROM again, by the plain driver

The store's writers are tasks of one event loop, as in the product; their MOST commands were made beforehand.
The bare loop knows everything already: it says BEGIN, the rows of GROUP commands, COMMIT, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime
from itertools import cycle
from typing import Any

import psycopg
import pysqlite3.dbapi2 as sqlite

from measure.clerks import TEXT
from measure.figures import times
from schemas.commands import COMMANDS, Command
from schemas.events import RulesAccepted
from schemas.terms import Post
from server.config.rulebook import defaults as default_rules
from server.config.unit_file import default_units
from server.domain.decide import Author
from server.migrations import migrate
from server.record.database import Database
from server.record.store import Store
from tests import words

COUNTIES = ("130302", "130303", "130304", "130321", "130322", "130324")
Row = tuple[Any, ...]


# ---------------------------------------------------------------- the store


def drive(database: Database, writers: int, seconds: float, most: int) -> dict[str, Any]:
    """Commands a second, each answered when it is on disk."""
    migrate(database)
    rules = default_rules()
    store = Store(database, default_units(), lambda: rules, lambda: datetime.now(UTC))
    store.start()
    try:
        dated = [one.effective_from.isoformat() for one in rules.rule_sets]
        accepted = RulesAccepted(digest=rules.digest, effective_from=dated)
        store.note(accepted, rules.dump()).result(timeout=60)  # as at every start: the ledger carries them
        return asyncio.run(_drive(store, writers, seconds, most))
    finally:
        store.stop()
        database.close()


async def _drive(store: Store, writers: int, seconds: float, most: int) -> dict[str, Any]:
    opened: list[tuple[Author, str]] = []
    for county in COUNTIES:
        author = Author(f"值班员 {county}", Post.DUTY_OFFICER, county)
        body = words.open_incident(
            place={"division": county, "text": "演练场"}, known_at=words.just_now(), known_by=county,
            occurred_at=..., occurred_precision=...,
        )  # fmt: skip
        await asyncio.wrap_future(store.execute(author, f"person-{county}", _command("open-incident", body)))
        opened.append((author, body["incident_id"]))
    lines = [
        (author, _command("add-entry", words.add_entry(the, TEXT, happened_at=words.just_now())))
        for (author, the), _ in zip(cycle(opened), range(most), strict=False)
    ]
    rest, took = iter(lines), []
    loop = asyncio.get_running_loop()
    rounds, cpu, began = store.rounds, time.process_time(), time.monotonic()
    until = began + seconds

    async def write() -> None:
        for author, command in rest:
            sent = time.monotonic()
            if sent > until and took:  # on a starved machine the time may be over before the first
                return
            caller = loop.create_future()
            store.submit_all([store.work(caller, author, f"person-{author.unit}", command)])
            await caller
            took.append(time.monotonic() - sent)

    await asyncio.gather(*(write() for _ in range(writers)))
    lasted, used = time.monotonic() - began, time.process_time() - cpu
    return {
        "per_s": round(len(took) / lasted),
        **times("answer", took),
        "cpu_us": round(used / len(took) * 1e6),
        "in_a_group": round(len(took) / (store.rounds - rounds), 1),
        "writes": len(took),
    }


def _command(name: str, body: dict[str, Any]) -> Command:
    return COMMANDS[name].model_validate(body)


# ---------------------------------------------------------------- the bare loop


TABLES = ("entry", "stream_entry", "idempotency", "stream_head", "incident")
LEDGER = ("seq", "chain_sha256", "chain_sm3", "recorded_at")


def bare(database: Database, model: Database, group: int) -> dict[str, Any]:
    """The same rows and bytes on the same disk, so many commands to a commit."""
    migrate(database)
    with model.reading() as connection:
        found = {
            table: (result.keys(), [tuple(row) for row in result])
            for table in TABLES
            for result in [connection.exec_driver_sql(f"SELECT * FROM {table}")]  # noqa: S608 (ours)
        }
        ledger = _plain([tuple(connection.exec_driver_sql(f"SELECT {', '.join(LEDGER)} FROM ledger").one())])  # noqa: S608
    columns = {table: list(keys) for table, (keys, _rows) in found.items()}
    rows = {table: _plain(kept) for table, (_keys, kept) in found.items()}
    entries = sorted(rows["entry"])
    places: dict[int, list[Row]] = {}
    for row in rows["stream_entry"]:
        places.setdefault(row[columns["stream_entry"].index("seq")], []).append(row)
    done = sorted(rows["idempotency"], key=lambda row: row[columns["idempotency"].index("first_seq")])
    log, last = columns["idempotency"].index("first_seq"), columns["idempotency"].index("last_seq")
    by_seq = {row[0]: row for row in entries}
    groups: list[dict[str, list[Row]]] = []
    for start in range(0, len(done), group):
        some = done[start : start + group]
        seqs = [seq for row in some for seq in range(row[log], row[last] + 1)]
        groups.append(
            {
                "entry": [by_seq[seq] for seq in seqs],
                "stream_entry": [row for seq in seqs for row in places.get(seq, [])],
                "stream_head": rows["stream_head"],
                "idempotency": some,
                "incident": rows["incident"],
                "ledger": ledger,
            }
        )
    write = _sqlite_loop if database.is_sqlite else _postgres_loop
    cpu, began = time.process_time(), time.monotonic()
    took = write(database, columns, groups)
    lasted, used = time.monotonic() - began, time.process_time() - cpu
    return {
        "per_s": round(len(done) / lasted),
        **times("commit", took),
        "cpu_us": round(used / len(done) * 1e6),
        "in_a_group": group,
        "writes": len(done),
    }


def _plain(rows: list[Row]) -> list[Row]:
    return [tuple(bytes(one) if isinstance(one, memoryview) else one for one in row) for row in rows]


KEYS = {"stream_head": "stream", "incident": "id"}


def _statements(columns: dict[str, list[str]], mark: str) -> dict[str, str]:
    made = {"ledger": "UPDATE ledger SET " + ", ".join(f"{name} = {mark}" for name in LEDGER)}  # noqa: S608
    for table, names in columns.items():
        text = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join([mark] * len(names))})"  # noqa: S608
        if key := KEYS.get(table):
            fresh = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
            text += f" ON CONFLICT ({key}) DO UPDATE SET {fresh}"
        made[table] = text
    return made


def _sqlite_loop(database: Database, columns: dict[str, list[str]], groups: list[Any]) -> list[float]:
    connection = sqlite.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    put, took = _statements(columns, "?"), []
    for one in groups:
        began = time.monotonic()
        connection.execute("BEGIN IMMEDIATE")
        for table, rows in one.items():
            connection.executemany(put[table], rows)
        connection.execute("COMMIT")
        took.append(time.monotonic() - began)
    connection.close()
    return took


def _postgres_loop(database: Database, columns: dict[str, list[str]], groups: list[Any]) -> list[float]:
    put, took = _statements(columns, "%s"), []
    with psycopg.connect(database.url, prepare_threshold=1) as connection:
        cursor = connection.cursor()
        for one in groups:
            began = time.monotonic()
            with connection.pipeline():
                for table, rows in one.items():
                    cursor.executemany(put[table], rows)
                connection.commit()
            took.append(time.monotonic() - began)
    return took


def main() -> None:
    match sys.argv[1:]:
        case ["store", url, writers, seconds, most]:
            print(json.dumps(drive(Database(url), int(writers), float(seconds), int(most))))
        case ["bare", url, model, group]:
            print(json.dumps(bare(Database(url), Database(model), int(group))))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
