"""What the desk above tells an outpost: how the incidents that it names stand, and which orders wait there.

For the word of an outpost alone, and only of incidents that its unit may see and whose ids it knows. Nothing
of the restricted streams.
"""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.fields import wire_instant
from server.api.field import ids_asked
from server.api.rest import BASE, asked_only, json, parts_of
from server.gate.auth import principal_of
from server.gate.problems import problem
from server.parts import Parts
from server.people.accounts import Principal
from server.record import reading


async def seen(request: Request) -> Response:
    """GET /outposts/seen?incidents=…: how these stand here."""
    principal, parts = principal_of(request.scope), parts_of(request)
    if principal.kind != "outpost":
        return problem(403, "not-permitted", detail="for outposts")
    ids = ids_asked(asked_only(request, {"incidents"}).get("incidents")) or []
    return json(await run_sync(_seen, parts, principal, ids))


def _seen(parts: Parts, principal: Principal, ids: list[str]) -> dict[str, Any]:
    now = parts.now()
    found, gone = [], []
    for one in ids:
        shown = reading.incident(parts.database, principal.unit, one, now, restricted=False)
        if shown is None:
            gone.append(one)
        else:
            found.append(_incident(shown))
    return {"time": wire_instant(parts.now()), "incidents": found, "gone": gone}


def _incident(shown: dict[str, Any]) -> dict[str, Any]:
    issued = {
        entry["event"]["order_id"]: entry
        for entry in shown["entries"]
        if entry["event"]["type"] == "order_issued"
    }
    kept = ("order_id", "to", "text", "by", "issued_at", "acknowledge_by", "report_by")
    orders = [
        {name: one[name] for name in kept}
        | {name: issued[one["order_id"]][name] for name in ("post", "unit")}
        for one in shown["orders"]
        if one["acknowledged_at"] is None and one["reported_at"] is None and one["order_id"] in issued
    ]
    said = {name: shown[name] for name in ("id", "number", "title", "state")}
    return {
        **said,
        "level": shown["level"],
        "changed_at": shown["entries"][-1]["recorded_at"],
        "orders": orders,
    }


def routes() -> list[Route]:
    return [Route(f"{BASE}/outposts/seen", seen)]
