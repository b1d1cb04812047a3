"""The duties of the units within a round: loaded, decided on, folded, and written with everything else.

A unit's duty is kept in memory like an incident. What other processes changed is forgotten when a round
catches up with them; after a refusal or a bug what was touched is folded again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select

from schemas import alarms as al
from schemas import duties as du
from schemas.bases import AnyCommand
from schemas.events import LOG_ENTRY
from server.domain import handover
from server.domain.decide import Author
from server.domain.duty import Duty, apply, fold
from server.domain.duty_alarms import passing, to_come
from server.domain.duty_context import DutyContext
from server.domain.duty_decide import decide
from server.domain.incident import Incident
from server.domain.units import UnitTree
from server.record.counted import Period, digest_of, sealed_incidents, stored_rows
from server.record.duty_rows import (
    DUTY_SUBJECT,
    changed_by,
    duty_row,
    roll_rows,
    seal_rows,
    shift_rows,
    subject_of,
)
from server.record.duty_tables import DUTY, MONTH_SEAL, ROLL_ANSWER, SHIFT
from server.record.joint_rows import JOINT_TABLES
from server.record.lines import Line, duty_line
from server.record.projections import incident_row
from server.record.rows import Put
from server.record.tables import ENTRY, INCIDENT, INCIDENT_UNIT

DUTIES, SHIFTS = Put(DUTY, keys=("unit",)), Put(SHIFT, keys=("shift_id",))
MONTH_SEALS = Put(MONTH_SEAL, keys=("unit", "month"))
ROLL_ANSWERS = Put(ROLL_ANSWER, keys=("roll_id", "unit"))
JOINT = tuple((Put(table, keys=keys), rows_of) for table, keys, rows_of in JOINT_TABLES)


class Duties:
    """The duties that a round touches. `kept` outlives the round; `gather` gives lines their places."""

    def __init__(
        self,
        connection: Connection,
        tree: UnitTree,
        now: datetime,
        kept: dict[str, Duty],
        load_incident: Callable[[str], Incident | None],
        fresh_incidents: Callable[[], Iterable[str]],
        gather: Callable[[list[Line]], None],
        rules: Callable[[], str | None],
    ) -> None:
        self._connection, self._tree, self._now = connection, tree, now
        self._kept, self._load_incident, self._gather = kept, load_incident, gather
        self._fresh_incidents, self._rules = fresh_incidents, rules
        self._touched: dict[str, Duty] = {}
        self._changed: dict[str, set[str]] = {}  # keys of rows, by unit
        self._working: set[str] = set()
        self._bodies: dict[str, list[bytes]] = {}

    def forget(self, subject: str | None) -> None:
        """What another process has changed is read again."""
        if subject is not None:
            self._kept.pop(subject.removeprefix(DUTY_SUBJECT), None)

    def load(self, unit: str) -> Duty:
        """A unit's duty, from memory or from its entries; a fresh one when there are none."""
        duty = self._kept.get(unit)
        if duty is None:
            duty = self._kept[unit] = load_duty(self._connection, unit, self._bodies.get(unit, ()))
        return duty

    def write(self, author: Author, command: du.DutyCommand) -> None:
        """Decide, fold and gather."""
        duty = self.load(command.unit)
        context = DutyContext(
            author=author,
            tree=self._tree,
            now=self._now,
            other=self.load,
            record=lambda: self._record(duty),
            counted=lambda first, last: self._counted(duty.unit, first, last),
            rules=lambda: digest_of(self._rules()),
            taken=lambda ids: self._shifts_of_others(duty.unit, ids),
        )
        self._take(decide(duty, command, context), author, command)

    def say(self, events: Iterable[du.DutyEvent]) -> None:
        """What follows from other entries, written down by the clock."""
        self._take(list(events), None, None)

    def note_channel(self, units: Iterable[str], channel: str, name: str, fault: str | None) -> None:
        """That a channel is silent, or is so no more: once for each time, whoever notices it."""
        for unit in units:
            is_silent = channel in self.load(unit).silent
            said = {"unit": unit, "units": [unit], "channel": channel, "name": name}
            if fault is not None and not is_silent:
                self.say([al.ChannelFailed(**said, fault=fault)])
            elif fault is None and is_silent:
                self.say([al.ChannelRestored(**said)])

    def to_come(self, units: Iterable[str]) -> set[tuple[str, datetime]]:
        """Every moment that is still to be written down for these."""
        return {(subject_of(unit), at) for unit in units for at in to_come(self.load(unit))}

    def tick(self, units: Iterable[str], until: datetime | None, at: datetime | None = None) -> int:
        """Write down what time has brought to these, in the order in which it fell due. `at`: as if it were
        that late already."""
        now = self._now if at is None else max(self._now, at)
        waiting: list[tuple[datetime, str]] = []
        written = 0

        def look_at(unit: str) -> None:
            due = passing(self.load(unit), now, self._tree.ancestors(unit))
            if due is not None and (until is None or due[0] <= until):
                heapq.heappush(waiting, (due[0], unit))

        for unit in units:
            self._touch(unit)
            look_at(unit)
        while waiting:
            _at, unit = heapq.heappop(waiting)
            due = passing(self.load(unit), now, self._tree.ancestors(unit))
            assert due is not None
            written += self._take(due[1], None, None)
            look_at(unit)
        return written

    def forget_unwritten(self) -> None:
        """Fold again what was touched and not gathered."""
        for unit in self._working:
            self._kept.pop(unit, None)
            if unit in self._touched:
                self._touched[unit] = self.load(unit)
        self._working.clear()

    @property
    def touched(self) -> bool:
        """Whether any row has to be written."""
        return bool(self._touched)

    def rows(self) -> Iterator[tuple[Put, list[dict[str, Any]]]]:
        """What has to stand in the tables now. Nothing is asked for it."""
        shifts: list[dict[str, Any]] = []
        rolls: list[dict[str, Any]] = []
        seals: list[dict[str, Any]] = []
        for unit, duty in self._touched.items():
            changed = self._changed.get(unit, set())
            shifts += shift_rows(duty, changed)
            rolls += roll_rows(duty, changed)
            seals += seal_rows(duty, changed)
        yield DUTIES, [duty_row(duty) for duty in self._touched.values()]
        yield SHIFTS, shifts
        yield ROLL_ANSWERS, rolls
        yield MONTH_SEALS, seals
        for put, rows_of in JOINT:
            changed_rows: list[dict[str, Any]] = []
            for unit, duty in self._touched.items():
                if in_it := self._changed.get(unit):
                    changed_rows += rows_of(duty, in_it)
            yield put, changed_rows

    def _take(self, events: Sequence[du.DutyEvent], author: Author | None, command: AnyCommand | None) -> int:
        lines: list[Line] = []
        for event in events:
            duty = self.load(event.unit)
            self._working.add(event.unit)
            said = command if event is events[0] else None  # what was said belongs to the deed itself
            line = duty_line(event, author, said, self._now)
            apply(duty, event, line.by, self._now)
            lines.append(line)
        self._gather(lines)
        for event, line in zip(events, lines, strict=True):
            self._bodies.setdefault(event.unit, []).append(line.body)
            self._changed.setdefault(event.unit, set()).update(changed_by(event, self.load(event.unit)))
            self._touch(event.unit)
        self._working.clear()
        return len(lines)

    def _shifts_of_others(self, unit: str, ids: Collection[str]) -> set[str]:
        """Which of these are shifts of another unit already; what this very round has brought included."""
        query = select(SHIFT.c.shift_id).where(SHIFT.c.shift_id.in_(ids), SHIFT.c.unit != unit)
        found = set(self._connection.execute(query).scalars())
        for other, duty in self._touched.items():
            if other != unit:
                found |= duty.shifts.keys() & set(ids)
        return found

    def _touch(self, unit: str) -> None:
        duty = self.load(unit)
        if duty.version:
            self._touched[unit] = duty

    def _record(self, duty: Duty) -> list[du.SheetItem]:
        """What stands open for this unit, as of now; what this very round has brought included."""
        query = (
            select(INCIDENT.c.id)
            .join(INCIDENT_UNIT, INCIDENT_UNIT.c.incident_id == INCIDENT.c.id)
            .where(INCIDENT_UNIT.c.unit == duty.unit, INCIDENT.c.state == "open")
            .order_by(INCIDENT.c.opened_at, INCIDENT.c.id)
        )
        stored = self._connection.execute(query).scalars().all()
        items: list[du.SheetItem] = []
        for incident_id in dict.fromkeys([*stored, *self._fresh_incidents()]):
            incident = self._load_incident(incident_id)
            if incident is not None and incident.is_open and duty.unit in incident.units:
                items += handover.of_incident(incident, duty.unit)
        return items + handover.of_duty(duty, self._now, self.load)

    def _counted(self, unit: str, first: date, last: date) -> list[du.SealedIncident]:
        """What counts in this unit's area; what this very round has brought included."""
        period = Period(self._tree, unit, unit, first, last)
        rows: dict[str, Mapping[Any, Any]] = {row["id"]: row for row in stored_rows(self._connection, period)}
        for incident_id in self._fresh_incidents():
            rows.pop(incident_id, None)
            incident = self._load_incident(incident_id)
            if incident is not None and unit in incident.units and period.has(row := incident_row(incident)):
                rows[incident_id] = row
        return sealed_incidents(rows.values())


def load_duty(connection: Connection, unit: str, more: Iterable[bytes] = ()) -> Duty:
    """A unit's duty from its entries on disk and those still to be written."""
    bodies = connection.execute(
        select(ENTRY.c.body).where(ENTRY.c.subject == subject_of(unit)).order_by(ENTRY.c.seq)
    ).scalars()
    stored = [bytes(body) for body in bodies]
    return fold(unit, (LOG_ENTRY.validate_json(body) for body in [*stored, *more]))
