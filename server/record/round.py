"""A round: the commands that share one commit. What it writes is gathered, then written in few statements."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from sqlalchemy import select

from schemas import events as ev
from schemas.commands import Command
from schemas.duties import DutyCommand
from schemas.events import LOG_ENTRY, Event, LogEntry
from schemas.field_work import FieldEvent
from schemas.fields import wire_instant
from schemas.instructions import InstructionEvent
from server.domain.attachments import Upload
from server.domain.decide import Author, Decided
from server.domain.duty import Duty
from server.domain.incident import Incident, apply, fold
from server.domain.reporting import Setting, consequences, next_alarm
from server.domain.units import Rank, UnitTree
from server.record import attachments
from server.record.alarms import Alarms
from server.record.done import Done
from server.record.duties import Duties
from server.record.lines import Line, line_of, system_line
from server.record.outbox import MESSAGES
from server.record.projections import field_rows, incident_row, obligation_rows, step_rows
from server.record.rows import (
    COUNTERS,
    DONE,
    ENTRIES,
    HEADS,
    INCIDENT_FIELDS,
    INCIDENT_UNITS,
    INCIDENTS,
    INSTRUCTION_STEPS,
    OBLIGATIONS,
    STREAM_ENTRIES,
    Pen,
)
from server.record.tables import COUNTER, ENTRY, LEDGER, STREAM_ENTRY, STREAM_HEAD
from server.record.turn import Standing, Turn
from server.record.upward import TO_HAND_ON, Kept, rows_of

#: Entries of other processes after which forgetting every state is cheaper than asking which still hold.
MOST_CAUGHT_UP = 5_000
RESTRICTED = ":r"


class _Entry(NamedTuple):
    """A row of `entry`, but for the moment, which is the round's."""

    seq: int
    incident_id: str | None
    event_type: str
    restricted: bool
    body: bytes
    sha256: bytes
    sm3: bytes
    subject: str | None


@dataclass(frozen=True, slots=True)
class Written:
    """Which entries a command became: none when last_seq < first_seq."""

    number: str | None
    first_seq: int
    last_seq: int


class Round:
    """One transaction's worth of writing. Not thread-safe: it lives in the writer."""

    def __init__(
        self,
        turn: Turn,
        pen: Pen,
        tree: UnitTree,
        now: datetime,
        heads: dict[str, int],
        incidents: OrderedDict[str, Incident],
        duties: dict[str, Duty],
    ) -> None:
        self._connection, self._pen, self._tree = turn.connection, pen, tree
        self._heads, self._incidents = heads, incidents
        self.ledger = turn.ledger
        before = self.ledger.recorded_at
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self.now = now if before is None or now > before else before  # never falls along the log
        self._written_now = wire_instant(self.now)
        self.published: list[tuple[str, int, bytes]] = []
        self.entries_written = 0
        self.has_written = False
        self.ledger_rules: str | None = None
        self.setting: Setting  # of this round's moment
        self.alarms: Alarms | None = None  # where anything goes out of the house
        self.number_mark = ""  # of an outpost, whose numbers are not the city's
        self._handed_on: list[Kept] = []
        self._seq, self._chains = self.ledger.seq, self.ledger.chains
        self._entries: list[_Entry] = []
        self._streams: list[tuple[str, int, int]] = []
        self._offsets: dict[tuple[str, int], int] = {}
        self._fresh_heads: dict[str, int] = {}
        self._records: dict[str, Done] = {}
        self._before = turn.done
        self._counters: dict[str, int] = {}
        self._given: dict[str, int] = {}
        self._units: list[tuple[str, str]] = []
        self._touched: dict[str, Incident] = {}
        self._owed_changed: dict[str, set[str]] = {}
        self._steps_changed: set[str] = set()
        self._on_scene_changed: set[str] = set()
        self._working: set[str] = set()
        self._kept_duties = duties
        self.duties = Duties(
            turn.connection,
            tree,
            self.now,
            duties,
            self.load,
            lambda: list(self._touched),
            self._gather,
            self.rules_before,
        )

    # ------------------------------------------------------------ looking

    def catch_up(self, last: Standing) -> None:
        """Forget what other processes have changed since `last`, so that deciding sees the latest word.

        Their entries are not passed on from here, under the lock: listeners have them by the doorbell, or by
        looking, or because ours leave a hole before them.
        """
        if self.ledger.epoch == last.epoch and self.ledger.seq == last.seq:
            return
        self._heads.clear()
        gap = self.ledger.seq - last.seq
        if self.ledger.epoch != last.epoch or not 0 <= gap <= MOST_CAUGHT_UP:
            self._incidents.clear()
            self._kept_duties.clear()
            return
        changed = select(ENTRY.c.incident_id, ENTRY.c.subject).where(ENTRY.c.seq > last.seq)
        for incident_id, subject in self._connection.execute(changed):
            self._incidents.pop(incident_id, None)
            self.duties.forget(subject)

    def load(self, incident_id: str) -> Incident | None:
        """The incident's state, from memory or from its entries."""
        found = self._incidents.get(incident_id)
        if found is not None:
            self._incidents.move_to_end(incident_id)
            return found
        incident = fold(incident_id, self._log_of(incident_id))
        if not incident.version:
            return None
        self._incidents[incident_id] = incident
        return incident

    def _log_of(self, incident_id: str) -> Iterator[LogEntry]:
        bodies = self._connection.execute(
            select(ENTRY.c.body).where(ENTRY.c.incident_id == incident_id).order_by(ENTRY.c.seq)
        ).scalars()
        return (LOG_ENTRY.validate_json(bytes(body)) for body in bodies)

    def told(self, incident_id: str) -> Iterator[LogEntry]:
        """An incident's log, this round's own entries of it included."""
        yield from self._log_of(incident_id)
        for entry in self._entries:
            if entry.incident_id == incident_id:
                yield LOG_ENTRY.validate_json(entry.body)

    def rules_before(self) -> str | None:
        """The rules that were last in force here, as they were noted."""
        found: str | None = self._connection.execute(select(LEDGER.c.rules)).scalar()
        return found

    def upload(self, attachment_id: str) -> Upload | None:
        """A file that was received under this id."""
        return attachments.upload(self._connection, attachment_id)

    def done_before(self, command_id: str) -> Done | None:
        """The record of a command that was done, in this round or ever: all were asked about beforehand."""
        return self._records.get(command_id) or self._before[command_id]

    def via(self, first_seq: int, last_seq: int) -> dict[str, Any] | None:
        """How these came, if not from their person directly; None also while they are not written yet."""
        first = (ENTRY.c.seq == first_seq) & (ENTRY.c.seq <= last_seq)
        body = self._connection.execute(select(ENTRY.c.body).where(first)).scalar()
        return None if body is None else orjson.loads(body).get("via")

    def offset(self, stream: str, first_seq: int, last_seq: int) -> int | None:
        """The last offset that entries first…last have in a stream; None when none of them is in it."""
        for seq in range(last_seq, first_seq - 1, -1):
            if (stream, seq) in self._offsets:
                return self._offsets[stream, seq]
        if first_seq > self.ledger.seq or last_seq < first_seq:
            return None
        found: int | None = self._connection.execute(
            select(STREAM_ENTRY.c.position)
            .where(STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.seq.between(first_seq, last_seq))
            .order_by(STREAM_ENTRY.c.seq.desc())
            .limit(1)
        ).scalar()
        return found

    def number(self, unit: str, drill: bool) -> str:
        """The next incident number of a unit: LL105-2026-0001, drills LL105-2026-D0001.

        It counts within the unit of the place, so that it tells nothing of how busy another is.
        """
        place = self._tree.get(unit)
        county = self._tree.get(self._tree.county_of(unit) or unit)
        short = (county.abbr if county else "") or unit
        if place is not None and place.rank is Rank.TOWNSHIP:
            short += unit[-3:]
        elif place is not None and place.rank is Rank.DEPARTMENT:
            short = place.abbr or unit
        short += self.number_mark
        year = (self.now + timedelta(hours=8)).year
        prefix = f"{short}-{year}-{'D' if drill else ''}"
        return f"{prefix}{self.next(prefix):04d}"

    def next(self, prefix: str) -> int:
        """The next number of a series. Counted only once its entry is gathered: a refusal uses none up."""
        last = self._given.get(prefix, self._counters.get(prefix))
        if last is None:
            query = select(COUNTER.c.last).where(COUNTER.c.prefix == prefix)
            last = self._connection.execute(query).scalar() or 0
        self._given[prefix] = last + 1
        return last + 1

    def issue(self, series: str) -> tuple[str, int, str]:
        """The next issue of a series of reports; an outpost counts for itself, with its mark."""
        series += f":{self.number_mark}" if self.number_mark else ""
        number = self.next(series)
        return series, number, f"{self.number_mark}{number}"

    # ------------------------------------------------------------ writing

    def write(
        self, incident_id: str, decided: Decided, author: Author, command: Command, setting: Setting
    ) -> Written:
        """Fold and gather what a command was decided to mean, with everything that follows from it."""
        first = self._seq + 1
        lines = self._fold(incident_id, decided.events, author, command, setting)
        if decided.elsewhere is not None:
            other, events = decided.elsewhere
            lines = self._fold(other, events, author, command, setting) + lines
        number = self._incidents[incident_id].number
        self._gather(lines)
        return Written(number, first, self._seq)

    def write_events(self, incident_id: str, events: list[Event], setting: Setting) -> int:
        """The same for what the clock found."""
        lines = self._fold(incident_id, events, None, None, setting)
        self._gather(lines)
        self._touched[incident_id] = self._incidents[incident_id]
        return len(lines)

    def note(self, event: Event) -> None:
        """An entry that belongs to no incident: the city's stream has it."""
        self._gather([system_line(event, self._tree.root, self.now)])

    def write_duty(self, author: Author, command: DutyCommand) -> Written:
        """The same for what a command means for the duty of a unit, or of several."""
        first = self._seq + 1
        self.duties.write(author, command)
        return Written(None, first, self._seq)

    def remember(self, record: Done) -> None:
        self._records[record.command_id] = record

    def hand_on(self, kept: Kept) -> None:
        """A command that the desk above is to be told of, in this same transaction."""
        self._handed_on.append(kept)

    def carry(self, entry: LogEntry, body: bytes) -> tuple[str, int]:
        """An entry of another desk's log, to the letter; nothing follows from it that is not there as well.
        Answers the incident's number, and the entry's place here."""
        assert entry.incident_id is not None
        incident = self._incidents.get(entry.incident_id) or Incident(entry.incident_id)
        self._working.add(incident.id)
        apply(incident, entry)
        self._incidents[incident.id] = incident
        units = tuple(incident.units)
        who = (entry.by, entry.unit, self.now, entry.command_id)
        self._gather([Line(incident.id, entry.event, *who, body, units)])
        return incident.number, self._seq

    def forget_unwritten(self) -> None:
        """After a refusal or a bug: states that were touched without being gathered are read again."""
        for incident_id in self._working:
            self._incidents.pop(incident_id, None)
            if incident_id in self._touched:  # an earlier command of this round stands: fold it again
                self._incidents[incident_id] = fold(incident_id, self.told(incident_id))
                self._touched[incident_id] = self._incidents[incident_id]
        self._working.clear()
        self._given.clear()
        self.duties.forget_unwritten()

    def _fold(
        self,
        incident_id: str,
        events: list[Event],
        author: Author | None,
        command: Command | None,
        setting: Setting,
    ) -> list[Line]:
        """Apply events and all that follows from them; nothing is gathered yet, so a bug leaves no trace."""
        incident = self._incidents.get(incident_id) or Incident(incident_id)
        self._working.add(incident_id)
        lines: list[Line] = []

        def take(event: Event, by: Author | None, of: Command | None) -> None:
            line = line_of(incident, event, by, of, self._tree.root, self.now, self._written_now)
            apply(incident, line)
            if isinstance(event, ev.InformerNamed):
                line.units, line.restricted = tuple(event.units), True
            else:
                line.units = tuple(incident.units)
            lines.append(line)

        aside = (ev.IncidentShared, ev.InformerNamed)  # what was said belongs to the deed itself
        deed = next((event for event in events if not isinstance(event, aside)), next(iter(events), None))
        for event in events:
            take(event, author, command if event is deed else None)
        for _ in range(20):
            following = consequences(incident, setting)
            if not following:
                break
            for event in following:
                take(event, None, None)
        else:
            raise RuntimeError(f"consequences of {incident_id} do not come to an end")
        self._incidents[incident_id] = incident
        return lines

    def _gather(self, lines: list[Line]) -> None:
        """Give the entries their places: in the ledger, and in each stream that carries them."""
        for line in lines:
            self._seq += 1
            seq, incident_id, event = self._seq, line.incident_id, line.event
            self._chains = self._chains.then(seq, line.body)
            if isinstance(event, ev.IncidentShared) and incident_id is not None:
                self._carry_past(incident_id, event.units)
            self._entries.append(
                _Entry(seq, incident_id, event.type, line.restricted, line.body, *self._chains, line.subject)
            )
            for unit in line.units:
                self._place(unit + RESTRICTED if line.restricted else unit, seq, line.body)
            if isinstance(event, ev.IncidentOpened | ev.IncidentShared) and incident_id is not None:
                self._units += [(unit, incident_id) for unit in event.units]
            if isinstance(event, ev.ObligationStarted | ev.ObligationMet | ev.ObligationExcused):
                assert incident_id is not None
                self._owed_changed.setdefault(incident_id, set()).add(event.obligation_id)
            elif isinstance(event, InstructionEvent) and incident_id is not None:
                self._steps_changed.add(incident_id)
            elif isinstance(event, FieldEvent) and incident_id is not None:
                self._on_scene_changed.add(incident_id)
            if incident_id is not None:
                self._touched[incident_id] = self._incidents[incident_id]
        if self.alarms is not None:
            self.alarms.hear(lines)
        self._working.clear()
        self._counters.update(self._given)
        self._given.clear()

    def _carry_past(self, incident_id: str, units: list[str]) -> None:
        """A unit that may see the incident only now gets its past first, in order: the stream stays whole."""
        stored = self._connection.execute(
            select(ENTRY.c.seq, ENTRY.c.body)
            .where(ENTRY.c.incident_id == incident_id, ENTRY.c.restricted.is_(False))
            .order_by(ENTRY.c.seq)
        ).all()
        past = [(seq, bytes(body)) for seq, body in stored]
        past += [
            (entry.seq, entry.body)
            for entry in self._entries
            if entry.incident_id == incident_id and not entry.restricted
        ]
        for unit in units:
            for seq, body in past:
                self._place(unit, seq, body)

    def _place(self, stream: str, seq: int, body: bytes) -> None:
        head = self._fresh_heads.get(stream)
        if head is None:
            head = self._heads.get(stream)
        if head is None:
            head = (
                self._connection.execute(
                    select(STREAM_HEAD.c.head).where(STREAM_HEAD.c.stream == stream)
                ).scalar()
                or 0
            )
        self._fresh_heads[stream] = position = head + 1
        self._streams.append((stream, position, seq))
        self._offsets[stream, seq] = position
        self.published.append((stream, position, body))

    # ------------------------------------------------------------ onto the disk

    def try_the_disk(self) -> None:
        """Write what stands there already: nothing changes, and the disk has to take it."""
        self.has_written = True
        self._pen.execute("UPDATE ledger SET seq = seq", ())

    def flush(self) -> None:
        """All rows of the round, in few statements. Nothing may be asked after them: they end the turn."""
        if self.alarms is not None:
            self.alarms.follow()
        changed = self._entries or self._touched or self._records or self.duties.touched
        if changed or self.ledger_rules is not None:
            self.has_written = True
            upward = rows_of(self._handed_on, self._connection, self.now) if self._handed_on else []
            with self._pen.at_once():
                self._pen.put_all(TO_HAND_ON, upward)
                self._put_rows()
        self._heads.update(self._fresh_heads)
        self.entries_written = len(self._entries)

    def _put_rows(self) -> None:
        pen, now = self._pen, self._pen.moment(self.now)
        pen.put(
            ENTRIES,
            [
                (*one[:3], now, *one[3:])  # seq, incident_id, event_type; restricted and what follows
                for one in self._entries
            ],
        )
        pen.put(STREAM_ENTRIES, self._streams)
        pen.put(HEADS, list(self._fresh_heads.items()))
        pen.put(DONE, [(*done[:-1], pen.moment(done.recorded_at)) for done in self._records.values()])
        pen.put(COUNTERS, list(self._counters.items()))
        pen.put_all(
            INCIDENTS,
            [
                {**incident_row(incident), "next_alarm_at": next_alarm(incident, self.setting)}
                for incident in self._touched.values()
            ],
        )
        pen.put(INCIDENT_UNITS, self._units)
        pen.put_all(
            OBLIGATIONS,
            [
                row
                for incident_id, changed in self._owed_changed.items()
                for row in obligation_rows(self._touched[incident_id])
                if row["obligation_id"] in changed
            ],
        )
        steps = [row for one in sorted(self._steps_changed) for row in step_rows(self._touched[one])]
        pen.put_all(INSTRUCTION_STEPS, steps)
        pen.put_all(
            INCIDENT_FIELDS,
            [row for one in sorted(self._on_scene_changed) for row in field_rows(self._touched[one])],
        )
        for what, rows in self.duties.rows():
            pen.put_all(what, rows)
        if self.alarms is not None:
            pen.put_all(MESSAGES, self.alarms.rows)
            for alarm_id in self.alarms.withdrawn:
                pen.execute(_WITHDRAW, (now, alarm_id, now))
        if self._entries or self.ledger_rules is not None:
            self._move_ledger()

    def _move_ledger(self) -> None:
        """Its one row, to where the log stands now."""
        self.ledger = replace(self.ledger, seq=self._seq, chains=self._chains, recorded_at=self.now)
        stands = (self._seq, *self._chains, self._pen.moment(self.now))
        if self.ledger_rules is None:
            self._pen.execute(_MOVE, stands)
        else:
            self._pen.execute(f"{_MOVE}, rules = ?", (*stands, self.ledger_rules))


#: Of an alarm that somebody took nothing more goes out, but for what is going out right now.
_WITHDRAW = (
    "UPDATE outbox SET state = 'withdrawn', changed_at = ? "
    "WHERE alarm_id = ? AND state = 'queued' AND (lease IS NULL OR leased_until <= ?)"
)
_MOVE = "UPDATE ledger SET seq = ?, chain_sha256 = ?, chain_sm3 = ?, recorded_at = ?"
