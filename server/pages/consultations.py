"""The consultations of an incident: opinions as they come in, the conclusion, and the minutes on paper."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.documents.fonts import NoChineseType
from server.documents.minutes import minutes
from server.documents.press import DOWNLOAD, TYPES, Busy, Kind, disposition, file_name
from server.documents.sheet import Sheet
from server.domain.consultations_shown import consultation_shown
from server.domain.incident import Incident
from server.pages.asked import Asked, page
from server.record.folded import incident_seen_by

log = structlog.get_logger()

KINDS = ("special", "rolling", "intensified", "routine")


def _incident(asked: Asked) -> Incident | None:
    return incident_seen_by(asked.parts.database, asked.viewer, str(asked.request.path_params["incident_id"]))


def consultations_page(asked: Asked) -> Response:
    return _shown(asked, "consultations.html")


def consultations_piece(asked: Asked) -> Response:
    return _shown(asked, "_consultations.html")


def _shown(asked: Asked, template: str) -> Response:
    incident = _incident(asked)
    if incident is None:
        return asked.page("missing.html", 404, said=asked.wording.say("refused.no_incident"))
    shown = [consultation_shown(one) for one in reversed(incident.consultations.values())]
    return asked.page(
        template,
        incident=incident,
        consultations=[_with_rights(one, incident, asked) for one in shown],
        kinds=KINDS,
        unit_names=asked.parts.views.unit_names(asked.lang),
        units=list(incident.units),
    )


def _with_rights(one: dict[str, Any], incident: Incident, asked: Asked) -> dict[str, Any]:
    """What the unit that looks can do here, and what became of the measures."""
    leads = asked.viewer in asked.parts.tree.ancestors(one["convener"])
    orders = (one["conclusion"] or {}).get("orders", ())
    return one | {
        "leads": leads,
        "speaks": asked.viewer in (*one["participants"], one["convener"]),
        "orders": [incident.orders[order] for order in orders if order in incident.orders],
    }


def _document(kind: Kind) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await _printed(request, kind)

    return endpoint


async def _printed(request: Request, kind: Kind) -> Response:
    """The minutes as a file, made off the event loop; what is too much at once is told to come back."""
    asked = Asked(request)
    paper = await run_sync(_paper, asked)
    if paper is None:
        return await run_sync(_refused, asked, 404, "refused.not_found")
    try:
        made = await asked.parts.press.printed(kind, paper)
    except NoChineseType:
        return await run_sync(_refused, asked, 503, "report.no_type")
    except (Busy, TimeoutError):
        return await run_sync(_refused, asked, 503, "report.busy")
    plain = (
        f"{'drill-' if paper.drill else ''}minutes-{str(request.path_params['consultation_id'])[:8]}.{kind}"
    )
    headers = {**DOWNLOAD, "Content-Disposition": disposition(file_name(paper, kind), plain)}
    return Response(made, headers=headers, media_type=TYPES[kind])


def _paper(asked: Asked) -> Sheet | None:
    incident = _incident(asked)
    if incident is None:
        return None
    one = incident.consultations.get(str(asked.request.path_params["consultation_id"]))
    return None if one is None else minutes(incident, one, asked.parts.forms, asked.parts.tree)


def _refused(asked: Asked, status: int, slug: str) -> Response:
    if status != 404:
        log.error("the minutes could not be printed", why=slug)
    asked.note_head()
    answer = asked.page("missing.html", status, said=asked.wording.say(slug))
    if slug == "report.busy":
        answer.headers["Retry-After"] = "3"
    return answer


def routes() -> list[BaseRoute]:
    base = "/incidents/{incident_id:uuid}/consultations"
    return [
        Route(base, page(consultations_page)),
        Route(f"{base}/news", page(consultations_piece)),
        *(
            Route(f"{base}/{{consultation_id:uuid}}/minutes.{kind}", _document(kind))
            for kind in ("docx", "pdf")
        ),
    ]
