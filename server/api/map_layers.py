"""The operator's layers over HTTP: brought in with clear row errors, read, taken out, removed."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.map_layers import KEEPERS, LayerKind
from server.api.rest import BASE, BadQuery, asked_only, flag, json, not_found, one_of, parts_of, refusal
from server.desk import Explained
from server.domain import map_import
from server.domain.geo import box_of
from server.domain.map_import import APPROVAL, MOST_BYTES, Fault, Read, Unreadable
from server.gate.auth import principal_of
from server.gate.problems import problem
from server.people.accounts import Principal
from server.record.map_layers import LayerRefused
from server.screens.layer_files import FORMS
from server.screens.texts import language_of
from server.screens.wording import Wording
from server.sentences import sentence

MOST_FAULTS = 200
LONGEST_S = 120.0


def may_keep(principal: Principal) -> bool:
    return principal.post in KEEPERS and not principal.read_only


async def layers(request: Request) -> Response:
    """GET /map/layers: what the caller's unit may see."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked_only(request, set())
    seen = await asyncio.to_thread(parts.map_layers.seen_by, principal.unit)
    wording = parts.views.wording(language_of(request))
    return json({"layers": [{**one, "unit_name": wording.short(one["unit"])} for one in seen]})


async def read_layer(request: Request) -> Response:
    """GET /map/layers/{layer_id}: GeoJSON with its source and approval number; KML or CSV when asked."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"format", "version"})
    form = one_of(asked, "format", tuple(FORMS)) or "geojson"
    layer_id = str(request.path_params["layer_id"])

    def made() -> tuple[dict[str, Any], bytes] | None:
        about = parts.map_layers.one(principal.unit, layer_id)
        if about is None:
            return None
        return about, FORMS[form].write(about, parts.map_layers.features(layer_id, about["version"]))

    found = await run_sync(made)
    if found is None:
        return not_found(request, principal)
    about, body = found
    tag = f'"{layer_id}-{about["version"]}-{form}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    if "format" in asked:
        headers["Content-Disposition"] = f'attachment; filename="layer-{layer_id[:8]}.{FORMS[form].ending}"'
    return Response(body, media_type=FORMS[form].media_type, headers=headers)


async def keep_layer(request: Request) -> Response:
    """PUT /map/layers/{layer_id}: a file as it lies; `look=true` says what would become of it."""
    principal, parts = principal_of(request.scope), parts_of(request)
    known = {
        "kind", "title", "source", "approval", "datum", "below", "as_of", "format", "look", "without_faulty"
    }  # fmt: skip
    asked = asked_only(request, known)
    if not may_keep(principal):
        return refusal(Explained(403, "not-your-post", sentence("not-your-post", principal.lang)))
    said = _about(asked)
    raw = await _body(request)
    if raw is None:
        detail = sentence("layer-file-large", principal.lang, most=MOST_BYTES // 1024 // 1024)
        return problem(413, "layer-file-large", detail=detail, headers={"Connection": "close"})
    wording = parts.views.wording(language_of(request))
    form = one_of(asked, "format", ("geojson", "kml", "csv")) or _guessed(raw)
    try:
        kind = LayerKind(said["kind"])
        read = await run_sync(map_import.read, raw, form, kind, said["datum"], limiter=_one_at_a_time())
    except Unreadable as wrong:
        detail = wording.say(f"map.fault.{wrong.code}", **wrong.values)
        return problem(422, "layer-unreadable", detail=detail)
    is_wanted = not read.faults or (flag(asked, "without_faulty") or False)
    version = None
    if is_wanted and read.features and not flag(asked, "look"):
        layer_id = str(request.path_params["layer_id"])
        keep = parts.map_layers.keep
        try:
            version = await run_sync(
                keep, layer_id, principal.unit, said, read.features, principal.name, parts.now()
            )
        except LayerRefused as refused:
            return problem(409, refused.code, detail=sentence(refused.code, principal.lang))
    return json(_taken(read, version, wording))


async def remove_layer(request: Request) -> Response:
    """DELETE /map/layers/{layer_id}: one of the caller's own unit is no longer shown."""
    principal, parts = principal_of(request.scope), parts_of(request)
    layer_id = str(request.path_params["layer_id"])
    if await run_sync(parts.map_layers.one, principal.unit, layer_id) is None:
        return not_found(request, principal)
    remove = parts.map_layers.remove
    if not may_keep(principal) or not await run_sync(
        remove, layer_id, principal.unit, principal.name, parts.now()
    ):
        return refusal(Explained(403, "not-your-layer", sentence("not-your-layer", principal.lang)))
    return Response(status_code=204)


def _about(asked: dict[str, str]) -> dict[str, Any]:
    """What is said of a layer. An outline has a source and an approval number, or it is not drawn at all."""
    kind = one_of(asked, "kind", tuple(LayerKind))
    for name, longest in (("title", 120), ("source", 300)):
        if not asked.get(name, "").strip() or len(asked[name]) > longest:
            raise BadQuery(name, f"must be said, in at most {longest} characters")
    if kind is None:
        raise BadQuery("kind", "must be one of " + ", ".join(LayerKind))
    approval = asked.get("approval", "").strip() or None
    if kind == LayerKind.OUTLINE and approval is None:
        raise BadQuery("approval", "an outline needs its approval number (审图号), as in GS(2024)0650号")
    if approval is not None and not APPROVAL.fullmatch(approval):
        raise BadQuery("approval", "is no approval number (审图号), as in GS(2024)0650号 or 冀S(2023)012号")
    if len(asked.get("as_of", "")) > 40:
        raise BadQuery("as_of", "has at most 40 characters")
    return {
        "kind": str(kind),
        "title": asked["title"].strip(),
        "source": asked["source"].strip(),
        "approval": approval,
        "datum": one_of(asked, "datum", ("cgcs2000", "gcj02")) or "cgcs2000",
        "below": flag(asked, "below") or False,
        "as_of": asked.get("as_of"),
    }


@cache
def _one_at_a_time() -> CapacityLimiter:
    """A large file takes memory and a processor for seconds: the desk has others."""
    return CapacityLimiter(1)


def _guessed(raw: bytes) -> str:
    head = raw[:400].lstrip(b"\xef\xbb\xbf \r\n\t")
    return "geojson" if head.startswith(b"{") else "kml" if head.startswith(b"<") else "csv"


async def _body(request: Request) -> bytes | None:
    """All of it, or None when there is more than a layer may have."""
    taken = bytearray()
    try:
        async with asyncio.timeout(LONGEST_S):
            async for piece in request.stream():
                taken += piece
                if len(taken) > MOST_BYTES:
                    return None
    except TimeoutError:
        raise BadQuery("", f"the file took longer than {LONGEST_S:g} s to come") from None
    return bytes(taken)


def _taken(read: Read, version: int | None, wording: Wording) -> dict[str, Any]:
    box = box_of(one["geometry"] for one in read.features)
    return {
        "kept": version is not None,
        "version": version,
        "rows": read.rows,
        "features": len(read.features),
        "faulty": len(read.faults),
        "faults": [_fault(one, wording) for one in read.faults[:MOST_FAULTS]],
        "box": None if box is None else list(box),
    }


def _fault(one: Fault, wording: Wording) -> dict[str, Any]:
    return {
        "row": one.row,
        "column": one.column,
        "detail": wording.say(f"map.fault.{one.code}", **one.values),
    }


def routes() -> list[Route]:
    one = f"{BASE}/map/layers/{{layer_id:uuid}}"
    return [
        Route(f"{BASE}/map/layers", layers),
        Route(one, read_layer),
        Route(one, keep_layer, methods=["PUT"]),
        Route(one, remove_layer, methods=["DELETE"]),
    ]
