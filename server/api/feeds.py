"""Open incidents and positions for any GIS: OGC API Features (core, GeoJSON), and as CAP in an Atom feed.

By the same sight as everything else. A feed's token (`fenghuo token add --feed UNIT`) reads these alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.fields import parse_instant, wire_instant
from server.api.rest import BASE, not_found, parts_of
from server.domain.geo import meets
from server.gate.auth import FEEDS, principal_of
from server.gate.problems import problem
from server.record import placed
from server.screens import cap_feed, mapped
from server.screens.texts import language_of

OGC = f"{FEEDS}/ogc"
CONFORMS = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{part}" for part in ("core", "geojson")
)
MOST, USUAL = 1_000, 100
GEO = "application/geo+json"
#: Which part of the map a collection is, and which property says when.
COLLECTIONS = {
    "incidents": ("incidents", "known_at", "在办事件 open incidents"),
    "positions": ("people", "at", "现场人员位置 positions of people on the spot"),
    "drawings": ("drawings", "at", "标绘 what is plotted"),
}


class _Wrong(Exception):
    """A parameter that is wrong or unknown: 400, as the standard has it."""


def _wrong(error: _Wrong) -> Response:
    return problem(400, "bad-query", detail=str(error))


def _link(request: Request, path: str, rel: str, media: str, title: str = "") -> dict[str, str]:
    base = str(request.base_url).rstrip("/")
    made = {"href": f"{base}{path}", "rel": rel, "type": media}
    return {**made, "title": title} if title else made


def _json(said: Any, media: str = "application/json") -> Response:
    return Response(orjson.dumps(said), media_type=media)


async def landing(request: Request) -> Response:
    links = [
        _link(request, OGC, "self", "application/json"),
        _link(request, "/openapi.json", "service-desc", "application/vnd.oai.openapi+json;version=3.1"),
        _link(request, f"{OGC}/conformance", "conformance", "application/json"),
        _link(request, f"{OGC}/collections", "data", "application/json"),
    ]
    return _json({"title": "烽火 Fenghuo", "description": "OGC API - Features", "links": links})


async def conformance(_request: Request) -> Response:
    return _json({"conformsTo": CONFORMS})


def _collection(request: Request, name: str) -> dict[str, Any]:
    here = f"{OGC}/collections/{name}"
    return {
        "id": name,
        "title": COLLECTIONS[name][2],
        "itemType": "feature",
        "crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
        "links": [
            _link(request, here, "self", "application/json"),
            _link(request, f"{here}/items", "items", GEO, COLLECTIONS[name][2]),
        ],
    }


async def collections(request: Request) -> Response:
    links = [_link(request, f"{OGC}/collections", "self", "application/json")]
    return _json({"links": links, "collections": [_collection(request, name) for name in COLLECTIONS]})


async def collection(request: Request) -> Response:
    name = request.path_params["collection"]
    if name not in COLLECTIONS:
        return not_found(request, principal_of(request.scope))
    return _json(_collection(request, name))


async def _features(request: Request, part: str) -> tuple[list[dict[str, Any]], datetime]:
    principal, parts = principal_of(request.scope), parts_of(request)
    wording, now = parts.views.wording(language_of(request)), parts.now()

    def read() -> list[dict[str, Any]]:
        seen = placed.seen(parts.database, parts.spots, principal.unit, now)
        found: list[dict[str, Any]] = mapped.snapshot(seen, wording, now)[part]["features"]
        return found

    return await asyncio.to_thread(read), now


async def items(request: Request) -> Response:
    """A page of a collection, by box and time."""
    name = request.path_params["collection"]
    if name not in COLLECTIONS:
        return not_found(request, principal_of(request.scope))
    part, clock, _title = COLLECTIONS[name]
    try:
        asked = dict(request.query_params)
        if unknown := sorted(set(asked) - {"bbox", "datetime", "limit", "offset", "f"}):
            raise _Wrong(f"{unknown[0]} is not a parameter here")
        limit = min(MOST, _number(asked, "limit", USUAL, 1))
        offset = _number(asked, "offset", 0, 0)
        in_box, in_time = _box(asked.get("bbox")), _span(asked.get("datetime"))
    except _Wrong as wrong:
        return _wrong(wrong)
    found, now = await _features(request, part)
    found = [one for one in found if in_box(one["geometry"]) and in_time(one["properties"][clock])]
    found.sort(key=lambda one: str(one["id"]))
    page = found[offset : offset + limit]
    here = request.url.path
    kept = "".join(f"&{key}={quote(asked[key])}" for key in ("bbox", "datetime") if key in asked)
    links = [_link(request, f"{here}?offset={offset}&limit={limit}{kept}", "self", GEO)]
    if offset + limit < len(found):
        links.append(_link(request, f"{here}?offset={offset + limit}&limit={limit}{kept}", "next", GEO))
    links.append(_link(request, f"{OGC}/collections/{name}", "collection", "application/json"))
    beside = {
        "numberMatched": len(found),
        "numberReturned": len(page),
        "timeStamp": wire_instant(now),
        "links": links,
    }
    return _json(mapped.collection(page, **beside), GEO)


async def item(request: Request) -> Response:
    name = request.path_params["collection"]
    if name in COLLECTIONS:
        found, _now = await _features(request, COLLECTIONS[name][0])
        for one in found:
            if one["id"] == request.path_params["feature"]:
                links = [
                    _link(request, request.url.path, "self", GEO),
                    _link(request, f"{OGC}/collections/{name}", "collection", "application/json"),
                ]
                return _json({**one, "links": links}, GEO)
    return not_found(request, principal_of(request.scope))


async def cap(request: Request) -> Response:
    """GET /feeds/cap: the open incidents as CAP 1.2 in Atom."""
    principal, parts = principal_of(request.scope), parts_of(request)
    found, now = await _features(request, "incidents")
    name = parts.tree.name_of(principal.unit, "zh")
    about = {
        "id": f"urn:fenghuo:{parts.store.deployment_id}:{principal.unit}",
        "title": f"{name} 在办事件",
        "sender": f"{principal.unit}@{parts.store.deployment_id}",
        "self": f"{str(request.base_url).rstrip('/')}{request.url.path}",
    }
    return Response(cap_feed.feed(found, about, now), media_type="application/atom+xml")


# ---------------------------------------------------------------- what was asked


def _number(asked: dict[str, str], name: str, usual: int, least: int) -> int:
    said = asked.get(name)
    if said is None:
        return usual
    if not re.fullmatch(r"[0-9]{1,9}", said, re.ASCII) or int(said) < least:
        raise _Wrong(f"{name} must be a whole number, at least {least}")
    return int(said)


def _box(said: str | None) -> Callable[[dict[str, Any] | None], bool]:
    if said is None:
        return lambda _geometry: True
    try:
        numbers = [float(one) for one in said.split(",")]
    except ValueError:
        raise _Wrong("bbox is four numbers: west, south, east, north") from None
    if len(numbers) == 6:
        numbers = [*numbers[:2], *numbers[3:5]]
    if len(numbers) != 4 or numbers[1] > numbers[3] or not all(abs(one) <= 360 for one in numbers):
        raise _Wrong("bbox is four numbers: west, south, east, north")
    west, south, east, north = numbers
    boxes = [numbers] if west <= east else [[west, south, 180.0, north], [-180.0, south, east, north]]
    return lambda geometry: geometry is not None and any(meets(geometry, box) for box in boxes)


def _span(said: str | None) -> Callable[[str], bool]:
    """An instant, or a span with an open end: 2026-11-01T00:00:00Z/.."""
    if said is None:
        return lambda _at: True
    ends = said.split("/")
    if len(ends) > 2:
        raise _Wrong("datetime is an instant or two with / between")
    try:
        first, last = (None if one in ("", "..") else parse_instant(one) for one in (ends[0], ends[-1]))
    except ValueError:
        raise _Wrong("datetime is RFC 3339 with an offset, as in 2026-11-23T14:05:00Z") from None
    begin, end = first or datetime.min.replace(tzinfo=UTC), last or datetime.max.replace(tzinfo=UTC)
    if begin > end:
        raise _Wrong("datetime ends before it begins")
    return lambda at: begin <= parse_instant(at) <= end


def routes() -> list[Route]:
    assert FEEDS.startswith(BASE)
    one = f"{OGC}/collections/{{collection}}"
    return [
        Route(OGC, landing),
        Route(f"{OGC}/conformance", conformance),
        Route(f"{OGC}/collections", collections),
        Route(one, collection),
        Route(f"{one}/items", items),
        Route(f"{one}/items/{{feature:path}}", item),
        Route(f"{FEEDS}/cap", cap),
    ]
