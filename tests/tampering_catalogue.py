"""Tampering with the catalogue: an incident that its search does not find any more is as good as gone."""

from __future__ import annotations

import random
from typing import Any

from sqlalchemy import Connection, delete, select, update

from server.record.catalogue import BLOCK, descending, packed, unpacked
from server.record.tables import CATALOGUE_HEAD, CATALOGUE_MARK, CATALOGUE_PLACE, LEDGER
from tests.tampering import Deed, entries_of


def _places(connection: Connection, chance: random.Random, count: int) -> list[Any]:
    """Some places, none next to another."""
    rows = connection.execute(select(CATALOGUE_PLACE).order_by(CATALOGUE_PLACE.c.position)).all()
    spots = range(0, len(rows) - 1, 2)
    return [rows[at] for at in chance.sample(spots, min(count, len(spots)))]


def _at(row: Any) -> Any:
    return CATALOGUE_PLACE.c.position == row.position


def take_away(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    for row in (found := _places(connection, chance, count)):
        connection.execute(delete(CATALOGUE_PLACE).where(_at(row)))
    return [entries_of(connection, row.incident_id) for row in found]


def reword(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    for row in (found := _places(connection, chance, count)):
        connection.execute(update(CATALOGUE_PLACE).where(_at(row)).values(words=row.words + "囧"))
    return [entries_of(connection, row.incident_id) for row in found]


def swap(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    """Two neighbours change places: the one that was opened first would be listed first."""
    units = []
    for row in _places(connection, chance, count):
        other = connection.execute(
            select(CATALOGUE_PLACE).where(CATALOGUE_PLACE.c.position == row.position + 1)
        ).one()
        for place, incident_id in ((row, "-"), (other, row.incident_id), (row, other.incident_id)):
            connection.execute(update(CATALOGUE_PLACE).where(_at(place)).values(incident_id=incident_id))
        units += [entries_of(connection, row.incident_id), entries_of(connection, other.incident_id)]
    return units


def invent(connection: Connection, chance: random.Random, _count: int) -> list[set[int]]:
    last = connection.execute(select(CATALOGUE_PLACE).order_by(CATALOGUE_PLACE.c.position.desc())).first()
    assert last is not None
    (row,) = _places(connection, chance, 1)
    connection.execute(update(CATALOGUE_PLACE).where(_at(row)).values(position=last.position + 7))
    return [entries_of(connection, row.incident_id)]


def flip(to: bool) -> Deed:
    """A mark too few hides an incident; one too many hides nothing, but nobody of ours has made it."""

    def deed(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
        units = []
        for row in _places(connection, chance, count):
            bit = 1 << row.position % BLOCK
            marks = connection.execute(
                select(CATALOGUE_MARK).where(CATALOGUE_MARK.c.block == row.position // BLOCK)
            )
            fitting = [mark for mark in marks if bool(unpacked(bytes(mark.members)) & bit) is not to]
            mark = chance.choice(sorted(fitting, key=lambda mark: str(mark.tag)))
            _put(connection, mark, unpacked(bytes(mark.members)) ^ bit)
            units.append(entries_of(connection, row.incident_id))
        return units

    return deed


def _put(connection: Connection, mark: Any, members: int) -> None:
    where = (CATALOGUE_MARK.c.tag == mark.tag) & (CATALOGUE_MARK.c.block == mark.block)
    connection.execute(update(CATALOGUE_MARK).where(where).values(members=packed(members)))


def tear_out(connection: Connection, chance: random.Random, count: int) -> list[set[int]]:
    marks = connection.execute(select(CATALOGUE_MARK).order_by(CATALOGUE_MARK.c.tag)).all()
    units = []
    for mark in chance.sample(list(marks), count):
        for place in descending(unpacked(bytes(mark.members))):
            incident_id = connection.execute(
                select(CATALOGUE_PLACE.c.incident_id).where(
                    CATALOGUE_PLACE.c.position == mark.block * BLOCK + place
                )
            ).scalar_one()
            units.append(entries_of(connection, incident_id))
        connection.execute(delete(CATALOGUE_MARK).where(CATALOGUE_MARK.c.tag == mark.tag))
    return units


def run_ahead(connection: Connection, _chance: random.Random, _count: int) -> list[set[int]]:
    """What is written next would never be taken in."""
    seq = int(connection.execute(select(LEDGER.c.seq)).scalar_one())
    connection.execute(update(CATALOGUE_HEAD).values(seq=seq + 5))
    return [{seq}]


DEEDS: dict[str, Deed] = {
    "an incident is taken out of the catalogue": take_away,
    "an incident's words in the catalogue are edited": reword,
    "two incidents change places in the catalogue": swap,
    "an incident is given a place that nobody has": invent,
    "a mark of the catalogue is cleared": flip(False),
    "a mark of the catalogue is set": flip(True),
    "a mark of the catalogue is torn out": tear_out,
    "the catalogue claims to hold what is not written yet": run_ahead,
}
