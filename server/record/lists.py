"""Lists of incidents, page by page: found through the catalogue, read from the incidents' own rows.

A unit's sight comes first: it is one of the tags that are intersected, and again a condition on every row
that is shown. What the catalogue does not hold yet is looked at row by row; see
`server.record.cataloguing`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from schemas.terms import Level
from server.domain.units import UnitTree
from server.record import catalogue
from server.record.catalogue import BLOCK, descending, unpacked
from server.record.cataloguing import catalogued_until, has_areas
from server.record.cursors import pack, read_moment, unpack
from server.record.database import Database
from server.record.reading import incident_shown, open_obligations, seen_by, visible
from server.record.tables import CATALOGUE_MARK, CATALOGUE_PLACE, ENTRY, INCIDENT, LEDGER

#: More entries than these beyond the catalogue: it is being made, and the rows are read without it.
MOST_BEYOND = 40_000
#: A unit with more units under it is not narrowed down by its places: nearly everything is there.
MOST_PLACES = 64
CHUNK = 900
#: Blocks whose marks are read in one statement; those whose tags are counted; tags that are then read first.
MOST_BLOCKS, COUNTED_BLOCKS, FIRST_TAGS = 64, 3, 3

Key = tuple[datetime, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents a list asks for."""

    state: str = "open"
    level: str | None = None
    unit: str | None = None
    category: str | None = None
    drill: bool | None = None
    q: str | None = None
    after: str | None = None
    limit: int = 100


def incidents(
    database: Database, tree: UnitTree, viewer: str, wanted: Wanted, now: datetime
) -> dict[str, Any]:
    """A page of incidents the unit may see, newest first: `{"incidents": […], "next": cursor or null}`."""
    with database.reading() as connection:
        ids = [one for _opened_at, one in _found(connection, tree, viewer, wanted)]
        more = len(ids) > wanted.limit
        ids = ids[: wanted.limit]
        rows: dict[str, Any] = {}
        for chunk in _chunks(ids):
            query = visible(viewer).where(INCIDENT.c.id.in_(chunk))
            rows |= {row["id"]: row for row in connection.execute(query).mappings()}
        owed = open_obligations(connection, ids)
    shown = [incident_shown(rows[one], owed.get(one, []), now) for one in ids]
    return {"incidents": shown, "next": _cursor(rows[ids[-1]]) if more else None}


def _found(connection: Connection, tree: UnitTree, viewer: str, wanted: Wanted) -> list[Key]:
    """The first of what was asked for, one more than a page holds; those opened last first."""
    conditions = _conditions(tree, wanted)
    keys = select(INCIDENT.c.opened_at, INCIDENT.c.id).where(seen_by(viewer, INCIDENT.c.id), *conditions)
    need = wanted.limit + 1
    until = catalogued_until(connection)
    beyond = (connection.execute(select(LEDGER.c.seq)).scalar() or 0) - until
    if not until or beyond > MOST_BEYOND:
        plain = keys.order_by(INCIDENT.c.opened_at.desc(), INCIDENT.c.id.desc()).limit(need)
        return [(row.opened_at, row.id) for row in connection.execute(plain)]
    touched = connection.execute(select(ENTRY.c.incident_id).where(ENTRY.c.seq > until)).scalars()
    fresh = [one for one in dict.fromkeys(touched) if one is not None]
    found: list[Key] = []
    for chunk in _chunks(fresh):
        rows = connection.execute(keys.where(INCIDENT.c.id.in_(chunk)))
        found += [(row.opened_at, row.id) for row in rows]
    tags = _tags(tree, viewer, wanted, by_area=has_areas(connection))
    found += _Search(connection, keys, tags, frozenset(fresh)).first(need, _start(connection, wanted))
    return sorted(found, reverse=True)[:need]


class _Search:
    """Through the catalogue, from the newest block on. `fresh` are looked at elsewhere."""

    def __init__(
        self, connection: Connection, keys: Select[Any], tags: list[tuple[str, ...]], fresh: frozenset[str]
    ) -> None:
        self._connection, self._fresh = connection, fresh
        self._groups = tags
        self._cost: dict[tuple[str, ...], int] = {}
        self._counted = 0
        self._keys = keys.join(CATALOGUE_PLACE, CATALOGUE_PLACE.c.incident_id == INCIDENT.c.id)

    def first(self, need: int, start: int) -> list[Key]:
        """So many, those with the highest places first, from the place `start` on downwards."""
        found: list[Key] = []
        candidates = self._candidates(start)
        at_once = need + 16
        while len(found) < need:
            chunk = [place for place, _ in zip(candidates, range(at_once), strict=False)]
            if not chunk:
                break
            rows = self._connection.execute(self._keys.where(CATALOGUE_PLACE.c.position.in_(chunk)))
            found += [(row.opened_at, row.id) for row in rows if row.id not in self._fresh]
            at_once = min(2 * at_once, CHUNK)
        return found

    def _candidates(self, start: int) -> Iterator[int]:
        """Places that carry one tag of each group, the highest first."""
        first = block = start // BLOCK
        span = 1
        while block >= 0:
            lowest = max(0, block - span + 1)
            blocks = {at: -1 for at in range(block, lowest - 1, -1)}
            if first in blocks:
                blocks[first] = (2 << start % BLOCK) - 1
            for at, members in self._narrowed(blocks).items():
                for place in descending(members):
                    yield at * BLOCK + place
            block, span = lowest - 1, min(2 * span, MOST_BLOCKS)

    def _narrowed(self, blocks: dict[int, int]) -> dict[int, int]:
        """Of these blocks those in which something is left, and what of it.

        Of the first blocks all tags are read and counted. Of the others the rarest, and the rest only where
        something is left by then: of a title each pair of characters costs a row of every block.
        """
        if self._counted >= COUNTED_BLOCKS:
            for some in (self._groups[:FIRST_TAGS], self._groups[FIRST_TAGS:]):
                if some and blocks:
                    blocks = _left(blocks, some, self._marks(some, blocks))
            return blocks
        marks = self._marks(self._groups, blocks)
        for group in self._groups:
            carriers = sum(_either(here, group).bit_count() for here in marks.values())
            self._cost[group] = self._cost.get(group, 0) + carriers * len(group)
        left = _left(blocks, self._groups, marks)
        self._counted += len(blocks)
        self._groups.sort(key=self._cost.__getitem__)
        return left

    def _marks(
        self, groups: Iterable[tuple[str, ...]], blocks: Collection[int]
    ) -> dict[int, dict[str, bytes]]:
        found: dict[int, dict[str, bytes]] = {}
        tags = [tag for group in groups for tag in group]
        lowest, highest = min(blocks), max(blocks)
        among = (
            CATALOGUE_MARK.c.block.between(lowest, highest)
            if highest - lowest < 2 * len(blocks)
            else CATALOGUE_MARK.c.block.in_(blocks)
        )
        query = select(CATALOGUE_MARK.c.block, CATALOGUE_MARK.c.tag, CATALOGUE_MARK.c.members)
        query = query.where(CATALOGUE_MARK.c.tag.in_(tags), among)
        for block, tag, members in self._connection.execute(query):
            found.setdefault(block, {})[tag] = bytes(members)
        return found


def _either(here: Mapping[str, bytes], group: Iterable[str]) -> int:
    either = 0
    for tag in group:
        if tag in here:
            either |= unpacked(here[tag])
    return either


def _left(
    blocks: Mapping[int, int], groups: Sequence[tuple[str, ...]], marks: Mapping[int, Mapping[str, bytes]]
) -> dict[int, int]:
    left: dict[int, int] = {}
    for at, members in blocks.items():
        here = marks.get(at, {})
        for group in groups:
            members &= _either(here, group)
            if not members:
                break
        else:
            left[at] = members
    return left


def _tags(tree: UnitTree, viewer: str, wanted: Wanted, *, by_area: bool) -> list[tuple[str, ...]]:
    """Of each group every incident that is asked for carries one."""
    tags: list[tuple[str, ...]] = [(catalogue.seen_tag(viewer),)]
    if wanted.state in ("open", "closed"):
        tags.append((catalogue.state_tag(wanted.state == "open"),))
    if wanted.level is not None:
        tags.append((catalogue.level_tag(Level(wanted.level).rank),))
    if wanted.category is not None:
        tags.append((catalogue.category_tag(wanted.category),))
    if wanted.drill is not None:
        tags.append((catalogue.drill_tag(wanted.drill),))
    if wanted.unit is not None and len(places := tree.subtree(wanted.unit)) <= MOST_PLACES:
        wide = dict.fromkeys(
            map(catalogue.area_tag, places)
        )  # may hold neighbours as well: rows are looked at
        narrow = tuple(map(catalogue.place_tag, places))
        tags.append(tuple(wide) if by_area and len(wide) < len(narrow) else narrow)
    tags += [(tag,) for tag in catalogue.text_tags((wanted.q or "").casefold())]
    return tags


def _start(connection: Connection, wanted: Wanted) -> int:
    """The place at which to begin: the last, or the one before the cursor's."""
    last = connection.execute(
        select(CATALOGUE_PLACE.c.position).order_by(CATALOGUE_PLACE.c.position.desc()).limit(1)
    ).scalar()
    highest = -1 if last is None else int(last)
    if wanted.after is None:
        return highest
    after = _read_cursor(wanted.after)
    key = select(INCIDENT.c.opened_at, INCIDENT.c.id).join(
        CATALOGUE_PLACE, CATALOGUE_PLACE.c.incident_id == INCIDENT.c.id
    )
    same = key.add_columns(CATALOGUE_PLACE.c.position).where(CATALOGUE_PLACE.c.incident_id == after[1])
    row = connection.execute(same).first()
    if row is not None and row.opened_at == after[0]:
        return int(row.position) - 1
    lowest = 0  # all below it stand before the cursor, none above `highest` does
    while lowest <= highest:
        middle = (lowest + highest) // 2
        row = connection.execute(key.where(CATALOGUE_PLACE.c.position == middle)).first()
        if row is None:  # somebody took it away; from here on every row is looked at
            return highest
        if (row.opened_at, row.id) < after:
            lowest = middle + 1
        else:
            highest = middle - 1
    return highest


def _conditions(tree: UnitTree, wanted: Wanted) -> list[Any]:
    conditions: list[Any] = []
    if wanted.state == "open":
        conditions.append(INCIDENT.c.state == "open")
    elif wanted.state == "closed":
        conditions.append(INCIDENT.c.state != "open")
    if wanted.level is not None:
        rank = Level(wanted.level).rank
        conditions.append(
            or_(
                INCIDENT.c.final_level == rank,
                and_(INCIDENT.c.final_level == 0, INCIDENT.c.reporting_level == rank),
            )
        )
    if wanted.unit is not None:
        # Rows to be looked at are named already: without this SQLite takes them by the unit's index, where a
        # county has a tenth of the archive.
        unit = func.coalesce(INCIDENT.c.unit, "")
        conditions.append(unit.in_(tree.subtree(wanted.unit)))
    if wanted.category is not None:
        kind = wanted.category
        conditions.append(
            or_(INCIDENT.c.category == kind, INCIDENT.c.category.startswith(f"{kind}/", autoescape=True))
        )
    if wanted.drill is not None:
        conditions.append(INCIDENT.c.drill.is_(wanted.drill))
    if wanted.q:
        conditions.append(INCIDENT.c.search.contains(wanted.q.casefold(), autoescape=True))
    if wanted.after is not None:
        opened_at, incident_id = _read_cursor(wanted.after)
        conditions.append(
            or_(
                INCIDENT.c.opened_at < opened_at,
                and_(INCIDENT.c.opened_at == opened_at, INCIDENT.c.id < incident_id),
            )
        )
    return conditions


def _cursor(row: Any) -> str:
    return pack(row["opened_at"].isoformat(), row["id"])


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    moment, incident_id = unpack(cursor)
    return read_moment(cursor, moment), incident_id


def _chunks(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + CHUNK] for start in range(0, len(values), CHUNK)]
