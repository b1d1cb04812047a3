"""The forms of the command system (ICS-201, 209, 214) of an incident, as of any moment of its record."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.documents import ics
from server.documents.form import Form
from server.documents.ics_blocks import Told, Words
from server.documents.press import DOWNLOAD, disposition
from server.domain.incident import Incident
from server.pages.asked import Asked, page
from server.pages.printed import pressed, refused
from server.record import reading
from server.record.folded import incident_at
from server.screens.duty_log import line as log_line
from server.screens.duty_log import without_keystrokes
from server.screens.wording import BEIJING, Wording

log = structlog.get_logger()
MOST_NAMED = 200


class _Wrong(Exception):
    """A moment that is none, or does not fit."""


def _incident(asked: Asked) -> dict[str, Any] | None:
    incident_id = str(asked.request.path_params["incident_id"])
    return reading.incident(asked.parts.database, asked.viewer, incident_id, asked.now, restricted=False)


def forms_page(asked: Asked) -> Response:
    """Which form, of what moment, over which period, whose log."""
    shown = _incident(asked)
    if shown is None:
        return asked.page("missing.html", 404, said=asked.wording.say("refused.no_incident"))
    names = dict.fromkeys(
        name
        for entry in shown["entries"]
        for name in (
            entry.get("by"),
            (entry.get("on_behalf_of") or {}).get("name"),
            entry["event"].get("person"),
        )
        if isinstance(name, str) and name
    )
    return asked.page(
        "forms.html",
        raw=shown,
        codes=ics.CODES,
        people=list(names)[:MOST_NAMED],
        units=[(unit, asked.wording.unit(unit)) for unit in shown["units"]],
        until=asked.now.astimezone(BEIJING).strftime("%Y-%m-%dT%H:%M"),
    )


async def form_file(request: Request) -> Response:
    """GET /incidents/ID/forms/ics-209.pdf?as_of=&since=&who=&lang=: moments in Beijing time or RFC 3339."""
    asked = Asked(request)
    code = request.path_params["code"]
    if code not in ics.CODES:
        return await run_sync(refused, asked, 404, "missing.page")
    try:
        form = await run_sync(_form, asked, code)
    except _Wrong:
        return await run_sync(refused, asked, 422, "ics.bad_moment")
    if form is None:
        return await run_sync(refused, asked, 404, "refused.no_incident")
    drill = "drill-" if form.notice else ""
    stamp = form.at.astimezone(BEIJING).strftime("%m%d-%H%M")
    plain = f"{drill}{code}-{str(request.path_params['incident_id'])[:8]}-{stamp}.pdf"
    headers = {**DOWNLOAD, "Content-Disposition": disposition(plain, plain)}
    return await pressed(asked, asked.parts.press.formed(form), headers)


def _form(asked: Asked, code: ics.Code) -> Form | None:
    query, parts = asked.request.query_params, asked.parts
    shown = _incident(asked)
    if shown is None:
        return None
    as_of = min(_moment(query.get("as_of")) or asked.now, asked.now)
    since = _moment(query.get("since"))
    now, before = incident_at(parts.database, shown["id"], as_of, since)
    if now is None or (since is not None and since > as_of):
        raise _Wrong
    wording = parts.views.wording("en" if query.get("lang", asked.lang) == "en" else "zh")
    words = Words(wording.lang, wording.say, wording.term, wording.exact, wording.unit)
    said = ics.Asked(as_of, since, query.get("who", "")[:64], asked.principal.name, asked.now)
    faces = parts.forms.common.typefaces
    log = _log(shown, now, as_of, wording, words)
    return ics.form(code, now, before, log, said, words, parts.tree, faces)


def _log(
    shown: dict[str, Any], then: Incident, as_of: datetime, wording: Wording, words: Words
) -> list[Told]:
    """The lines that were on record then, in the order of the record; struck only what was struck by then."""
    owed = {one["id"]: one for one in shown["obligations"]}
    reports = {one["report_id"]: one for one in [*shown["reports"], *shown["drafts"]]}
    kept = [one for one in shown["entries"] if datetime.fromisoformat(one["recorded_at"]) <= as_of]
    kept = [
        {**one, "struck": then.entries.get(one["entry_id"], False)} if "entry_id" in one else one
        for one in kept
    ]
    numbered = without_keystrokes(list(enumerate(kept, start=1)))
    return [
        ics.told(log_line(entry, number, wording, owed, reports), entry, words) for number, entry in numbered
    ]


def _moment(said: str | None) -> datetime | None:
    if not said:
        return None
    try:
        at = datetime.fromisoformat(said)
        at = (at.replace(tzinfo=BEIJING) if at.tzinfo is None else at).astimezone(BEIJING)
    except (ValueError, OverflowError):
        raise _Wrong from None
    if not 2000 <= at.year <= 2200:
        raise _Wrong
    return at


def routes() -> list[BaseRoute]:
    base = "/incidents/{incident_id:uuid}/forms"
    return [Route(base, page(forms_page)), Route(f"{base}/{{code}}.pdf", form_file)]
