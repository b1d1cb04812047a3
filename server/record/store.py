"""The one way in to the log: `change`, one transaction for a group of commands, answered once it is on disk.

One writer thread takes whatever queued while the last commit ran and lets it share the next one. A round
holds entries, unit streams, obligations, idempotency records and projections; a refused command writes
nothing and fails no neighbour. Other processes on the same database queue behind the ledger's lock, and what
they wrote is read before anything is decided.
"""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from schemas.bases import AnyCommand
from schemas.channels import NO_CHANNELS, ChannelBook
from schemas.commands import Command
from schemas.duties import DutyCommand
from schemas.events import LOG_ENTRY, ClockStepped, RulesAccepted
from schemas.forms import FormBook
from schemas.outposts import TakenAlong
from server.config.form_files import default_forms
from server.config.rulebook import Rulebook
from server.domain.decide import Author, Context, decide
from server.domain.duty import Duty
from server.domain.incident import Incident, fold
from server.domain.reporting import Setting, passing, to_come
from server.domain.units import UnitTree
from server.durations import Durations
from server.record.alarms import Alarms
from server.record.database import Database
from server.record.done import Done
from server.record.duty_rows import DUTY_SUBJECT
from server.record.ledger import Chains, canonical
from server.record.round import Round, Written
from server.record.rows import Pen
from server.record.tables import ENTRY, IDEMPOTENCY, INCIDENT_UNIT, LEDGER, LedgerRow
from server.record.turn import Hand, Standing
from server.record.upward import Kept
from server.record.works import Caller, Outcome, Work, tell

log = structlog.get_logger()

MOST_IN_A_ROUND = 256
WAITED_ENOUGH_S = 1.0  # a round that failed after so long has kept those behind it waiting as well
DOUBT_S = 2.0  # after a failed round: where a page fits, the next real round need not
_NOT_SAID = {"device_sent_at"}  # differs each time that the same command is sent
INCIDENTS_KEPT = 2_000
OUTPOST_MARK = "F"  # LL105F-2026-0001: the desk above gives the incident its own number

#: A row of a unit's stream as listeners get it: stream, offset, the entry's stored bytes.
StreamRow = tuple[str, int, bytes]


class StoreUnavailable(Exception):
    """The database did not take the write. Whether it is on disk is unknown: send the same command again."""


class CommandIdReused(Exception):
    """The same command id came with another body (or from somebody who may not see the first answer)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command came to. `offset` counts in the stream of the author's unit; None if it is not in it."""

    command_id: str
    epoch: str
    offset: int | None
    incident_id: str | None
    number: str | None
    recorded_at: datetime
    replayed: bool
    via: Mapping[str, Any] | None = None  # of what had been done before: who brought it, if not its person


class Store:
    """The log on disk and the open incidents in memory. `on_commit` gets new stream rows, in commit order."""

    def __init__(
        self,
        database: Database,
        tree: UnitTree,
        rules: Callable[[], Rulebook],
        now: Callable[[], datetime],
        on_commit: Callable[[list[StreamRow]], None] = lambda rows: None,
    ) -> None:
        self.database, self.tree, self.rules, self.now = database, tree, rules, now
        self.on_commit = on_commit
        self.forms: Callable[[], FormBook] = cache(default_forms)
        self.channels: ChannelBook = NO_CHANNELS
        self.is_outpost = False  # whatever is done here is to be handed on to the desk above
        self._incidents: OrderedDict[str, Incident] = OrderedDict()
        self._duties: dict[str, Duty] = {}
        self._heads: dict[str, int] = {}
        self._waiting: deque[Work] = deque()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()  # rung after something was put there
        self._is_ending = False
        self._thread = threading.Thread(target=self._write_rounds, name="writer", daemon=True)
        self._hand = Hand(database)
        self._ledger = self._open()
        self.rounds = self.written = 0
        self._doubt: StoreUnavailable | None = None  # why the last round failed that had anything to write
        self._failed_at = 0.0
        self._round_began: float | None = None
        self.commit_times = Durations()  # of rounds that were written, the wait for their turn included

    # ------------------------------------------------------------ opening and closing

    def _open(self) -> Standing:
        with self.database.writing() as connection:
            self.database.lock_ledger(connection)
            row = connection.execute(select(LEDGER)).one_or_none()
            if row is None:
                deployment = str(uuid4())
                chains = Chains.of_nothing(deployment)
                fresh = LedgerRow(
                    id=1,
                    deployment_id=deployment,
                    epoch=str(uuid4()),
                    seq=0,
                    chain_sha256=chains.sha256,
                    chain_sm3=chains.sm3,
                )
                connection.execute(insert(LEDGER), [fresh.model_dump()])
                return Standing(deployment, fresh.epoch, 0, chains, None)
            chains = Chains(bytes(row.chain_sha256), bytes(row.chain_sm3))
            return Standing(row.deployment_id, row.epoch, row.seq, chains, row.recorded_at)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what is queued, then end the writer."""
        self._is_ending = True
        self._bell.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    @property
    def epoch(self) -> str:
        return self._ledger.epoch

    @property
    def deployment_id(self) -> str:
        """The name of this desk among all desks, for ever; every process of it has the same."""
        return self._ledger.deployment_id

    @property
    def accepted_rules(self) -> str | None:
        """The rules that were last in force here, as `Rulebook.dump` wrote them."""
        with self.database.reading() as connection:
            return connection.execute(select(LEDGER.c.rules)).scalar()

    @property
    def last_recorded_at(self) -> datetime | None:
        return self._ledger.recorded_at

    def round_age_s(self) -> float:
        """How long the round that is being written has lasted; 0 when none is."""
        began = self._round_began
        return 0.0 if began is None else time.monotonic() - began

    @property
    def waiting(self) -> int:
        """Commands that queue for the next round."""
        return len(self._waiting)

    # ------------------------------------------------------------ what may be asked of it

    def execute(self, author: Author, person_id: str, command: AnyCommand) -> Future[Answer]:
        """Do a command once. The answer comes when it is on disk; `Refused` and others as exceptions."""
        caller: Future[Answer] = Future()
        self.submit_all([self.work(caller, author, person_id, command)])
        return caller

    def work(
        self,
        caller: Caller,
        author: Author,
        person_id: str,
        command: AnyCommand,
    ) -> Work:
        """The same as a piece of work, to be submitted alone or together with others."""
        said = command.__pydantic_serializer__.to_python(
            command, mode="json", exclude_unset=True, exclude=_NOT_SAID, by_alias=True
        )
        digest = sha256(canonical({"name": command.name, **said})).digest()
        body = canonical(said) if self.is_outpost and not author.is_above else None

        def do(round_: Round) -> Answer:
            return self._command(round_, author, person_id, command, digest, body)

        return Work(do, caller, command.command_id)

    def is_seen_by(self, unit: str, incident_id: str) -> bool:
        """Whether there is such an incident that this unit may see. Synchronous: call in a thread."""
        query = select(INCIDENT_UNIT.c.unit).where(
            INCIDENT_UNIT.c.unit == unit, INCIDENT_UNIT.c.incident_id == incident_id
        )
        with self.database.reading() as connection:
            return connection.execute(query).first() is not None

    def done_among(self, command_ids: Sequence[str]) -> set[str]:
        """Which of these were done already. Synchronous: call in a thread."""
        query = select(IDEMPOTENCY.c.command_id).where(IDEMPOTENCY.c.command_id.in_(command_ids))
        with self.database.reading() as connection:
            return set(connection.execute(query).scalars())

    def tick(self, *due: str, until: datetime | None = None, at: datetime | None = None) -> Future[int]:
        """Write down what time has brought to these incidents and duties (`duty:130300`), in the order in
        which it fell due, up to `until`. `at` is a moment that has come although our clock does not say so.
        Answers how many entries that was."""
        units, incident_ids = _apart(due)

        def bring(round_: Round) -> int:
            return round_.duties.tick(units, until, at) + self._tick(round_, incident_ids, until, at)

        return self.submit(bring)

    def to_come(self, named: Sequence[str]) -> Future[set[tuple[str, datetime]]]:
        """Every moment that is still to be written down for these incidents and duties."""
        units, incident_ids = _apart(named)

        def look(round_: Round) -> set[tuple[str, datetime]]:
            setting = round_.setting
            found = {one: round_.load(one) for one in incident_ids}
            return round_.duties.to_come(units) | {
                (one, moment)
                for one, incident in found.items()
                if incident is not None
                for moment in to_come(incident, setting)
            }

        return self.submit(look)

    def note(
        self, event: ClockStepped | RulesAccepted | TakenAlong, rules: str | None = None
    ) -> Future[None]:
        """An entry of the system itself, for the city's stream."""

        def write(round_: Round) -> None:
            if rules is not None and rules == round_.rules_before():
                return  # another process was quicker
            round_.note(event)
            if rules is not None:
                round_.ledger_rules = rules

        return self.submit(write)

    def note_channel(self, channel: str, fault: str | None) -> Future[None]:
        """A channel is silent, and why; or a message got out by it."""
        found = self.channels.channel(channel)
        units, name = (found.units, found.name) if found is not None else ([], channel)
        return self.submit(lambda round_: round_.duties.note_channel(units, channel, name, fault))

    def look(self) -> Future[None]:
        """Take a turn as a command does: whether it could be done. Nothing is written, unless the last that
        was to be written could not be: a full disk is seen by writing alone. For a moment after a failure the
        answer is that failure: who asks in between must not hear that all is well."""
        if (doubt := self._doubt) is not None and time.monotonic() - self._failed_at < DOUBT_S:
            refused: Future[None] = Future()
            refused.set_exception(StoreUnavailable(*doubt.args))
            return refused
        return self.submit(lambda round_: round_.try_the_disk() if self._doubt is not None else None)

    def submit(self, do: Callable[[Round], Any]) -> Future[Any]:
        caller: Future[Any] = Future()
        self.submit_all([Work(do, caller)])
        return caller

    def submit_all(self, works: list[Work]) -> None:
        """Let these have their turn, in this order and in one round where there is room for them."""
        self._waiting.extend(works)
        self._bell.put(None)

    # ------------------------------------------------------------ the pieces of work

    def _command(
        self,
        round_: Round,
        author: Author,
        person_id: str,
        command: AnyCommand,
        digest: bytes,
        body: bytes | None,
    ) -> Answer:
        before = round_.done_before(command.command_id)
        if before is not None:
            return self._again(round_, author, person_id, command, digest, before)
        if isinstance(command, DutyCommand):
            incident_id, written = None, round_.write_duty(author, command)
        else:
            assert isinstance(command, Command)
            incident_id, written = command.incident_id, self._on_incident(round_, author, command)
        record = Done(
            command_id=command.command_id,
            body_sha256=digest,
            person_id=person_id,
            incident_id=incident_id,
            number=written.number,
            first_seq=written.first_seq,
            last_seq=written.last_seq,
            recorded_at=round_.now,
        )
        round_.remember(record)
        if body is not None:
            skew = author.device_skew_ms if author.via is not None else _skew(command, round_.now)
            round_.hand_on(
                Kept(command.command_id, command.name, body, person_id, author.name, incident_id, skew)
            )
        return self._answer(round_, author, record, replayed=False)

    def _on_incident(self, round_: Round, author: Author, command: Command) -> Written:
        incident = round_.load(command.incident_id)
        opening = command.name == "open-incident"
        if incident is not None and not opening and author.unit not in incident.units:
            incident = None
        setting = round_.setting

        def other(incident_id: str) -> Incident | None:
            found = round_.load(incident_id)
            return found if found is not None and author.unit in found.units else None

        looked_up = (round_.number, other, self.forms, round_.issue, round_.upload, round_.told)
        decided = decide(incident, command, Context(author, setting, *looked_up))
        return round_.write(command.incident_id, decided, author, command, setting)

    def _again(
        self,
        round_: Round,
        author: Author,
        person_id: str,
        command: AnyCommand,
        digest: bytes,
        before: Done,
    ) -> Answer:
        """The first answer again, to whoever sent it or may see what it did."""
        if before.body_sha256 != digest:
            raise CommandIdReused
        if before.person_id != person_id:
            incident = round_.load(before.incident_id) if before.incident_id else None
            if incident is None or author.unit not in incident.units:
                raise CommandIdReused
        via = round_.via(before.first_seq, before.last_seq)
        return replace(self._answer(round_, author, before, replayed=True), via=via)

    def _answer(self, round_: Round, author: Author, done: Done, *, replayed: bool) -> Answer:
        """The number of an incident in another unit's area would tell how busy that unit is: left out."""
        offset = round_.offset(author.unit, done.first_seq, done.last_seq)
        return Answer(
            done.command_id,
            self._ledger.epoch,
            offset,
            done.incident_id,
            None if offset is None else done.number,
            done.recorded_at,
            replayed,
        )

    def _tick(
        self, round_: Round, incident_ids: Sequence[str], until: datetime | None, at: datetime | None = None
    ) -> int:
        setting = round_.setting if at is None else self._setting(max(at, round_.now))
        waiting: list[tuple[datetime, str]] = []
        written = 0

        def look_at(incident_id: str) -> None:
            incident = round_.load(incident_id)
            assert incident is not None
            due = passing(incident, setting)
            if due is not None and (until is None or due[0] <= until):
                heapq.heappush(waiting, (due[0], incident_id))

        for incident_id in incident_ids:
            if round_.load(incident_id) is not None:
                written += round_.write_events(incident_id, [], setting)  # follow-up periods that began
                look_at(incident_id)
        while waiting:
            _at, incident_id = heapq.heappop(waiting)
            incident = round_.load(incident_id)
            due = passing(incident, setting) if incident is not None else None
            if due is not None:
                written += round_.write_events(incident_id, due[1], setting)
                look_at(incident_id)
        return written

    def _setting(self, now: datetime) -> Setting:
        return Setting(self.rules().in_force(now), self.tree, now)

    # ------------------------------------------------------------ the writer

    def _write_rounds(self) -> None:
        try:
            self._take_rounds()
        finally:
            self._hand.close()

    def _take_rounds(self) -> None:
        while not (self._is_ending and not self._waiting):
            self._bell.get()
            while not self._bell.empty():  # what was rung for until now is about to be taken
                self._bell.get()
            while self._waiting:
                works = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_IN_A_ROUND))]
                if works := [work for work in works if work.is_wanted()]:
                    self._write_round(works)
                self._round_began = None

    def _write_round(self, works: list[Work]) -> None:
        """One transaction for these pieces of work. Answers go out only after it is on disk."""
        answers: list[Outcome] = []
        began = self._round_began = time.monotonic()
        try:
            asked = [work.command_id for work in works if work.command_id is not None]
            with self._hand.turn(asked) as turn:
                pen = Pen(turn.connection, self.database.is_sqlite)
                round_ = Round(turn, pen, self.tree, self.now(), self._heads, self._incidents, self._duties)
                round_.setting = self._setting(round_.now)
                round_.number_mark = OUTPOST_MARK if self.is_outpost else ""
                if self.channels.channels:
                    round_.alarms = Alarms(
                        self.channels, self.tree, round_.setting.rules, round_.now, round_.duties, round_.load
                    )
                round_.catch_up(self._ledger)
                for work in works:
                    try:
                        answers.append((work.caller, work.run(round_), None))
                    except SQLAlchemyError:
                        raise
                    except Exception as refusal:  # handed to the caller whole, neighbours go on
                        work.fail()
                        round_.forget_unwritten()
                        answers.append((work.caller, None, refusal))
                round_.flush()
        except Exception as failure:
            if time.monotonic() - began > WAITED_ENOUGH_S:  # the next round would wait as long, for the same
                behind = [self._waiting.popleft() for _ in range(len(self._waiting))]
                works = [*works, *(work for work in behind if work.is_wanted())]
            log.error("a round of writes failed", error=repr(failure), commands=len(works))
            self._incidents.clear()
            self._duties.clear()
            self._heads.clear()
            unavailable = StoreUnavailable(repr(failure))
            unavailable.__cause__ = failure
            self._doubt, self._failed_at = unavailable, time.monotonic()
            for work in works:
                work.was_not_written(unavailable)
            tell((work.caller, None, unavailable) for work in works)
            return
        self._ledger = round_.ledger
        while len(self._incidents) > INCIDENTS_KEPT:
            self._incidents.popitem(last=False)
        self.rounds += 1
        if round_.has_written and time.monotonic() - self._failed_at > DOUBT_S:
            self._doubt = None
        if round_.entries_written:
            self.commit_times.observe(time.monotonic() - began)
        self.written += round_.entries_written
        if round_.published:
            try:
                self.on_commit(round_.published)
            except Exception:  # listeners find out by their heads; the answers below are due all the same
                log.exception("what was written could not be handed to the listeners")
        tell(answers)


def _skew(command: AnyCommand, now: datetime) -> int | None:
    """How far the device's clock was behind ours when it sent this."""
    sent = command.device_sent_at
    return None if sent is None else int((now - sent).total_seconds() * 1000)


def _apart(named: Sequence[str]) -> tuple[list[str], list[str]]:
    """The units whose duty is meant, and the incidents."""
    units = [one.removeprefix(DUTY_SUBJECT) for one in named if one.startswith(DUTY_SUBJECT)]
    return units, [one for one in named if not one.startswith(DUTY_SUBJECT)]


def load_incident(connection: Any, incident_id: str) -> Incident | None:
    """An incident's state from its entries on disk; None when there are none."""
    bodies = connection.execute(
        select(ENTRY.c.body).where(ENTRY.c.incident_id == incident_id).order_by(ENTRY.c.seq)
    ).scalars()
    incident = fold(incident_id, (LOG_ENTRY.validate_json(body) for body in bodies))
    return incident if incident.version else None
