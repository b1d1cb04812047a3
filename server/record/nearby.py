"""Incidents of the same hours that a unit may see: what a new call may be about, what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from server.record.database import Database
from server.record.reading import visible
from server.record.tables import INCIDENT

LOOKED_BACK = timedelta(hours=24)
MOST = 200


def recent(database: Database, viewer: str, at: datetime, *, drill: bool) -> list[dict[str, Any]]:
    """The newest of them as rows of the table of incidents; drills are compared with drills only."""
    query = (
        visible(viewer)
        .where(INCIDENT.c.state == "open", INCIDENT.c.drill.is_(drill))
        .where(INCIDENT.c.known_at.between(at - LOOKED_BACK, at + LOOKED_BACK))
        .order_by(INCIDENT.c.known_at.desc())
        .limit(MOST)
    )
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def around(database: Database, viewer: str, at: datetime, *, drill: bool) -> list[dict[str, Any]]:
    """Incidents, open or closed, that were entered within a day of this moment: the newest of them."""
    query = (
        visible(viewer)
        .where(INCIDENT.c.state.in_(("open", "closed")), INCIDENT.c.drill.is_(drill))
        .where(INCIDENT.c.opened_at.between(at - LOOKED_BACK, at + LOOKED_BACK))
        .order_by(INCIDENT.c.opened_at.desc())
        .limit(MOST)
    )
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def of_ids(database: Database, viewer: str, ids: Sequence[str]) -> list[dict[str, Any]]:
    """These incidents, as far as the unit may see them."""
    with database.reading() as connection:
        rows = connection.execute(visible(viewer).where(INCIDENT.c.id.in_(list(ids)[:MOST]))).mappings()
        return [dict(row) for row in rows]
