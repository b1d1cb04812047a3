"""The pages of one report: where it is written, what changes on it, how it is printed and downloaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.commands import COMMANDS
from schemas.reports import FIELDS, Means, Way
from server.documents.fonts import NoChineseType
from server.documents.press import DOWNLOAD, TYPES, Busy, Kind, disposition, file_name
from server.documents.sheet import Sheet, sheet
from server.pages.asked import Asked, page
from server.pages.routes import recipients
from server.record.folded import incident_seen_by
from server.screens.report_page import ReportPage, report_page

log = structlog.get_logger()


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


def _document(kind: Kind) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await document(request, kind)

    return endpoint


async def document(request: Request, kind: Kind) -> Response:
    """The file itself. Made off the event loop; what is too much at once is told to come back."""
    asked = Asked(request)
    paper = await run_sync(_paper, asked)
    if paper is None:
        return await run_sync(_refused, asked, 404, "refused.no_report")
    try:
        made = await asked.parts.press.printed(kind, paper)
    except NoChineseType:
        return await run_sync(_refused, asked, 503, "report.no_type")
    except (Busy, TimeoutError):
        return await run_sync(_refused, asked, 503, "report.busy")
    name = file_name(paper, kind)
    plain = f"{'drill-' if paper.drill else ''}report-{str(request.path_params['report_id'])[:8]}.{kind}"
    headers = {**DOWNLOAD, "Content-Disposition": disposition(name, plain)}
    return Response(made, headers=headers, media_type=TYPES[kind])


def _paper(asked: Asked) -> Sheet | None:
    path = asked.request.path_params
    incident = incident_seen_by(asked.parts.database, asked.viewer, str(path["incident_id"]))
    draft = incident.drafts.get(str(path["report_id"])) if incident is not None else None
    if incident is None or draft is None:
        return None
    return sheet(incident, draft, asked.parts.forms, asked.parts.tree)


def _refused(asked: Asked, status: int, slug: str) -> Response:
    if status != 404:
        log.error("a report could not be printed", why=slug)
    asked.note_head()
    answer = asked.page("missing.html", status, said=asked.wording.say(slug))
    if slug == "report.busy":
        answer.headers["Retry-After"] = "3"
    return answer


def routes() -> list[BaseRoute]:
    base = "/incidents/{incident_id:uuid}/reports/{report_id:uuid}"
    return [
        Route(base, page(report)),
        Route(f"{base}/news", page(report_news)),
        Route(f"{base}/paper", page(report_paper)),
        Route(f"{base}/report.docx", _document("docx")),
        Route(f"{base}/report.pdf", _document("pdf")),
    ]
