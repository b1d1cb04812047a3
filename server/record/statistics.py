"""The one-hour on-time rate (一小时报送达标率), over the incidents a unit may see. Synchronous."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import func

from schemas.fields import wire_instant
from schemas.terms import Level
from server.domain.units import UnitTree
from server.record.counted import NOT_COUNTED, Period
from server.record.database import Database
from server.record.reading import visible
from server.record.tables import INCIDENT


def rate(
    database: Database,
    tree: UnitTree,
    viewer: str,
    *,
    first: date,
    last: date,
    unit: str,
    scope: str,
    now: datetime,
) -> dict[str, Any]:
    """The one-hour on-time rate (domain.md 1.5.2) of a unit's area; days are Beijing days, both included.

    `final`: 核定口径, incidents whose final level is 重大 or above. `initial`: 初判口径, those that ever
    reached it. `drill`: drills alone. Merged duplicates and false alarms are out; late-discovered, concealed
    and never reported incidents are in. Nothing due: the rate is null, never 100 %.
    """
    period = Period(tree, viewer, unit, first, last)
    query = (
        visible(viewer)
        .with_only_columns(INCIDENT.c.id, INCIDENT.c.unit, INCIDENT.c.passed)
        .where(
            # a final level alone counts in the final scope; both values are named, the index begins with them
            INCIDENT.c.initial_major.in_([True, False] if scope == "final" else [True]),
            INCIDENT.c.start_at >= period.begin,
            INCIDENT.c.start_at < period.end,
            INCIDENT.c.unit.in_(period.area),
            INCIDENT.c.state != "merged",
            func.coalesce(INCIDENT.c.outcome, "").not_in(NOT_COUNTED),
            INCIDENT.c.drill.is_(scope == "drill"),
        )
        .order_by(INCIDENT.c.start_at, INCIDENT.c.id)
    )
    if scope == "final":
        query = query.where(INCIDENT.c.final_level >= Level.MAJOR.rank)
    with database.reading() as connection:
        rows = connection.execute(query).all()
    by_unit: dict[str, list[bool]] = {}
    for _id, place, passed in rows:
        by_unit.setdefault(tree.county_of(place) or place, []).append(bool(passed))
    results = [bool(passed) for _id, _unit, passed in rows]
    return {
        **_rate(results),
        "incidents": [row.id for row in rows],
        "by_unit": [
            {"unit": code, "name": tree.name_of(code), "name_en": tree.name_of(code, "en"), **_rate(part)}
            for code, part in sorted(by_unit.items())
        ],
        "scope": scope,
        "unit": unit,
        "as_of": wire_instant(now),
    }


def _rate(results: list[bool]) -> dict[str, Any]:
    met = sum(results)
    return {
        "numerator": met,
        "denominator": len(results),
        "rate": met / len(results) if results else None,
    }
