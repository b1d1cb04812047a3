"""The map over HTTP: what stands on it now, and how it came to that.

Everything goes by the caller's unit; what that may not see is in no answer, and in no count of one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from server.api.rest import BASE, BadQuery, asked_only, json, not_found, parts_of, whole
from server.domain.geo import Point
from server.gate.auth import principal_of
from server.parts import Parts
from server.people.accounts import Principal
from server.record import duty_reading, placed, reading
from server.screens import mapped, replayed, within
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


async def around(request: Request) -> Response:
    """GET /map/around: what lies within so many metres of a place, with the phones of whom to call."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"lon", "lat", "m"})
    here = (degrees(asked, "lon", 180), degrees(asked, "lat", 90))
    metres = whole(asked, "m", 3_000, 1, 200_000)
    return json(await asyncio.to_thread(_around, parts, principal, wording_for(request), here, metres))


def _around(parts: Parts, principal: Principal, wording: Wording, here: Point, metres: int) -> dict[str, Any]:
    """A roster is its unit's own, and of those above it: of the others no phone is said."""
    now, viewer = parts.now(), principal.unit
    seen = mapped.snapshot(placed.seen(parts.database, parts.spots, viewer, now), wording, now)
    layers = parts.map_layers.seen_by(viewer)
    read = {one["layer_id"]: parts.map_layers.features(one["layer_id"], one["version"]) for one in layers}
    outlines = [read[one["layer_id"]] for one in layers if one["kind"] == "outline"]
    named = [parts.tree.nearest(code) for code in within.divisions_of(outlines, here)]
    desks = [one for one in dict.fromkeys(named) if one is not None and parts.tree.covers(viewer, one)]
    people = seen["people"]["features"]
    units = [one["properties"]["unit"] for one in people]
    units = [one for one in dict.fromkeys([*desks, *units]) if one and parts.tree.covers(viewer, one)]
    standings = duty_reading.on_duty(parts.database, units, now)
    things = [
        *within.of_incidents(seen["incidents"]["features"], here, metres),
        *within.of_people(people, within.phones_of(standings), here, metres),
        *(thing for one in layers for thing in within.of_layer(one, read[one["layer_id"]], here, metres)),
    ]
    things.sort(key=lambda one: one["distance_m"])
    return {
        "lon": here[0],
        "lat": here[1],
        "within_m": metres,
        "things": things[: within.MOST],
        "desks": [within.desk(one, standings[one], wording) for one in desks if one in standings],
        "cut": len(things) > within.MOST,
    }


def degrees(asked: dict[str, str], name: str, most: float) -> float:
    try:
        value = float(asked.get(name, ""))
    except ValueError:
        raise BadQuery(name, "must be degrees, as in 119.6") from None
    if not -most <= value <= most:
        raise BadQuery(name, f"must be from -{most:g} to {most:g}")
    return value


def routes() -> list[Route]:
    return [
        Route(f"{BASE}/map", snapshot),
        Route(f"{BASE}/map/around", around),
        Route(f"{BASE}/map/replay/{{incident_id}}", replay),
    ]
