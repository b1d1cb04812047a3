"""POST /messages/read: what a pasted message says. It reads, and changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.fields import wire_instant
from server.api.rest import BASE, json, language, parts_of, refusal
from server.domain.messages.findings import Finding, Span
from server.domain.messages.reading import Reading, draft
from server.gate.auth import principal_of
from server.reading_room import WrongMessage, asked_to_read


async def read_message(request: Request) -> Response:
    lang, parts = language(request, principal_of(request.scope)), parts_of(request)
    try:
        text, sent_at = asked_to_read(await request.body(), parts.now(), lang)
    except WrongMessage as wrong:
        return refusal(wrong.explained)
    return json(reading_shown(text, sent_at, await parts.reading_room.read(text, sent_at)))


def reading_shown(text: str, sent_at: datetime, reading: Reading) -> dict[str, Any]:
    """A reading as the wire has it."""
    return {
        "sent_at": wire_instant(sent_at),
        "incidents": [_stretch(text, span) for span in reading.incidents],
        "findings": [_found(text, one) for one in reading.findings],
        "drafts": [_wired(draft(text, reading, number)) for number in range(len(reading.incidents))],
        "notes": list(reading.notes),
    }


def _stretch(text: str, span: Span) -> dict[str, Any]:
    return {"start": span.start, "end": span.end, "words": text[span.start : span.end]}


def _found(text: str, one: Finding) -> dict[str, Any]:
    return {
        "field": one.field,
        "value": _wired(one.value),
        **_stretch(text, one.span),
        "sure": str(one.sure),
        "taken": one.taken,
        "incident": one.incident,
        "also": [_stretch(text, span) for span in one.also],
        "notes": list(one.notes),
    }


def _wired(value: Any) -> Any:
    if isinstance(value, datetime):
        return wire_instant(value)
    if isinstance(value, Mapping):
        return {name: _wired(inner) for name, inner in value.items()}
    return value


def routes() -> list[Route]:
    return [Route(f"{BASE}/messages/read", read_message, methods=["POST"])]
