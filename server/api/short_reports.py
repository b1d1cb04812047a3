"""POST /short-reports/read: what a short report says, and which incident it means. It changes nothing."""

from __future__ import annotations

import re
from typing import Any

import anyio.to_thread
from pydantic import ValidationError
from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.short_reports import IncidentMeant, ReadShortReport, ShortReportLine, ShortReportRead
from server.api.rest import BASE, json, language, parts_of, refusal
from server.desk import Explained, explain
from server.domain.short_report.alphabet import KINDS, Garbled, incident_mark, order_mark
from server.domain.short_report.hearing import Decoded, decode
from server.gate.auth import principal_of
from server.gate.limits import NotJSON, parse_json
from server.parts import Parts
from server.people.accounts import Principal
from server.record import reading
from server.record.folded import incident_seen_by
from server.record.tables import INCIDENT
from server.screens.wording import Wording
from server.sentences import sentence

#: Incidents of a unit among which a mark is looked for, the newest first.
MOST_LOOKED_AT = 2_000
_BETWEEN = re.compile(rf"(?<=[0-9０-９]{{7}})\s+(?=[{''.join(KINDS)}])")
#: What a command makes an id for.
_MAKES = {"add-entry": "entry_id", "count-heads": "count_id", "request-help": "request_id"}


async def read_short_report(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    lang = language(request, principal)
    try:
        said = ReadShortReport.model_validate(parse_json(await request.body()))
    except NotJSON as wrong:
        return refusal(Explained(400, "not-json", sentence("not-json", lang, why=wrong)))
    except ValidationError as wrong:
        return refusal(explain(wrong, lang))
    read = await anyio.to_thread.run_sync(_read, parts, principal, said, lang)
    return json(read.model_dump(mode="json"))


def _read(parts: Parts, principal: Principal, said: ReadShortReport, lang: str) -> ShortReportRead:
    words = Wording("en" if lang == "en" else "zh", parts.views.texts, parts.tree)
    messages = [one for one in _BETWEEN.split(said.text.strip()) if one]
    try:
        heard = decode(messages, parts.now())
    except Garbled as wrong:
        return _garbled(wrong, len(messages), words)
    if heard.missing:
        which = words.say("list.comma").join(map(str, heard.missing))
        missing = words.say("short.wrong.missing", parts=heard.parts, which=which)
        return ShortReportRead(
            ready=False, name=heard.name, code="parts", wrong=missing, parts=heard.parts,
            missing=list(heard.missing),
        )  # fmt: skip
    return _meant(heard, parts, principal, said.incident_id, words)


def _garbled(wrong: Garbled, messages: int, words: Wording) -> ShortReportRead:
    text = words.say(f"short.wrong.{wrong.code}")
    if wrong.by:
        text = words.say("short.wrong.more" if wrong.by > 0 else "short.wrong.fewer", count=abs(wrong.by))
    if messages > 1:
        text = f"{words.say('short.wrong.message', number=wrong.message + 1)} {text}"
    if wrong.at is not None:
        text += words.say("list.comma") + words.say("short.wrong.at", at=wrong.at)
    return ShortReportRead.model_validate(
        {"ready": False, "code": wrong.code, "wrong": text, "at": wrong.at, "message": wrong.message + 1}
    )


def _meant(
    heard: Decoded, parts: Parts, principal: Principal, chosen: str | None, words: Wording
) -> ShortReportRead:
    """With the incident, the order and the person that its marks and its name mean."""
    body: dict[str, Any] = {**heard.body, "short_mark": heard.mark}
    account = parts.people.get(heard.sender)
    body["on_behalf_of"] = {"name": heard.sender, **({"unit": account.unit} if account is not None else {})}
    read = ShortReportRead(ready=True, name=heard.name, parts=heard.parts)
    if heard.name == "open-incident":
        body.setdefault("category", None)
        body |= {"source": None}
    else:
        read.incidents = _incidents(parts, principal.unit, heard.incident_mark)
        meant = [one.incident_id for one in read.incidents if chosen in (None, one.incident_id)]
        if len(meant) != 1:
            slug = "short.wrong.which_incident" if meant else "short.wrong.incident"
            return read.model_copy(update={"ready": False, "code": "incident", "wrong": words.say(slug)})
        body["incident_id"] = meant[0]
        if heard.order_mark:
            incident = incident_seen_by(parts.database, principal.unit, meant[0])
            orders = (
                [one for one in incident.orders if order_mark(one) == heard.order_mark] if incident else []
            )
            if len(orders) != 1:
                no_order = words.say("short.wrong.order")
                return read.model_copy(update={"ready": False, "code": "order", "wrong": no_order})
            body["order_id"] = orders[0]
    read.body = body
    read.makes = [_MAKES[heard.name]] if heard.name in _MAKES else []
    read.lines = list(_lines(heard, words))
    return read


def _incidents(parts: Parts, viewer: str, mark: str) -> list[IncidentMeant]:
    """Those that may be meant: open ones before others."""
    columns = (INCIDENT.c.id, INCIDENT.c.number, INCIDENT.c.title, INCIDENT.c.state)
    query = (
        select(*columns)
        .where(reading.seen_by(viewer, INCIDENT.c.id), INCIDENT.c.state != "merged")
        .order_by(INCIDENT.c.opened_at.desc())
        .limit(MOST_LOOKED_AT)
    )
    with parts.database.reading() as connection:
        found = [row for row in connection.execute(query) if incident_mark(row.id) == mark]
    still_open = [row for row in found if row.state == "open"]
    return [
        IncidentMeant(incident_id=row.id, number=row.number, title=row.title) for row in still_open or found
    ]


def _lines(heard: Decoded, words: Wording) -> list[ShortReportLine]:
    said = [("sender", heard.sender)]
    for name, value in heard.body.items():
        if name != "incident_id":
            said.append((name, _text(heard.name, name, value, words)))
    return [ShortReportLine(label=words.say(f"short.field.{name}"), text=text) for name, text in said]


def _text(command: str, name: str, value: Any, words: Wording) -> str:
    match name:
        case "happened_at" | "known_at" | "at":
            return words.exact(value)
        case "kind":
            return words.term("help_kind" if command == "request-help" else "kind", value)
        case "status":
            return words.term("field_status", value)
        case "direction":
            return words.say("form.inward" if value == "in" else "form.outward")
        case "category":
            return words.category(value)
        case "drill":
            return words.say("drill") if value else words.say("short.real")
        case "known_by":
            return words.short(value)
        case "facts":
            unknown = words.say("unknown.checking")
            return " · ".join(
                f"{words.term('fact', fact)} {unknown if number is None else number}"
                for fact, number in value.items()
            )
        case "place":
            division = (value or {}).get("division") or ""
            return f"{division} {(value or {}).get('text') or ''}".strip() or "—"
        case _:
            return str(value)


def routes() -> list[Route]:
    return [Route(f"{BASE}/short-reports/read", read_short_report, methods=["POST"])]
