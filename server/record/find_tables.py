"""The tables of the index by which anything is found (`server.record.find_index`): derived, made at will."""

from __future__ import annotations

from typing import cast

from sqlalchemy import BigInteger, LargeBinary, Table
from sqlmodel import Field, SQLModel

from server.record import columns  # noqa: F401 (names of constraints)


class FindHeadRow(SQLModel, table=True):
    """One row, or none yet: entries up to `seq` are in the index.

    Its sums are of entries up to `summed`; where that is not `seq`, a program from before 0015 has taken in
    without them, and they are to be made anew.
    """

    __tablename__ = "find_head"

    id: int = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)
    summed: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class FindMarkRow(SQLModel, table=True):
    """Which entries of a block carry a tag; below 0, in a sum, which blocks do."""

    __tablename__ = "find_mark"

    tag: str = Field(primary_key=True, max_length=90)
    block: int = Field(primary_key=True)
    members: bytes = Field(sa_type=LargeBinary)


def _table(model: type[SQLModel]) -> Table:
    return cast(Table, model.__table__)  # type: ignore[attr-defined]


FIND_HEAD, FIND_MARK = _table(FindHeadRow), _table(FindMarkRow)
