"""Open incidents of the last hours that a unit may see: what a new call may be about."""

from __future__ import annotations

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
