"""What the page of statistics reads: what counts, told apart by what, and what was sealed. Synchronous."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from threading import Lock
from typing import Any

import orjson
from sqlalchemy import Connection, RowMapping, and_, case, func, select

from schemas.duties import SealedIncident
from schemas.events import LOG_ENTRY
from schemas.terms import Level
from server.domain.incident import fold
from server.domain.periods import BEIJING
from server.domain.rates import Counted, Pair, Ratio, Spread, spread
from server.domain.sealing import Moved, days_of, moved
from server.domain.stages import SPANS, moments, spans
from server.domain.units import UnitTree
from server.record.counted import Period, is_final, sealed_incidents, stored_rows
from server.record.database import Database
from server.record.duty_tables import MONTH_SEAL, SHIFT
from server.record.reading import LEVELS
from server.record.tables import ENTRY, INCIDENT, INCIDENT_UNIT

#: Stage times come from whole incidents: of so many, the newest. The page says so when there are more.
MOST_TIMED = 200
#: Whose stage times are kept at most; what is worked out before anybody looks stays within it.
MOST_KEPT = 2_000
NO_SHIFT = "-"


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed month, and what has moved since."""

    month: str
    name: str
    sealed_at: datetime
    rules: str | None
    sealed: Pair
    now: Pair
    moved: tuple[Moved, ...]


def counted(database: Database, period: Period) -> list[Counted]:
    """The incidents that count, the earliest first."""
    with database.reading() as connection:
        rows = stored_rows(connection, period)
        shifts = _shifts(connection, period, rows)
    return [_counted(row, period.tree, shifts) for row in rows]


def _counted(row: RowMapping, tree: UnitTree, shifts: dict[str, list[Any]]) -> Counted:
    desk = tree.county_of(row["unit"]) or row["unit"]
    return Counted(
        incident_id=row["id"],
        number=row["number"],
        title=row["title"],
        unit=row["unit"],
        desk=desk,
        category=(row["category"] or "unknown").split("/")[0],
        level=LEVELS.get(row["final_level"] or row["reporting_level"], "none"),
        month=row["start_at"].astimezone(BEIJING).strftime("%Y-%m"),
        shift=_shift_of(row["known_at"], shifts.get(desk, [])),
        final=is_final(row),
        initial=bool(row["initial_major"]),
        passed=bool(row["passed"]),
        version=row["version"],
    )


def _shifts(connection: Connection, period: Period, rows: Sequence[RowMapping]) -> dict[str, list[Any]]:
    """Of each desk the shifts that answered in the time, in their order."""
    if not rows:
        return {}
    first, last = (edge(row["known_at"] for row in rows) for edge in (min, max))
    query = (
        select(SHIFT)
        .where(
            SHIFT.c.unit.in_({period.tree.county_of(row["unit"]) or row["unit"] for row in rows}),
            SHIFT.c.taken_at <= last,
            func.coalesce(SHIFT.c.ended_at, last) >= first,
        )
        .order_by(SHIFT.c.taken_at)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        if period.tree.covers(period.viewer, row.unit):
            found.setdefault(row.unit, []).append(row)
    return found


def _shift_of(at: datetime, shifts: list[Any]) -> str:
    """By whom it is known: the leader of the shift that answered then, or else its first name."""
    place = bisect_right(shifts, at, key=lambda one: one.taken_at) - 1
    if place < 0 or (shifts[place].ended_at is not None and shifts[place].ended_at <= at):
        return NO_SHIFT
    one = shifts[place]
    people = [orjson.loads(one.leader)] if one.leader else orjson.loads(one.posts)
    return str(people[0]["name"]) if people else NO_SHIFT


# ---------------------------------------------------------------- month by month


def months_before(last: date, count: int) -> list[str]:
    """So many months, the one of `last` at the end."""
    whole = last.year * 12 + last.month - 1
    return [f"{one // 12:04}-{one % 12 + 1:02}" for one in range(whole - count + 1, whole + 1)]


def by_month(database: Database, tree: UnitTree, viewer: str, unit: str, months: Sequence[str]) -> list[Pair]:
    """The figures of neighbouring months, summed up where they lie: a year has many incidents."""
    period = Period(tree, viewer, unit, days_of(months[0])[0], days_of(months[-1])[1])
    starts = [datetime.combine(days_of(one)[0], time(0), BEIJING).astimezone(UTC) for one in months[1:]]
    bucket = case(
        *((INCIDENT.c.start_at < at, index) for index, at in enumerate(starts)), else_=len(starts)
    ).label("bucket")
    final = case((INCIDENT.c.final_level >= Level.MAJOR.rank, 1), else_=0).label("is_final")
    query = (
        select(bucket, final, INCIDENT.c.initial_major, INCIDENT.c.passed, func.count().label("many"))
        .select_from(INCIDENT)
        .join(
            INCIDENT_UNIT,
            and_(INCIDENT_UNIT.c.incident_id == INCIDENT.c.id, INCIDENT_UNIT.c.unit == viewer),
        )
        .where(*period.conditions())
        .group_by(bucket, final, INCIDENT.c.initial_major, INCIDENT.c.passed)
    )
    sums = [[0, 0, 0, 0] for _ in months]
    with database.reading() as connection:
        for row in connection.execute(query):
            of = sums[row.bucket]
            for place, counts in ((0, row.is_final), (2, row.initial_major)):
                if counts:
                    of[place] += row.many if row.passed else 0
                    of[place + 1] += row.many
    return [Pair(Ratio(one[0], one[1]), Ratio(one[2], one[3])) for one in sums]


# ---------------------------------------------------------------- where the minutes went


class Timing:
    """The stage times of incidents, kept by their version: a page asks for the same ones again and again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], dict[str, float]] = OrderedDict()
        self._lock = Lock()

    def spreads(
        self, database: Database, rows: Sequence[Counted], now: datetime, smallest: int
    ) -> dict[str, Spread]:
        """Median and P90 of each span, over the newest that count."""
        found: dict[str, list[float]] = {f"{begin}_{end}": [] for begin, end in SPANS}
        for _row, taken in self.spans(database, rows[-MOST_TIMED:], now):
            for name, span in taken.items():
                found[name].append(span)
        return {name: spread(taken, smallest) for name, taken in found.items()}

    def each(
        self, database: Database, rows: Sequence[Counted], name: str, now: datetime
    ) -> list[tuple[str, float]]:
        """What a median is made of: incident and span, the longest first."""
        found = [
            (row.incident_id, taken[name])
            for row, taken in self.spans(database, rows[-MOST_TIMED:], now)
            if name in taken
        ]
        return sorted(found, key=lambda one: -one[1])

    def unkept(self, rows: Iterable[Counted]) -> list[Counted]:
        """Those whose times would have to be worked out."""
        return [row for row in rows if (row.incident_id, row.version) not in self._kept]

    def spans(
        self, database: Database, rows: Sequence[Counted], now: datetime
    ) -> list[tuple[Counted, dict[str, float]]]:
        """Those that are not kept are read in one look."""
        made = {row: self._kept.get((row.incident_id, row.version)) for row in rows}
        wanted = [row.incident_id for row, kept in made.items() if kept is None]
        fresh: dict[str, dict[str, float]] = {}
        if wanted:
            with database.reading() as connection:
                query = (
                    select(ENTRY.c.incident_id, ENTRY.c.body)
                    .where(ENTRY.c.incident_id.in_(wanted))
                    .order_by(ENTRY.c.incident_id, ENTRY.c.seq)
                )
                for incident_id, entries in groupby(
                    connection.execute(query), key=lambda one: one.incident_id
                ):
                    incident = fold(incident_id, (LOG_ENTRY.validate_json(one.body) for one in entries))
                    fresh[incident_id] = spans(moments(incident, now))
        with self._lock:
            for row, kept in made.items():
                if kept is None:
                    self._kept[row.incident_id, row.version] = fresh.get(row.incident_id, {})
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return [(row, fresh.get(row.incident_id, {}) if kept is None else kept) for row, kept in made.items()]


# ---------------------------------------------------------------- what was sealed


def seals(database: Database, tree: UnitTree, unit: str, months: Iterable[str]) -> dict[str, Seal]:
    """The sealed months of a unit among these, each beside what the same count gives today.

    Counted as the unit itself sees it, as it was when it was sealed; whoever asks covers the unit.
    """
    query = select(MONTH_SEAL).where(MONTH_SEAL.c.unit == unit, MONTH_SEAL.c.month.in_(list(months)))
    with database.reading() as connection:
        rows = connection.execute(query).mappings().all()
        return {row["month"]: _seal(connection, tree, unit, row) for row in rows}


def sealed_rows(database: Database, unit: str, month: str) -> list[SealedIncident]:
    """What counted when a unit sealed a month."""
    query = select(MONTH_SEAL.c.incidents).where(MONTH_SEAL.c.unit == unit, MONTH_SEAL.c.month == month)
    with database.reading() as connection:
        stored = connection.execute(query).scalar()
    return [SealedIncident.model_validate(one) for one in orjson.loads(stored or "[]")]


def _seal(connection: Connection, tree: UnitTree, unit: str, row: RowMapping) -> Seal:
    then = [SealedIncident.model_validate(one) for one in orjson.loads(row["incidents"])]
    today = sealed_incidents(stored_rows(connection, Period(tree, unit, unit, *days_of(row["month"]))))
    final = [one.passed for one in today if one.final]
    initial = [one.passed for one in today if one.initial]
    return Seal(
        month=row["month"],
        name=row["name"],
        sealed_at=row["sealed_at"],
        rules=row["rules"],
        sealed=Pair(Ratio(row["final_met"], row["final_of"]), Ratio(row["initial_met"], row["initial_of"])),
        now=Pair(Ratio(sum(final), len(final)), Ratio(sum(initial), len(initial))),
        moved=tuple(moved(then, today)),
    )


def last_month(today: date) -> str:
    """The newest month that is over."""
    return (today.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
