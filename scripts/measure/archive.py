"""Years of a city's record, made in minutes: one day that the store itself wrote, told again day after day.

The day is of real commands through the real store and its rules: opened, noted, reported, shared, merged,
closed, as `say_the_day` has it. Then every row that the store wrote for it is repeated with other dates,
ids, numbers, titles and places, and chained anew. So **all** tables of the log and of reading are filled as
the store fills them (`entry`, `stream_entry`, `stream_head`, `idempotency`, `counter`, `incident`,
`incident_unit`, `obligation`, `ledger`), and `fenghuo verify` accepts the result. Two things are not as in
life: the digest in `idempotency` is the first day's, and every day has the same course. People and their
tokens are added by the command line. What the product derives by itself while it serves is left to it.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from measure.retold import Retold, Turn
from schemas.commands import COMMANDS
from schemas.events import RulesAccepted
from schemas.terms import Post
from server.config.rulebook import defaults as default_rules
from server.config.unit_file import default_units
from server.domain.decide import Author
from server.domain.units import Rank
from server.migrations import migrate
from server.record.database import Database
from server.record.ledger import Chains
from server.record.store import Store
from server.record.tables import (
    ENTRY,
    IDEMPOTENCY,
    INCIDENT,
    INCIDENT_UNIT,
    LEDGER,
    OBLIGATION,
    STREAM_ENTRY,
    STREAM_HEAD,
)
from tests import words

TREE = default_units()
COUNTIES = [unit.code for unit in TREE if unit.rank is Rank.COUNTY]
TOWNS = [unit for unit in TREE if unit.rank is Rank.TOWNSHIP]
ONE_DAY = timedelta(days=1)
#: Which kind of incident comes after which: of fifty one is a major one, one a drill of such.
KINDS = ("plain",) * 42 + ("road",) * 4 + ("deadly", "false", "drill", "major")
CATEGORIES = {
    "plain": "other",
    "road": "road_traffic_accident",
    "deadly": "fire_accident",
    "false": "forest_fire",
}
FACTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "false": {},
    "road": {"lightly_injured": 2},
    "deadly": {"dead": 1},
}
CHANNELS = ("110", "119", "120", "12345")
REPEATED = (ENTRY, STREAM_ENTRY, IDEMPOTENCY, INCIDENT, INCIDENT_UNIT, OBLIGATION)


@dataclass(order=True)
class Said:
    """A command of the day, and by whom."""

    at: datetime
    unit: str = field(compare=False)
    name: str = field(compare=False)
    body: dict[str, Any] = field(compare=False)


class Archive:
    """A database that grows by days."""

    def __init__(self, database: Database, first_day: date, seed: int = 7) -> None:
        migrate(database)
        self.database = database
        self._chance = random.Random(seed)  # noqa: S311 (names of roads)
        self._rules = default_rules()
        self.now_at = datetime(first_day.year, first_day.month, first_day.day, tzinfo=words.BEIJING)
        self._first_day = first_day

    @contextmanager
    def _store(self) -> Iterator[Store]:
        store = Store(self.database, TREE, lambda: self._rules, lambda: self.now_at)
        store.start()
        try:
            yield store
        finally:
            store.stop()

    def fill(self, per_day: int, days: int) -> None:
        """A first day through the store, the others after it. All of it is closed in the end."""
        with self._store() as store:
            dated = [rules.effective_from.isoformat() for rules in self._rules.rule_sets]
            accepted = RulesAccepted(digest=self._rules.digest, effective_from=dated)
            store.note(accepted, self._rules.dump()).result(timeout=60)
            start = store.written
            night = self.now_at + ONE_DAY
            self._live(store, say_the_day(self.now_at, per_day))
            self._tick(store, night)
        with self.database.reading() as connection:
            rows = {table: [dict(row) for row in _rows(connection, table)] for table in REPEATED}
            heads = {row.stream: row.head for row in connection.execute(select(STREAM_HEAD))}
            ledger = connection.execute(select(LEDGER)).one()
        entries = [row for row in rows[ENTRY] if row["seq"] > start]
        if any(row["state"] == "open" or row["next_alarm_at"] for row in rows[INCIDENT]):
            raise RuntimeError("something of the day is still to come: it cannot be told again")
        before = dict.fromkeys(heads, 0)
        for row in rows[STREAM_ENTRY]:
            before[row["stream"]] += row["seq"] <= start
        placed = [row for row in rows[STREAM_ENTRY] if row["seq"] > start]
        retold = Retold(
            {**rows, ENTRY: entries, STREAM_ENTRY: placed},
            first_day=self._first_day,
            first_seq=start,
            heads_before=before,
        )
        turn = Turn(ledger.seq, Chains(bytes(ledger.chain_sha256), bytes(ledger.chain_sm3)), heads)
        retold.write(self.database, turn, range(1, days), self._chance)

    def _live(self, store: Store, said: Iterable[Said]) -> None:
        for at, together in groupby(sorted(said), key=lambda one: one.at):
            self._tick(store, at)
            self.now_at = at
            futures = [
                store.execute(
                    Author(f"值班员 {one.unit}", Post.DUTY_OFFICER, one.unit), f"person-{one.unit}",
                    COMMANDS[one.name].model_validate(one.body),
                )
                for one in together
            ]  # fmt: skip
            for future in futures:
                future.result(timeout=60)

    def _tick(self, store: Store, until: datetime) -> None:
        """What the watch writes down between two commands, each on its minute."""
        while True:
            with self.database.reading() as connection:
                query = select(INCIDENT.c.id, INCIDENT.c.next_alarm_at).where(
                    INCIDENT.c.next_alarm_at < until
                )
                due = connection.execute(query.order_by(INCIDENT.c.next_alarm_at)).first()
            if due is None:
                return
            self.now_at = max(self.now_at, due.next_alarm_at)
            if not store.tick(due.id).result(timeout=60):
                raise RuntimeError(f"the clock finds nothing to say of {due.id} at {due.next_alarm_at}")

    def open_now(self, count: int) -> None:
        """So many open incidents that began within the last hours, through the store."""
        now = datetime.now(UTC).replace(microsecond=0)
        self.now_at = now - timedelta(minutes=50)
        said = [
            one
            for number in range(count)
            for one in _course("open", number, now - timedelta(seconds=2_400 * (count - number) / count))
        ]
        with self._store() as store:
            self._live(store, said)
            self._tick(store, now)


def _rows(connection: Any, table: Table) -> Iterator[Any]:
    query = select(table)
    for column in ("seq", "stream", "position"):
        if column in table.c:
            query = query.order_by(table.c[column])
    yield from connection.execute(query).mappings()


def say_the_day(begin: datetime, count: int) -> list[Said]:
    """So many incidents from a quarter past midnight on, none of which is left open at its end."""
    apart = timedelta(hours=20) / count
    starts = [begin + timedelta(minutes=15) + apart * number for number in range(count)]
    return [
        one
        for number, start in enumerate(starts)
        for one in _course(KINDS[number % len(KINDS)], number, start.replace(microsecond=0))
    ]


def _course(kind: str, number: int, start: datetime) -> list[Said]:
    """What is said of one incident from its opening on."""
    town = TOWNS[number * 7 % len(TOWNS)]
    unit = TREE.county_of(town.code) or TREE.root
    said: list[Said] = []

    def then(minutes: float, name: str, body: dict[str, Any]) -> None:
        said.append(Said(start + timedelta(minutes=minutes), unit, name, body))

    def ago(minutes: float) -> str:
        return (start - timedelta(minutes=minutes)).isoformat()

    def at(minutes: float) -> str:
        return (start + timedelta(minutes=minutes)).isoformat()

    category = CATEGORIES.get(kind, "hazmat/leak")
    if kind == "plain" and number % 3 == 0:
        category = "social_security"
    facts = FACTS.get(kind, {"dead": 11, "missing": None})
    if kind == "open":
        category = ("other", "fire_accident", "road_traffic_accident", "hazmat/leak", "flood")[number % 5]
        facts = {"dead": number % 4 if number % 50 else 12, "trapped": None, "evacuated": number}
    opened = words.open_incident(
        title=Retold.title(number),
        category=category,
        place={"division": town.code, "text": Retold.place(number)},
        known_at=ago(0), known_by=unit, occurred_at=ago(16), facts=facts, drill=kind == "drill",
        source={"channel": CHANNELS[number % len(CHANNELS)], "name": "报警人", "phone": "0335-0000000"},
    )  # fmt: skip
    the = opened["incident_id"]
    then(0, "open-incident", opened)
    note = {"happened_at": at(1), "kind": "call_in"}
    then(1, "add-entry", words.add_entry(the, "现场来电:已到达,正在核实人数,道路一侧通行。", **note))
    if kind == "open":
        return said
    if kind == "plain":  # settled on the telephone
        then(4, "close-incident", words.close_incident(the, at=at(4)))
        return said
    level = "major" if kind in ("major", "drill") else "ordinary"
    judged = words.judge_level(the, level, judged_at=at(3), scale="final")
    then(3, "judge-level", judged)
    if kind == "deadly" or kind in ("major", "drill"):
        late = number // len(KINDS) % 5 == 4  # one in five is not in time
        report = words.record_report(the, sent_at=at(70 if late else 12))
        then(5, "record-report", words.record_report(the, sent_at=at(4), channel="phone", signed_by=...))
        then(71 if late else 13, "record-report", report)
        receipt = words.record_receipt(the, report["report_id"], received_at=at(74 if late else 20))
        then(75 if late else 21, "record-receipt", receipt)
    if kind in ("major", "drill"):
        share = {"command_id": words.new_id(), "incident_id": the, "with": [COUNTIES[number % len(COUNTIES)]]}
        then(25, "share-incident", share)
    outcome = {"outcome": "false_alarm"} if kind == "false" else {}
    then(80, "close-incident", words.close_incident(the, at=at(79), **outcome))
    return said


def build(database: Database, incidents: int, still_open: int, per_day: int = 250) -> dict[str, Any]:
    """An archive of so many closed incidents that ends yesterday, and some open ones of today."""
    per_day = min(per_day, incidents)
    days = max(1, incidents // per_day)
    yesterday = datetime.now(UTC).astimezone(words.BEIJING).date() - ONE_DAY
    archive = Archive(database, yesterday - ONE_DAY * (days - 1))
    archive.fill(per_day, days)
    archive.open_now(still_open)
    return {"incidents": per_day * days + still_open, "days": days}


def size_of(database: Database, folder: Path) -> int:
    """Megabytes on disk."""
    if database.is_sqlite:
        return round(sum(path.stat().st_size for path in folder.glob("fenghuo.db*")) / 2**20)
    with database.reading() as connection:
        found = connection.exec_driver_sql("SELECT pg_database_size(current_database())").scalar()
    return round(int(found or 0) / 2**20)
