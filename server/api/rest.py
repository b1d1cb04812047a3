"""The JSON side of contract 3 and 4: commands in, answers out; nothing decides here.

Every route stands behind the gate of `server.gate.auth`; what a unit may not see is not found.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import orjson
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schemas import documents
from schemas.fields import wire_instant
from schemas.terms import Category, Level, Standing
from server.desk import MOST_IN_A_BATCH, Explained, explain, pointer_part, spoken_by
from server.domain.periods import BEIJING
from server.domain.permissions import READS_RESTRICTED
from server.gate.auth import principal_of
from server.gate.limits import NotJSON, parse_json
from server.gate.problems import problem, problem_shown
from server.parts import Parts
from server.people.accounts import Principal
from server.record import lists, owed, reading
from server.record.cursors import BadCursor
from server.record.lists import Wanted
from server.record.statistics import rate
from server.record.store import Answer
from server.sentences import sentence

BASE = "/api/v1"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
#: Days before and after which nothing can have been due; a day beyond them stands for them.
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)
MOST_ON_A_PAGE = 1_000


class BadQuery(Exception):
    """A query parameter that says nothing we know."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(name)
        self.name, self.detail = name, detail


def json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers=dict(headers or {}), media_type="application/json")


def language(request: Request, principal: Principal) -> str:
    """The person's language; a program may ask for English with Accept-Language."""
    asked = request.headers.get("accept-language", "")[:2].lower()
    if principal.kind == "token" and asked in ("en", "zh"):
        return asked
    return principal.lang


def refusal(explained: Explained) -> Response:
    headers = {"Retry-After": "2"} if explained.status in (503, 507) else None
    return problem(
        explained.status,
        explained.type,
        detail=explained.detail,
        errors=explained.errors,
        headers=headers,
    )


def answer_shown(answer: Answer) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "command_id": answer.command_id,
        "epoch": answer.epoch,
        "offset": answer.offset,
        "recorded_at": wire_instant(answer.recorded_at),
        "replayed": answer.replayed,
    }
    if answer.incident_id is not None:
        shown["incident_id"] = answer.incident_id
    if answer.number is not None:
        shown["number"] = answer.number
    if answer.via is not None:
        shown["via"] = answer.via
    return shown


def other_person(request: Request, principal: Principal) -> Response | None:
    """A tablet's outbox names whose it is: under the next one's session nothing of it is done."""
    named = request.headers.get("fenghuo-person")
    if named is None or named == principal.person_id:
        return None
    detail = sentence("other-person", language(request, principal))
    return problem(409, "other-person", detail=detail)


def other_epoch(request: Request, principal: Principal) -> Response | None:
    """An outbox names the epoch that it knows. A desk restored from a backup does nothing of it before the
    tablet has laid out again what was lost: else what builds on that would be refused."""
    named, epoch = request.headers.get("fenghuo-epoch"), parts_of(request).store.epoch
    if named is None or named == epoch:
        return None
    detail = sentence("other-epoch", language(request, principal))
    return problem(409, "other-epoch", detail=detail, headers={"Fenghuo-Epoch": epoch})


async def _json_body(request: Request) -> Any:
    return parse_json(await request.body())


# ---------------------------------------------------------------- commands


async def command(request: Request) -> Response:
    """POST /commands/{name}: one command. 2xx means on disk."""
    principal = principal_of(request.scope)
    lang = language(request, principal)
    try:
        body = await _json_body(request)
    except NotJSON as wrong:
        return problem(400, "not-json", detail=str(wrong))
    try:
        answer = await parts_of(request).desk.execute(principal, request.path_params["name"], body)
    except Exception as error:  # put into words; a bug is logged whole by `explain`
        return refusal(explain(error, lang))
    return json(answer_shown(answer))


async def batch(request: Request) -> Response:
    """POST /commands: an ordered batch; `results` has an answer or a problem for each, with its `status`."""
    principal = principal_of(request.scope)
    lang = language(request, principal)
    refused = other_person(request, principal) or other_epoch(request, principal)
    if refused is not None:
        return refused
    try:
        body = await _json_body(request)
    except NotJSON as wrong:
        return problem(400, "not-json", detail=str(wrong))
    fault = _wrong_with_batch(body, lang)
    if fault is not None:
        detail = sentence("bad-body", lang)
        return problem(422, "bad-body", detail=detail, errors=[fault])
    parts, speaking = parts_of(request), None
    if principal.kind == "outpost":
        people = await asyncio.to_thread(parts.outposts.speaks_for, principal)
        speaking = spoken_by(principal, people, parts.now())
    results = await parts.desk.execute_batch(
        principal, body["commands"], speaking, says_via=speaking is not None
    )
    if speaking is not None:  # places in other people's streams are nothing to it
        results = [replace(one, offset=None) if isinstance(one, Answer) else one for one in results]
    said = [one.get("body") if isinstance(one, Mapping) else None for one in body["commands"]]
    shown = [result_shown(one, result, lang) for one, result in zip(said, results, strict=True)]
    return json({"results": shown})


def result_shown(said: Any, result: Answer | Exception, lang: str) -> dict[str, Any]:
    """One command's part of a batch's answer: what it would have got alone, and its `status`."""
    if isinstance(result, Answer):
        return {"status": 200, **answer_shown(result)}
    explained = explain(result, lang)
    shown = problem_shown(explained.status, explained.type, detail=explained.detail, errors=explained.errors)
    command_id = said.get("command_id") if isinstance(said, Mapping) else None
    return {**shown, "command_id": command_id if isinstance(command_id, str) else None}


def _wrong_with_batch(body: Any, lang: str) -> dict[str, str] | None:
    """What is wrong with a batch as a whole; its items are each refused on their own."""
    if not isinstance(body, Mapping):
        return {"pointer": "", "detail": sentence("model_type", lang)}
    for unknown in sorted(body.keys() - {"commands"}):
        return {"pointer": f"/{pointer_part(unknown)}", "detail": sentence("extra_forbidden", lang)}
    if "commands" not in body:
        return {"pointer": "/commands", "detail": sentence("missing", lang)}
    if not isinstance(body["commands"], list):
        return {"pointer": "/commands", "detail": sentence("list_type", lang)}
    if len(body["commands"]) > MOST_IN_A_BATCH:
        detail = sentence("too_long", lang, max_length=MOST_IN_A_BATCH)
        return {"pointer": "/commands", "detail": detail}
    return None


# ---------------------------------------------------------------- reading


async def incidents(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"state", "level", "unit", "category", "drill", "q", "after", "limit"})
    wanted = Wanted(
        state=one_of(asked, "state", ("open", "closed", "all")) or "open",
        level=one_of(asked, "level", tuple(Level)),
        unit=asked.get("unit"),
        category=_category(asked),
        drill=flag(asked, "drill"),
        q=asked.get("q"),
        after=asked.get("after"),
        limit=whole(asked, "limit", 100, 1, MOST_ON_A_PAGE),
    )
    try:
        found = await asyncio.to_thread(
            lists.incidents, parts.database, parts.tree, principal.unit, wanted, parts.now()
        )
    except BadCursor:
        raise BadQuery("after", "is no cursor of this list") from None
    return json(found)


async def incident(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    asked_only(request, set())
    incident_id = request.path_params["incident_id"].lower()
    found = None
    if _ID.fullmatch(incident_id):
        found = await asyncio.to_thread(
            reading.incident,
            parts.database,
            principal.unit,
            incident_id,
            parts.now(),
            restricted=principal.post in READS_RESTRICTED,
        )
    if found is None:
        return not_found(request, principal)
    return json(found)


async def log(request: Request) -> Response:
    """GET /log: the caller's stream in order, as on the socket."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"after", "limit", "stream"})
    after = whole(asked, "after", 0, 0, 2**62)
    limit = whole(asked, "limit", 500, 1, MOST_ON_A_PAGE)
    stream = principal.unit
    if one_of(asked, "stream", ("restricted",)):
        if principal.post not in READS_RESTRICTED:
            return refusal(Explained(403, "not-your-post", sentence("not-your-post", principal.lang)))
        stream += ":r"
    return json(await asyncio.to_thread(reading.log_page, parts.database, stream, after, limit))


async def obligations(request: Request) -> Response:
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"standing", "after", "limit"})
    standing = one_of(asked, "standing", tuple(Standing))
    try:
        found = await asyncio.to_thread(
            owed.obligations,
            parts.database,
            principal.unit,
            None if standing is None else Standing(standing),
            parts.now(),
            after=asked.get("after"),
            limit=whole(asked, "limit", MOST_ON_A_PAGE, 1, MOST_ON_A_PAGE),
        )
    except BadCursor:
        raise BadQuery("after", "is no cursor of this list") from None
    return json(found)


async def one_hour(request: Request) -> Response:
    """GET /statistics/one-hour: the rate of a unit's area; of this month, or of the day's that is said."""
    principal, parts = principal_of(request.scope), parts_of(request)
    asked = asked_only(request, {"from", "to", "unit", "scope"})
    today = parts.now().astimezone(BEIJING).date()
    first, last = day(asked, "from"), day(asked, "to")
    last = last or max(today, first or today)
    first = first or last.replace(day=1)
    if first > last:
        raise BadQuery("from", "is after `to`")
    unit = asked.get("unit", principal.unit)
    if not parts.tree.covers(principal.unit, unit):
        return not_found(request, principal)
    found = await asyncio.to_thread(
        rate,
        parts.database,
        parts.tree,
        principal.unit,
        first=first,
        last=last,
        unit=unit,
        scope=one_of(asked, "scope", ("final", "initial", "drill")) or "final",
        now=parts.now(),
    )
    return json(found)


async def presence(request: Request) -> Response:
    """GET /presence: who listens in the caller's area, or in that of a unit below."""
    principal, parts = principal_of(request.scope), parts_of(request)
    unit = asked_only(request, {"unit"}).get("unit")
    if unit is not None and not parts.tree.covers(principal.unit, unit):
        return not_found(request, principal)
    return json(await parts.presence.of(principal.unit, unit))


async def me(request: Request) -> Response:
    """GET /me: who the server takes the caller for."""
    principal, parts = principal_of(request.scope), parts_of(request)
    return json(
        {
            "person_id": principal.person_id,
            "name": principal.name,
            "post": principal.post,
            "unit": principal.unit,
            "unit_name": parts.tree.name_of(principal.unit, principal.lang),
            "lang": principal.lang,
            "read_only": principal.read_only,
            "epoch": parts.store.epoch,
        }
    )


async def units(request: Request) -> Response:
    """GET /units: the tree below and above the caller, to fill lists with."""
    parts = parts_of(request)
    principal_of(request.scope)
    return json(
        {
            "units": [
                {
                    "code": unit.code,
                    "name": unit.name,
                    "name_en": unit.name_en,
                    "rank": unit.rank,
                    "parent": unit.parent,
                }
                for unit in parts.tree
            ]
        }
    )


async def openapi(request: Request) -> Response:
    return Response(await run_sync(documents.openapi), media_type="application/json")


async def asyncapi(request: Request) -> Response:
    return Response(await run_sync(documents.asyncapi), media_type="application/json")


# ---------------------------------------------------------------- what was asked


def parts_of(request: Request) -> Parts:
    found = request.app.state.parts
    assert isinstance(found, Parts)
    return found


def not_found(request: Request, principal: Principal) -> Response:
    return problem(404, "not-found", detail=sentence("not-found", language(request, principal)))


def asked_only(request: Request, known: set[str]) -> dict[str, str]:
    asked = dict(request.query_params)
    if unknown := sorted(set(asked) - known):
        raise BadQuery(unknown[0], "is not a parameter here")
    for name, value in asked.items():
        if "\x00" in value:
            raise BadQuery(name, "contains a NUL character")
    return {name: value for name, value in asked.items() if value != ""}


def one_of(asked: dict[str, str], name: str, values: tuple[str, ...]) -> str | None:
    value = asked.get(name)
    if value is not None and value not in values:
        raise BadQuery(name, "must be one of " + ", ".join(values))
    return value


def _category(asked: dict[str, str]) -> str | None:
    value = asked.get("category")
    if value is not None and value.partition("/")[0] not in set(Category):
        raise BadQuery("category", "must be a category slug")
    return value


def flag(asked: dict[str, str], name: str) -> bool | None:
    value = one_of(asked, name, ("true", "false", "1", "0"))
    return None if value is None else value in ("true", "1")


def whole(asked: dict[str, str], name: str, default: int, least: int, most: int) -> int:
    value = asked.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", value, re.ASCII) or not least <= int(value) <= most:
        raise BadQuery(name, f"must be a whole number from {least} to {most}")
    return int(value)


def day(asked: dict[str, str], name: str) -> date | None:
    value = asked.get(name)
    if value is None:
        return None
    try:
        day = date.fromisoformat(value) if _DAY.fullmatch(value) else None
    except ValueError:
        day = None
    if day is None:
        raise BadQuery(name, "must be a day, as in 2026-11-23")
    return min(max(day, _FIRST_DAY), _LAST_DAY)


async def bad_query(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BadQuery)
    detail = f"{error.name}: {error.detail}"
    return problem(
        422, "bad-query", detail=detail, errors=[{"pointer": f"?{error.name}", "detail": error.detail}]
    )


Endpoint = Callable[[Request], Any]


def routes() -> list[Route]:
    """The map of the JSON side."""
    return [
        Route(f"{BASE}/commands/{{name}}", command, methods=["POST"]),
        Route(f"{BASE}/commands", batch, methods=["POST"]),
        Route(f"{BASE}/incidents", incidents),
        Route(f"{BASE}/incidents/{{incident_id}}", incident),
        Route(f"{BASE}/log", log),
        Route(f"{BASE}/obligations", obligations),
        Route(f"{BASE}/statistics/one-hour", one_hour),
        Route(f"{BASE}/presence", presence),
        Route(f"{BASE}/me", me),
        Route(f"{BASE}/units", units),
        Route(f"{BASE}/openapi.json", openapi),
        Route(f"{BASE}/asyncapi.json", asyncapi),
        Route("/openapi.json", openapi),
        Route("/asyncapi.json", asyncapi),
    ]
