"""POST /outbox/receipts: a gateway, or what stands before it, says what became of a message."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas.receipts import MessageReceipt
from schemas.terms import Post
from server.api.rest import BASE, json, language, parts_of, refusal
from server.desk import NotYourPost, explain
from server.gate.auth import principal_of
from server.gate.limits import NotJSON, parse_json
from server.gate.problems import problem
from server.record import outbox
from server.sentences import sentence


async def receipt(request: Request) -> Response:
    """For an administrator's token: whose units' messages it may speak of is what the person sees."""
    principal, parts = principal_of(request.scope), parts_of(request)
    lang = language(request, principal)
    if principal.post is not Post.ADMIN or principal.read_only:
        return refusal(explain(NotYourPost("receipts"), lang))
    try:
        said = MessageReceipt.model_validate(parse_json(await request.body()))
    except NotJSON as wrong:
        return problem(400, "not-json", detail=sentence("not-json", lang, why=wrong))
    except ValidationError as wrong:
        return refusal(explain(wrong, lang))
    units = list(parts.tree.subtree(principal.unit))

    def note() -> str | None:
        return outbox.note_receipt(
            parts.database, units, said.message_id, said.state, said.fault, parts.now()
        )

    state = await asyncio.to_thread(note)
    if state is None:
        return problem(404, "not-found", detail=sentence("not-found", lang))
    return json({"message_id": said.message_id, "state": state})


def routes() -> list[Route]:
    return [Route(f"{BASE}/outbox/receipts", receipt, methods=["POST"])]
