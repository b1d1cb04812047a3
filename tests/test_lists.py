"""Lists and searches through the catalogue give what a look at every row gives, however far it has come."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import delete, select, update

from schemas.terms import Level, Post
from server.config.unit_file import default_units
from server.domain.decide import Author
from server.migrations import HERE
from server.record import cataloguing, lists
from server.record.catalogue import descending, packed, tags_of, text_tags, unpacked
from server.record.cursors import pack
from server.record.database import Database
from server.record.lists import Wanted
from server.record.tables import (
    CATALOGUE_HEAD,
    CATALOGUE_MARK,
    CATALOGUE_PLACE,
    INCIDENT,
    INCIDENT_UNIT,
    LEDGER,
)
from server.safekeeping import catalogue_check
from server.safekeeping.verify import verify
from tests import words
from tests.chronicle import COUNTIES, TOWNS, Chronicle

TREE = default_units()
VIEWERS = ("130300", "130324", "130321", "130324105", "130300-qx")
TEXTS = ("火", "火灾", "灾火", "厂", "青龙河", "河青", "2026-00", "ll", "LL-2026-0001", "%", "_", "\\", "é",
         "ǆ", "\n", "没有", "火灾厂青龙河火灾厂青龙河火灾厂青龙河")  # fmt: skip
CATEGORIES = (None, "hazmat", "hazmat/leak", "flood", "fire_accident")
FEW = 16  # places in a block: so that there are many


class Scribe(Chronicle):
    """Opens incidents of many names, often several at one instant."""

    def open_some(self, count: int) -> None:
        chance = random.Random(count)
        for _ in range(count):
            at = chance.randrange(len(COUNTIES))
            name = "".join(chance.choices("火灾厂青龙河aBéǅ%_\\ 水", k=chance.randrange(1, 9)))
            body = words.open_incident(
                title="火" + name.strip(),
                category=chance.choice(("flood", "hazmat/leak", "hazmat", None)),
                place={
                    "division": chance.choice((COUNTIES[at], TOWNS[at])),
                    "text": chance.choice(("青龙河", "x")),
                },
                known_at=self._at(60), known_by=COUNTIES[at], occurred_at=self._at(90),
                facts={"dead": chance.choice((0, 3, 11))}, drill=chance.random() < 0.2,
            )  # fmt: skip
            author = Author("值班员", Post.DUTY_OFFICER, COUNTIES[at])
            self._settle([self._say(author, "open-incident", body)])
            if chance.random() < 0.4:
                self.now_at += timedelta(seconds=1)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cataloguing, lists, catalogue_check):
        monkeypatch.setattr(module, "BLOCK", FEW)


@pytest.fixture
def scribe(database_url: str) -> Iterator[Scribe]:
    database = Database(database_url)
    with Scribe(database, seed=11).running() as scribe:
        yield scribe
    database.close()


def every_row(database: Database, viewer: str) -> list[Any]:
    query = select(INCIDENT).join(INCIDENT_UNIT, INCIDENT_UNIT.c.incident_id == INCIDENT.c.id)
    with database.reading() as connection:
        rows = connection.execute(query.where(INCIDENT_UNIT.c.unit == viewer)).mappings().all()
    return sorted(rows, key=lambda row: (row["opened_at"], row["id"]), reverse=True)


def fits(row: Any, wanted: Wanted) -> bool:
    """What a list asks for, said once more without any index."""
    level = row["final_level"] or row["reporting_level"]
    kind, asked = row["category"] or "", wanted.category
    return (
        (wanted.state == "all" or (row["state"] == "open") is (wanted.state == "open"))
        and (wanted.level is None or Level(wanted.level).rank == level)
        and (wanted.unit is None or row["unit"] in TREE.subtree(wanted.unit))
        and (asked is None or kind == asked or kind.startswith(asked + "/"))
        and (wanted.drill is None or row["drill"] is wanted.drill)
        and (wanted.q or "").casefold() in row["search"]
    )


def paged(database: Database, viewer: str, wanted: Wanted, now: Any) -> list[str]:
    found: list[str] = []
    while True:
        page = lists.incidents(database, TREE, viewer, wanted, now)
        found += [one["id"] for one in page["incidents"]]
        assert len(page["incidents"]) <= wanted.limit
        if page["next"] is None:
            return found
        wanted = replace(wanted, after=page["next"])


def some_wanted(chance: random.Random) -> Wanted:
    return Wanted(
        state=chance.choice(("open", "closed", "all", "all")),
        level=chance.choice((None, None, None, *Level)),
        unit=chance.choice((None, None, "130300", "130324", "130321", "130324105", "000000")),
        category=chance.choice((*(None,) * 4, *CATEGORIES)),
        drill=chance.choice((None, None, True, False)),
        q=chance.choice((None, *TEXTS)),
        limit=chance.choice((1, 3, 10, 1000)),
    )


def check_all(scribe: Scribe, seed: int, questions: int) -> int:
    chance, found = random.Random(seed), 0
    for viewer in VIEWERS:
        rows = every_row(scribe.database, viewer)
        assert paged(scribe.database, viewer, Wanted(state="all", limit=7), scribe.now_at) == [
            row["id"] for row in rows
        ]
        for _ in range(questions):
            wanted = some_wanted(chance)
            expected = [row["id"] for row in rows if fits(row, wanted)]
            assert paged(scribe.database, viewer, wanted, scribe.now_at) == expected, (viewer, wanted)
            found += len(expected)
    return found


def catalogued(scribe: Scribe) -> tuple[int, int]:
    with scribe.database.reading() as connection:
        places = len(connection.execute(select(CATALOGUE_PLACE.c.position)).all())
        return places, int(connection.execute(select(CATALOGUE_HEAD.c.seq)).scalar() or 0)


@pytest.mark.timeout(180)
def test_a_list_is_the_same_however_far_the_catalogue_has_come(scribe: Scribe) -> None:
    scribe.open_some(90)
    assert check_all(scribe, 1, 5), "without a catalogue"
    cataloguing.take_in(scribe.database, most=60)
    before = catalogued(scribe)
    assert 0 < before[0] < 90
    assert check_all(scribe, 2, 10), "partly catalogued"
    cataloguing.catch_up(scribe.database)
    assert check_all(scribe, 3, 10), "all catalogued but for the last instant"
    scribe.write(scribe.store.written + 400)  # of every kind: closed, merged, moved, shared, graded, reopened
    scribe.open_some(21)
    assert check_all(scribe, 4, 10), "much has changed since"
    cataloguing.take_in(scribe.database, most=150)
    assert check_all(scribe, 5, 10)
    cataloguing.catch_up(scribe.database)
    assert check_all(scribe, 6, 20)
    after = catalogued(scribe)
    assert after[0] > before[0]
    assert after[1] > before[1]
    assert verify(scribe.database).faults == []
    with scribe.database.reading() as connection:
        assert cataloguing.has_areas(connection)


def test_who_may_not_see_an_incident_does_not_find_it_though_the_catalogue_says_so(scribe: Scribe) -> None:
    """The rights stand in the rows: a mark too many shows nobody anything."""
    scribe.open_some(40)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.catch_up(scribe.database)
    before = {one: paged(scribe.database, one, Wanted(state="all"), scribe.now_at) for one in VIEWERS}
    assert 0 < len(before["130324"]) < len(before["130300"])
    with scribe.database.writing() as connection:
        connection.execute(
            update(CATALOGUE_MARK)
            .where(CATALOGUE_MARK.c.tag.in_(["v130324", "v130321"]))
            .values(members=packed((1 << FEW) - 1))
        )
    after = {one: paged(scribe.database, one, Wanted(state="all"), scribe.now_at) for one in VIEWERS}
    assert after == before
    assert any("catalogue_mark" in fault for fault in verify(scribe.database).faults)


def test_a_cursor_that_names_nobody_goes_on_from_its_moment(scribe: Scribe) -> None:
    scribe.open_some(50)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.catch_up(scribe.database)
    rows = every_row(scribe.database, "130300")
    for row in rows[::7]:
        moment = (row["opened_at"] - timedelta(milliseconds=1)).isoformat()
        wanted = Wanted(state="all", after=pack(moment, "no such incident"), limit=500)
        expected = [one["id"] for one in rows if one["opened_at"] < row["opened_at"]]
        assert paged(scribe.database, "130300", wanted, scribe.now_at) == expected


def test_a_program_of_the_version_before_may_write_meanwhile(scribe: Scribe) -> None:
    """It knows no catalogue: what it wrote is read over the catalogue, and taken in from the log."""
    scribe.open_some(40)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.catch_up(scribe.database)
    (closed,) = (row["id"] for row in every_row(scribe.database, "130300")[20:21])
    body = words.close_incident(closed, at=scribe.now_at.isoformat())
    author = Author("值班员", Post.DUTY_OFFICER, "130300")
    scribe._say(author, "close-incident", body).result(timeout=60)
    assert paged(scribe.database, "130300", Wanted(state="closed"), scribe.now_at) == [closed]
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.catch_up(scribe.database)
    with scribe.database.reading() as connection:
        seq = connection.execute(select(LEDGER.c.seq)).scalar_one()
        assert cataloguing.catalogued_until(connection) >= seq - 12
    assert paged(scribe.database, "130300", Wanted(state="closed"), scribe.now_at) == [closed]


def test_a_program_from_before_the_areas_may_take_in_meanwhile(scribe: Scribe) -> None:
    """It makes none of their marks: lists do without until the newer program has made them good."""
    scribe.open_some(40)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.take_in(scribe.database, most=40)
    with scribe.database.reading() as connection:
        areas = cataloguing.catalogued_until(connection)
        is_area = CATALOGUE_MARK.c.tag.like("a%")
        kept = connection.execute(select(CATALOGUE_MARK).where(is_area)).mappings().all()
    cataloguing.catch_up(scribe.database)
    with scribe.database.writing() as connection:  # as that program leaves them
        connection.execute(delete(CATALOGUE_MARK).where(is_area))
        connection.execute(CATALOGUE_MARK.insert(), [dict(row) for row in kept])
        connection.execute(update(CATALOGUE_HEAD).values(areas=areas))
    assert 0 < areas < catalogued(scribe)[1]
    counties = [Wanted(state="all", unit=unit) for unit in ("130324", "130321")]
    expected = [
        [row["id"] for row in every_row(scribe.database, "130300") if fits(row, wanted)]
        for wanted in counties
    ]
    assert all(expected)
    for made_good in (False, True):
        with scribe.database.reading() as connection:
            assert cataloguing.has_areas(connection) is made_good
        for wanted, ids in zip(counties, expected, strict=True):
            assert paged(scribe.database, "130300", wanted, scribe.now_at) == ids
        assert verify(scribe.database).faults == []
        cataloguing.catch_up(scribe.database)


def test_the_step_that_brings_the_areas_makes_their_marks_of_those_there_are(scribe: Scribe) -> None:
    scribe.open_some(40)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.catch_up(scribe.database)
    config = Config()
    config.set_main_option("script_location", str(HERE))
    with scribe.database.writing() as connection:
        marks = sorted(map(tuple, connection.execute(select(CATALOGUE_MARK))))
        config.attributes["connection"] = connection
        command.downgrade(config, "0012")
        assert sorted(map(tuple, connection.execute(select(CATALOGUE_MARK)))) == [
            mark for mark in marks if mark[0][0] != "a"
        ]
        command.upgrade(config, "0013")
        assert sorted(map(tuple, connection.execute(select(CATALOGUE_MARK)))) == marks
        command.upgrade(config, "head")
    with scribe.database.reading() as connection:
        assert cataloguing.has_areas(connection)
    assert verify(scribe.database).faults == []


def test_a_catalogue_that_is_far_behind_or_gone_is_done_without(
    scribe: Scribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    scribe.open_some(40)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    cataloguing.catch_up(scribe.database)
    monkeypatch.setattr(lists, "MOST_BEYOND", 0)
    with scribe.database.writing() as connection:
        connection.execute(delete(CATALOGUE_MARK))
    assert check_all(scribe, 7, 5)


def test_two_who_take_in_at_once_take_in_once(scribe: Scribe, monkeypatch: pytest.MonkeyPatch) -> None:
    scribe.open_some(40)
    scribe.now_at += timedelta(seconds=1)
    scribe.open_some(1)
    differences = cataloguing._differences

    def while_another_does(connection: Any, begin: int, until: int) -> Any:
        monkeypatch.setattr(cataloguing, "_differences", differences)
        found = differences(connection, begin, until)
        assert cataloguing.take_in(scribe.database, most=30), "the other one"
        return found

    monkeypatch.setattr(cataloguing, "_differences", while_another_does)
    assert cataloguing.take_in(scribe.database)
    cataloguing.catch_up(scribe.database)
    assert check_all(scribe, 8, 5)
    assert verify(scribe.database).faults == []


def test_a_block_is_kept_as_a_list_or_as_a_bitmap_whichever_is_shorter() -> None:
    chance = random.Random(3)
    for _ in range(300):
        places = set(chance.sample(range(4096), chance.choice((1, 2, 30, 255, 256, 257, 3000, 4096))))
        members = sum(1 << place for place in places)
        stored = packed(members)
        assert unpacked(stored) == members
        assert list(descending(members)) == sorted(places, reverse=True)
        assert len(stored) <= 1 + min(2 * len(places), 512)


def test_whatever_contains_a_text_carries_all_its_tags() -> None:
    chance = random.Random(5)
    for _ in range(500):
        search = "".join(chance.choices("火灾厂青龙河ab%_\n ", k=40))
        begin = chance.randrange(40)
        text = search[begin : begin + chance.randrange(1, 40)]
        assert set(text_tags(text)) <= tags_of(f"open|0||130324|0|130300\n{search}"), (search, text)
