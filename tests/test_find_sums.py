"""A search passes over blocks of the index that cannot have it, and over nothing that it should find."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import delete, select, update

from server.record import find_index, find_marks, find_sums
from server.record.find_index import catch_up, take_in
from server.record.find_tables import FIND_HEAD, FIND_MARK
from tests import words
from tests.room import Room
from tests.test_visibility import a_busy_day


def opened(room: Room, **over: Any) -> str:
    body = words.open_incident(**over)
    room.told("Li", "open-incident", body)
    return str(body["incident_id"])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a busy day has many, and their sums several rows."""
    for module in (find_index, find_marks):
        monkeypatch.setattr(module, "BLOCK", 8)
    monkeypatch.setattr(find_sums, "SUMMED", 4)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_that_cannot_have_it_are_passed_over_and_nothing_with_them(
    own_room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, database = own_room, own_room.parts.database
    one = opened(room, title="很早的貘", place={"division": "130324", "text": "渡口"})
    a_busy_day(room, "Li")
    drill = opened(room, title="演练的貘", drill=True)
    while take_in(database, 11):
        pass
    read: list[int] = []
    in_sight = find_marks.Marked._in_sight

    def counted(marked: find_marks.Marked, block: int, *rest: Any) -> int:
        read.append(block)
        return in_sight(marked, block, *rest)

    monkeypatch.setattr(find_marks.Marked, "_in_sight", counted)
    asked: list[dict[str, Any]] = [
        {"q": q, **more}
        for q in ("貘", "很早 貘", "早的貘", "渡口", "mo", "没有的话", "现场", "1")
        for more in ({}, {"drill": True}, {"kind": "incident"}, {"kind": "duty"}, {"unit": "130324"})
    ]

    def answers() -> list[Any]:
        read.clear()
        return [room.ask("Li", "search", **one)["groups"] for one in asked]

    with_sums = answers()
    few = len(read)
    found = [each for group in room.ask("Li", "search", q="貘")["groups"] for each in group["results"]]
    assert {each["incident_id"] for each in found} == {one, drill}
    with database.writing() as connection:
        connection.execute(update(FIND_HEAD).values(summed=0))  # as a program from before the sums leaves it
    assert answers() == with_sums
    assert few < len(read) / 3, "what cannot have it is read all the same"


@pytest.mark.usefixtures("small_blocks")
def test_sums_that_a_program_from_before_them_left_behind_are_made_anew(own_room: Room) -> None:
    room, database = own_room, own_room.parts.database
    a_busy_day(room, "Li")
    while take_in(database, 11):
        pass

    def sums() -> dict[tuple[str, int], bytes]:
        with database.reading() as connection:
            query = select(FIND_MARK).where(FIND_MARK.c.block < 0)
            return {(row.tag, row.block): bytes(row.members) for row in connection.execute(query)}

    before = sums()
    assert {block for _tag, block in before} >= {-1, -2}
    with database.writing() as connection:
        connection.execute(delete(FIND_MARK).where(FIND_MARK.c.block == -2))
        connection.execute(update(FIND_MARK).where(FIND_MARK.c.block == -1).values(members=b"b\xff"))
        connection.execute(update(FIND_HEAD).values(summed=7))
    catch_up(database)
    assert sums() == before
