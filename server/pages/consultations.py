"""The consultations of an incident: opinions as they come in, the conclusion, and the minutes on paper."""

from __future__ import annotations

from typing import Any, get_args

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.consultations import ConsultationKind
from server.documents.minutes import minutes
from server.documents.sheet import Sheet
from server.domain.consultations_shown import consultation_shown
from server.domain.incident import Incident
from server.pages.asked import Asked, page
from server.pages.printed import printed
from server.record.folded import incident_seen_by


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
        kinds=get_args(ConsultationKind)[::-1],  # the special one is called for most often
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


def _paper(asked: Asked) -> Sheet | None:
    incident = _incident(asked)
    if incident is None:
        return None
    one = incident.consultations.get(str(asked.request.path_params["consultation_id"]))
    if one is None:
        return None
    kind = asked.parts.views.wording("zh").term("consultation_kind", one.told.kind)
    return minutes(incident, one, asked.parts.forms, asked.parts.tree, kind)


def routes() -> list[BaseRoute]:
    base = "/incidents/{incident_id:uuid}/consultations"
    one = f"{base}/{{consultation_id:uuid}}"
    return [
        Route(base, page(consultations_page)),
        Route(f"{base}/news", page(consultations_piece)),
        Route(f"{one}/minutes.docx", printed("docx", _paper, "minutes", "refused.not_found")),
        Route(f"{one}/minutes.pdf", printed("pdf", _paper, "minutes", "refused.not_found")),
    ]
