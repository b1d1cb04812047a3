"""The pages of one report: where it is written, what changes on it, how it is printed and downloaded."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.commands import COMMANDS
from schemas.reports import FIELDS, Means, Way
from server.documents.sheet import Sheet, sheet
from server.pages.asked import Asked, page
from server.pages.printed import printed
from server.pages.routes import recipients
from server.record.folded import incident_seen_by
from server.screens.report_page import ReportPage, report_page


def _worked_out(asked: Asked) -> ReportPage | None:
    path = asked.request.path_params
    incident = incident_seen_by(asked.parts.database, asked.viewer, str(path["incident_id"]))
    draft = incident.drafts.get(str(path["report_id"])) if incident is not None else None
    if incident is None or draft is None:
        return None
    commands = tuple(name for name in COMMANDS if asked.may(name))
    return report_page(incident, draft, asked.parts.forms, asked.wording, asked.now, asked.viewer, commands)


def _shown(asked: Asked, template: str) -> Response:
    found = _worked_out(asked)
    if found is None:
        return asked.page("missing.html", 404, said=asked.wording.say("refused.no_report"))
    context: dict[str, Any] = {
        "report": found,
        "state": orjson.dumps(found.state).decode(),
        "lengths": FIELDS,
        "choices": {
            "means": [(str(one), asked.wording.term("means", one)) for one in Means],
            "ways": [(str(one), asked.wording.term("way", one)) for one in Way],
            "recipients": recipients(asked),
        },
    }
    return asked.page(template, **context)


def report(asked: Asked) -> Response:
    return _shown(asked, "report.html")


def report_news(asked: Asked) -> Response:
    """The parts that change. No forms among them."""
    return _shown(asked, "_report_news.html")


def report_paper(asked: Asked) -> Response:
    """As it will look, for a printer that stands beside the desk."""
    return _shown(asked, "report_paper.html")


def _paper(asked: Asked) -> Sheet | None:
    path = asked.request.path_params
    incident = incident_seen_by(asked.parts.database, asked.viewer, str(path["incident_id"]))
    draft = incident.drafts.get(str(path["report_id"])) if incident is not None else None
    if incident is None or draft is None:
        return None
    return sheet(incident, draft, asked.parts.forms, asked.parts.tree)


def routes() -> list[BaseRoute]:
    base = "/incidents/{incident_id:uuid}/reports/{report_id:uuid}"
    return [
        Route(base, page(report)),
        Route(f"{base}/news", page(report_news)),
        Route(f"{base}/paper", page(report_paper)),
        Route(f"{base}/report.docx", printed("docx", _paper, "report", "refused.no_report")),
        Route(f"{base}/report.pdf", printed("pdf", _paper, "report", "refused.no_report")),
    ]
