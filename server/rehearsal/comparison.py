"""Reads a replayed dispatch log back through the public API and compares every time with the file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from schemas.fields import parse_instant, wire_instant
from server.rehearsal.caller import Caller, DeskRefused
from server.rehearsal.dispatch_log import Call, Turnout
from server.rehearsal.retelling import Telling, kind_of, text_of, title_of, words_of

PAGE = 1_000
AT_A_TIME = 4  # incidents that are read at the same time
MOST_NAMED = 50  # differences that are kept in words; all are counted


@dataclass(slots=True)
class Compared:
    """What was found on the desk, held against the file."""

    incidents: int = 0
    entries: int = 0
    intervals: int = 0
    blanks: int = 0
    backward: int = 0
    others: int = 0  # entries that people added since: no difference
    differences: int = 0
    named: list[str] = field(default_factory=list)

    def differs(self, what: str) -> None:
        self.differences += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(what)


class Reader:
    """Compares calls with the incidents that they became."""

    def __init__(self, caller: Caller, telling: Telling) -> None:
        self._caller, self._telling = caller, telling
        self.found = Compared()

    def compare(self, calls: Iterable[Call], show: Any = lambda compared: None) -> Compared:
        """Hold every call against the list of incidents and against its incident's log."""
        listed = self._listed()
        flying: deque[tuple[Call, Future[dict[str, Any] | None]]] = deque()

        def land() -> None:
            call, future = flying.popleft()
            self._compare(call, future.result())
            show(self.found)

        with ThreadPoolExecutor(AT_A_TIME) as clerks:
            for call in calls:
                incident_id = self._telling.incident_id(call)
                if incident_id not in listed:
                    self.found.differs(f"{call.number}: is not in the list of incidents")
                flying.append((call, clerks.submit(self._incident, incident_id)))
                if len(flying) >= 2 * AT_A_TIME:
                    land()
            while flying:
                land()
        return self.found

    def _listed(self) -> set[str]:
        """The ids of all incidents, by cursor. An incident that comes twice is a difference."""
        ids: set[str] = set()
        query: dict[str, str | int] = {"state": "all", "drill": str(self._telling.drill).lower()}
        while True:
            page = self._caller.ask("incidents", limit=PAGE, **query)
            for incident in page["incidents"]:
                if incident["id"] in ids:
                    self.found.differs(f"{incident['number']}: stands in the list twice")
                ids.add(incident["id"])
            if page["next"] is None:
                return ids
            query["after"] = page["next"]

    def _incident(self, incident_id: str) -> dict[str, Any] | None:
        try:
            return self._caller.ask(f"incidents/{incident_id}")
        except DeskRefused as refusal:
            if refusal.status == 404:
                return None
            raise

    def _compare(self, call: Call, incident: dict[str, Any] | None) -> None:
        if incident is None:
            self.found.differs(f"{call.number}: is not on the desk")
            return
        self.found.incidents += 1
        over_at = call.over_at
        expected = {
            "title": title_of(call),
            "category": kind_of(call.kind)[1],
            "drill": self._telling.drill,
            "known_at": wire_instant(self._telling.at(call.received_at)),
            "state": "open" if over_at is None else "closed",
            "closed_at": None if over_at is None else wire_instant(self._telling.at(over_at)),
        }
        for name, value in expected.items():
            if incident[name] != value:
                self.found.differs(f"{call.number}: {name} is {incident[name]!r}, the file says {value!r}")
        entries: dict[str, dict[str, Any]] = {}
        for entry in incident["entries"]:
            if "entry_id" in entry:
                if entry["entry_id"] in entries:
                    self.found.differs(f"{call.number}: entry {entry['entry_id']} stands there twice")
                entries[entry["entry_id"]] = entry
        for turnout in call.turnouts:
            self._compare_turnout(turnout, entries)
        self.found.others += len(entries)

    def _compare_turnout(self, turnout: Turnout, entries: dict[str, dict[str, Any]]) -> None:
        """One unit's course: each time, each interval to the one before, each blank, each flag."""
        before: tuple[str, str] | None = None
        for step in turnout.steps:
            where = f"{turnout.row_id} {step.column}"
            entry = entries.pop(self._telling.entry_id(turnout, step.column), None)
            if entry is None:
                self.found.differs(f"{where}: is missing")
                continue
            self.found.entries += 1
            stored, expected = entry["happened_at"], wire_instant(self._telling.at(step.at))
            if stored != expected:
                self.found.differs(f"{where}: is {stored}, the file says {expected}")
            if entry["text"] != text_of(turnout, step) or entry["struck"]:
                self.found.differs(f"{where}: reads {entry['text']!r}")
            if before is not None:
                self.found.intervals += 1
                if _seconds(before[0], stored) != _seconds(before[1], expected):
                    self.found.differs(f"{where}: the interval before it is not the file's")
            if step.before is not None:
                self.found.backward += 1
                if entry.get("words") != words_of(step):
                    self.found.differs(f"{where}: runs backwards and does not say so")
            before = stored, expected
        for column in turnout.blanks:
            if self._telling.entry_id(turnout, column) in entries:
                self.found.differs(f"{turnout.row_id} {column}: is blank in the file")
            else:
                self.found.blanks += 1


def _seconds(first: str, second: str) -> float:
    return (parse_instant(second) - parse_instant(first)).total_seconds()
