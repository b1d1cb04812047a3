"""The intake line's helpers: reading a pasted message, what is known already, and drafts of the unit's desks.

They change no incident: filing is a command. A draft is kept beside the record, and is none of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from schemas.fields import parse_instant
from server.domain.decide import INFORMER_CHANNELS
from server.domain.duplicates import Alike, Told, alike
from server.domain.messages.kinds import kind
from server.domain.messages.reading import FACTS, Reading, kept_words
from server.domain.permissions import READS_RESTRICTED
from server.gate.limits import NotJSON, parse_json
from server.gate.problems import problem
from server.pages.asked import Asked
from server.reading_room import WrongMessage, asked_to_read
from server.record import drafts, nearby
from server.record.drafts import DraftRefused, Holder
from server.screens.reading_view import chips, pieces
from server.sentences import sentence

_MOST_TITLE = 2_000
_STATUS = {"draft-taken": 409, "draft-too-large": 413, "too-many-drafts": 409, "no-such-intake-draft": 404}


def _refused(asked: Asked, code: str, status: int | None = None, **values: str) -> Response:
    return problem(status or _STATUS.get(code, 422), code, detail=sentence(code, asked.lang, **values))


async def _body(request: Request) -> dict[str, Any] | None:
    try:
        body = parse_json(await request.body())
    except NotJSON:
        return None
    return body if isinstance(body, dict) else None


# ---------------------------------------------------------------- reading


async def reading(request: Request) -> Response:
    """POST /intake/reading: a pasted message as it is shown, with what was found in it."""
    asked = Asked(request)
    try:
        text, sent_at = asked_to_read(await request.body(), asked.now, asked.lang)
    except WrongMessage as wrong:
        told = wrong.explained
        return problem(told.status, told.type, detail=told.detail, errors=told.errors)
    found = await asked.parts.reading_room.read(text, sent_at)
    return await run_sync(_reading_shown, asked, text, sent_at, found)


def _reading_shown(asked: Asked, text: str, sent_at: datetime, found: Reading) -> Response:
    told = {
        one.field.removeprefix("source."): one.value
        for one in found.findings
        if one.field.startswith("source.") and one.taken
    }
    return asked.piece(
        "_reading.html",
        text=text,
        sent_at=sent_at,
        notes=found.notes,
        incidents=[
            {"number": number, "pieces": pieces(text, found.findings, number)}
            for number in range(len(found.incidents))
        ],
        chips=chips(text, found, asked.wording, asked.now),
        facts=FACTS,
        open_words=kept_words(text, told),
        informers=sorted(INFORMER_CHANNELS),
    )


# ---------------------------------------------------------------- known already


async def known_already(request: Request) -> Response:
    """POST /intake/alike: open incidents that what is being typed may be about."""
    asked, body = Asked(request), await _body(request)
    if body is None:
        return _refused(asked, "bad-body", 422)
    return await run_sync(_known_already, asked, body)


def _text(body: dict[str, Any], name: str, most: int = _MOST_TITLE) -> str:
    value = body.get(name)
    return value[:most] if isinstance(value, str) else ""


def _known_already(asked: Asked, body: dict[str, Any]) -> Response:
    words, division = f"{_text(body, 'title')} {_text(body, 'text')}", _text(body, "division", 12)
    chosen = _text(body, "category", 80)
    category = chosen or next((str(one.value) for one in kind(words) if one.taken), None)
    parts = asked.parts
    unit = parts.tree.nearest(division) if division else None
    if unit is None:
        named = [one for one in parts.reading_room.reader.places.named(words) if one.full]
        unit = named[-1].unit.code if named else None
    try:
        at = parse_instant(_text(body, "known_at", 40)) if body.get("known_at") else asked.now
    except ValueError:
        at = asked.now
    rows = nearby.recent(parts.database, asked.viewer, at, drill=body.get("drill") is True)
    known = {row["id"]: row for row in rows}
    compared = [told(row) for row in rows]
    found = alike(Told("", words, unit, category, at, guessed=not chosen), compared, parts.tree)
    return asked.piece("_alike.html", found=[_alike_shown(asked, one, known[one.id]) for one in found])


def told(row: dict[str, Any]) -> Told:
    """An incident as it is compared with others."""
    place = orjson.loads(row["place"]) if isinstance(row["place"], str) else row["place"]
    words = f"{row['title']} {place.get('text') or ''}"
    return Told(row["id"], words, row["unit"], row["category"], row["known_at"])


def _alike_shown(asked: Asked, one: Alike, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": one.id,
        "number": row["number"],
        "title": row["title"],
        "place": asked.wording.place_unit(row["unit"]),
        "known_at": row["known_at"],
        "same_place": one.same_place,
        "same_kind": one.same_kind,
        "minutes": one.minutes,
        "percent": round(100 * one.words),
    }


# ---------------------------------------------------------------- drafts


def _holder(asked: Asked) -> Holder:
    return Holder(asked.principal.person_id or "", asked.principal.name, asked.viewer)


def _sees_restricted(asked: Asked) -> bool:
    return asked.principal.post in READS_RESTRICTED


def _may_draft(asked: Asked) -> bool:
    return asked.may("open-incident") and bool(asked.principal.person_id)


async def list_drafts(request: Request) -> Response:
    """GET /intake/drafts: what the unit's desks are writing down just now."""
    asked = Asked(request)
    if not _may_draft(asked):
        return _refused(asked, "not-your-post", 403)
    return await run_sync(_list_drafts, asked)


def _list_drafts(asked: Asked) -> Response:
    rows = drafts.drafts(asked.parts.database, asked.viewer, asked.now, restricted=_sees_restricted(asked))
    own = asked.principal.person_id
    return asked.piece("_drafts.html", drafts=[row | {"own": row["person_id"] == own} for row in rows])


async def one_draft(request: Request) -> Response:
    """PUT keeps what was typed, DELETE drops what is filed, POST …/take goes on with another's."""
    asked = Asked(request)
    if not _may_draft(asked):
        return _refused(asked, "not-your-post", 403)
    draft_id = str(UUID(str(request.path_params["draft_id"])))
    body = await _body(request) if request.method == "PUT" else None
    if request.method == "PUT" and body is None:
        return _refused(asked, "bad-body", 422)
    try:
        answer, changed = await run_sync(_one_draft, asked, request.method, draft_id, body or {})
    except DraftRefused as refused:
        return _refused(asked, refused.code, by=refused.by)
    if changed:
        asked.parts.hub.whisper(asked.viewer, "drafts")
    return answer


def _one_draft(asked: Asked, method: str, draft_id: str, body: dict[str, Any]) -> tuple[Response, bool]:
    database, holder = asked.parts.database, _holder(asked)
    if method == "DELETE":
        return Response(status_code=204), drafts.drop(database, holder, draft_id)
    if method == "POST":
        taken = drafts.take(database, holder, draft_id, asked.now, restricted=_sees_restricted(asked))
        shown = {"id": taken["id"], "body": taken["body"], "taken_from": taken["taken_from"]}
        return Response(orjson.dumps(shown), media_type="application/json"), True
    values = body.get("values")
    channel = values.get("source.channel") if isinstance(values, dict) else None
    restricted = isinstance(channel, str) and channel.strip().casefold() in INFORMER_CHANNELS
    title = "" if restricted else _text(body, "title", 200)
    drafts.save(database, holder, draft_id, body, title=title, restricted=restricted, now=asked.now)
    return Response(status_code=204), True


def routes() -> list[BaseRoute]:
    return [
        Route("/intake/reading", reading, methods=["POST"]),
        Route("/intake/alike", known_already, methods=["POST"]),
        Route("/intake/drafts", list_drafts),
        Route("/intake/drafts/{draft_id:uuid}", one_draft, methods=["PUT", "DELETE"]),
        Route("/intake/drafts/{draft_id:uuid}/take", one_draft, methods=["POST"]),
    ]
