"""The statistics of the one-hour rule: figures told apart, what they are made of, and the sealed months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from schemas.terms import Level
from server.domain.rates import Counted, Pair, pair, told_apart
from server.domain.sealing import days_of
from server.domain.stages import SPANS
from server.domain.units import Rank, UnitTree
from server.pages.asked import Asked, page
from server.record import breakdown, reading
from server.record.breakdown import MOST_TIMED, NO_SHIFT, Timing
from server.record.counted import Period
from server.record.statistics import rate
from server.screens import plots
from server.screens.wording import BEIJING

MOST_LISTED = 100  # on the page itself; the list of a figure has more, the API all
MOST_ROWS = 500
MOST_GROUPS = 60
MONTHS = 12
SCOPES = ("final", "initial", "drill")
PAIRED = ("final", "initial")
#: By what the figures are told apart.
KEYS: dict[str, Callable[[Counted], str]] = {
    "unit": lambda one: one.desk,
    "month": lambda one: one.month,
    "category": lambda one: one.category,
    "level": lambda one: one.level,
    "shift": lambda one: one.shift,
}
TIMING = Timing()
SPAN_NAMES = tuple(f"{begin}_{end}" for begin, end in SPANS)


@dataclass(frozen=True, slots=True)
class Query:
    """What the address asks for, put right where it cannot be."""

    first: date
    last: date
    unit: str
    by: str

    def link(self, path: str = "/statistics", **over: object) -> str:
        said = {"unit": self.unit, "from": self.first, "to": self.last, "by": self.by, **over}
        return f"{path}?{urlencode({name: str(one) for name, one in said.items()})}"


def query_of(asked: Asked) -> Query:
    said = asked.request.query_params
    last = _day(said.get("to")) or asked.now.astimezone(BEIJING).date()
    first = _day(said.get("from")) or last.replace(day=1)
    if first > last:
        first, last = last, first
    unit = said.get("unit", asked.viewer)
    if not asked.parts.tree.covers(asked.viewer, unit):
        unit = asked.viewer
    by = said.get("by", "unit")
    return Query(first, last, unit, by if by in KEYS else "unit")


def statistics(asked: Asked) -> Response:
    query = query_of(asked)
    tree, database = asked.parts.tree, asked.parts.database
    today = asked.now.astimezone(BEIJING).date()
    smallest = asked.parts.settings.rates_from
    period = Period(tree, asked.viewer, query.unit, query.first, query.last)
    rows = breakdown.counted(database, period)
    drill = rate(
        database,
        tree,
        asked.viewer,
        first=query.first,
        last=query.last,
        unit=query.unit,
        scope="drill",
        now=asked.now,
    )
    groups: dict[str, Pair] = dict.fromkeys(bare_rows(query, tree, query.by), pair([]))
    groups |= told_apart(rows, KEYS[query.by])
    by_drill = {part["unit"]: part for part in drill["by_unit"]} if query.by == "unit" else {}
    for code in by_drill:
        groups.setdefault(code, pair([]))
    months = breakdown.months_before(query.last, MONTHS)
    trend = breakdown.by_month(database, tree, asked.viewer, query.unit, months)
    sealable = [one for one in breakdown.months_before(today.replace(day=1) - timedelta(days=1), MONTHS)]
    listed = list(
        dict.fromkeys([one.incident_id for one in rows][-MOST_LISTED:] + drill["incidents"][-MOST_LISTED:])
    )
    incidents = reading.plain_rows(database, asked.viewer, listed, asked.now)
    stages = TIMING.spreads(database, rows, asked.now, smallest)
    return asked.page(
        "statistics.html",
        query=query,
        whole=pair(rows),
        drill=drill,
        by_drill=by_drill,
        groups=list(groups.items())[:MOST_GROUPS],
        more_groups=max(0, len(groups) - MOST_GROUPS),
        label=labels(asked),
        paired=PAIRED,
        keys=tuple(KEYS),
        smallest=smallest,
        units=[one for one in tree.subtree(asked.viewer) if one == asked.viewer or is_desk(tree, one)],
        incidents=[incidents[one] for one in listed if one in incidents],
        most_listed=MOST_LISTED if max(len(rows), len(drill["incidents"])) > MOST_LISTED else 0,
        stages=stages,
        spans=SPAN_NAMES,
        month_days={month: days_of(month) for month in {*months, *sealable}},
        most_timed=MOST_TIMED if len(rows) > MOST_TIMED else 0,
        months=months,
        trend=trend,
        columns={scope: plots.columns([getattr(one, scope) for one in trend]) for scope in PAIRED},
        bars=plots.bars(stages),
        seals=breakdown.seals(database, tree, query.unit, sealable),
        sealable=sealable[::-1],
        may_seal=asked.may("seal-month") and query.unit == asked.viewer,
        year=today.replace(month=1, day=1),
        week=today - timedelta(days=6),
        as_of=asked.now,
    )


def incidents(asked: Asked) -> Response:
    """What one figure is made of: the incidents, each with whether it was reported in time."""
    query = query_of(asked)
    said = asked.request.query_params
    scope = said.get("scope", "final")
    scope = scope if scope in SCOPES else "final"
    key = said.get("key")
    period = Period(asked.parts.tree, asked.viewer, query.unit, query.first, query.last)
    stage, sealed = said.get("stage", ""), said.get("sealed", "")
    spans: dict[str, float] = {}
    if stage in SPAN_NAMES:
        counted = breakdown.counted(asked.parts.database, period)
        spans = dict(TIMING.each(asked.parts.database, counted, stage, asked.now))
        # the list is shown from its end: the longest stand last, and first on the page
        ids, passed = list(spans)[::-1], {one.incident_id: one.passed for one in counted}
    elif sealed:
        kept = breakdown.sealed_rows(asked.parts.database, query.unit, sealed)
        counts = [one for one in kept if (one.initial if scope == "initial" else one.final)]
        ids, passed = (
            [one.incident_id for one in counts],
            {one.incident_id: one.passed for one in counts},
        )
    elif scope == "drill":
        figure = rate(
            asked.parts.database,
            asked.parts.tree,
            asked.viewer,
            first=query.first,
            last=query.last,
            unit=key if key and asked.parts.tree.covers(query.unit, key) else query.unit,
            scope="drill",
            now=asked.now,
        )
        ids, passed = figure["incidents"], {}
    else:
        rows = [one for one in breakdown.counted(asked.parts.database, period) if getattr(one, scope)]
        if key is not None:
            rows = [one for one in rows if KEYS[query.by](one) == key]
        result = said.get("result")
        if result in ("met", "missed"):
            rows = [one for one in rows if one.passed is (result == "met")]
        ids = [one.incident_id for one in rows]
        passed = {one.incident_id: one.passed for one in rows}
    shown = reading.plain_rows(asked.parts.database, asked.viewer, ids[-MOST_ROWS:], asked.now)
    return asked.page(
        "statistics_rows.html",
        query=query,
        scope=scope,
        key=key,
        label=labels(asked),
        count=len(ids),
        most=MOST_ROWS if len(ids) > MOST_ROWS else 0,
        passed=passed,
        stage=stage if spans or stage in SPAN_NAMES else "",
        spans=spans,
        sealed=sealed if sealed else "",
        incidents=[shown[one] for one in ids[-MOST_ROWS:] if one in shown][:: -1 if spans else 1],
    )


def bare_rows(query: Query, tree: UnitTree, by: str) -> list[str]:
    """What stands there although nothing was due: the desks below, every level that counts."""
    if by == "unit":
        return [one for one in tree.children(query.unit) if is_desk(tree, one)]
    return [str(one) for one in Level if one.is_major] if by == "level" else []


def labels(asked: Asked) -> Callable[[str, str], str]:
    def label(by: str, key: str) -> str:
        if by == "unit":
            return asked.wording.unit(key)
        if by in ("category", "level"):
            return (
                asked.wording.term(by, key)
                if key not in ("unknown", "none")
                else asked.wording.say("unknown")
            )
        return asked.wording.say("statistics.no_shift") if key == NO_SHIFT else key

    return label


def is_desk(tree: UnitTree, code: str) -> bool:
    """A county-rank desk: what the rate is told apart by."""
    unit = tree.get(code)
    return unit is not None and unit.rank is Rank.COUNTY


def _day(text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or 1901 <= found.year <= 9000 else None


def routes() -> list[Route]:
    return [
        Route("/statistics", page(statistics)),
        Route("/statistics/incidents", page(incidents)),
    ]
