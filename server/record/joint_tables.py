"""The tables that show joint duties: the periods, their seats, data and requests; derived from the log.

Ids are chosen by whoever sends them, so a row is known by its unit, too: another unit's duty cannot be
written over by opening one with the same id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlalchemy import Index, Table, Text
from sqlmodel import Field, SQLModel

from server.record.columns import UTCDateTime


def _instant(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_type=UTCDateTime, nullable=nullable)


class JointDutyRow(SQLModel, table=True):
    """A period of joint duty, under the unit that opened it."""

    __tablename__ = "joint_duty"
    __table_args__ = (Index("ix_joint_duty_unit_ends_at", "unit", "ends_at"),)

    unit: str = Field(primary_key=True, max_length=40)
    period_id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=20)
    title: str = Field(sa_type=Text)
    drill: bool
    starts_at: datetime = _instant()
    ends_at: datetime = _instant()
    opened_at: datetime = _instant()
    opened_by: str = Field(sa_type=Text)
    ran_out: bool
    closed_at: datetime | None = _instant(nullable=True)
    closed_why: str | None = Field(default=None, sa_type=Text)


class JointSeatRow(SQLModel, table=True):
    """A department's seat in a period: who is there, or since when nobody is."""

    __tablename__ = "joint_seat"
    __table_args__ = (Index("ix_joint_seat_seat", "seat"),)

    unit: str = Field(primary_key=True, max_length=40)
    period_id: str = Field(primary_key=True, max_length=36)
    seat: str = Field(primary_key=True, max_length=40)
    required: bool
    name: str | None = Field(default=None, sa_type=Text)
    phone: str | None = Field(default=None, max_length=60)
    since: datetime | None = _instant(nullable=True)
    empty_since: datetime | None = _instant(nullable=True)
    noted_at: datetime | None = _instant(nullable=True)
    last: str | None = Field(default=None, sa_type=Text)
    rest: str | None = Field(default=None, sa_type=Text)


class JointDataRow(SQLModel, table=True):
    """Something to be handed in at set times, and what came last."""

    __tablename__ = "joint_data"

    unit: str = Field(primary_key=True, max_length=40)
    period_id: str = Field(primary_key=True, max_length=36)
    data_id: str = Field(primary_key=True, max_length=36)
    seat: str = Field(max_length=40)
    text: str = Field(sa_type=Text)
    every_min: int
    shared: bool
    due_at: datetime = _instant()
    missed: int
    handed_at: datetime | None = _instant(nullable=True)
    handed_by: str | None = Field(default=None, sa_type=Text)
    value: str | None = Field(default=None, sa_type=Text)
    stopped_at: datetime | None = _instant(nullable=True)


class JointRequestRow(SQLModel, table=True):
    """What one seat, or the desk, asked another, and what became of it."""

    __tablename__ = "joint_request"
    __table_args__ = (Index("ix_joint_request_unit_period_id_asked_at", "unit", "period_id", "asked_at"),)

    unit: str = Field(primary_key=True, max_length=40)
    period_id: str = Field(primary_key=True, max_length=36)
    request_id: str = Field(primary_key=True, max_length=36)
    asked_by: str = Field(max_length=40)
    by_name: str = Field(sa_type=Text)
    to_unit: str = Field(max_length=40)
    text: str = Field(sa_type=Text)
    asked_at: datetime = _instant()
    take_by: datetime = _instant()
    answer_by: datetime = _instant()
    taken_at: datetime | None = _instant(nullable=True)
    taken_by: str | None = Field(default=None, sa_type=Text)
    answered_at: datetime | None = _instant(nullable=True)
    answered_by: str | None = Field(default=None, sa_type=Text)
    answer: str | None = Field(default=None, sa_type=Text)
    late_take: bool
    late_answer: bool
    chased: int
    chased_text: str | None = Field(default=None, sa_type=Text)


def _table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


JOINT_DUTY, JOINT_SEAT = _table(JointDutyRow), _table(JointSeatRow)
JOINT_DATA, JOINT_REQUEST = _table(JointDataRow), _table(JointRequestRow)
