"""The tables. `entry` is the truth; `stream_entry` says who may see what in which order; the rest is derived.

`entry`, `stream_entry` and `idempotency` are append-only: triggers (see migrations) refuse to change them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import BigInteger, Index, LargeBinary, Table, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from server.record.columns import UTCDateTime


def _instant(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_type=UTCDateTime, nullable=nullable, index=index)


#: Few entries have one: an index of these alone costs the others nothing.
_HAS_SUBJECT = text("subject IS NOT NULL")


class LedgerRow(SQLModel, table=True):
    """One row: where the log stands. Locked by whoever writes."""

    __tablename__ = "ledger"

    id: int = Field(primary_key=True)
    deployment_id: str
    epoch: str
    seq: int = Field(sa_type=BigInteger)
    chain_sha256: bytes = Field(sa_type=LargeBinary)
    chain_sm3: bytes = Field(sa_type=LargeBinary)
    recorded_at: datetime | None = _instant(nullable=True)
    rules: str | None = Field(default=None, sa_type=Text)


class EntryRow(SQLModel, table=True):
    """A line of the log: its place in the one order of everything, its bytes, the chain after it."""

    __tablename__ = "entry"
    __table_args__ = (
        Index("ix_entry_subject", "subject", sqlite_where=_HAS_SUBJECT, postgresql_where=_HAS_SUBJECT),
    )

    seq: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    incident_id: str | None = Field(default=None, index=True, max_length=36)
    event_type: str = Field(max_length=40)
    recorded_at: datetime = _instant()
    restricted: bool = False
    body: bytes = Field(sa_type=LargeBinary)
    chain_sha256: bytes = Field(sa_type=LargeBinary)
    chain_sm3: bytes = Field(sa_type=LargeBinary)
    subject: str | None = Field(default=None, max_length=48)  # what it belongs to, when that is no incident


class StreamEntryRow(SQLModel, table=True):
    """Entry `seq` stands at `position` of this unit's stream. Dense: 1, 2, 3 …, in the order of commit."""

    __tablename__ = "stream_entry"
    __table_args__ = (UniqueConstraint("stream", "seq"),)

    stream: str = Field(primary_key=True, max_length=48)
    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(sa_type=BigInteger, index=True)


class StreamHeadRow(SQLModel, table=True):
    """The last number given out in a stream."""

    __tablename__ = "stream_head"

    stream: str = Field(primary_key=True, max_length=48)
    head: int = Field(sa_type=BigInteger)


class IdempotencyRow(SQLModel, table=True):
    """A command that was done, and what it came to: asked again, the same answer, for ever."""

    __tablename__ = "idempotency"

    command_id: str = Field(primary_key=True, max_length=36)
    body_sha256: bytes = Field(sa_type=LargeBinary)
    person_id: str = Field(max_length=36)
    incident_id: str | None = Field(default=None, max_length=36)
    number: str | None = Field(default=None, max_length=60)
    first_seq: int = Field(sa_type=BigInteger)
    last_seq: int = Field(sa_type=BigInteger)
    recorded_at: datetime = _instant()


class CounterRow(SQLModel, table=True):
    """The last incident number of a unit and year; drills count apart."""

    __tablename__ = "counter"

    prefix: str = Field(primary_key=True, max_length=60)
    last: int


class IncidentRow(SQLModel, table=True):
    """An incident as lists, clocks and statistics need it. Made from the log by the same fold."""

    __tablename__ = "incident"
    __table_args__ = (
        Index("ix_incident_state_opened", "state", "opened_at", "id"),
        Index("ix_incident_next_alarm_at", "next_alarm_at"),
        Index("ix_incident_one_hour", "initial_major", "start_at"),
    )

    id: str = Field(primary_key=True, max_length=36)
    number: str = Field(max_length=60, index=True)
    title: str = Field(sa_type=Text)
    category: str | None = Field(default=None, max_length=80)
    unit: str = Field(max_length=40, index=True)
    place: str = Field(sa_type=Text)
    drill: bool
    state: str = Field(max_length=10)
    outcome: str | None = Field(default=None, max_length=30)
    merged_into: str | None = Field(default=None, max_length=36)
    reporting_level: int = 0
    final_level: int = 0
    near_miss: bool = False
    judged: bool = False
    known_at: datetime = _instant()
    occurred_at: datetime | None = _instant(nullable=True)
    opened_at: datetime = _instant()
    opened_by: str
    changed_at: datetime = _instant()
    closed_at: datetime | None = _instant(nullable=True)
    facts: str = Field(sa_type=Text)
    search: str = Field(sa_type=Text)
    version: int
    initial_major: bool = False
    case_kind: str | None = Field(default=None, max_length=10)
    start_at: datetime | None = _instant(nullable=True)
    end_at: datetime | None = _instant(nullable=True)
    passed: bool | None = None
    next_due_at: datetime | None = _instant(nullable=True)
    next_alarm_at: datetime | None = _instant(nullable=True)


class IncidentUnitRow(SQLModel, table=True):
    """This unit may see this incident."""

    __tablename__ = "incident_unit"

    unit: str = Field(primary_key=True, max_length=40)
    incident_id: str = Field(primary_key=True, max_length=36, index=True)


class ObligationRow(SQLModel, table=True):
    """A report owed, frozen when its clock started; the last three columns say what became of it."""

    __tablename__ = "obligation"

    obligation_id: str = Field(primary_key=True, max_length=36)
    incident_id: str = Field(max_length=36, index=True)
    rule: str = Field(max_length=40)
    rule_text: str = Field(sa_type=Text)
    rule_text_en: str = Field(sa_type=Text)
    source: str = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    sender: str = Field(max_length=80)
    recipient: str = Field(max_length=80)
    stage: str = Field(max_length=20)
    channel: str = Field(max_length=20)
    started_at: datetime = _instant()
    due_at: datetime | None = _instant(nullable=True, index=True)
    warn_at: datetime | None = _instant(nullable=True)
    period: datetime | None = _instant(nullable=True)
    met_at: datetime | None = _instant(nullable=True)
    met_by: str | None = Field(default=None, max_length=36)
    excused: str | None = Field(default=None, max_length=20)


#: 0 owed still, 1 met, 2 met late, 3 excused, whatever the time. Text, because an index is made of it.
OUTCOME = text(
    "(CASE WHEN excused IS NOT NULL THEN 3 WHEN met_at IS NULL THEN 0 "
    "WHEN due_at IS NULL OR met_at <= due_at THEN 1 ELSE 2 END)"
)


class InstructionStepRow(SQLModel, table=True):
    """What an addressee of a leader's instruction comes to next: `owner` owes it by `due_at`."""

    __tablename__ = "instruction_step"

    incident_id: str = Field(primary_key=True, max_length=36)
    instruction_id: str = Field(primary_key=True, max_length=36)
    addressee_id: str = Field(primary_key=True, max_length=36)
    step: str = Field(max_length=10)
    owner: str = Field(max_length=40)
    giver: str = Field(max_length=40)
    unit: str = Field(max_length=40)
    since: datetime = _instant()
    due_at: datetime | None = _instant(nullable=True)


class IncidentFieldRow(SQLModel, table=True):
    """People on the spot as boards show them: how many are there, how many inside, what waits for an answer.

    `waiting` is JSON, the open requests for help. An incident from whose spot nobody was heard has no row.
    """

    __tablename__ = "incident_field"

    incident_id: str = Field(primary_key=True, max_length=36)
    deployed: int
    inside: int
    discrepancy: int
    open_help: int
    waiting: str = Field(sa_type=Text)


class CatalogueHeadRow(SQLModel, table=True):
    """One row, or none yet: the catalogue holds what entries up to `seq` made of the incidents.

    Up to `areas` it holds the marks of areas too, which a program from before 0013 does not make: where that
    is not `seq`, they are to be made good.
    """

    __tablename__ = "catalogue_head"

    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)
    areas: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class CataloguePlaceRow(SQLModel, table=True):
    """An incident's place in the order of lists, and the words that it is found by."""

    __tablename__ = "catalogue_place"
    __table_args__ = (UniqueConstraint("incident_id"),)

    position: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    incident_id: str = Field(max_length=36)
    words: str = Field(sa_type=Text)


class CatalogueMarkRow(SQLModel, table=True):
    """Which places of a block carry a tag (`server.record.catalogue`)."""

    __tablename__ = "catalogue_mark"

    tag: str = Field(primary_key=True, max_length=90)
    block: int = Field(primary_key=True, index=True)
    members: bytes = Field(sa_type=LargeBinary)


def _table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


LEDGER, ENTRY, STREAM_ENTRY = _table(LedgerRow), _table(EntryRow), _table(StreamEntryRow)
STREAM_HEAD, IDEMPOTENCY, COUNTER = _table(StreamHeadRow), _table(IdempotencyRow), _table(CounterRow)
INCIDENT, INCIDENT_UNIT, OBLIGATION = _table(IncidentRow), _table(IncidentUnitRow), _table(ObligationRow)
CATALOGUE_HEAD, CATALOGUE_PLACE = _table(CatalogueHeadRow), _table(CataloguePlaceRow)
CATALOGUE_MARK = _table(CatalogueMarkRow)
INSTRUCTION_STEP, INCIDENT_FIELD = _table(InstructionStepRow), _table(IncidentFieldRow)
Index("ix_obligation_outcome", OUTCOME, OBLIGATION.c.due_at, OBLIGATION.c.obligation_id)
