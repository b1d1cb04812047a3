"""The tables that show the duties of the units: who is on, the roster, roll-calls, sealed months; derived."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Table, Text
from sqlmodel import Field, SQLModel

from server.record.columns import UTCDateTime


def _instant(*, nullable: bool = False, index: bool = False) -> Any:
    return Field(default=None, sa_type=UTCDateTime, nullable=nullable, index=index)


_NONE = {"server_default": "[]"}


class DutyRow(SQLModel, table=True):
    """A unit's duty: which shift answers, and when the watch has to look next. `alarms` that nobody has
    taken, `silent` channels, and what is arranged for its `wall` screens as JSON."""

    __tablename__ = "duty"

    unit: str = Field(primary_key=True, max_length=40)
    version: int
    changed_at: datetime = _instant()
    rostered: bool  # whether any shift stands on its roster
    shift_id: str | None = Field(default=None, max_length=36)
    since: datetime | None = _instant(nullable=True)
    next_alarm_at: datetime | None = _instant(nullable=True, index=True)
    alarms: str = Field(sa_type=Text, sa_column_kwargs=_NONE)
    silent: str = Field(sa_type=Text, sa_column_kwargs=_NONE)
    wall: str = Field(sa_type=Text, sa_column_kwargs={"server_default": "{}"})


class ShiftRow(SQLModel, table=True):
    """A shift that stands on a unit's roster. `posts` and `leader` as JSON: people by post."""

    __tablename__ = "shift"
    __table_args__ = (Index("ix_shift_unit_starts_at", "unit", "starts_at"),)

    shift_id: str = Field(primary_key=True, max_length=36)
    unit: str = Field(max_length=40)
    starts_at: datetime = _instant()
    ends_at: datetime = _instant()
    posts: str = Field(sa_type=Text)
    leader: str | None = Field(default=None, sa_type=Text)
    cancelled: bool
    taken_at: datetime | None = _instant(nullable=True)
    taken_by: str | None = None
    ended_at: datetime | None = _instant(nullable=True)


class RollAnswerRow(SQLModel, table=True):
    """What one unit was asked in one roll-call, and what became of it."""

    __tablename__ = "roll_answer"
    __table_args__ = (
        Index("ix_roll_answer_caller_asked_at", "caller", "asked_at"),
        Index("ix_roll_answer_unit_asked_at", "unit", "asked_at"),
    )

    roll_id: str = Field(primary_key=True, max_length=36)
    unit: str = Field(primary_key=True, max_length=40)
    caller: str = Field(max_length=40)
    text: str | None = Field(default=None, sa_type=Text)
    drill: bool
    asked_at: datetime = _instant()
    answer_by: datetime = _instant()
    unanswered_at: datetime | None = _instant(nullable=True)
    answered_at: datetime | None = _instant(nullable=True)
    answered_by: str | None = Field(default=None, sa_type=Text)
    delay_s: int | None = None
    channel: str | None = Field(default=None, max_length=20)
    missed: bool = False


class MonthSealRow(SQLModel, table=True):
    """A month whose figures a unit has sealed. `incidents` as JSON: what counted then, and how."""

    __tablename__ = "month_seal"

    unit: str = Field(primary_key=True, max_length=40)
    month: str = Field(primary_key=True, max_length=7)
    sealed_at: datetime = _instant()
    name: str = Field(sa_type=Text)
    rules: str | None = Field(default=None, max_length=64)
    final_met: int
    final_of: int
    initial_met: int
    initial_of: int
    incidents: str = Field(sa_type=Text)


def _table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


DUTY, SHIFT, ROLL_ANSWER = _table(DutyRow), _table(ShiftRow), _table(RollAnswerRow)
MONTH_SEAL = _table(MonthSealRow)
