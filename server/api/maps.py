"""The map over HTTP: what stands on it now, and how it came to that.

Everything goes by the caller's unit; what that may not see is in no answer, and in no count of one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.rest import BASE, asked_only, json, not_found, parts_of
from server.gate.auth import principal_of
from server.parts import Parts
from server.people.accounts import Principal
from server.record import placed, reading
from server.screens import mapped, replayed
from server.screens.texts import language_of
from server.screens.wording import Wording


def wording_for(request: Request) -> Wording:
    return parts_of(request).views.wording(language_of(request))


async def snapshot(request: Request) -> Response:
    """GET /map: all that moves, for the whole unit or for one incident, which may be closed."""
    principal, parts = principal_of(request.scope), parts_of(request)
    only = asked_only(request, {"incident"}).get("incident")
    found = await asyncio.to_thread(_snapshot, parts, principal, wording_for(request), only)
    return json(found) if found is not None else not_found(request, principal)


def _snapshot(
    parts: Parts, principal: Principal, wording: Wording, only: str | None
) -> dict[str, Any] | None:
    """The stream's head is read first: whoever listens on from there misses nothing."""
    stream = reading.StreamLog(parts.database)
    epoch, head = stream.epoch(), stream.head(principal.unit)
    now = parts.now()
    seen = placed.seen(parts.database, parts.spots, principal.unit, now, only)
    if only is not None and not seen:
        return None
    return {**mapped.snapshot(seen, wording, now), "epoch": epoch, "head": head}


async def replay(request: Request) -> Response:
    """GET /map/replay/{incident_id}: the incident's log as steps of a film."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked_only(request, set())
    incident_id = request.path_params["incident_id"].lower()
    wording = wording_for(request)

    def made() -> dict[str, Any] | None:
        now = parts.now()
        shown = reading.incident(parts.database, principal.unit, incident_id, now, restricted=False)
        return None if shown is None else replayed.film(shown, wording, now)

    found = await asyncio.to_thread(made)
    return json(found) if found is not None else not_found(request, principal)


def routes() -> list[Route]:
    return [
        Route(f"{BASE}/map", snapshot),
        Route(f"{BASE}/map/replay/{{incident_id}}", replay),
    ]
