"""Keeping the catalogue (`server.record.catalogue`): what the log has brought is taken in, step by step.

Not in the commands' transactions: those stay as short as they are. Lists read by themselves what the
catalogue does not hold yet (`server.record.lists`), so it may lag; and whoever wrote, an older program too,
it is taken in from the log. Any number of processes may do this; a step that another has done meanwhile is
dropped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.record.catalogue import AREA, BLOCK, area_of, members_of, packed, tags_of, unpacked, words_of
from server.record.database import Database
from server.record.following import follow
from server.record.tables import (
    CATALOGUE_HEAD,
    CATALOGUE_MARK,
    CATALOGUE_PLACE,
    ENTRY,
    INCIDENT,
    INCIDENT_UNIT,
    LEDGER,
)

EVERY_S = 1.0
#: Entries that may wait while nobody writes much, and while somebody does: a list reads over them each time.
FEW, MANY = 1_000, 10_000
A_STEP = 5_000  # entries that are taken in at once: a step holds up other writers for a tenth of a second
CHUNK = 500
REST_S = 0.02

#: The tag and block of a row, and the places that are to be in it and out of it.
Changes = dict[tuple[str, int], list[int]]


async def keep_catalogue(database: Database) -> None:
    """For ever."""
    await follow(
        database, _until_areas, take_in, calm=FEW, few=FEW, many=MANY, every_s=EVERY_S, rest_s=REST_S
    )


def catch_up(database: Database) -> None:
    """Take in all that can be."""
    while take_in(database):
        pass


def catalogued_until(connection: Connection) -> int:
    return _heads(connection)[0]


def has_areas(connection: Connection) -> bool:
    """Whether all in the catalogue has the mark of its area, which a program from before 0013 leaves out."""
    seq, areas = _heads(connection)
    return areas == seq


def _until_areas(connection: Connection) -> int:
    return _heads(connection)[1]


def _heads(connection: Connection, *, locked: bool = False) -> tuple[int, int]:
    query = select(CATALOGUE_HEAD.c.seq, CATALOGUE_HEAD.c.areas)
    row = connection.execute(query.with_for_update() if locked else query).first()
    return (0, 0) if row is None else (int(row.seq), int(row.areas))


def take_in(database: Database, most: int = A_STEP) -> bool:
    """One step: what up to `most` entries have changed. False when there was nothing to take in."""
    with database.reading(patient=True) as connection:
        places: list[dict[str, Any]] = []
        begin, areas = _heads(connection)
        if areas < begin:
            until = min(areas + most, begin)
            marks = _areas_of(connection, areas, until)
        else:
            settled = _until(connection, begin, most)
            if settled is None:
                return False
            until = settled
            places, changes = _differences(connection, begin, until)
            marks = _marks(connection, changes)
    upsert = sqlite.insert if database.is_sqlite else postgresql.insert
    with database.writing(patient=True) as connection:
        connection.execute(upsert(CATALOGUE_HEAD).on_conflict_do_nothing(), [{"id": 1, "seq": 0, "areas": 0}])
        now = _heads(connection, locked=True)
        if now[1] != areas or (areas == begin and now[0] != begin):
            return True  # another process was quicker
        if places:
            into = upsert(CATALOGUE_PLACE)
            replace = into.on_conflict_do_update(
                index_elements=["position"], set_={"words": into.excluded.words}
            )
            connection.execute(replace, places)
        if filled := [row for row in marks if row["members"] is not None]:
            put = upsert(CATALOGUE_MARK)
            replace = put.on_conflict_do_update(
                index_elements=["tag", "block"], set_={"members": put.excluded.members}
            )
            connection.execute(replace, filled)
        for row in marks:
            if row["members"] is None:
                connection.execute(
                    delete(CATALOGUE_MARK).where(
                        CATALOGUE_MARK.c.tag == row["tag"], CATALOGUE_MARK.c.block == row["block"]
                    )
                )
        moved = {"areas": until} if areas < begin else {"seq": until, "areas": until}
        connection.execute(update(CATALOGUE_HEAD).values(moved))
    return True


def _areas_of(connection: Connection, begin: int, until: int) -> list[dict[str, Any]]:
    """The marks of areas of what these entries touched, made anew of the words that stand at its places."""
    placed: defaultdict[int, dict[int, str]] = defaultdict(dict)
    for chunk in _chunks(_touched(connection, begin, until)):
        query = select(CATALOGUE_PLACE).where(CATALOGUE_PLACE.c.incident_id.in_(chunk))
        for one in connection.execute(query):
            placed[one.position // BLOCK][one.position % BLOCK] = one.words
    rows: list[dict[str, Any]] = []
    for block, found in placed.items():
        is_area = func.substr(CATALOGUE_MARK.c.tag, 1, 1) == AREA
        query = select(CATALOGUE_MARK).where(CATALOGUE_MARK.c.block == block, is_area)
        areas = {row.tag: unpacked(bytes(row.members)) for row in connection.execute(query)}
        gone = members_of(found)
        areas = {tag: members & ~gone for tag, members in areas.items()}
        for place, words in found.items():
            tag = area_of(words)
            areas[tag] = areas.get(tag, 0) | 1 << place
        rows += [
            {"tag": tag, "block": block, "members": packed(members) if members else None}
            for tag, members in sorted(areas.items())
        ]
    return rows


def _touched(connection: Connection, begin: int, until: int) -> list[str]:
    touched = select(ENTRY.c.incident_id).where(ENTRY.c.seq > begin, ENTRY.c.seq <= until)
    return [one for one in dict.fromkeys(connection.execute(touched).scalars()) if one is not None]


def _until(connection: Connection, begin: int, most: int) -> int | None:
    """The entry up to which the order of what was opened is settled: what follows is later by the clock."""
    seq = connection.execute(select(LEDGER.c.seq)).scalar() or 0
    while begin < seq:
        last = min(begin + most, seq)
        at = connection.execute(select(ENTRY.c.recorded_at).where(ENTRY.c.seq == last)).scalar_one()
        found = connection.execute(
            select(ENTRY.c.seq)
            .where(ENTRY.c.seq > begin, ENTRY.c.seq < last, ENTRY.c.recorded_at < at)
            .order_by(ENTRY.c.seq.desc())
            .limit(1)
        ).scalar()
        if found is not None:
            return int(found)
        if last == seq:
            return None
        most *= 2  # all of them were written in the same instant
    return None


_OF_A_ROW = [
    INCIDENT.c[name]
    for name in (
        "id", "opened_at", "state", "final_level", "reporting_level", "category", "unit", "drill", "search"
    )
]  # fmt: skip


def _differences(connection: Connection, begin: int, until: int) -> tuple[list[dict[str, Any]], Changes]:
    """The places that are new or have other words, and what that means for the marks."""
    ids = _touched(connection, begin, until)
    rows: list[Any] = []
    units: defaultdict[str, list[str]] = defaultdict(list)
    known: dict[str, tuple[int, str]] = {}
    for chunk in _chunks(ids):
        rows += connection.execute(select(*_OF_A_ROW).where(INCIDENT.c.id.in_(chunk))).mappings().all()
        for unit, incident_id in connection.execute(
            select(INCIDENT_UNIT.c.unit, INCIDENT_UNIT.c.incident_id).where(
                INCIDENT_UNIT.c.incident_id.in_(chunk)
            )
        ):
            units[incident_id].append(unit)
        placed = select(CATALOGUE_PLACE).where(CATALOGUE_PLACE.c.incident_id.in_(chunk))
        for one in connection.execute(placed):
            known[one.incident_id] = (one.position, one.words)
    last = connection.execute(
        select(CATALOGUE_PLACE.c.position).order_by(CATALOGUE_PLACE.c.position.desc()).limit(1)
    ).scalar()
    following = 0 if last is None else last + 1
    places: list[dict[str, Any]] = []
    changes: Changes = defaultdict(lambda: [0, 0])
    for row in sorted(rows, key=lambda row: (row["opened_at"], row["id"])):
        words = words_of(row, units[row["id"]])
        position, before = known.get(row["id"], (following, None))
        following += before is None
        if words == before:
            continue
        places.append({"position": position, "incident_id": row["id"], "words": words})
        block, bit = position // BLOCK, 1 << position % BLOCK
        now, then = tags_of(words), tags_of(before) if before is not None else set()
        for tag in now - then:
            changes[tag, block][0] |= bit
        for tag in then - now:
            changes[tag, block][1] |= bit
    return places, changes


def _marks(connection: Connection, changes: Changes) -> list[dict[str, Any]]:
    """The rows of marks as they are to be: `members` is None for one that marks nothing any more."""
    by_block: defaultdict[int, list[str]] = defaultdict(list)
    for tag, block in changes:
        by_block[block].append(tag)
    made = []
    for block, tags in by_block.items():
        stored: dict[str, bytes] = {}
        for chunk in _chunks(tags):
            query = select(CATALOGUE_MARK.c.tag, CATALOGUE_MARK.c.members).where(
                CATALOGUE_MARK.c.block == block, CATALOGUE_MARK.c.tag.in_(chunk)
            )
            stored |= {tag: bytes(members) for tag, members in connection.execute(query)}
        for tag in sorted(tags):
            add, take = changes[tag, block]
            members = (unpacked(stored[tag]) if tag in stored else 0) & ~take | add
            made.append({"tag": tag, "block": block, "members": packed(members) if members else None})
    return made


def _chunks(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
