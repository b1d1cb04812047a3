"""A long log, written fast: every kind of command, straight through the store, on a clock of its own.

The clock stands still while a group of commands is written and then moves on, so that deadlines pass and the
watch has something to write down. The same seed gives the same history, but for random ids.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from schemas.commands import COMMANDS, Command
from schemas.events import RulesAccepted
from schemas.terms import Post
from server.config.rulebook import defaults as default_rules
from server.config.unit_file import default_units
from server.domain.decide import Author, Refused
from server.migrations import migrate
from server.record.database import Database
from server.record.store import Answer, CommandIdReused, Store
from server.record.tables import INCIDENT
from tests import words

COUNTIES = ("130302", "130303", "130321", "130324", "130322")
TOWNS = ("130302105", "130303001", "130321100", "130324105", "130322100")
CATEGORIES = ("fire_accident", "hazmat/leak", "forest_fire", "road_traffic_accident", "flood", "other")
GROUP = 200  # commands that are handed over before the clock moves


@dataclass
class Case:
    """What a writer remembers of an incident that it opened."""

    incident_id: str
    county: str
    entries: list[str] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    dead: int = 0
    is_open: bool = True


class Chronicle:
    """Writes a history into a database until the log has so many entries."""

    def __init__(self, database: Database, seed: int = 1) -> None:
        migrate(database)
        self.database = database
        self.now_at = datetime.fromisoformat("2026-03-02T00:00:00+08:00")
        self._rules = default_rules()
        self.store = Store(database, default_units(), lambda: self._rules, lambda: self.now_at)
        self.refused = 0
        self._random = random.Random(seed)
        self._cases: list[Case] = []
        self._again: list[tuple[Author, str, dict[str, Any]]] = []

    @contextmanager
    def running(self) -> Iterator[Chronicle]:
        self.store.start()
        dated = [rules.effective_from.isoformat() for rules in self._rules.rule_sets]
        accepted = RulesAccepted(digest=self._rules.digest, effective_from=dated)
        self.store.note(accepted, self._rules.dump()).result(timeout=60)
        try:
            yield self
        finally:
            self.store.stop()

    def write(self, entries: int) -> int:
        """Write until the log has so many entries, or a few more; how many it has then."""
        while self.store.written < entries:
            rest = entries - self.store.written
            self._settle([self._say(*self._next()) for _ in range(min(GROUP, rest))])
            self.now_at += timedelta(seconds=self._random.choice((1, 30, 300, 1_200)))
            self._settle([self.store.tick(incident_id) for incident_id in self._due()])
        return self.store.written

    def say_all(self, commands: Iterable[Command]) -> None:
        """Have these done by the officer of a county's desk; a refusal raises."""
        author = _author("130324")
        futures = [self.store.execute(author, "person", command) for command in commands]
        for future in futures:
            future.result(timeout=60)

    def _settle(self, futures: list[Future[Any]]) -> None:
        for future in futures:
            try:
                future.result(timeout=60)
            except (Refused, CommandIdReused):
                self.refused += 1

    def _due(self) -> list[str]:
        query = select(INCIDENT.c.id).where(INCIDENT.c.next_alarm_at <= self.now_at)
        with self.database.reading() as connection:
            return [str(one) for one in connection.execute(query).scalars()]

    def _say(self, author: Author, name: str, body: dict[str, Any]) -> Future[Answer]:
        command = COMMANDS[name].model_validate(body)
        return self.store.execute(author, f"person-{author.name}", command)

    def _at(self, seconds_ago: float = 0) -> str:
        return (self.now_at - timedelta(seconds=seconds_ago)).isoformat()

    def _next(self) -> tuple[Author, str, dict[str, Any]]:
        roll, chance = self._random.random(), self._random
        if self._again and roll < 0.01:
            return chance.choice(self._again)
        open_cases = [case for case in self._cases[-60:] if case.is_open]
        if not open_cases or roll < 0.02:
            said = self._open()
        else:
            case = chance.choice(open_cases)
            county = chance.choice((case.county, case.county, "130300"))
            said = (_author(county), *self._about(case, roll))
        if chance.random() < 0.02:
            self._again.append(said)
        return said

    def _open(self) -> tuple[Author, str, dict[str, Any]]:
        chance = self._random
        at = chance.randrange(len(COUNTIES))
        case = Case(words.new_id(), COUNTIES[at])
        channel = chance.choice(("110", "119", "12350"))  # the last is a tip: the name is restricted
        body = words.open_incident(
            incident_id=case.incident_id,
            category=chance.choice(CATEGORIES),
            place={"division": chance.choice((COUNTIES[at], TOWNS[at])), "text": "某处"},
            known_at=self._at(chance.choice((0, 60, 4_000))),
            # one in twenty names a unit that does not exist, and is refused
            known_by=chance.choice((*(COUNTIES[at],) * 19, "130399")),
            occurred_at=self._at(7_000),
            source={"channel": channel, "name": "报警人", "phone": "0335-0000000"},
            facts={"dead": None, "missing": chance.choice((0, 2, 12))},
            drill=chance.random() < 0.1,
        )
        if body["known_by"] != "130399":
            self._cases.append(case)
        return _author(case.county), "open-incident", body

    def _about(self, case: Case, roll: float) -> tuple[str, dict[str, Any]]:  # a flat list of what may happen
        chance, the = self._random, case.incident_id
        if roll < 0.75:
            body = words.add_entry(the, f"现场报告 {roll}:" + "明火已控制," * 5, happened_at=self._at(5))
            case.entries.append(body["entry_id"])
            return "add-entry", body
        if roll < 0.78 and case.entries:
            struck = {"entry_id": chance.choice(case.entries), "reason": "记错"}
            return "strike-entry", _body(the) | struck
        if roll < 0.86:
            case.dead += chance.choice((0, 1, 3, -1))  # one that falls needs an explanation: refused
            case.dead = max(0, case.dead)
            return "establish-facts", words.establish_facts(
                the, known_at=self._at(), known_by=case.county, dead=case.dead
            )
        if roll < 0.88:
            level = chance.choice(("ordinary", "larger", "major"))
            return "judge-level", words.judge_level(the, level, judged_at=self._at())
        if roll < 0.92:
            stage = chance.choice(("initial", "follow_up", "upgrade"))
            body = words.record_report(the, sent_at=self._at(), stage=stage)
            case.reports.append(body["report_id"])
            return "record-report", body
        if roll < 0.94 and case.reports:
            return "record-receipt", words.record_receipt(
                the, chance.choice(case.reports), received_at=self._at()
            )
        if roll < 0.95:
            return "share-incident", _body(the) | {"with": [chance.choice((*COUNTIES, "130300-qx"))]}
        if roll < 0.965:
            body = words.issue_order(the, chance.choice(COUNTIES))
            case.orders.append(body["order_id"])
            return "issue-order", body
        if roll < 0.98 and case.orders:
            name = chance.choice(("acknowledge-order", "report-on-order"))
            return name, _body(the) | {"order_id": chance.choice(case.orders), "at": self._at()}
        if roll < 0.984:
            place = {"division": chance.choice(TOWNS), "text": "转移后"}  # others see it from now on
            return "establish-facts", words.establish_facts(the, known_at=self._at(), place=place)
        if roll < 0.987:
            return "merge-incident", _body(the) | {"into": chance.choice(self._cases).incident_id}
        if roll < 0.99:
            return "declare-stable", _body(the) | {"at": self._at(), "basis": "水位回落"}
        if roll < 0.994:
            return "close-incident", words.close_incident(the, at=self._at())
        if roll < 0.996:
            return "reopen-incident", _body(the) | {"at": self._at(), "reason": "复燃"}
        if roll < 0.998:
            return "declare-concealed", _body(the) | {
                "concealed_by": "某厂", "basis": "核查", "declared_at": self._at()
            }  # fmt: skip
        return "explain-breach", _body(the) | {"cause": "no-such-cause", "text": "", "words": "原话"}


def _body(incident_id: str) -> dict[str, Any]:
    return {"command_id": words.new_id(), "incident_id": incident_id}


def _author(unit: str) -> Author:
    return Author(f"值班员 {unit}", Post.DUTY_OFFICER, unit)
