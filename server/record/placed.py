"""Where everything is that a unit may see: open incidents, people on the spot, what is plotted.

The people and drawings of an incident are folded from its log and kept in memory; each look reads only what
has been written since. What a unit may not see is not there. Synchronous: call in a thread.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from schemas.events import LOG_ENTRY, LogEntry
from schemas.field_work import DeedEvent
from server.domain import field_work
from server.domain.field_work import Drawing, FieldWork, Position, Status
from server.record.database import Database
from server.record.reading import incident_shown, on_the_spot, open_ones, visible
from server.record.tables import ENTRY, INCIDENT, LEDGER

#: What moves something on the map.
MOVES = ("position_reported", "field_status_set", "map_drawn", "map_erased")
MOST_OPEN = 2_000
KEPT = 3_000  # incidents of which the spot is remembered


class Someone(NamedTuple):
    """A person on the spot as they stand."""

    person: str
    unit: str | None
    status: Status | None
    position: Position | None
    is_there: bool


class Spot(NamedTuple):
    """Who is on an incident's spot, and what is plotted there."""

    people: tuple[Someone, ...]
    drawings: tuple[Drawing, ...]


def _as_it_stands(work: FieldWork) -> Spot:
    people = tuple(
        Someone(one.person, one.unit, one.status, one.position, one.is_there) for one in work.people
    )
    return Spot(people, tuple(work.drawings.values()))


class Spots:
    """The spots of incidents, remembered. One for a process; any thread may ask it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: OrderedDict[str, tuple[int, FieldWork]] = OrderedDict()
        self._epoch = ""
        self._lock = threading.Lock()

    def of(self, connection: Connection, ids: Sequence[str]) -> dict[str, Spot]:
        """The people and drawings of these incidents, as the log has them in this view."""
        ledger = connection.execute(select(LEDGER.c.epoch, LEDGER.c.seq)).one()
        with self._lock:
            if ledger.epoch != self._epoch:
                self._kept.clear()
                self._epoch = ledger.epoch
            known = [one for one in ids if one in self._kept]
            fresh = [one for one in ids if one not in self._kept]
            since = min((self._kept[one][0] for one in known), default=0)
            for incident_id in fresh:
                self._kept[incident_id] = (0, FieldWork())
            for entries in (_moves(connection, known, since), _moves(connection, fresh, 0)):
                for seq, entry in entries:
                    assert entry.incident_id is not None
                    before, work = self._kept[entry.incident_id]
                    if seq > before:
                        assert isinstance(entry.event, DeedEvent)
                        field_work.apply(work, entry.event, entry)
                        self._kept[entry.incident_id] = (seq, work)
            for incident_id in ids:
                upto, work = self._kept[incident_id]
                self._kept[incident_id] = (max(upto, int(ledger.seq)), work)
                self._kept.move_to_end(incident_id)
            found = {one: _as_it_stands(self._kept[one][1]) for one in ids}
            while len(self._kept) > max(KEPT, len(ids)):
                self._kept.popitem(last=False)
            return found


def _moves(connection: Connection, ids: Sequence[str], after: int) -> Iterator[tuple[int, LogEntry]]:
    for start in range(0, len(ids), 500):
        query = (
            select(ENTRY.c.seq, ENTRY.c.body)
            .where(
                ENTRY.c.incident_id.in_(ids[start : start + 500]),
                ENTRY.c.seq > after,
                ENTRY.c.event_type.in_(MOVES),
            )
            .order_by(ENTRY.c.seq)
        )
        for row in connection.execute(query):
            yield int(row.seq), LOG_ENTRY.validate_json(bytes(row.body))


class Placed(NamedTuple):
    """An open incident, its spot, and how many are inside, if anybody was counted."""

    incident: dict[str, Any]
    spot: Spot
    inside: dict[str, Any] | None


def seen(
    database: Database, spots: Spots, viewer: str, now: datetime, only: str | None = None
) -> list[Placed]:
    """The open incidents of a unit, what is on their spots, how many are inside; or one, closed too."""
    query = visible(viewer).order_by(INCIDENT.c.opened_at.desc(), INCIDENT.c.id).limit(MOST_OPEN)
    query = open_ones(query) if only is None else query.where(INCIDENT.c.id == only)
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
        ids = [str(row["id"]) for row in rows]
        works = spots.of(connection, ids)
        inside = on_the_spot(connection, ids)
    return [Placed(incident_shown(row, [], now), works[row["id"]], inside.get(row["id"])) for row in rows]
