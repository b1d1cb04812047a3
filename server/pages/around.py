"""What is one key away on an incident's page: the people to ring, and the incidents that belong to it."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.fields import parse_instant
from server.domain.duplicates import related
from server.pages.asked import Asked, page
from server.pages.intake import told
from server.record import duty_reading, nearby, reading
from server.screens import around as screen


def around(asked: Asked) -> Response:
    """GET /incidents/{id}/around. Nothing restricted is read for it."""
    incident_id = str(asked.request.path_params["incident_id"])
    parts = asked.parts
    shown = reading.incident(parts.database, asked.viewer, incident_id, asked.now, restricted=False)
    if shown is None:
        return asked.page("missing.html", 404, said=asked.wording.say("refused.no_incident"))
    return asked.piece("_around.html", around=_around(asked, shown))


def _around(asked: Asked, shown: dict[str, Any]) -> screen.Around:
    """A roster is its unit's own, and of those above it: a county reads no city's."""
    parts, viewer = asked.parts, asked.viewer
    units = [unit for unit in shown["units"] if parts.tree.covers(viewer, unit)]
    standing = duty_reading.on_duty(parts.database, units, asked.now)
    known_at = parse_instant(shown["known_at"]) if shown["known_at"] else asked.now
    rows = nearby.around(parts.database, viewer, known_at, drill=shown["drill"])
    absorbed = nearby.of_ids(parts.database, viewer, screen.absorbed_ids(shown))
    near = related(told({**shown, "known_at": known_at}), [told(row) for row in rows], parts.tree)
    return screen.Around(
        incident_id=shown["id"],
        desks=tuple(screen.desks(standing, units, asked.wording)),
        sources=tuple(screen.sources(shown["fact_history"], asked.wording)),
        related=tuple(screen.related(absorbed, near, {row["id"]: row for row in rows}, asked.wording)),
    )


def routes() -> list[BaseRoute]:
    return [Route("/incidents/{incident_id:uuid}/around", page(around))]
