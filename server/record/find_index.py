"""Keeping the index by which anything is found: what entries say, taken in step by step from the log.

An entry's place is its number in the log; 16,384 places make a block. For each *tag* that an entry of a block
carries, one row says which of the block's entries carry it (as in `server.record.catalogue`, whose tags of a
text these are). A search intersects a few such rows, and reads whatever it finds again from the log itself: a
tag may be true of too many, never of too few. Entries never change, so the index only grows; being let into
an incident later marks its past.

Tags: the stream that carries it (`v130324`, `v130324:r`), drill or not, and of its texts every character,
every pair, and of letters and digits every three in a row. The texts of an entry stand on *shelves*: what it
says in one kind must not make it a candidate for another that it says besides, or a search would read every
incident that was opened with facts and has the word in its title, back to the first. So the log (`l…`), facts
(`f…`) and people (`p…`) are apart; of the others an entry says one kind at most, and that is a tag (`kduty`).

Not in the commands' transactions, and not while much is written. What is not in it yet is looked at directly
(`server.record.find`). Which blocks have a tag at all is summed up (`server.record.find_sums`). All of it can
be thrown away: `fenghuo index rebuild`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from struct import pack
from time import perf_counter, sleep
from typing import Any

import orjson
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.domain.finding import searched
from server.domain.telling import Piece, put_together, said
from server.record.catalogue import drill_tag, longer_tags, members_of, packed, pair_tag, unpacked
from server.record.database import Database
from server.record.find_sums import made_anew, with_block
from server.record.find_tables import FIND_HEAD, FIND_MARK
from server.record.following import follow
from server.record.tables import ENTRY, INCIDENT, LEDGER, STREAM_ENTRY

EVERY_S = 2.0
#: Entries that may wait while nobody writes much, and while somebody does: each search reads over them.
FEW, MANY = 500, 10_000
#: Fewer in two seconds are not much. A step's many small rows make SQLite's next checkpoint a long one, which
#: commands wait for: 0.3 s was measured.
CALM = 60
A_STEP = 4_096  # entries at once: writing them down holds up other writers for a tenth of a second
BLOCK = 16_384
CHUNK = 500
#: Kinds that an entry may say beside others, each with a shelf of its own; all others share one.
_SHELVES = {"log": "l", "fact": "f", "person": "p"}
HAS_NEIGHBOURS = "t"
THREE = 3  # of letters and digits so many in a row
#: Beside a desk at work: so long at once, then twice as long the interpreter is the others'. A step in one
#: piece was measured to put 0.3 s on a page.
AT_ONCE_S, REST = 0.004, 2
BETWEEN_STEPS_S = 0.02

#: Of each block and tag the places that are to be in the row.
Marks = defaultdict[int, defaultdict[str, list[int]]]


async def keep_index(database: Database) -> None:
    """For ever."""
    await follow(
        database,
        _summed_until,
        lambda desk: take_in(desk, pace=_Pace()),
        calm=CALM,
        few=FEW,
        many=MANY,
        every_s=EVERY_S,
        rest_s=BETWEEN_STEPS_S,
    )


def catch_up(database: Database) -> None:
    """Take in all that can be."""
    while take_in(database):
        pass


def forget(database: Database) -> None:
    """Empty it; the running desk makes it anew."""
    with database.writing(patient=True) as connection:
        connection.execute(delete(FIND_HEAD))
        connection.execute(delete(FIND_MARK))


def indexed_until(connection: Connection) -> int:
    return _heads(connection)[0]


def _summed_until(connection: Connection) -> int:
    return _heads(connection)[1]


def _heads(connection: Connection, *, locked: bool = False) -> tuple[int, int]:
    query = select(FIND_HEAD.c.seq, FIND_HEAD.c.summed)
    row = connection.execute(query.with_for_update() if locked else query).first()
    return (0, 0) if row is None else (int(row.seq), int(row.summed))


class _Pace:
    """Asked after each entry: rests when it is time to."""

    def __init__(self) -> None:
        self._since = perf_counter()

    def __call__(self) -> None:
        worked = perf_counter() - self._since
        if worked > AT_ONCE_S:
            sleep(worked * REST)
            self._since = perf_counter()


def take_in(database: Database, most: int = A_STEP, pace: Callable[[], None] = lambda: None) -> bool:
    """One step, within one block. False when there was nothing to take in. `pace` is called on its way."""
    with database.reading(patient=True) as connection:
        begin, summed = _heads(connection)
        seq = int(connection.execute(select(LEDGER.c.seq)).scalar() or 0)
        until = begin
        if summed != begin:
            rows = made_anew(connection, pace)
        elif begin >= seq:
            return False
        else:
            until = min(seq, begin + most, (begin + 1) // BLOCK * BLOCK + BLOCK - 1)
            rows = _rows(connection, _marks(connection, begin, until, pace))
    upsert = sqlite.insert if database.is_sqlite else postgresql.insert
    with database.writing(patient=True) as connection:
        connection.execute(upsert(FIND_HEAD).on_conflict_do_nothing(), [{"id": 1, "seq": 0, "summed": 0}])
        if _heads(connection, locked=True) != (begin, summed):
            return True  # another process was quicker, or somebody has emptied it
        if summed != begin:
            connection.execute(delete(FIND_MARK).where(FIND_MARK.c.block < 0))
        put = upsert(FIND_MARK)
        replace = put.on_conflict_do_update(
            index_elements=["tag", "block"], set_={"members": put.excluded.members}
        )
        if rows:
            connection.execute(replace, rows)
        connection.execute(update(FIND_HEAD).values(seq=until, summed=until))
    return True


def tags_of(pieces: Iterable[Piece]) -> set[str]:
    """What an entry that says this is marked with."""
    tags: set[str] = set()
    for piece in pieces:
        shelf = shelf_of(piece.kind)
        if shelf == HAS_NEIGHBOURS:
            tags.add(kind_tag(piece.kind))
        lines = searched(piece.text, spelled=piece.spelled)
        if piece.also:
            lines += "\n" + searched(piece.also)
        tags.update(shelf + "1" + char for char in set(lines) if char != "\n")
        tags.update(shelf + one for one in map(pair_tag, lines, lines[1:]))
        tags.update(shelf + one for one in longer_tags(lines, THREE))
    return tags


def term_tags(shelf: str, term: str, most: int) -> list[str]:
    """Tags that everything containing this carries; those that say more come first: of a number both ends
    by turns, because numbers of a place have the same beginning, and those of a day nearly the same end."""
    longer = [*longer_tags(term, THREE)]
    by_turns = [tag for pair in zip(reversed(longer), longer, strict=True) for tag in pair]
    tags = [*by_turns, *map(pair_tag, term, term[1:]), *("1" + char for char in term)]
    return [shelf + tag for tag in dict.fromkeys(tags)][:most]


def shelf_of(kind: str) -> str:
    return _SHELVES.get(kind, HAS_NEIGHBOURS)


def kind_tag(kind: str) -> str:
    return "k" + kind


def stream_tag(stream: str) -> str:
    return "v" + stream


def pieces_of(connection: Connection, seq: int, entry: Mapping[str, Any]) -> list[Piece]:
    """What an entry says; a report's text is put together from the entries before it."""

    def content(report_id: str) -> Mapping[str, str]:
        query = (
            select(ENTRY.c.body)
            .where(
                ENTRY.c.incident_id == entry["incident_id"],
                ENTRY.c.event_type.in_(("report_drafted", "report_edited")),
                ENTRY.c.seq <= seq,
            )
            .order_by(ENTRY.c.seq)
        )
        return put_together(
            [orjson.loads(bytes(body)) for body in connection.execute(query).scalars()], report_id
        )

    return list(said(entry, content))


def units_let_in(entry: Mapping[str, Any]) -> list[str]:
    """The units that hear the whole past of an incident with this entry."""
    event = entry["event"]
    return list(event["units"]) if event["type"] == "incident_shared" else []


def _marks(connection: Connection, begin: int, until: int, pace: Callable[[], None]) -> Marks:
    marks: Marks = defaultdict(lambda: defaultdict(list))

    here = ENTRY.c.seq.between(begin + 1, until)
    entries = connection.execute(
        select(ENTRY.c.seq, ENTRY.c.incident_id, ENTRY.c.body).where(here).order_by(ENTRY.c.seq)
    ).all()
    drills: dict[str, bool] = {}
    ids = list({row.incident_id for row in entries if row.incident_id is not None})
    for chunk in chunks(ids):
        query = select(INCIDENT.c.id, INCIDENT.c.drill).where(INCIDENT.c.id.in_(chunk))
        drills |= {row.id: bool(row.drill) for row in connection.execute(query)}
    streams = select(STREAM_ENTRY.c.stream, STREAM_ENTRY.c.seq).where(
        STREAM_ENTRY.c.seq.between(begin + 1, until)
    )
    for stream, seq in connection.execute(streams):
        marks[seq // BLOCK][stream_tag(stream)].append(seq % BLOCK)
    for row in entries:
        pace()
        entry = orjson.loads(bytes(row.body))
        pieces = pieces_of(connection, row.seq, entry)
        if pieces:
            drill = drills.get(row.incident_id, False) or bool(entry["event"].get("drill"))
            block, place = marks[row.seq // BLOCK], row.seq % BLOCK
            for tag in (drill_tag(drill), *tags_of(pieces)):
                block[tag].append(place)
        for unit in units_let_in(entry):
            # First what the incident has, then which of it the unit's stream carries: asked in one, a planner
            # may begin with all that the unit has ever seen.
            past = connection.execute(
                select(ENTRY.c.seq).where(ENTRY.c.incident_id == row.incident_id, ENTRY.c.seq <= until)
            ).scalars()
            for chunk in chunks(list(past)):
                carried = select(STREAM_ENTRY.c.seq).where(
                    STREAM_ENTRY.c.stream == unit, STREAM_ENTRY.c.seq.in_(chunk)
                )
                for seq in connection.execute(carried).scalars():
                    marks[seq // BLOCK][stream_tag(unit)].append(seq % BLOCK)
    return marks


def _rows(connection: Connection, marks: Marks) -> list[dict[str, Any]]:
    """The rows of marks as they are to be."""
    made = []
    for block, by_tag in marks.items():
        tags = sorted(by_tag)
        stored: dict[str, bytes] = {}
        for chunk in chunks(tags):
            query = select(FIND_MARK.c.tag, FIND_MARK.c.members).where(
                FIND_MARK.c.block == block, FIND_MARK.c.tag.in_(chunk)
            )
            stored |= {tag: bytes(members) for tag, members in connection.execute(query)}
        for tag in tags:
            members = with_more(stored.get(tag), by_tag[tag])
            made.append({"tag": tag, "block": block, "members": members})
        made += with_block(connection, block, [tag for tag in tags if tag not in stored])
    return made


def with_more(stored: bytes | None, places: list[int]) -> bytes:
    """What is stored, with more places: they nearly always follow those that are there, a list grows."""
    more = sorted(set(places))
    before = b"l" if stored is None else stored
    if before[:1] == b"l" and (len(before) == 1 or more[0] > int.from_bytes(before[-2:], "little")):
        grown = before + pack(f"<{len(more)}H", *more)
        if len(grown) - 1 < (more[-1] + 8) // 8:
            return grown
    return packed(unpacked(before) | members_of(more))


def chunks(values: Sequence[Any]) -> list[Sequence[Any]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
