"""Files that are printed for whoever asks: reports, minutes, forms, figures, a day of the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from server.documents.fonts import NoChineseType
from server.documents.press import DOWNLOAD, TYPES, Busy, Kind, disposition, file_name
from server.documents.sheet import Sheet
from server.pages.asked import Asked

log = structlog.get_logger()


def printed(
    kind: Kind, paper_of: Callable[[Asked], Sheet | None], what: str, missing: str
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of such a file: made off the event loop; what is too much at once is told to come back.

    `what` is its name in plain letters, followed by the id beside the incident's in the route; `missing` is
    said where there is none that this unit may see.
    """

    async def endpoint(request: Request) -> Response:
        asked = Asked(request)
        paper = await run_sync(paper_of, asked)
        if paper is None:
            return await run_sync(refused, asked, 404, missing)
        (of,) = (value for name, value in request.path_params.items() if name != "incident_id")
        plain = f"{'drill-' if paper.drill else ''}{what}-{str(of)[:8]}.{kind}"
        headers = {**DOWNLOAD, "Content-Disposition": disposition(file_name(paper, kind), plain)}
        return await pressed(asked, asked.parts.press.printed(kind, paper), headers, TYPES[kind])

    return endpoint


async def pressed(
    asked: Asked, made: Awaitable[bytes], headers: Mapping[str, str], media_type: str = TYPES["pdf"]
) -> Response:
    """What the press makes, as a download; or a page that says why it could not."""
    try:
        return Response(await made, headers=headers, media_type=media_type)
    except NoChineseType:
        return await run_sync(refused, asked, 503, "report.no_type")
    except (Busy, TimeoutError):
        return await run_sync(refused, asked, 503, "report.busy")


def refused(asked: Asked, status: int, slug: str) -> Response:
    """A page that says why there is no such file. Blocking."""
    if status == 503:
        log.error("a paper could not be printed", path=asked.request.url.path, why=slug)
    asked.note_head()
    answer = asked.page("missing.html", status, said=asked.wording.say(slug))
    if slug == "report.busy":
        answer.headers["Retry-After"] = "3"
    return answer
