"""Finding anything in what a unit may see: through the index, and by looking at what is not in it yet.

A unit's sight is that of its stream, to the letter: an entry is found by whoever could read it from
`GET /log`, what is in a restricted stream by whoever may read that. Marks of other units' entries are not
even read where a unit has none of its own, so that neither results nor time tell of them. Synchronous.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, select

from server.domain.finding import Query, Span
from server.domain.telling import Piece
from server.record.catalogue import descending, drill_tag, unpacked
from server.record.cursors import BadCursor, pack, unpack
from server.record.database import Database
from server.record.find_index import (
    BLOCK,
    chunks,
    indexed_until,
    kind_tag,
    pieces_of,
    shelf_of,
    stream_tag,
    term_tags,
    units_let_in,
)
from server.record.find_tables import FIND_MARK
from server.record.reading import first_since, visible
from server.record.tables import ENTRY, INCIDENT, LEDGER, STREAM_ENTRY

#: So many of a unit's entries that are not in the index yet are looked at, the newest; what the index has
#: still to catch up with beyond them is not found meanwhile, and the answer says so.
MOST_FRESH = 20_000
LONGEST_S = 2.0
MOST_AT_ONCE = 256
MOST_BLOCKS = 32
#: Tags that one term is narrowed down by; each costs a row of every block.
MOST_TAGS = 8


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for. `streams`: those that the asker may read. `unit`: seen by that unit as well."""

    query: Query
    streams: tuple[str, ...]
    kinds: tuple[str, ...]
    limit: int
    unit: str | None = None
    drill: bool | None = None
    first: datetime | None = None
    last: datetime | None = None  # not included
    after: str | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry that says it, and what of it does."""

    seq: int
    stream: str
    offset: int
    entry: Mapping[str, Any]
    piece: Piece
    spans: list[Span]

    @property
    def incident_id(self) -> str | None:
        return self.entry.get("incident_id")

    @property
    def cursor(self) -> str:
        return pack(str(self.offset), "r" if self.stream.endswith(":r") else "o")


@dataclass(slots=True)
class Results:
    """By kind what was found, newest first, and where to go on. `complete`: nothing was left unlooked at."""

    hits: dict[str, list[Hit]] = field(default_factory=dict)
    more: dict[str, str | None] = field(default_factory=dict)
    complete: bool = True
    incidents: dict[str, Any] = field(default_factory=dict)
    #: Of each hit the number that its line has on the incident's page, and how many lines there are.
    lines: dict[int, tuple[int, int]] = field(default_factory=dict)
    struck: frozenset[tuple[str, str]] = frozenset()


def find(database: Database, viewer: str, sought: Sought) -> Results:
    """The first `limit` of each kind."""
    with database.reading() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{int(LONGEST_S * 1000)}ms'")
        search = _Search(connection, sought)
        results = Results()
        for kind in sought.kinds:
            found = search.first(kind, sought.limit + 1)
            results.hits[kind] = found[: sought.limit]
            results.more[kind] = found[sought.limit - 1].cursor if len(found) > sought.limit else None
        results.complete = search.complete
        _tell_about(connection, viewer, results)
    return results


class _Search:
    """One search, in one view of the database."""

    def __init__(self, connection: Connection, sought: Sought) -> None:
        self._connection, self._sought = connection, sought
        self._deadline = time.monotonic() + LONGEST_S
        self.complete = True
        self._until = indexed_until(connection)
        last = int(connection.execute(select(LEDGER.c.seq)).scalar() or 0)
        self._highest, self._lowest = last, 1
        if sought.first is not None:
            self._lowest = first_since(connection, sought.first)
        if sought.last is not None:
            self._highest = first_since(connection, sought.last) - 1
        if sought.after is not None:
            self._highest = min(self._highest, self._place(sought.after) - 1)
        self._shelves: dict[str, _Shelf] = {}
        self._fresh = self._look_at_fresh()

    def _place(self, cursor: str) -> int:
        """Where a page ended: a number of the asker's own stream, which says nothing of others."""
        offset, which = unpack(cursor)
        stream = self._sought.streams[0] + (":r" if which == "r" else "")
        if which not in ("o", "r") or stream not in self._sought.streams or not offset.isdecimal():
            raise BadCursor(cursor)
        if len(offset) > 18:
            raise BadCursor(cursor)
        query = select(STREAM_ENTRY.c.seq).where(
            STREAM_ENTRY.c.stream == stream, STREAM_ENTRY.c.position == int(offset)
        )
        seq = self._connection.execute(query).scalar()
        if seq is None:
            raise BadCursor(cursor)
        return int(seq)

    def first(self, kind: str, need: int) -> list[Hit]:
        """So many of a kind, the newest first, nobody twice."""
        found: list[Hit] = []
        seen: set[object] = set()
        fresh = [hit for hit in self._fresh if hit.piece.kind == kind]
        for hit in merge(fresh, self._marked(kind, need), key=lambda one: -one.seq):
            person = hit.piece.person
            key = hit.seq if person is None else (person._replace(at=""), hit.incident_id)
            if key not in seen:
                seen.add(key)
                found.append(hit)
                if len(found) >= need:
                    break
        return found

    # ------------------------------------------------------------ what is in the index

    def _marked(self, kind: str, need: int) -> Iterator[Hit]:
        name = shelf_of(kind)
        if name not in self._shelves:
            self._shelves[name] = _Shelf(self._connection, self._sought, name)
        shelf = self._shelves[name]
        candidates = shelf.places(kind, min(self._highest, self._until), self._lowest)
        at_once = need + 8
        while True:
            chunk = [place for place, _ in zip(candidates, range(at_once), strict=False)]
            if not chunk:
                return
            if time.monotonic() > self._deadline:
                self.complete = False
                return
            rows = self._connection.execute(self._rows().where(STREAM_ENTRY.c.seq.in_(chunk)))
            yield from (hit for hit in self._hits(rows) if hit.piece.kind == kind)
            at_once = min(2 * at_once, MOST_AT_ONCE)

    # ------------------------------------------------------------ what is not in it yet

    def _look_at_fresh(self) -> list[Hit]:
        """What the index does not hold: the newest entries, and the past of incidents just let into."""
        fresh = self._rows().where(
            STREAM_ENTRY.c.seq > max(self._until, self._lowest - 1), STREAM_ENTRY.c.seq <= self._highest
        )
        rows = self._connection.execute(fresh.limit(MOST_FRESH + 1)).all()
        if len(rows) > MOST_FRESH:
            self.complete = False
        past = self._past_of_incidents_let_into()
        if past:
            theirs = select(ENTRY.c.seq).where(
                ENTRY.c.incident_id.in_(past[:500]),
                ENTRY.c.seq.between(self._lowest, min(self._until, self._highest)),
            )
            seqs = self._connection.execute(theirs.limit(MOST_FRESH)).scalars().all()
            for chunk in chunks(seqs):
                rows = [*rows, *self._connection.execute(self._rows().where(STREAM_ENTRY.c.seq.in_(chunk)))]
        return sorted(self._hits(self._in_time(rows)), key=lambda hit: -hit.seq)

    def _in_time(self, rows: Iterable[Row[Any]]) -> Iterator[Row[Any]]:
        for number, row in enumerate(rows):
            if number % 500 == 499 and time.monotonic() > self._deadline:
                self.complete = False
                return
            yield row

    def _past_of_incidents_let_into(self) -> list[str]:
        sought = self._sought
        query = (
            select(ENTRY.c.incident_id, ENTRY.c.body)
            .join(STREAM_ENTRY, STREAM_ENTRY.c.seq == ENTRY.c.seq)
            .where(
                STREAM_ENTRY.c.stream == sought.streams[0],
                STREAM_ENTRY.c.seq > self._until,
                ENTRY.c.event_type == "incident_shared",
            )
        )
        units = {sought.streams[0], sought.unit}
        shared = self._connection.execute(query).all()
        return list(
            {
                row.incident_id
                for row in shared
                if units.intersection(units_let_in(orjson.loads(bytes(row.body))))
            }
        )

    # ------------------------------------------------------------ entries themselves

    def _rows(self) -> Select[Any]:
        """Entries of the asker's streams, the newest first: the only way to an entry here."""
        sought = self._sought
        query = (
            select(
                STREAM_ENTRY.c.seq,
                STREAM_ENTRY.c.stream,
                STREAM_ENTRY.c.position,
                ENTRY.c.body,
                INCIDENT.c.drill,
            )
            .join(ENTRY, ENTRY.c.seq == STREAM_ENTRY.c.seq)
            .outerjoin(INCIDENT, INCIDENT.c.id == ENTRY.c.incident_id)
            .where(STREAM_ENTRY.c.stream.in_(sought.streams))
            .order_by(STREAM_ENTRY.c.seq.desc())
        )
        if sought.unit is not None:
            theirs = STREAM_ENTRY.alias()
            its_sight = select(theirs.c.seq).where(
                theirs.c.stream.in_((sought.unit, f"{sought.unit}:r")), theirs.c.seq == STREAM_ENTRY.c.seq
            )
            query = query.where(its_sight.exists())
        return query

    def _hits(self, rows: Iterable[Row[Any]]) -> Iterator[Hit]:
        drill, query = self._sought.drill, self._sought.query
        for row in rows:
            entry = orjson.loads(bytes(row.body))
            if drill is not None and drill is not (bool(row.drill) or bool(entry["event"].get("drill"))):
                continue
            kinds: set[str] = set()
            for piece in pieces_of(self._connection, row.seq, entry):
                if piece.kind in kinds:
                    continue
                spans = query.spans(piece.text, spelled=piece.spelled, also=piece.also)
                if spans is None:
                    continue
                if piece.person is None:
                    kinds.add(piece.kind)
                yield Hit(row.seq, row.stream, row.position, entry, piece, spans)


class _Shelf:
    """The marks of one search, block by block from the newest on, each read once for all kinds."""

    def __init__(self, connection: Connection, sought: Sought, shelf: str) -> None:
        self._connection = connection
        self._own = tuple(map(stream_tag, sought.streams))
        self._kinds = {kind_tag(kind): kind for kind in sought.kinds if shelf_of(kind) == shelf}
        self._narrowed: list[tuple[str, ...]] = []
        if sought.unit is not None:
            self._narrowed.append((stream_tag(sought.unit), stream_tag(f"{sought.unit}:r")))
        if sought.drill is not None:
            self._narrowed.append((drill_tag(sought.drill),))
        self._options = [
            [tag for term in terms for tag in term_tags(shelf, term, max(2, MOST_TAGS // len(terms)))]
            for terms in sought.query.options
        ]
        self._blocks: dict[int, tuple[int, dict[str, int]]] = {}
        self._span = 1

    def places(self, kind: str, highest: int, lowest: int) -> Iterator[int]:
        """Entries that carry the tags of what is looked for, the highest first."""
        for block in range(highest // BLOCK, lowest // BLOCK - 1, -1):
            base, kinds = self._block(block, lowest // BLOCK)
            members = base & kinds.get(kind, 0)
            if block == highest // BLOCK:
                members &= (2 << highest % BLOCK) - 1
            if block == lowest // BLOCK:
                members = members >> lowest % BLOCK << lowest % BLOCK
            for place in descending(members):
                yield block * BLOCK + place

    def _block(self, block: int, lowest: int) -> tuple[int, dict[str, int]]:
        if block not in self._blocks:
            wanted = range(block, max(lowest, block - self._span + 1) - 1, -1)
            self._read([one for one in wanted if one not in self._blocks])
            self._span = min(2 * self._span, MOST_BLOCKS)
        return self._blocks[block]

    def _read(self, blocks: list[int]) -> None:
        sight = self._marks(self._own, blocks)
        own = {block: _either(sight.get(block, {}), self._own) for block in blocks}
        # Of blocks in which the asker has nothing, nothing more is read.
        tags = {
            *self._kinds,
            *(tag for group in self._narrowed for tag in group),
            *(tag for option in self._options for tag in option),
        }
        marks = self._marks(sorted(tags), [block for block in blocks if own[block]])
        for block in blocks:
            here = marks.get(block, {})
            members = own[block]
            for group in self._narrowed:
                members &= _either(here, group)
            said = 0
            for option in self._options:
                said |= _all(here, option, members)
            kinds = {kind: unpacked(here[tag]) for tag, kind in self._kinds.items() if said and tag in here}
            self._blocks[block] = (members & said, kinds)

    def _marks(self, tags: Sequence[str], blocks: list[int]) -> dict[int, dict[str, bytes]]:
        found: dict[int, dict[str, bytes]] = {}
        if not blocks:
            return found
        query = select(FIND_MARK).where(FIND_MARK.c.tag.in_(tags), FIND_MARK.c.block.in_(blocks))
        for row in self._connection.execute(query):
            found.setdefault(row.block, {})[row.tag] = bytes(row.members)
        return found


def _either(marks: Mapping[str, bytes], tags: Sequence[str]) -> int:
    members = 0
    for tag in tags:
        if tag in marks:
            members |= unpacked(marks[tag])
    return members


def _all(marks: Mapping[str, bytes], tags: Sequence[str], members: int) -> int:
    """The shortest first: mostly nothing is left before the long ones are unpacked."""
    if any(tag not in marks for tag in tags):
        return 0
    for tag in sorted(tags, key=lambda one: len(marks[one])):
        if not members:
            break
        members &= unpacked(marks[tag])
    return members


# ---------------------------------------------------------------- what is shown beside a hit


def _tell_about(connection: Connection, viewer: str, results: Results) -> None:
    hits = [hit for found in results.hits.values() for hit in found]
    ids = list({hit.incident_id for hit in hits if hit.incident_id is not None})
    for chunk in chunks(ids):
        query = visible(viewer).where(INCIDENT.c.id.in_(chunk))
        results.incidents |= {row["id"]: row for row in connection.execute(query).mappings()}
    for kind, found in results.hits.items():
        results.hits[kind] = [
            hit for hit in found if hit.incident_id is None or hit.incident_id in results.incidents
        ]
    lines: dict[str, list[int]] = {}
    for chunk in chunks(ids):
        numbered = select(ENTRY.c.incident_id, ENTRY.c.seq).where(
            ENTRY.c.incident_id.in_(chunk), ENTRY.c.restricted.is_(False)
        )
        for row in connection.execute(numbered.order_by(ENTRY.c.seq)):
            lines.setdefault(row.incident_id, []).append(row.seq)
    for hit in hits:
        if hit.incident_id is not None and not hit.stream.endswith(":r"):
            own = lines[hit.incident_id]
            results.lines[hit.seq] = (bisect_right(own, hit.seq), len(own))
    added = [hit.entry["incident_id"] for hit in hits if hit.entry["event"]["type"] == "entry_added"]
    struck: set[tuple[str, str]] = set()
    for chunk in chunks(list(set(added))):
        strikes = select(ENTRY.c.incident_id, ENTRY.c.body).where(
            ENTRY.c.incident_id.in_(chunk), ENTRY.c.event_type == "entry_struck"
        )
        for row in connection.execute(strikes):
            struck.add((row.incident_id, orjson.loads(bytes(row.body))["event"]["entry_id"]))
    results.struck = frozenset(struck)
