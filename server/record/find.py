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
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, select

from server.domain.finding import Query, Span
from server.domain.telling import Piece
from server.record.cursors import BadCursor, pack, unpack
from server.record.database import Database
from server.record.find_index import chunks, indexed_until, pieces_of, units_let_in
from server.record.find_marks import Marked
from server.record.reading import first_since, visible
from server.record.tables import ENTRY, INCIDENT, LEDGER, STREAM_ENTRY

#: So many of a unit's entries that are not in the index yet are looked at, the newest; what the index has
#: still to catch up with beyond them is not found meanwhile, and the answer says so.
MOST_FRESH = 20_000
LONGEST_S = 2.0
MOST_AT_ONCE = 256


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
    results = Results()
    with database.reading() as connection:
        if not database.is_sqlite:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{int(LONGEST_S * 1000)}ms'")
        search = _Search(connection, sought)
        for kind, found in search.first(sought.limit + 1).items():
            results.hits[kind] = found[: sought.limit]
            results.more[kind] = found[sought.limit - 1].cursor if len(found) > sought.limit else None
        results.complete = search.complete
        _tell_about(connection, viewer, results)
    return results


class _Found:
    """Hits of one kind, the newest first: as the index brings them, and between them what is not in it."""

    def __init__(self, need: int, fresh: list[Hit]) -> None:
        self._need, self._fresh = need, fresh[::-1]
        self._seen: set[object] = set()
        self.hits: list[Hit] = []

    @property
    def is_wanting(self) -> bool:
        return len(self.hits) < self._need

    def add(self, hit: Hit) -> None:
        self.add_fresh(hit.seq)
        self._add(hit)

    def add_fresh(self, after: int = -1) -> None:
        while self._fresh and self._fresh[-1].seq > after:
            self._add(self._fresh.pop())

    def _add(self, hit: Hit) -> None:
        person = hit.piece.person
        key = hit.seq if person is None else (person._replace(at=""), hit.incident_id)
        if self.is_wanting and key not in self._seen:
            self._seen.add(key)
            self.hits.append(hit)


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

    def first(self, need: int) -> dict[str, list[Hit]]:
        """So many of each kind, the newest first, nobody twice."""
        found = {
            kind: _Found(need, [one for one in self._fresh if one.piece.kind == kind])
            for kind in self._sought.kinds
        }
        marks = Marked(self._connection, self._sought, min(self._highest, self._until), self._lowest)
        at_once = need + 8
        while wanting := [kind for kind, one in found.items() if one.is_wanting]:
            chunk = marks.next(wanting, at_once)
            if not chunk:
                break
            if time.monotonic() > self._deadline:
                self.complete = False
                break
            self._look_at(chunk, found)
            at_once = min(2 * at_once, max(MOST_AT_ONCE // len(wanting), need + 8))
        for one in found.values():
            one.add_fresh()
        return {kind: one.hits for kind, one in found.items()}

    def _look_at(self, chunk: Mapping[str, Sequence[int]], found: Mapping[str, _Found]) -> None:
        """Whether entries that carry the tags do say it: each is read once for all kinds."""
        read: dict[int, list[Hit]] = {}
        for seqs in chunks(list({seq for places in chunk.values() for seq in places})):
            rows = self._connection.execute(self._rows().where(STREAM_ENTRY.c.seq.in_(seqs)))
            for hit in self._hits(rows):
                read.setdefault(hit.seq, []).append(hit)
        for kind, seqs in chunk.items():
            for seq in seqs:
                for hit in read.get(seq, ()):
                    if hit.piece.kind == kind:
                        found[kind].add(hit)

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
